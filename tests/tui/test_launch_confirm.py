"""The typed question before a launch, and the launch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from textual.widgets import Button

from benchtui.config.schema import Config
from benchtui.core.errors import BenchtuiError
from benchtui.engine.planning import check_launchable
from benchtui.tui.screens.launch_confirm import LaunchConfirm
from tests.tui.launching import (
    RUN,
    Make,
    asked,
    at_once,
    config,
    engine,
    notes,
    opened,
    plan_of,
    text,
    title,
    typed,
    until,
)
from tests.tui.scripted import FixedClock, ScriptedEngine

__all__ = ["at_once", "engine"]  # fixtures


@pytest.mark.long
async def test_the_question_names_jobs_types_worst_case_budget_and_end(make: Make) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, app)
        said = "\n".join(line.plain for line in screen.lines)
        for words in (
            "Launch 6 instances in us-east-1: ",
            "c7g.large x3",
            "c7i.large x3",
            "$1.23 of $5.00 budget",
            "15:06:00Z by itself, hard stop 16:06:00Z",
        ):
            assert words in said
        assert screen.token == "1.23"


async def test_nothing_is_launched_until_the_amount_is_typed(make: Make, engine: ScriptedEngine) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await asked(pilot, app)
        assert screen.focused is screen.query_one("#cancel")
        launch_it = screen.query_one("#launch", Button)
        assert launch_it.disabled
        await pilot.press("1", ".", "2", "enter")
        assert app.screen is screen
        assert launch_it.disabled
        await pilot.press("8", "enter")
        assert app.screen is screen
        assert engine.calls("launch") == []
        await pilot.press("backspace", "3")
        assert not launch_it.disabled
        await pilot.press("enter")
        await until(pilot, lambda: engine.calls("launch") != [])
        planned, launched = engine.calls("launch")[0]
        assert planned.plan.seed == 7
        assert launched == config()
        await until(pilot, lambda: app.front.PANE == "jobs")
        assert app.told.run == RUN
        assert notes(app)[-1] == f"{RUN}: launching 6 jobs"


def test_the_amount_to_type_is_the_one_of_the_command_line() -> None:
    from benchtui.cli.tables import usd
    from benchtui.core.money import usd_text

    assert usd(Decimal("1.187")) == usd_text(Decimal("1.187")) == "1.19"


@pytest.mark.long
@pytest.mark.parametrize("keys", [("enter",), ("escape",), ("1", ".", "2", "3", "escape")])
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


@pytest.mark.long
async def test_what_was_agreed_to_is_what_is_launched_or_nothing(
    make: Make, engine: ScriptedEngine, clock: FixedClock
) -> None:
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, app)
        clock.at += timedelta(minutes=11)  # the plan has grown old while the question stood
        await pilot.press(*"1.23", "enter")
        await until(pilot, lambda: not isinstance(app.screen, LaunchConfirm))
        await pilot.pause()
        assert engine.calls("launch") == []
        assert "the plan is old" in notes(app)[-1]
        await until(pilot, lambda: len(engine.calls("plan")) == 2)


@pytest.mark.long
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


@pytest.mark.long
@pytest.mark.parametrize(
    ("changes", "start", "says"),
    [
        (
            {"safety__budget_usd": "0.1"},
            {},
            "the budget of 0.10 USD, which covers none of the 6 jobs",
        ),
        ({"plan__types": "p9.huge"}, {}, "no job can be launched: the Pricing API has no price"),
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


@pytest.mark.long
async def test_of_a_plan_beyond_its_budget_what_it_covers_is_launched_as_by_the_command_line(
    make: Make, engine: ScriptedEngine
) -> None:
    app = make(config=config(safety__budget_usd="0.45"))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "it covers 2 of 6 jobs" in text(app))
        assert "a launch declines 4 of 6 jobs" in text(app)
        assert "c7g.large-2" in text(app).partition("is left for them")[2], "which, by name"
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, LaunchConfirm))
        screen = app.screen
        assert isinstance(screen, LaunchConfirm)
        assert "Launch 2 of 6 instances in us-east-1" in screen.lines[0].plain
        assert (screen.token, screen.jobs) == ("0.45", 2)
        await pilot.press(*"0.45", "enter")
        await until(pilot, lambda: engine.calls("launch") != [])
        planned, launched = engine.calls("launch")[0]
        check_launchable(planned.plan)  # the engine's own verdict, and no other: nothing is raised
        assert len(planned.plan.jobs) == 6, "the launcher declines the others, each with its reason"
        assert launched.safety.budget_usd == Decimal("0.45")
        await until(pilot, lambda: app.front.PANE == "jobs")
        assert notes(app)[-1] == f"{RUN}: launching 2 of 6 jobs, what the budget covers"


@pytest.mark.long
async def test_a_launch_that_is_refused_says_why_and_can_be_tried_again(
    make: Make, engine: ScriptedEngine
) -> None:
    engine.answers["launch"] = BenchtuiError("the bucket refuses", "run benchtui doctor")
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, app)
        await pilot.press(*"1.23", "enter")
        await until(pilot, lambda: "not launched: the bucket refuses" in (notes(app) or [""])[-1])
        assert "(fix: run benchtui doctor)" in notes(app)[-1]
        assert app.front.PANE == "launch"
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, LaunchConfirm))


@pytest.mark.long
async def test_a_second_launch_waits_for_the_first(make: Make, engine: ScriptedEngine) -> None:
    del engine.answers["launch"]
    app = make(config=config())
    async with app.run_test(size=(80, 24)) as pilot:
        await asked(pilot, app)
        await pilot.press(*"1.23", "enter")
        await until(pilot, lambda: engine.calls("launch") != [])
        await pilot.press("ctrl+l")
        assert notes(app)[-1] == "not launched: a launch is under way"


@pytest.mark.long
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
