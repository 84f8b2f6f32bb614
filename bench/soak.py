"""Hours of a run with 1,000 jobs: does anything grow that should not?

    python bench/soak.py [--jobs N] [--hours H]          in virtual time, beside nothing else
    python bench/soak.py --real [--jobs N] [--minutes M] `benchtui watch` itself, by the clock

In virtual time the product's own watcher polls every five seconds of the run; its bucket lists keys from
memory and EC2 answers as it would. Each job boots, tells of its progress each minute and beats each half.
By the clock it is the command in a process of its own, against a small S3 that a writer fills meanwhile.

Printed are, over the run: resident memory, tasks, open files, CPU
seconds per poll. Slopes are of least squares over the second half, when all is warm. Exit status 1 if memory
grows by more than 1 MB an hour, tasks or files grow at all, or a poll takes a quarter longer at the end than
in the middle.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import gc
import os
import statistics
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.engine import fleet

from bench.quiet import machine
from bench.stored_run import names
from benchtui.aws.objects import ListedObject, Page
from benchtui.core import keys
from benchtui.core.document_fields import to_json
from benchtui.core.documents import SentinelBody
from benchtui.core.keys import JobState, Progress, Sentinel
from benchtui.engine.watcher import Periods, Watcher

POLL_S, BEAT_S, TELL_S = 5, 30, 60
MB_AN_HOUR, SLOWER = 1.0, 1.25
#: Virtual time between two samples.
SAMPLE_S = 300


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process was at one moment of the run."""

    hours: float
    mb: float  # resident, 10⁶ bytes
    tasks: int
    files: int
    poll_ms: float  # CPU, mean since the sample before


class VirtualClock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.at = fleet.T0

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Fleet:
    """A bucket and an EC2 in which so many jobs live for so many hours.

    All that they will write is there from the beginning, so that the bucket itself does not grow; what a
    listing shows of it goes as far as the clock.
    """

    name = "bench"

    def __init__(self, jobs: int, hours: float, clock: VirtualClock) -> None:
        self.clock, self.names = clock, names(jobs)
        self.booted = to_json(SentinelBody(layers={"timer": "armed", "softdog": "armed"}))
        self.events = keys.events_prefix(fleet.RUN)
        self.beats = keys.heartbeats_prefix(fleet.RUN)
        last = int(hours * 3600 // TELL_S)
        self.keys = sorted(
            _told(n, job, seq).key(fleet.RUN) for n, job in enumerate(self.names) for seq in range(1, last)
        )

    async def list_keys(self, prefix: str, start_after: str | None = None) -> AsyncIterator[ListedObject]:
        if prefix == self.events:
            first = bisect.bisect_right(self.keys, start_after or "")
            end = bisect.bisect_left(self.keys, keys.events_after(fleet.RUN, self.clock.at))
            for at in range(first, end):
                yield ListedObject(self.keys[at], 2, self.clock.at, "")
        elif prefix == self.beats:
            for job in self.names:
                yield ListedObject(keys.heartbeat_key(fleet.RUN, job), 2, self.clock.at, "")

    async def list_page(self, *_: Any, **__: Any) -> Page:
        """The book of money, in which nothing stands."""
        return Page((), (), None)

    async def get(self, _key: str, _limit: int) -> bytes:
        """The body of a BOOTED."""
        return self.booted

    async def exists(self, _key: str) -> bool:
        return False

    def server_now(self, now: datetime) -> datetime:
        return now

    async def pages(self, _service: str, region: str, operation: str, *_: Any, **__: Any) -> list[Any]:
        """EC2's word: every instance runs."""
        if operation != "DescribeInstances":
            return []
        rows = [
            {
                "InstanceId": f"i-{n:017x}",
                "InstanceType": job.rpartition("-")[0],
                "State": {"Name": "running"},
                "LaunchTime": fleet.T0,
                "Placement": {"AvailabilityZone": f"{region}a"},
                "Tags": [
                    {"Key": "LaunchedBy", "Value": "AsyncBenchmarkLauncher"},
                    {"Key": "benchtui:run", "Value": fleet.RUN},
                    {"Key": "benchtui:job", "Value": job},
                    {
                        "Key": "benchtui:expires",
                        "Value": f"{fleet.T0 + timedelta(hours=9):%Y-%m-%dT%H:%M:%SZ}",
                    },
                ],
            }
            for n, job in enumerate(self.names)
        ]
        return [{"Instances": rows}]


def _told(n: int, job: str, seq: int) -> Sentinel:
    at = fleet.T0 + timedelta(seconds=n % TELL_S + (seq - 1) * TELL_S, milliseconds=n % 1000)
    if seq == 1:
        return Sentinel(at, job, seq, JobState.BOOTED)
    return Sentinel(at, job, seq, JobState.RUNNING, "stream", Progress(seq, 9999))


async def virtual(jobs: int, hours: float) -> list[Sample]:
    """Poll through so many hours of a run."""
    clock = VirtualClock()
    life = Fleet(jobs, hours, clock)
    run: Any = fleet.run_of([fleet.planned(job) for job in life.names], created_at=fleet.T0)
    world: Any = life
    watcher = Watcher(world, world, run, clock, lambda _: None, Periods())
    samples: list[Sample] = []
    spent, polls = 0.0, 0
    while clock.at < fleet.T0 + timedelta(hours=hours):
        began = process_time()
        snapshot = await watcher.poll()
        spent, polls = spent + process_time() - began, polls + 1
        await clock.sleep(POLL_S)
        if polls * POLL_S >= SAMPLE_S:
            assert len(snapshot.rows) == jobs
            samples.append(_sample(clock, 1000 * spent / polls))
            spent, polls = 0.0, 0
    return samples


def _sample(clock: VirtualClock, poll_ms: float) -> Sample:
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    hours = (clock.at - fleet.T0).total_seconds() / 3600
    return Sample(hours, resident, len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), poll_ms)


