"""The Launch pane: what is typed, planned, saved and launched."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from benchtui.config.form import edited
from benchtui.config.load import load
from benchtui.config.schema import Config
from benchtui.core.catalogue import InstanceType, Missing
from benchtui.core.errors import BenchtuiError
from benchtui.engine.offers import TypeOffer
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.panes import launch
from benchtui.tui.panes.launch import LaunchPane
from benchtui.tui.screens.launch_confirm import LaunchConfirm
from benchtui.tui.screens.save_plan import SavePlan
from benchtui.tui.screens.types import TypesScreen
from benchtui.tui.widgets.choices import Choices
from benchtui.tui.widgets.live_table import LiveTable
from tests.tui.launching import offers, plan_of
from tests.tui.scripted import FixedClock, ScriptedEngine

RUN = "20261124-140200-abcd"
ANSWERS = {"plan": plan_of, "types": lambda _config: offers(), "launch": RUN}
Make = Callable[..., BenchtuiApp]


def config(**changes: str) -> Config:
    texts = {"plan.types": "c7g.large, c7i.large", "plan.seed": "7", "safety.max_runtime": "1h"}
    made = edited(Config(), texts | {key.replace("__", "."): text for key, text in changes.items()})
    assert isinstance(made, Config)
    return made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No waiting after a key; what is typed is planned at once."""
    monkeypatch.setattr(launch, "DEBOUNCE_SECONDS", 0)
    yield


@pytest.fixture
def engine(engine: ScriptedEngine) -> ScriptedEngine:
    engine.answers |= ANSWERS
    return engine


async def until(pilot: Pilot[Any], holds: Callable[[], bool]) -> None:
    """Let the application work until ``holds``, at most some seconds."""
    for _ in range(400):
        if holds():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come to that")


async def opened(pilot: Pilot[Any]) -> LaunchPane:
    """The pane, with its form and what it makes of it at first."""
    app: Any = pilot.app
    await pilot.pause()
    app.show_pane("launch")
    await until(pilot, lambda: bool(app.query("#field-plan-types")))
    await until(pilot, lambda: bool(app.query_one("#field-plan-suites", Choices).options))
    await pilot.pause()
    return app.query_one(LaunchPane)


def text(app: BenchtuiApp, what: str = "#launch-text") -> str:
    return str(app.query_one(what, Static).render())


def title(app: BenchtuiApp) -> str:
    return str(app.query_one("#launch-plan").border_title)


def notes(app: BenchtuiApp) -> list[str]:
    return [entry.text for entry in app.view.events.entries if entry.source == "benchtui"]


async def typed(pilot: Pilot[Any], field: str, words: str) -> None:
    """Replace the text of a field, key by key."""
    box = pilot.app.screen.query_one(field, Input)
    box.focus()
    await pilot.press("end", "ctrl+u", *words)
    await pilot.pause()


async def test_the_plan_of_the_configuration_is_shown_at_once(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config())
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "c7g.large-1" in text(app))
        assert engine.calls("plan") == [(config(), 7)]
        for words in ("6 jobs", "seed 7", "expected", "worst case  $1.19 of $5.00", "fits", "pricing-api"):
            assert words in text(app)
        assert title(app) == "Plan of 0s ago"


async def test_the_age_of_the_plan_counts(make: Make, clock: FixedClock) -> None:
    app = make(config=config())
    async with app.run_test() as pilot:
        await opened(pilot)
        await until(pilot, lambda: title(app) == "Plan of 0s ago")
        clock.at += timedelta(seconds=75)
        app.flush()
        assert title(app) == "Plan of 1m15s ago"


async def test_without_types_it_says_how_to_choose_some_and_asks_no_one(
    make: Make, engine: ScriptedEngine
) -> None:
    app = make()
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        assert "No instance type is chosen yet" in text(app)
        assert "ctrl+t" in text(app)
        assert engine.calls("plan") == []
        await pilot.press("ctrl+l")
        assert notes(app)[-1] == "not launched: first choose types with ctrl+t"


