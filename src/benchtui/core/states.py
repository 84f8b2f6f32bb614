"""The state of a job: a pure function of what it said, what EC2 says, its heartbeat and the time.

Nothing here reads a clock or a network, and the order and the number of copies in which sentinels
arrive make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from benchtui.core.keys import FINAL, FINAL_BY_INSTANCE, JobState, Progress, Sentinel
from benchtui.core.said import Said

HEARTBEAT_PERIODS_UNTIL_LOST = 3
#: An instance that DescribeInstances does not list this soon after its launch is not absent but
#: not yet visible: EC2 is eventually consistent.
VISIBILITY = timedelta(minutes=2)


#: First word of the reason of a job whose instance EC2 took back; the agent uses the same.
RECLAIMED = "reclaimed"
#: State reasons by which EC2 says so (EC2 API reference, StateReason).
TAKEN_BACK = frozenset({"Server.SpotInstanceTermination", "Server.SpotInstanceShutdown"})


class Ec2State(StrEnum):
    """State names of DescribeInstances."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"


ENDING = frozenset({Ec2State.SHUTTING_DOWN, Ec2State.TERMINATED})


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One instance as DescribeInstances told it."""

    instance_id: str
    instance_type: str
    region: str
    zone: str
    state: Ec2State
    launched_at: datetime
    job: str | None = None  # tag benchtui:job
    run: str | None = None  # tag benchtui:run
    expires_at: datetime | None = None  # tag benchtui:expires
    image_id: str | None = None
    state_reason: str | None = None  # code, such as Client.InstanceInitiatedShutdown
    client_token: str | None = None
    ended_at: datetime | None = None  # from StateTransitionReason, where EC2 gives a time
    spot: bool = False

    def expired(self, now: datetime) -> bool:
        """Whether it should have ended by ``now``; False where no time of its end is known."""
        return self.expires_at is not None and now > self.expires_at

    @property
    def ending(self) -> bool:
        """Whether it is shutting down or terminated: no longer billed."""
        return self.state in ENDING


@dataclass(frozen=True, slots=True)
class Ec2Answer:
    """What EC2 last said of one job's instances.

    ``known`` is False until every region was listed once without an error: an empty list from a
    failed call is *unknown*, never *absent*.
    """

    known: bool = False
    instances: tuple[InstanceView, ...] = ()
    listed_at: datetime | None = None  # when EC2 said so, on the clock of heartbeats; None: just now

    @property
    def alive(self) -> tuple[InstanceView, ...]:
        """Instances not yet shutting down."""
        return tuple(view for view in self.instances if not view.ending)


@dataclass(frozen=True, slots=True)
class Limits:
    """Periods the fold judges by."""

    heartbeat: timedelta = timedelta(seconds=30)
    never_started: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """State of one job, with what led to it."""

    job: str
    state: JobState
    suite: str | None = None  # the suite it is running, or ran last
    progress: Progress | None = None
    collected: tuple[str, ...] = ()  # suites whose result is in the bucket, in order of arrival
    instance: InstanceView | None = None
    booted_at: datetime | None = None
    last_sentinel_at: datetime | None = None
    heartbeat_at: datetime | None = None
    finished: bool = False  # final sentinel there and the instance observed ending
    alarm: str | None = None  # what a person has to look at
    reason: str | None = None  # why it is in this state, where the state alone does not say it
    gaps: tuple[int, ...] = field(default=())  # sequence numbers not seen below the highest one

    @property
    def over(self) -> bool:
        """Whether nothing more will come: a final state and no instance alive."""
        return self.state in FINAL and (self.instance is None or self.instance.ending)


@dataclass(frozen=True, slots=True)
class _Evidence:
    """All that is known of one job at one moment."""

    said: Said
    seen: Ec2Answer
    instance: InstanceView | None
    heartbeat_at: datetime | None
    now: datetime
    limits: Limits
    killed: bool


def fold(
    job: str,
    sentinels: Iterable[Sentinel] | Said,
    seen: Ec2Answer,
    *,
    heartbeat_at: datetime | None,
    now: datetime,
    limits: Limits = Limits(),
    killed: bool = False,
) -> JobStatus:
    """State of ``job``.

    Args:
        job: its id; sentinels of other jobs are ignored.
        sentinels: what the job and its launcher wrote; any order, duplicates allowed. Summed up already, no
            more work than for one.
        seen: what EC2 last said of the job's instances.
        heartbeat_at: LastModified of the heartbeat object (S3's clock), None if there is none.
        now: the time on the same clock as ``heartbeat_at``.
        limits: the periods to judge by.
        killed: the run's ``control/kill`` is there, so an instance that ended without a last word was
            killed, not lost.

    The state of an instance that EC2 could not be asked about (``seen.known`` False) is decided by
    its sentinels alone; it never becomes LOST or NEVER_STARTED by an error.
    """
    said = sentinels if isinstance(sentinels, Said) else Said(s for s in sentinels if s.job == job)
    evidence = _Evidence(said, seen, _instance(seen), heartbeat_at, now, limits, killed)
    state, reason = _conclude(said.state, evidence)
    return JobStatus(
        job=job,
        state=state,
        suite=said.suite,
        progress=said.progress,
        collected=said.collected,
        instance=evidence.instance,
        booted_at=said.booted_at,
        last_sentinel_at=said.last_at,
        heartbeat_at=heartbeat_at,
        finished=_finished(evidence),
        alarm=_alarm(state, evidence),
        reason=reason,
        gaps=said.gaps,
    )


def _instance(seen: Ec2Answer) -> InstanceView | None:
    """The instance to show: an alive one before an ended one, the newest before an older one."""
    return max(
        seen.instances, key=lambda view: (not view.ending, view.launched_at, view.instance_id), default=None
    )


def _conclude(said: JobState, evidence: _Evidence) -> tuple[JobState, str | None]:
    """State and reason, from what was said and what EC2 and the heartbeat tell."""
    instance, seen = evidence.instance, evidence.seen
    if said in FINAL_BY_INSTANCE:
        return said, None
    if instance is None and said in (JobState.DECLINED, JobState.PLANNED):
        return said, None
    state = JobState.LAUNCHED if said in (JobState.PLANNED, JobState.DECLINED) else said
    if not seen.known:
        return state, None
    if instance is None:
        if _too_young_to_be_listed(evidence):
            return state, None
        return JobState.LOST, "EC2 lists no instance of this job"
    if instance.ending:
        why = f" ({instance.state_reason})" if instance.state_reason else ""
        if instance.state_reason in TAKEN_BACK:
            return JobState.LOST, f"{RECLAIMED}: EC2 took the spot instance back{why}; no final sentinel came"
        if evidence.killed:
            return JobState.KILLED, f"the run was killed; EC2 says {instance.state}{why}"
        return JobState.LOST, f"EC2 says {instance.state}{why}, and no final sentinel came"
    if instance.state in (Ec2State.STOPPED, Ec2State.STOPPING):
        return JobState.LOST, f"EC2 says {instance.state}: it neither works nor goes away"
    return _judge_silence(state, instance, evidence)


def _too_young_to_be_listed(evidence: _Evidence) -> bool:
    """Whether the job's last sign of life came after EC2 was listed, or so shortly before that EC2 may not
    show its instance yet."""
    signs = [at for at in (evidence.said.last_sign_at, evidence.heartbeat_at) if at is not None]
    listed_at = min(evidence.now, evidence.seen.listed_at or evidence.now)
    return bool(signs) and listed_at - max(signs) < VISIBILITY


def _judge_silence(
    state: JobState, instance: InstanceView, evidence: _Evidence
) -> tuple[JobState, str | None]:
    """State of a job whose instance is pending or running: has it been silent for too long?"""
    limits, now = evidence.limits, evidence.now
    last = evidence.said.last_own_at
    if last is None:
        if instance.state is Ec2State.RUNNING and now - instance.launched_at > limits.never_started:
            return JobState.NEVER_STARTED, f"no BOOTED within {limits.never_started} of its launch"
        return state, None
    silent_since = last if evidence.heartbeat_at is None else max(last, evidence.heartbeat_at)
    if now - silent_since > HEARTBEAT_PERIODS_UNTIL_LOST * limits.heartbeat:
        return JobState.LOST, f"no heartbeat since {silent_since:%H:%M:%SZ}"
    return state, None


def _finished(evidence: _Evidence) -> bool:
    """A final sentinel is there, and EC2 shows the instance ending or has long forgotten it."""
    final_at = evidence.said.final_at
    if final_at is None or not evidence.seen.known or evidence.seen.alive:
        return False
    forgotten = evidence.now - final_at > VISIBILITY
    return evidence.instance is not None or forgotten


def _alarm(state: JobState, evidence: _Evidence) -> str | None:
    """What a person has to look at: something is alive that should not be, or is alive and silent."""
    alive, now = evidence.seen.alive, evidence.now
    if len(alive) > 1:
        ids = ", ".join(sorted(view.instance_id for view in alive))
        return f"{len(alive)} instances of one job are alive: {ids}"
    if not alive:
        return None
    view = alive[0]
    final_at = evidence.said.final_at
    if final_at is not None:
        # What EC2 said before the end tells nothing of what came after it.
        late = min(now, evidence.seen.listed_at or now) - final_at > VISIBILITY
        return f"{state} since {final_at:%H:%M:%SZ}, but {view.instance_id} is {view.state}" if late else None
    if view.expires_at is not None and view.expired(now):
        return f"{view.instance_id} should have ended by {view.expires_at:%H:%M:%SZ} and is {view.state}"
    if state in (JobState.LOST, JobState.NEVER_STARTED):
        silence = "silent" if evidence.said.last_own_at else "never said a word"
        return f"{view.instance_id} is {view.state}, but {silence}"
    return None
