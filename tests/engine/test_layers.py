"""The layers are shown as they are: all armed, the scheduler denied, timers that did not arm, no drill."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchtui.core.drills import PROOF_HOLDS, REAPED_HOLDS
from benchtui.engine.layers import Layer, LayerState, armed_of, layers
from benchtui.engine.snapshot import Snapshot
from tests.engine import fleet
from tests.engine.fleet import mechanisms
from tests.engine.protection import JOBS, denied, drilled, proofs, protected, swept


def shown(snapshot: Snapshot, **options: float) -> dict[int, Layer]:
    now = snapshot.taken_at + timedelta(seconds=options.get("later", 0))
    return {layer.number: layer for layer in layers(snapshot, swept(), now)}


def test_all_armed() -> None:
    found = shown(protected())
    assert {number: layer.state for number, layer in found.items()} == dict.fromkeys(
        range(1, 6), LayerState.ARMED
    )
    assert armed_of(found.values()) == (5, 5)


def test_the_scheduler_denied() -> None:
    found = shown(protected(run=denied(), schedules={}))
    assert (found[2].state, found[2].why) == (
        LayerState.NOT_ARMED,
        "CreateSchedule: AccessDeniedException: no",
    )
    assert armed_of(found.values()) == (4, 5), "a drill of yesterday arms nothing today"


@pytest.mark.parametrize(
    ("armed", "state", "why"),
    [
        (dict.fromkeys(JOBS, mechanisms("softdog")), LayerState.PARTLY, "not armed: softdog"),
        (
            {JOBS[0]: mechanisms(), JOBS[1]: mechanisms("softdog", "boot-guard")},
            LayerState.PARTLY,
            "not armed: boot-guard in 1, softdog in 1",
        ),
        (
            dict.fromkeys(JOBS, dict.fromkeys(mechanisms(), "not armed")),
            LayerState.NOT_ARMED,
            "no mechanism is armed; 2 of 2 spoke",
        ),
        (
            {JOBS[0]: mechanisms()},
            LayerState.UNPROVEN,
            "1 of 2 spoke after arming them",
        ),
        ({}, LayerState.UNPROVEN, "0 of 2 spoke after arming them; 2 booted"),
    ],
)
def test_timers_that_did_not_arm(armed: dict[str, dict[str, str]], state: LayerState, why: str) -> None:
    layer = shown(protected(armed=armed))[1]
    assert (layer.state, layer.why) == (state, why)


def test_a_schedule_is_armed_only_where_the_newest_drill_has_seen_one_work() -> None:
    none = shown(protected(proofs=None))[2]
    assert none.state is LayerState.UNPROVEN
    assert none.why.startswith("armed, no drill yet")
    assert shown(protected(proofs=proofs(drilled(region="eu-west-1"))))[2].state is LayerState.UNPROVEN
    failed = drilled(None, ended_at=fleet.after(-60))
    found = shown(protected(proofs=proofs(drilled(), failed)))[2]
    assert found.state is LayerState.UNPROVEN
    assert found.why.startswith("armed, failed in the drill of 2026-11-24")
    old = drilled(ended_at=fleet.after(0) - PROOF_HOLDS)
    assert shown(protected(proofs=proofs(old)))[2].state is LayerState.UNPROVEN


def test_a_sweep_is_armed_only_while_somebody_reaps() -> None:
    found = shown(protected(proofs=None))[4]
    assert found.state is LayerState.PARTLY
    assert "you end them" in found.why
    snapshot = protected()
    assert snapshot.proofs is not None
    assert snapshot.proofs.reap is not None
    since = snapshot.proofs.reap.at + REAPED_HOLDS
    late = {
        layer.number: layer for layer in layers(snapshot, swept((since - fleet.T0).total_seconds()), since)
    }
    assert late[4].state is LayerState.PARTLY
    assert shown(snapshot, later=600)[4].state is LayerState.UNPROVEN, "the sweep is old"


def test_a_loss_that_was_not_tried_or_came_late_proves_nothing() -> None:
    (lost,) = drilled().losses
    for changes in ({"tried": False}, {"seconds": 331.0}, {"seconds": None}, {"layer": 1}):
        assert not drilled(losses=(lost.model_copy(update=changes),)).proves(2), changes
    assert drilled().proves(2)
    assert not drilled().proves(1)
