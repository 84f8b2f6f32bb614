"""Every pane on a light terminal and without colours; the lists of the past and the help in three sizes."""

from __future__ import annotations

import pytest

from benchtui.engine.events import Event
from benchtui.tui.start import Look
from tests.engine import fleet
from tests.tui import jobs
from tests.tui.conftest import SIZES
from tests.tui.scripted import settled

PANES = {"jobs": "1", "launch": "2", "cost": "3", "compare": "4", "history": "5", "events": "6"}

HAPPENED = (
    Event("launched", fleet.after(2), {"job": "c7g.large-1", "instance_id": "i-0ab", "zone": "us-west-2a"}),
    Event("declined", fleet.after(3), {"job": "c7a.large-2", "reason": "capacity: no capacity", "fix": None}),
    Event("alarm", fleet.after(50), {"job": "c7a.large-1", "text": "i-0ab is running, but silent"}),
)


def shown(key: str, engine):
    """What is done before the picture is taken."""

    async def before(pilot):
        await settled(pilot)
        engine.tell(*HAPPENED)
        await pilot.press(key)
        await settled(pilot)

    return before


@pytest.fixture
def told(engine, fleet_snapshot):
    engine.answers |= {
        "detail": lambda job: jobs.detail_of(fleet_snapshot, job),
        "log": jobs.log_of,
    }
    return engine


@pytest.mark.long
@pytest.mark.parametrize("pane", PANES)
def test_light(make, told, snap_compare, pane):
    app = make(look=Look(theme="textual-light"))
    assert snap_compare(app, terminal_size=(120, 36), run_before=shown(PANES[pane], told))


@pytest.mark.long
@pytest.mark.parametrize("pane", PANES)
def test_without_colours(make, told, snap_compare, monkeypatch, pane):
    monkeypatch.setenv("NO_COLOR", "1")
    app = make(look=Look(theme="ansi-dark"))
    assert snap_compare(app, terminal_size=(120, 36), run_before=shown(PANES[pane], told))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("pane", ["history", "events"])
def test_lists_of_the_past(make, told, snap_compare, pane, size):
    assert snap_compare(make(), terminal_size=size, run_before=shown(PANES[pane], told))


@pytest.mark.long
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_help(make, told, snap_compare, size):
    assert snap_compare(make(), terminal_size=size, run_before=shown("question_mark", told))