async def test_an_edit_makes_a_new_plan_with_the_same_seed(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config(plan__seed=""))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await typed(pilot, "#field-plan-replicates", "5")
        await until(pilot, lambda: "10 jobs" in text(app))
        seeds = {seed for _, seed in engine.calls("plan")}
        assert len(seeds) == 1


async def test_keys_are_never_held_up_by_a_plan_that_does_not_come(
    make: Make, engine: ScriptedEngine
) -> None:
    app = make(config=config())
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "6 jobs" in text(app))
        del engine.answers["plan"]
        await typed(pilot, "#field-plan-replicates", "12")
        assert app.query_one("#field-plan-replicates", Input).value == "12"
        assert title(app) == "Plan of 0s ago · planning…"
        assert "6 jobs" in text(app)
        shown = app.query_one("#launch-text", Static).render()
        assert any("dim" in str(span.style) for span in getattr(shown, "spans", ()))


async def test_only_the_last_of_several_keys_is_planned(
    make: Make, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "DEBOUNCE_SECONDS", 3600)
    app = make(config=config())
    async with app.run_test() as pilot:
        pane = await opened(pilot)
        await typed(pilot, "#field-plan-name", "several keys")
        assert len(engine.calls("plan")) == 1
        monkeypatch.setattr(launch, "DEBOUNCE_SECONDS", 0.001)
        await pilot.press("!")
        await until(pilot, lambda: len(engine.calls("plan")) == 2)
        assert engine.calls("plan")[1][0].plan.name == "several keys!"
        assert pane.is_attached


async def test_a_field_that_cannot_be_read_says_why_below_it(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config())
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "6 jobs" in text(app))
        await typed(pilot, "#field-safety-budget_usd", "five")
        assert "must be an amount of money" in text(app, "#wrong-field-safety-budget_usd")
        assert title(app).endswith("waits for 1 field")
        asked = len(engine.calls("plan"))
        await pilot.press("ctrl+l")
        assert notes(app)[-1] == "not launched: first correct the fields marked at the left"
        await typed(pilot, "#field-safety-budget_usd", "3")
        await until(pilot, lambda: "of $3.00" in text(app))
        assert not app.query_one("#wrong-field-safety-budget_usd").display
        assert len(engine.calls("plan")) > asked


async def test_the_errors_of_the_engine_are_shown_with_the_way_out_and_the_last_plan_stays(
    make: Make, engine: ScriptedEngine
) -> None:
    app = make(config=config())
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "6 jobs" in text(app))
        engine.answers["plan"] = BenchtuiError("EC2 did not answer", "look at the network")
        await typed(pilot, "#field-plan-replicates", "4")
        await until(pilot, lambda: "EC2 did not answer" in text(app))
        assert "fix: look at the network" in text(app)
        assert "The last plan, no longer of this form" in text(app)
        assert "6 jobs" in text(app)
        assert title(app).endswith("not planned")

        def broken(_config: Config, _seed: int) -> None:
            raise ZeroDivisionError("no")

        engine.answers["plan"] = broken
        await pilot.press("5")
        await until(pilot, lambda: "ZeroDivisionError" in text(app))


async def test_declined_cells_are_shown_with_reason_and_fix(make: Make) -> None:
    app = make(config=config(plan__types="c7g.large p9.huge"))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "declined" in text(app))
        assert "declined    3 of 6 cells" in text(app)
        assert "the Pricing API has no price for p9.huge in us-east-1" in text(app)
        assert "fix: give your own rate" in text(app)


