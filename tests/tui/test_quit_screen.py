"""Leaving: what is at stake is said, and an enter too many does nothing."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from benchtui.core.states import Ec2State
from benchtui.engine.farewell import exit_code, farewell
from benchtui.engine.snapshot import Snapshot
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.screens.kill import KillScreen
from benchtui.tui.screens.quit import QuitScreen
from tests.engine import fleet
from tests.tui.killing import ALL, GOING, PROVEN, STRAYS, UNPROVEN, lived, stray, swept
from tests.tui.scripted import settled

SIZE = (80, 24)


@pytest.fixture
def fleet_snapshot(fleet_snapshot: Snapshot) -> Snapshot:
    return lived(fleet_snapshot)


async def asked(pilot: Pilot) -> QuitScreen:
    await settled(pilot)
    await pilot.press("ctrl+q")
    await settled(pilot)
    assert isinstance(pilot.app.screen, QuitScreen)
    return pilot.app.screen


def said(screen: QuitScreen) -> str:
    return str(screen.query_one("#quit-says", Static).render())


async def test_names_what_is_alive_and_when_the_last_of_it_ends_by_itself(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        words = said(await asked(pilot))
    assert f"4 instances are alive in {fleet.RUN}" in words
    assert "the last one ends by itself at 19:11:00Z, in 5h10m" in words
    assert f"benchtui watch {fleet.RUN}" in words


async def test_staying_has_the_focus(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        screen = await asked(pilot)
        assert screen.focused is screen.query_one("#cancel", Button)
        await pilot.press("enter")
        await settled(pilot)
        assert not isinstance(app.screen, QuitScreen)
        assert app.return_value is None


async def test_leave_leaves(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("l")
        await pilot.pause()
    assert app.return_value == "leave"


@pytest.mark.long
async def test_kill_opens_the_kill_screen_and_ends_nothing(app: BenchtuiApp, engine: Any):
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("k")
        await settled(pilot)
        assert isinstance(app.screen, KillScreen)
        assert engine.calls("kill") == []


@pytest.mark.long
async def test_escape_stays(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        await asked(pilot)
        await pilot.press("escape")
        await settled(pilot)
        assert app.return_value is None


@pytest.mark.long
async def test_a_kill_under_way_is_said_to_go_on(app: BenchtuiApp, engine: Any):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(GOING)
        assert "goes on until it is proven" in said(await asked(pilot))


@pytest.mark.parametrize("size", [(60, 20), (80, 24)], ids=str)
def test_picture(snap_compare: Any, app: BenchtuiApp, size: tuple[int, int]):
    async def before(pilot: Pilot) -> None:
        await asked(pilot)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_the_line_left_behind_names_run_instances_and_next_command(fleet_snapshot: Snapshot):
    line = farewell(fleet.RUN, fleet_snapshot, None, (), " --local")
    assert line == (
        f"{fleet.RUN}: 4 instances alive, end by themselves by 19:11:00Z · "
        f"benchtui watch {fleet.RUN} --local · benchtui kill {fleet.RUN} --local"
    )


def test_the_line_tells_of_other_runs(fleet_snapshot: Snapshot):
    line = farewell(fleet.RUN, fleet_snapshot, swept(stray(1)), ())
    assert line.endswith("1 instance of other runs alive: benchtui status")


def test_an_unproven_kill_outranks_all(fleet_snapshot: Snapshot):
    later = dataclasses.replace(UNPROVEN, started_at=UNPROVEN.started_at + timedelta(seconds=1))
    line = farewell(fleet.RUN, fleet_snapshot, swept(*STRAYS), (PROVEN, later))
    assert line == (
        f"{fleet.RUN}: the kill is NOT proven, instances may still be running · benchtui kill {fleet.RUN}"
    )


def test_a_kill_that_a_later_proof_covers_is_proven(fleet_snapshot: Snapshot):
    later = dataclasses.replace(PROVEN, started_at=UNPROVEN.started_at + timedelta(seconds=1))
    assert "NOT proven" not in farewell(fleet.RUN, fleet_snapshot, swept(), (UNPROVEN, later))


def test_when_all_is_over_the_results_are_next():
    row = fleet.row(fleet.running("c7g.large-1", instance=fleet.instance("c7g.large-1", Ec2State.TERMINATED)))
    line = farewell(fleet.RUN, fleet.snapshot([row]), swept(), (PROVEN,))
    assert line == f"{fleet.RUN}: no instance alive · benchtui collect {fleet.RUN}"


def test_what_is_not_known_is_not_said_to_be_over(fleet_snapshot: Snapshot):
    assert "NOT KNOWN" in farewell(fleet.RUN, None, None, ())
    silent = dataclasses.replace(
        fleet.snapshot([fleet.row(fleet.running("c7g.large-1", instance=None))]),
        sources=tuple(dataclasses.replace(s, answered_at=None) for s in fleet_snapshot.sources),
    )
    assert "NOT KNOWN" in farewell(fleet.RUN, silent, None, ())


def test_without_a_run_there_is_still_a_next_command():
    assert farewell(None, None, None, (), " --local") == "no run was followed · benchtui runs --local"
    assert "3 instances of other runs alive" in farewell(None, None, swept(*STRAYS), ())


def ended_run() -> Snapshot:
    gone = fleet.instance("c7g.large-1", Ec2State.TERMINATED)
    return fleet.snapshot([fleet.row(fleet.running("c7g.large-1", instance=gone))])


def test_an_answer_of_long_ago_is_no_knowledge():
    assert "no instance alive" in farewell(fleet.RUN, ended_run(), None, (), now=fleet.after(61))
    assert "NOT KNOWN" in farewell(fleet.RUN, ended_run(), None, (), now=fleet.after(600))
    unheard = dataclasses.replace(ended_run(), as_of=None)
    assert "NOT KNOWN" in farewell(fleet.RUN, unheard, None, (), now=fleet.after(61))


def test_a_launch_after_the_last_look_may_be_alive():
    line = farewell(fleet.RUN, ended_run(), None, (), launched={fleet.RUN: fleet.after(70)})
    assert "launched just now, its instances may be alive" in line
    seen = farewell(fleet.RUN, ended_run(), None, (), launched={fleet.RUN: fleet.after(50)})
    assert "no instance alive" in seen


def test_a_kill_proven_after_the_last_look_is_believed(fleet_snapshot: Snapshot):
    later = dataclasses.replace(PROVEN, started_at=fleet.after(70))
    assert "proven gone" in farewell(fleet.RUN, fleet_snapshot, None, (later,), now=fleet.after(99))


def test_the_exit_code_says_what_may_still_run(fleet_snapshot: Snapshot):
    wider = dataclasses.replace(PROVEN, scope=ALL, started_at=fleet.after(70))
    assert exit_code(fleet_snapshot, (), fleet.after(61), 130) == 130
    assert exit_code(fleet_snapshot, (UNPROVEN,), fleet.after(61), 130) == 6
    assert exit_code(fleet_snapshot, (UNPROVEN, wider), fleet.after(61)) == 0
    assert exit_code(fleet_snapshot, (), fleet.after(20_000)) == 6, "alive past its expiry"


async def test_asks_when_it_is_not_known_whether_something_is_alive(make: Any, engine: Any):
    engine.first = ()
    engine.answers["adopt"] = None
    app = make(run=fleet.RUN)
    async with app.run_test(size=SIZE) as pilot:
        assert "is not known" in said(await asked(pilot))
