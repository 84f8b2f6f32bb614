"""What layer 2 says of itself, for each thing that Scheduler and the launcher can have said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from benchtui.core.states import Ec2State
from benchtui.engine.layers import Layer, LayerState, layers
from benchtui.engine.schedule_watch import ScheduleView
from tests.engine import fleet

JOBS = ("c7g.large-1", "c7g.large-2")
ROWS = tuple(fleet.row(fleet.running(job)) for job in JOBS)
NOT_ARMED = {"us-west-2": "not armed: CreateSchedule: AccessDeniedException: no"}


def layer(
    view: ScheduleView | None, *, at_launch: dict[str, str] | None = None, at: float = 60, proven: bool = True
) -> Layer:
    run = fleet.run_of([row.planned for row in ROWS], schedules=at_launch or {})
    seen = fleet.snapshot(ROWS, at=at, run=run, schedules={"us-west-2": view} if view else {})
    return layers(seen, None, seen.taken_at, schedule_proven=proven)[1]


def view(**changes: Any) -> ScheduleView:
    return fleet.scheduled(ROWS, **changes)


def test_both_forms_are_armed_and_unproven_until_a_drill_has_seen_them_work():
    unproven = layer(view(), proven=False)
    assert unproven.state is LayerState.UNPROVEN
    assert unproven.why == "armed, no drill yet: tag 19:13Z, id 2/2"
    assert layer(view()).state is LayerState.ARMED


def test_each_form_is_enough_by_itself():
    assert layer(view(instances=frozenset())).state is LayerState.ARMED
    assert layer(view(at=None)).state is LayerState.ARMED


def test_one_instance_without_any_schedule_makes_it_partial_and_none_with_one_not_armed():
    one = frozenset([fleet.instance(JOBS[0]).instance_id])
    partial = layer(view(at=None, instances=one))
    assert (partial.state, partial.why) == (LayerState.PARTLY, "no tag, id 1/2")
    missing = layer(view(at=None, instances=frozenset()))
    assert (missing.state, missing.why) == (LayerState.NOT_ARMED, "no schedule exists")


def test_a_schedule_that_comes_too_late_or_has_passed_protects_nobody():
    due = view().at
    assert due is not None
    late = view(instances=frozenset(), at=due + timedelta(minutes=10))
    assert layer(late).state is LayerState.NOT_ARMED
    after_it = (due - fleet.T0).total_seconds() + 600
    assert layer(view(instances=frozenset()), at=after_it).state is LayerState.NOT_ARMED


def test_what_cannot_be_asked_is_unknown_but_what_was_never_armed_is_known():
    silent = view(error="ListSchedules: AccessDeniedException: no")
    refused = layer(silent, at_launch={"us-west-2": "armed"})
    assert refused.state is LayerState.UNPROVEN
    assert "could not be asked" in refused.why and refused.why.endswith("at launch: armed")
    known = layer(silent, at_launch=NOT_ARMED)
    assert (known.state, known.why) == (LayerState.NOT_ARMED, "CreateSchedule: AccessDeniedException: no")
    unknown = layer(None)
    assert (unknown.state, unknown.why) == (LayerState.UNPROVEN, "not asked yet; at launch: not known")


def test_the_launcher_s_reason_is_told_where_nothing_is_there():
    found = layer(view(at=None, instances=frozenset()), at_launch=NOT_ARMED)
    assert found.state is LayerState.NOT_ARMED and "AccessDeniedException" in found.why
    assert layer(view(), at_launch=NOT_ARMED).state is LayerState.ARMED, "someone made it since"


def test_it_is_idle_where_nothing_lives():
    ended = tuple(
        fleet.row(fleet.running(job, instance=fleet.instance(job, Ec2State.TERMINATED))) for job in JOBS
    )
    seen = fleet.snapshot(ended, schedules={})
    assert layers(seen, None, seen.taken_at)[1].state is LayerState.IDLE
