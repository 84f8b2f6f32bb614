"""How far the waves of a run are that its quotas of vCPUs make, as a snapshot shows it."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.core.keys import JobState
from benchtui.engine.snapshot import JobRow, Snapshot


@dataclass(frozen=True, slots=True)
class WaveNow:
    """The waves of one region."""

    region: str
    number: int  # the latest that has begun; 0: none has
    of: int
    running: int  # jobs of it, of all waves, that have a living instance
    running_vcpus: int
    waiting: int  # jobs that are not launched yet
    waiting_vcpus: int

    def __str__(self) -> str:
        at = f"wave {self.number} of {self.of}" if self.number else f"{self.of} waves, none has begun"
        parts = [f"{self.running_vcpus} vCPU in {_count(self.running)}"] if self.running else []
        parts += [f"{_count(self.waiting)} ({self.waiting_vcpus} vCPU) to come"] if self.waiting else []
        return f"{self.region}: {at}" + "".join(f", {part}" for part in parts)


def waves_now(snapshot: Snapshot) -> tuple[WaveNow, ...]:
    """The regions that have more than one wave, as they stand."""
    found = []
    for region in snapshot.run.regions:
        rows = [row for row in snapshot.rows if row.planned.region == region]
        of = max((row.planned.wave for row in rows), default=1)
        if of < 2:
            continue
        begun = [row.planned.wave for row in rows if row.status.state not in _TO_COME]
        running = [row for row in rows if row.status.instance is not None and not row.status.instance.ending]
        waiting = [row for row in rows if row.status.state is JobState.PLANNED]
        found.append(
            WaveNow(
                region,
                max(begun, default=0),
                of,
                len(running),
                _vcpus(running),
                len(waiting),
                _vcpus(waiting),
            )
        )
    return tuple(found)


_TO_COME = frozenset({JobState.PLANNED, JobState.DECLINED})


def _vcpus(rows: list[JobRow]) -> int:
    return sum(row.planned.vcpus for row in rows)


def _count(jobs: int) -> str:
    return "1 job" if jobs == 1 else f"{jobs} jobs"