async def test_modes_suites_and_region_are_edited_with_keys(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config(aws__regions="us-east-1, eu-west-1"))
    async with app.run_test(size=(120, 36)) as pilot:
        pane = await opened(pilot)
        app.query_one("#field-plan-mode").focus()
        await pilot.press("right")
        await until(pilot, lambda: engine.calls("plan")[-1][0].plan.mode == "full")
        assert app.query_one("#field-aws-regions", Input).value == "us-east-1"
        await typed(pilot, "#field-aws-regions", "us-west-2")
        await until(pilot, lambda: engine.calls("plan")[-1][0].aws.regions == ("us-west-2", "eu-west-1"))
        app.query_one("#field-plan-suites").focus()
        await pilot.press("space")
        await pilot.pause()
        assert pane._config is not None
        assert pane._config.plan.suites == ()
        await pilot.press("space")
        await until(pilot, lambda: engine.calls("plan")[-1][0].plan.suites == ("stream",))


async def test_the_plan_can_be_made_again(make: Make, engine: ScriptedEngine, clock: FixedClock) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: title(app) == "Plan of 0s ago")
        clock.at += timedelta(minutes=3)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(engine.calls("plan")) == 2)
        await until(pilot, lambda: title(app) == "Plan of 0s ago")


async def test_what_the_form_cannot_show_of_the_plan_is_named(make: Make) -> None:
    whole = config()
    rows = ({"type": "c7a.large"}, {"type": "c7g.large", "replicates": 5})
    plan = whole.plan.model_validate(whole.plan.model_dump() | {"include": rows})
    app = make(config=whole.model_copy(update={"plan": plan}))
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        assert text(app, "#form-rest") == "and as the file says: 2 include, 0 exclude"


async def test_a_suite_of_ones_own_that_is_not_there_is_said_once(
    make: Make, engine: ScriptedEngine, tmp_path: Path
) -> None:
    whole = Config.model_validate(
        {
            "plan": {"types": ["c7g.large"], "suites": ["mine"]},
            "suites": {"mine": {"path": tmp_path / "gone"}},
        }
    )
    app = make(config=whole)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: bool(notes(app)))
        assert "mine" in notes(app)[0]
        suites = app.query_one("#field-plan-suites", Choices)
        assert suites.render().plain == "[x] mine"


# Types.


async def test_types_are_picked_from_what_the_region_sells(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config(plan__types="c7g.large"))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "5 of 5" in str(app.screen.query_one("#types-says", Static).render()))
        await pilot.press(*"arch=x86_64 price<0.1")
        await pilot.pause()
        said = str(app.screen.query_one("#types-says", Static).render())
        assert "1 of 5 · 1 chosen · filter: arch=x86_64 price<0.1" in said
        await pilot.press("enter", "ctrl+t")
        await pilot.pause()
        assert app.query_one("#field-plan-types", Input).value == "c7g.large, c7i.large"
        await until(pilot, lambda: "c7i.large-1" in text(app))
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert len(engine.calls("types")) == 1


async def test_the_list_has_the_keyboard_too(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.screen.query_one(LiveTable).keys) == 5)
        screen = app.screen
        assert isinstance(screen, TypesScreen)
        await pilot.press("tab", "j", "j", "space")
        assert screen.chosen == ["c7g.large", "c7i.large", "c7a.large"]
        await pilot.press("k", "enter")
        assert screen.chosen == ["c7g.large", "c7a.large"]
        await pilot.press("x")
        assert screen.chosen == []
        await pilot.press("slash", *"c7a.l", "down", "enter")
        assert screen.chosen == ["c7a.large"]
        await pilot.press("escape")
        await pilot.pause()
        assert app.query_one("#field-plan-types", Input).value == "c7g.large, c7i.large"


async def test_a_filter_that_is_none_says_so_and_leaves_the_list(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.screen.query_one(LiveTable).keys) == 5)
        app.screen.query_one("#types-filter", Input).value = "vcpu=2"
        await pilot.pause()
        said = str(app.screen.query_one("#types-says", Static).render())
        assert "there is no field 'vcpu'" in said
        assert "did you mean vcpus?" in said
        assert len(app.screen.query_one(LiveTable).keys) == 5


