"""The type picker, and hostile texts all over the Launch pane."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input, Static

from benchtui.config.form import edited
from benchtui.config.schema import Config
from benchtui.core.catalogue import InstanceType, Missing
from benchtui.core.errors import BenchtuiError
from benchtui.engine.offers import TypeOffer
from benchtui.tui.screens.launch_confirm import LaunchConfirm
from benchtui.tui.screens.types import TypesScreen
from benchtui.tui.widgets.live_table import LiveTable
from tests.tui.launching import (
    Make,
    at_once,
    config,
    engine,
    offers,
    opened,
    plan_of,
    text,
    until,
)
from tests.tui.scripted import ScriptedEngine

__all__ = ["at_once", "engine"]  # fixtures


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
async def test_types_are_sorted_and_comparable_ones_picked_from_the_list(make: Make) -> None:
    app = make(config=config(plan__types="c7g.large"))
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(app.screen.query_one(LiveTable).keys) == 5)
        table, says = app.screen.query_one(LiveTable), app.screen.query_one("#types-says", Static)
        await pilot.press("tab", "o", "o", "O")
        await pilot.pause()
        assert "sorted by -price_core" in str(says.render())
        assert table.keys == ("c7g.large", "c7i.large", "c7a.large", "c7a.metal-48xl", "p9.huge")
        table.move_to("c7a.large")
        await pilot.press("c")
        await pilot.pause()
        assert "same physical cores as c7a.large" in str(says.render())
        assert table.keys == ("c7a.large", "c7g.large")
        await pilot.press("c")
        await pilot.pause()
        assert "same vCPUs as c7a.large" in str(says.render())
        assert table.keys == ("c7a.large", "c7g.large", "c7i.large")
        await pilot.press("c", "c")
        await pilot.pause()
        assert len(table.keys) == 5


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


@pytest.mark.long
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


@pytest.mark.long
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
