"""The worst thing that is going on in a run, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from operator import itemgetter

from benchtui.core.keys import JobState
from benchtui.engine.job_fields import ends_by, heard_at
from benchtui.engine.snapshot import JobRow, Snapshot, SourceState


class Urgency(IntEnum):
    """How much a concern matters; the larger the worse."""

    NOTE = 1  # part of the plan is not carried out
    FAILED = 2
    BLIND = 3  # a source does not answer, so the rows are old
    LOST = 4
    ALARM = 5  # something is alive that should not be


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing a person may want to act on."""

    urgency: Urgency
    job: str | None  # None: a source
    text: str  # what is the matter, and what happens by itself
    more: int = 0  # other concerns of the same or a lower urgency


_OF_STATE = {
    JobState.LOST: Urgency.LOST,
    JobState.NEVER_STARTED: Urgency.LOST,
    JobState.FAILED: Urgency.FAILED,
    JobState.TIMED_OUT: Urgency.FAILED,
    JobState.EMERGENCY_STOP: Urgency.FAILED,
    JobState.DECLINED: Urgency.NOTE,
}


def worst(snapshot: Snapshot, now: datetime) -> Concern | None:
    """The most urgent concern; of equal ones the first of the plan. None: all is as it should be."""
    silent = list(_silent(snapshot, now))
    # Of a run with thousands of jobs only the one that is shown is put into words.
    troubled = [(found, row) for row in snapshot.amiss if (found := urgency(row)) is not None]
    greatest, row = max(troubled, key=itemgetter(0), default=(None, None))
    more = len(silent) + len(troubled) - 1
    if silent and (greatest is None or greatest <= Urgency.BLIND):
        return Concern(Urgency.BLIND, None, silent[0], more)
    if greatest is None or row is None:
        return None
    text = row.status.alarm if greatest is Urgency.ALARM else None
    return Concern(greatest, row.planned.job, (text or _reason(row, now)) + _end(row, snapshot), more)


def _silent(snapshot: Snapshot, now: datetime) -> Iterator[str]:
    """Sources that do not answer, in words."""
    for source in snapshot.sources:
        state = source.state(now)
        if state in (SourceState.STALE, SourceState.DOWN):
            since = f" since {source.answered_at:%H:%M:%SZ}" if source.answered_at else ""
            why = f": {source.error}" if source.error else ""
            yield f"{source.name} has not answered{since}{why}"


def urgency(row: JobRow) -> Urgency | None:
    """How much a job's state matters; None: it is as it should be."""
    return Urgency.ALARM if row.status.alarm is not None else _OF_STATE.get(row.status.state)


def _reason(row: JobRow, now: datetime) -> str:
    status, heard = row.status, heard_at(row)
    view = status.instance
    if status.state is JobState.LOST and view is not None and not view.ending and heard is not None:
        return f"no heartbeat for {(now - heard).total_seconds():.0f} s, EC2 says {view.state.value}"
    word = status.state.value.lower().replace("_", " ")
    return f"{word}: {status.reason}" if status.reason else word


def _end(row: JobRow, snapshot: Snapshot) -> str:
    """When a living instance ends by itself."""
    view = row.status.instance
    if view is None or view.ending:
        return ""
    end = ends_by(row, snapshot.run)
    if end is None or end <= snapshot.taken_at:
        end = view.expires_at
    if end is None or end <= snapshot.taken_at:
        return ". It should have ended by itself: kill it"
    return f". It ends by itself at {end:%H:%M:%SZ}"
