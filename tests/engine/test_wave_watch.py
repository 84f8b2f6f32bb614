"""How far the waves of a run are, from its jobs alone."""

from __future__ import annotations

from benchtui.core.keys import JobState
from benchtui.core.states import Ec2State, JobStatus
from benchtui.engine.snapshot import JobRow
from benchtui.engine.wave_watch import waves_now
from tests.engine import fleet


def row(job: str, wave: int, state: JobState, ec2: Ec2State | None = None) -> JobRow:
    view = None if ec2 is None else fleet.instance(job, ec2)
    return JobRow(fleet.planned(job, wave=wave), JobStatus(job, state, instance=view))


def test_one_wave_is_not_worth_a_word() -> None:
    assert waves_now(fleet.snapshot([row("c7g.large-1", 1, JobState.PLANNED)])) == ()


def test_the_latest_wave_that_has_begun_with_what_runs_and_what_is_to_come() -> None:
    rows = [
        row("c7g.large-1", 1, JobState.COMPLETED, Ec2State.TERMINATED),
        row("c7g.large-2", 1, JobState.RUNNING, Ec2State.RUNNING),
        row("c7g.large-3", 2, JobState.LAUNCHED, Ec2State.PENDING),
        row("c7g.large-4", 2, JobState.PLANNED),
        row("c7g.large-5", 3, JobState.PLANNED),
        row("c7g.large-6", 3, JobState.DECLINED),
    ]
    (now,) = waves_now(fleet.snapshot(rows))
    assert str(now) == "us-west-2: wave 2 of 3, 4 vCPU in 2 jobs, 2 jobs (4 vCPU) to come"


def test_before_the_first_launch_and_after_the_last_end() -> None:
    waiting = [row("c7g.large-1", 1, JobState.PLANNED), row("c7g.large-2", 2, JobState.PLANNED)]
    assert str(waves_now(fleet.snapshot(waiting))[0]) == (
        "us-west-2: 2 waves, none has begun, 2 jobs (4 vCPU) to come"
    )
    over = [row(f"c7g.large-{wave}", wave, JobState.COMPLETED, Ec2State.TERMINATED) for wave in (1, 2)]
    assert str(waves_now(fleet.snapshot(over))[0]) == "us-west-2: wave 2 of 2"
