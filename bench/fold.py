"""P7: a run's sentinels heard, folded and shown, beside one pass of parsing their keys; then one poll more.

    python bench/fold.py [--jobs N] [--sentinels N] [--repeats N]

The watcher is the product's own. Its bucket lists keys from memory and EC2 does not answer, so that nothing
but benchtui's own work is timed. The second table shows what one more poll with 500 new sentinels costs where
each job had said little or much before: it must not grow with history.

Exit status: 1 if the first ratio is above its goal.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import gc
import statistics
import sys
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.engine import fleet

from bench.quiet import machine
from bench.rows import row
from bench.stored_run import names
from benchtui.aws.objects import ListedObject, Page
from benchtui.core import keys
from benchtui.core.keys import JobState, Progress, Sentinel, parse_event
from benchtui.engine.watcher import Periods, Watcher

MOST = 2.0
NEW = 500


class KeysInMemory:
    """A bucket that holds sentinels and nothing else."""

    name = "bench"

    def __init__(self, found: list[str]) -> None:
        self.keys = sorted(found)
        self.events = keys.events_prefix(fleet.RUN)

    async def list_keys(self, prefix: str, start_after: str | None = None) -> AsyncIterator[ListedObject]:
        if prefix == self.events:
            for key in self.keys[bisect.bisect_right(self.keys, start_after or "") :]:
                yield ListedObject(key, 0, fleet.T0, "")

    async def list_page(self, *_: Any, **__: Any) -> Page:
        return Page((), (), None)

    async def exists(self, _key: str) -> bool:
        return False

    def server_now(self, now: datetime) -> datetime:
        return now


class Clock:
    """Stands still."""

    def now(self) -> datetime:
        return fleet.T0 + timedelta(hours=1)

    async def sleep(self, _seconds: float) -> None:
        return None


def history(jobs: int, sentinels: int, first: int = 1) -> list[str]:
    """Keys of ``sentinels`` per job: it boots, prepares and then tells of its progress, a second apart."""
    found = []
    for n, job in enumerate(names(jobs)):
        for seq in range(first, first + sentinels):
            at = fleet.T0 + timedelta(seconds=seq, milliseconds=n % 1000)
            state = {1: JobState.BOOTED, 2: JobState.PREPARING}.get(seq, JobState.RUNNING)
            told = ("stream", Progress(seq, 9999)) if state is JobState.RUNNING else (None, None)
            found.append(Sentinel(at, job, seq, state, *told).key(fleet.RUN))
    return found


def watcher(jobs: int, found: list[str]) -> Watcher:
    planned = [fleet.planned(job) for job in names(jobs)]
    run: Any = fleet.run_of(planned, created_at=fleet.T0)
    bucket: Any = KeysInMemory(found)
    cloud: Any = fleet.NoAnswer()
    return Watcher(cloud, bucket, run, Clock(), lambda _: None, Periods())


def seconds_of(work: Any) -> float:
    gc.collect()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


async def first_poll(jobs: int, found: list[str]) -> float:
    one = watcher(jobs, found)
    gc.collect()
    started = time.perf_counter()
    snapshot = await one.poll()
    spent = time.perf_counter() - started
    assert len(snapshot.rows) == jobs
    assert all(row.status.state is JobState.RUNNING for row in snapshot.rows[:3])
    return spent


async def next_poll(jobs: int, before: int, repeats: int) -> float:
    """Seconds of a poll with 500 new sentinels, of which each job had said ``before`` before."""
    one = watcher(jobs, history(jobs, before))
    await one.poll()
    spent = []
    for turn in range(repeats):
        new = history(NEW, 1, first=before + 1 + turn)
        one.bucket.keys = sorted([*one.bucket.keys, *new])  # type: ignore[attr-defined]
        gc.collect()
        started = time.perf_counter()
        await one.poll()
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--sentinels", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    found = history(asked.jobs, asked.sentinels)
    print(f"{machine()}; {datetime.now(UTC):%Y-%m-%d %H:%MZ}")
    ratios, ours, theirs = [], [], []
    for _ in range(asked.repeats):
        theirs.append(seconds_of(lambda: [parse_event(key) for key in found]))
        ours.append(asyncio.run(first_poll(asked.jobs, found)))
        ratios.append(ours[-1] / theirs[-1])
    ratio = statistics.median(ratios)
    took, parsed = statistics.median(ours), statistics.median(theirs)
    print(f"P7  {asked.jobs} jobs x {asked.sentinels} sentinels: hear, fold, snapshot {took:.2f} s, ", end="")
    print(
        f"parsing the keys {parsed:.2f} s: {ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f}), goal {MOST:g}"
    )
    for before in (5, 50, 150):
        cost = asyncio.run(next_poll(1000, before, asked.repeats))
        print(
            f"    1000 jobs that have said {before:3d} each: a poll with {NEW} new ones {1000 * cost:.0f} ms"
        )
    work = f"fold and snapshot, {asked.jobs:,} jobs × {asked.sentinels} sentinels"
    spread = f"{ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    held = ratio <= MOST
    print(
        row(7, work, f"{took:.2f} s", "parsing the keys once", f"{parsed:.2f} s", spread, f"≤ {MOST:g}", held)
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
