"""The Launch pane: what is typed and what is planned of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from benchtui.config.schema import Config
from benchtui.core.errors import BenchtuiError
from benchtui.tui.panes import launch
from benchtui.tui.screens.launch_confirm import LaunchConfirm
from benchtui.tui.widgets.choices import Choices
from benchtui.tui.widgets.live_table import LiveTable
from tests.tui.conftest import SIZES
from tests.tui.launching import (
    Make,
    at_once,
    config,
    engine,
    notes,
    opened,
    text,
    title,
    typed,
    until,
)
from tests.tui.scripted import FixedClock, ScriptedEngine

__all__ = ["at_once", "engine"]  # fixtures


@pytest.mark.long
async def test_the_plan_of_the_configuration_is_shown_at_once(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config())
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "c7g.large-1" in text(app))
        assert engine.calls("plan") == [(config(), 7)]
        for words in ("6 jobs", "seed 7", "expected", "worst case  $1.23 of $5.00", "fits", "pricing-api"):
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


@pytest.mark.long
async def test_an_edit_makes_a_new_plan_with_the_same_seed(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config(plan__seed=""))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await typed(pilot, "#field-plan-replicates", "5")
        await until(pilot, lambda: "10 jobs" in text(app))
        seeds = {seed for _, seed in engine.calls("plan")}
        assert len(seeds) == 1


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
async def test_declined_cells_are_shown_with_reason_and_fix(make: Make) -> None:
    app = make(config=config(plan__types="c7g.large p9.huge"))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "declined" in text(app))
        assert "declined    3 of 6 cells" in text(app)
        assert "the Pricing API has no price for p9.huge in us-east-1" in text(app)
        assert "fix: give your own rate" in text(app)


@pytest.mark.long
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


@pytest.mark.long
async def test_the_plan_can_be_made_again(make: Make, engine: ScriptedEngine, clock: FixedClock) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: title(app) == "Plan of 0s ago")
        clock.at += timedelta(minutes=3)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: len(engine.calls("plan")) == 2)
        await until(pilot, lambda: title(app) == "Plan of 0s ago")


@pytest.mark.long
async def test_what_the_form_cannot_show_of_the_plan_is_named(make: Make) -> None:
    whole = config()
    rows = ({"type": "c7a.large"}, {"type": "c7g.large", "replicates": 5})
    plan = whole.plan.model_validate(whole.plan.model_dump() | {"include": rows})
    app = make(config=whole.model_copy(update={"plan": plan}))
    async with app.run_test(size=(100, 30)) as pilot:
        await opened(pilot)
        assert text(app, "#form-rest") == "and as the file says: 2 include, 0 exclude"


@pytest.mark.long
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


@pytest.mark.long
async def test_every_field_can_be_reached_on_a_small_terminal(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(60, 16)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        for _ in range(7):
            await pilot.press("tab")
        await pilot.pause()
        seed = app.query_one("#field-plan-seed")
        assert app.focused is seed
        assert app.query_one("#launch-form").region.contains_region(seed.region)


@pytest.mark.long
async def test_enter_goes_into_the_fields_and_escape_leaves_them(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("enter", "1")
        assert app.focused is app.query_one("#field-plan-types")
        assert app.front.PANE == "launch"
        await pilot.press("escape", "1")
        await pilot.pause()
        assert app.front.PANE == "jobs"


@pytest.mark.parametrize("size", SIZES)
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
        if name != "plan":
            await until(pilot, lambda: app.screen.focused is not None)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.long
def test_picture_in_ascii_and_sixteen_colours(make: Make, snap_compare: Any) -> None:
    from benchtui.tui.start import Look

    app = make(config=config(plan__replicates="1"), look=Look(theme="ansi-dark", ascii=True))

    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot)
        await until(pilot, lambda: "fits" in text(app))
        app.query_one("#launch-plan").focus()
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