async def test_types_that_cannot_be_listed_are_an_error_with_a_way_out(
    make: Make, engine: ScriptedEngine
) -> None:
    engine.answers["types"] = BenchtuiError("EC2 denies DescribeInstanceTypes", "ask your administrator")
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "denies" in str(app.screen.query_one("#types-says", Static).render()))
        assert "ask your administrator" in str(app.screen.query_one("#types-says", Static).render())
        await pilot.press("escape")
        engine.answers["types"] = lambda _config: offers()
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.screen.query_one(LiveTable).keys) == 5)


HOSTILE = "[/x]\x1b]0;owned\x07[bold red]\u202e"


async def test_hostile_names_and_reasons_are_shown_as_they_are_and_do_nothing(
    make: Make, engine: ScriptedEngine
) -> None:
    first = offers()[0]
    shape = InstanceType(HOSTILE, "arm64", 1, 1, 1, 1024, HOSTILE)
    bad = TypeOffer(shape, Missing(HOSTILE, HOSTILE), (HOSTILE,))
    engine.answers["types"] = lambda _config: (first, bad)
    engine.answers["plan"] = lambda config, seed: replace(
        plan := plan_of(config, seed),
        plan=replace(
            plan.plan,
            notes=(HOSTILE,),
            jobs=tuple(
                replace(job, price=replace(job.price, basis=HOSTILE), suites=(HOSTILE,))
                for job in plan.plan.jobs
            ),
            declined=tuple(
                replace(cell, reason=HOSTILE, fix=HOSTILE)
                for cell in plan_of(config_with_none(config), seed).plan.declined
            ),
        ),
    )
    app = make(config=config(plan__name="[/x]"))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "declined" in text(app))
        assert "[/x]" in text(app)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.screen.query_one(LiveTable).keys) >= 2)
        picture = app.export_screenshot()
        assert "\x1b" not in picture
        await pilot.press("escape", "ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, LaunchConfirm))
        picture += app.export_screenshot()
        assert "\x1b" not in picture
        assert "\x07" not in text(app) + picture


def config_with_none(config: Config) -> Config:
    made = edited(config, {"plan.types": "no.such"})
    assert isinstance(made, Config)
    return made


# Saving.


async def test_a_new_file_is_written_and_then_belongs_to_the_form(make: Make, tmp_path: Path) -> None:
    app, file = make(config=config()), tmp_path / "mine.toml"
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        assert str(app.query_one("#launch-form").border_title) == "New plan, not saved"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await typed(pilot, "#save-path", str(file))
        assert "A new file" in str(app.screen.query_one("#save-says", Static).render())
        await pilot.press("enter")
        await until(pilot, file.exists)
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert load(file, {"HOME": str(tmp_path)}, {}, tmp_path).config == config()
        assert notes(app)[-1] == f"saved {file}"
        app.flush()
        assert str(app.query_one("#launch-form").border_title) == "mine.toml"
        await typed(pilot, "#field-plan-replicates", "9")
        assert "edited" in str(app.query_one("#launch-form").border_title)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert tomllib.loads(file.read_text())["plan"]["replicates"] == 9


async def test_the_file_it_was_loaded_from_keeps_its_comments(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "benchtui.toml"
    file.write_text('# mine\n[plan]\ntypes = ["c7g.large"] # Graviton\nseed = 7\n')
    loaded = load(file, {"HOME": str(tmp_path)}, {}, tmp_path).config
    app = make(config=loaded, config_file=file)
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await typed(pilot, "#field-plan-types", "c7i.large")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert file.read_text() == '# mine\n[plan]\ntypes = ["c7i.large"] # Graviton\nseed = 7\n'


async def test_a_file_of_another_is_never_overwritten_and_the_name_can_be_corrected(
    make: Make, tmp_path: Path
) -> None:
    app, file = make(config=config()), tmp_path / "theirs.toml"
    file.write_text("# theirs\n")
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await typed(pilot, "#save-path", str(file))
        await pilot.press("enter")
        said = app.screen.query_one("#save-says", Static)
        await until(pilot, lambda: "exists" in str(said.render()))
        assert file.read_text() == "# theirs\n"
        await pilot.press("x", "enter")
        await until(pilot, lambda: not isinstance(app.screen, SavePlan))
        assert (tmp_path / "theirs.tomlx").exists()


async def test_nothing_is_saved_by_escape_or_from_fields_that_cannot_be_read(
    make: Make, tmp_path: Path
) -> None:
    app = make(config=config())
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, SavePlan))
        await pilot.press("escape")
        await typed(pilot, "#field-plan-replicates", "0")
        await pilot.press("ctrl+s")
        assert notes(app)[-1].startswith("not saved")
        assert not isinstance(app.screen, SavePlan)