def slope(samples: list[Sample], name: str) -> float:
    """Of the second half, an hour."""
    half = samples[len(samples) // 2 :]
    return statistics.linear_regression(
        [one.hours for one in half], [float(getattr(one, name)) for one in half]
    ).slope


def verdict(samples: list[Sample]) -> bool:
    """Print how it went; whether nothing grew."""
    middle = samples[len(samples) // 2]
    last = samples[-1]
    early = statistics.median(one.poll_ms for one in samples[len(samples) // 3 : 2 * len(samples) // 3])
    late = statistics.median(one.poll_ms for one in samples[2 * len(samples) // 3 :])
    mb = slope(samples, "mb")
    print(
        f"memory   {middle.mb:.1f} MB in the middle, {last.mb:.1f} at the end: {mb:+.2f} MB/h, "
        f"goal {MB_AN_HOUR:g}"
    )
    print(f"tasks    {middle.tasks} and {last.tasks}; open files {middle.files} and {last.files}")
    print(
        f"a poll   {early:.1f} ms of CPU in the middle third, {late:.1f} in the last: {late / early:.2f} ×, "
        f"goal {SLOWER:g}"
    )
    grew = last.tasks > middle.tasks or last.files > middle.files
    held = mb <= MB_AN_HOUR and not grew and late <= early * SLOWER
    print("nothing grows" if held else "**something grows**")
    return held


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--minutes", type=float, default=30.0)
    asked = parser.parse_args()
    print(f"{machine()}; {datetime.now(UTC):%Y-%m-%d %H:%MZ}")
    if asked.real:
        from bench.soak_by_the_clock import by_the_clock

        return by_the_clock(asked.jobs, asked.minutes)
    samples = asyncio.run(virtual(asked.jobs, asked.hours))
    print(f"{asked.jobs} jobs, {asked.hours:g} h of virtual time, {len(samples)} samples")
    return 0 if verdict(samples) else 1


if __name__ == "__main__":
    sys.exit(main())
