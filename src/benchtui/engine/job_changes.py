"""What is told when a job's status has become another one: events' types and fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchtui.core.keys import JobState
from benchtui.core.states import JobStatus

Change = tuple[str, Mapping[str, Any]]


def changes(old: JobStatus | None, new: JobStatus) -> Iterator[Change]:
    """Type and fields of each event that ``new`` is worth; ``old``: None where nothing was known."""
    before = (old.state, old.suite, old.progress) if old else (JobState.PLANNED, None, None)
    if (new.state, new.suite, new.progress) != before:
        yield "state", {**state_fields(new), "before": before[0].value}
    for suite in new.collected:
        if old is None or suite not in old.collected:
            yield "result", {"job": new.job, "suite": suite}
    if new.finished and not (old and old.finished):
        ended = new.instance.state_reason if new.instance else None
        yield "ended", {"job": new.job, "state": new.state.value, "instance_state_reason": ended}
    if new.alarm and (old is None or old.alarm != new.alarm):
        yield "alarm", {"job": new.job, "text": new.alarm}


def state_fields(status: JobStatus) -> dict[str, Any]:
    """The fields of a ``state`` event."""
    progress = status.progress
    return {
        "job": status.job,
        "state": status.state.value,
        "suite": status.suite,
        "progress": [progress.done, progress.total] if progress else None,
        "reason": status.reason,
        "instance_id": status.instance.instance_id if status.instance else None,
    }