# Launching.


async def asked(pilot: Pilot[Any], app: BenchtuiApp) -> LaunchConfirm:
    await opened(pilot)
    await until(pilot, lambda: "fits" in text(app))
    await pilot.press("ctrl+l")
    await until(pilot, lambda: isinstance(app.screen, LaunchConfirm))
    await pilot.pause()
    screen = app.screen
    assert isinstance(screen, LaunchConfirm)
    return screen


async def test_the_question_names_jobs_types_worst_case_budget_and_end(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, app)
        said = "\n".join(line.plain for line in screen.lines)
        for words in (
            "Launch 6 instances in us-east-1: ",
            "c7g.large x3",
            "c7i.large x3",
            "$1.19 of $5.00 budget",
            "15:06:00Z by itself, hard stop 16:06:00Z",
        ):
            assert words in said
        assert screen.token == "1.19"


async def test_nothing_is_launched_until_the_amount_is_typed(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, app)
        assert screen.focused is screen.query_one("#cancel")
        launch_it = screen.query_one("#launch", Button)
        assert launch_it.disabled
        await pilot.press("1", ".", "1", "enter")
        assert app.screen is screen
        assert launch_it.disabled
        await pilot.press("8", "enter")
        assert app.screen is screen
        assert engine.calls("launch") == []
        await pilot.press("backspace", "9")
        assert not launch_it.disabled
        await pilot.press("enter")
        await until(pilot, lambda: engine.calls("launch") != [])
        planned, launched = engine.calls("launch")[0]
        assert planned.plan.seed == 7
        assert launched == config()
        await until(pilot, lambda: app.front.PANE == "jobs")
        assert app.told.run == RUN
        assert notes(app)[-1] == f"{RUN}: launching 6 jobs"


@pytest.mark.parametrize("keys", [("enter",), ("escape",), ("1", ".", "1", "9", "escape")])
async def test_the_question_is_left_without_a_launch(
    make: Make, engine: ScriptedEngine, keys: tuple[str, ...]
) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, app)
        await pilot.press(*keys)
        await until(pilot, lambda: not isinstance(app.screen, LaunchConfirm))
        await pilot.pause()
        assert engine.calls("launch") == []


async def test_what_was_agreed_to_is_what_is_launched_or_nothing(
    make: Make, engine: ScriptedEngine, clock: FixedClock
) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, app)
        clock.at += timedelta(minutes=11)  # the plan has grown old while the question stood
        await pilot.press(*"1.19", "enter")
        await until(pilot, lambda: not isinstance(app.screen, LaunchConfirm))
        await pilot.pause()
        assert engine.calls("launch") == []
        assert "the plan is old" in notes(app)[-1]
        await until(pilot, lambda: len(engine.calls("plan")) == 2)


async def test_a_plan_that_is_being_made_is_not_launched(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "fits" in text(app))
        del engine.answers["plan"]
        await typed(pilot, "#field-plan-replicates", "4")
        await pilot.press("ctrl+l")
        assert "the plan is being made" in notes(app)[-1]
        assert not isinstance(app.screen, LaunchConfirm)


