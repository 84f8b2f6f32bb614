"""The application with a scripted engine and a clock that stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from benchtui.core.keys import JobState
from benchtui.core.states import Ec2State, JobStatus
from benchtui.engine.snapshot import Snapshot
from benchtui.tui.app import BenchtuiApp
from tests.engine import fleet
from tests.tui.scripted import FixedClock, ScriptedEngine, introduced, make_app


def small_fleet() -> Snapshot:
    """The run of the sketches: two running, one booting, one lost, one declined, one done."""
    large = {"suites": ("stream", "hpl", "fftw")}
    lost = fleet.running(
        "c7a.large-1",
        state=JobState.LOST,
        heartbeat_at=fleet.after(-34),
        reason="no heartbeat since 13:59:26Z",
        alarm="i-0ab12cd34ef567890 is running, but silent",
    )
    done = JobStatus(
        "c7i.large-2",
        JobState.COMPLETED,
        suite="hpl",
        collected=("stream", "hpl"),
        instance=fleet.instance("c7i.large-2", Ec2State.TERMINATED, ended_at=fleet.after(50)),
        last_sentinel_at=fleet.after(48),
        finished=True,
    )
    booting = JobStatus("c7i.large-1", JobState.LAUNCHED, instance=fleet.instance("c7i.large-1"))
    declined = JobStatus("c7a.large-2", JobState.DECLINED, reason="capacity: InsufficientInstanceCapacity")
    rows = [
        fleet.row(fleet.running("c7g.large-1"), **large),
        fleet.row(fleet.running("c7g.large-2", 1, 3, suite="hpl", collected=("stream",)), **large),
        fleet.row(booting, "0.0008"),
        fleet.row(lost, "0.0551"),
        fleet.row(done, "0.0102"),
        fleet.row(declined, None),
    ]
    return fleet.snapshot(rows)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine that runs the tests happens to have set must not show in a picture."""
    for name in ("NO_COLOR", "COLORTERM", "TEXTUAL", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def fleet_snapshot() -> Snapshot:
    return small_fleet()


@pytest.fixture
def engine(fleet_snapshot: Snapshot) -> ScriptedEngine:
    """Has told of the small fleet when the application is first painted."""
    return ScriptedEngine(first=introduced(fleet_snapshot))


@pytest.fixture
def app(engine: ScriptedEngine, clock: FixedClock, tmp_path: Path) -> BenchtuiApp:
    return make_app(engine, tmp_path, clock)


@pytest.fixture
def make(engine: ScriptedEngine, clock: FixedClock, tmp_path: Path) -> Callable[..., BenchtuiApp]:
    """As `app`, with other beginnings: ``make(read_only=True)``."""

    def made(**changes: Any) -> BenchtuiApp:
        return make_app(engine, tmp_path, clock, **changes)

    return made


#: Terminals of pictures: the usual one in the default suite, the others in make proof.
SIZES = [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((60, 20), (120, 36)))]


async def still(pilot: Pilot[Any]) -> None:
    """Let the application work until nothing on its screen has changed for half a second.

    A layout may be followed by another one, when a pane has learnt how much room it has.
    """
    same, before = 0, None
    while same < 5:
        await pilot.pause(0.1)
        drawn = pilot.app.screen._compositor.render_strips(pilot.app.size)
        same, before = (same + 1, before) if drawn == before else (0, drawn)


@pytest.fixture
def snap_compare(snap_compare: Callable[..., bool]) -> Callable[..., bool]:
    """The plugin's comparison, of a screen that has come to rest."""

    def compare(app: BenchtuiApp, *, run_before: Any = None, **options: Any) -> bool:
        app.NOTIFICATION_TIMEOUT = 3600.0  # else a busy machine takes the picture when a message has gone

        async def rested(pilot: Pilot[Any]) -> None:
            if run_before is not None:
                await run_before(pilot)
            for field in pilot.app.screen.query(Input):
                field.cursor_blink = False  # else the picture shows it or not, as time has it
            await still(pilot)

        return snap_compare(app, run_before=rested, **options)

    return compare