@pytest.mark.parametrize(
    ("changes", "start", "says"),
    [
        ({"safety__budget_usd": "0.5"}, {}, "exceeds the budget of $0.50"),
        ({"plan__types": "p9.huge"}, {}, "every job is declined"),
        ({}, {"read_only": True}, "read-only"),
    ],
)
async def test_what_must_not_be_launched_says_why(
    make: Make, engine: ScriptedEngine, changes: dict[str, str], start: dict[str, Any], says: str
) -> None:
    app = make(config=config(**changes), **start)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: title(app) == "Plan of 0s ago")
        await pilot.press("ctrl+l")
        assert says in notes(app)[-1]
        assert not isinstance(app.screen, LaunchConfirm)


async def test_a_launch_that_is_refused_says_why_and_can_be_tried_again(
    make: Make, engine: ScriptedEngine
) -> None:
    engine.answers["launch"] = BenchtuiError("the bucket refuses", "run benchtui doctor")
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, app)
        await pilot.press(*"1.19", "enter")
        await until(pilot, lambda: "not launched: the bucket refuses" in (notes(app) or [""])[-1])
        assert "(fix: run benchtui doctor)" in notes(app)[-1]
        assert app.front.PANE == "launch"
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, LaunchConfirm))


async def test_a_second_launch_waits_for_the_first(make: Make, engine: ScriptedEngine) -> None:
    del engine.answers["launch"]
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, app)
        await pilot.press(*"1.19", "enter")
        await until(pilot, lambda: engine.calls("launch") != [])
        await pilot.press("ctrl+l")
        assert notes(app)[-1] == "not launched: a launch is under way"


async def test_the_buttons_are_in_sight_on_a_small_terminal_however_many_types_there_are(
    make: Make, engine: ScriptedEngine
) -> None:
    def many(config: Config, seed: int) -> Any:
        planned = plan_of(config, seed)
        jobs = tuple(
            replace(job, instance_type=f"c{number}gn.metal-48xl")
            for number, job in enumerate(planned.plan.jobs * 20)
        )
        return replace(planned, plan=replace(planned.plan, jobs=jobs))

    engine.answers["plan"] = many
    app = make(config=config())
    async with app.run_test(size=(60, 16)) as pilot:
        screen = await asked(pilot, app)
        assert screen.region.contains_region(screen.query_one("#launch").region)
        assert screen.region.contains_region(screen.query_one("#token").region)


async def test_every_field_can_be_reached_on_a_small_terminal(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(60, 16)) as pilot:
        await opened(pilot)
        for _ in range(7):
            await pilot.press("tab")
        await pilot.pause()
        seed = app.query_one("#field-plan-seed")
        assert app.focused is seed
        assert app.query_one("#launch-form").region.contains_region(seed.region)


async def test_escape_leaves_the_fields_for_the_plan(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert app.focused is app.query_one("#field-plan-types")
        await pilot.press("escape", "1")
        await pilot.pause()
        assert app.front.PANE == "jobs"


def test_the_amount_to_type_is_the_one_of_the_command_line() -> None:
    from benchtui.cli.tables import usd
    from benchtui.core.money import usd_text

    assert usd(Decimal("1.187")) == usd_text(Decimal("1.187")) == "1.19"


# Pictures.


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 36)])
@pytest.mark.parametrize("name", ["plan", "types", "confirm"])
def test_picture(make: Make, snap_compare: Any, size: tuple[int, int], name: str) -> None:
    app = make(config=config(plan__types="c7g.large c7i.large p9.huge", plan__replicates="2"))

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        await until(pilot, lambda: "fits" in text(app))
        if name == "types":
            await pilot.press("ctrl+t")
            await until(pilot, lambda: len(app.screen.query_one(LiveTable).keys) == 5)
        elif name == "confirm":
            await pilot.press("ctrl+l")
            await until(pilot, lambda: isinstance(app.screen, LaunchConfirm))
        for cursor in app.screen.query(Input):
            cursor.cursor_blink = False
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_picture_in_ascii_and_sixteen_colours(make: Make, snap_compare: Any) -> None:
    from benchtui.tui.start import Look

    app = make(config=config(plan__replicates="1"), look=Look(theme="ansi-dark", ascii=True))

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        await until(pilot, lambda: "fits" in text(app))
        app.query_one("#launch-plan").focus()
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
