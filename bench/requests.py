"""P1: S3 requests of one poll with 1,000 live jobs, beside a GET and a HEAD for each; then how it grows.

    python bench/requests.py [--jobs N] [--minutes N] [--grow N,N,…]

The watcher, its client and its bucket are the product's own; S3, EC2 and Scheduler are `bench.store`. A
scripted fleet writes a sentinel for each job once a minute and overwrites each heartbeat every half. Time is
virtual: between two polls the clock is put forward by 5 s, so that ten minutes of watching are counted in
less. Requests are counted in the client, by the hook that botocore calls with the parameters of each. The
common design is really carried out once, by the same client: for each job a GET of its status and a HEAD of
its result.

The second table is of one process for each size: what a minute of watching takes in requests and CPU, and
its largest resident size. What is read once in a run's life (the body of each BOOTED, each entry of the book)
is read before.

Exit status: 1 if a poll takes more than it may.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.quiet import machine
from bench.rows import row
from bench.store import BUCKET, Store, environ, write_objects
from bench.stored_run import RUN, SUITE, StoredRun, names
from benchtui.aws.objects import Bucket
from benchtui.aws.session import Cloud
from benchtui.core import keys
from benchtui.core.keys import JobState, Progress, Sentinel
from benchtui.engine import book_watch, boot_watch
from benchtui.engine.watcher import Periods, Watcher

POLL_S, HEARTBEAT_S, SAID_EVERY_S = 5, 30, 60
REGION = "us-west-2"
#: A listing that reaches back may take one request in ten (engine/cursor.py).
MOST_EVENTS = 1.2
BEGUN = 4  # sentinels of each job before
KINDS = {
    keys.events_prefix(RUN): "events",
    keys.heartbeats_prefix(RUN): "heartbeats",
    keys.reservations_prefix(RUN): "book",
    keys.kill_key(RUN): "kill mark",
    keys.drills_prefix(): "proofs",
    keys.reap_key(): "proofs",
}


class Clock:
    """This machine's time, put forward."""

    def __init__(self) -> None:
        self.skew = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.skew

    async def sleep(self, seconds: float) -> None:
        self.skew += timedelta(seconds=seconds)


class CountedCloud(Cloud):
    """Counts what its clients send, by what it is about."""

    counts: Counter[str]

    async def _open(self, service: str, region: str) -> Any:
        client = await super()._open(service, region)
        client.meta.events.register(f"provide-client-params.{service}", self._count)
        return client

    def _count(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        about = str(params.get("Prefix") or params.get("Key") or model.name)
        kind = next((kind for prefix, kind in KINDS.items() if about == prefix), None)
        self.counts[kind or ("bodies" if about.startswith("benchmarks/") else model.name)] += 1


class Fleet:
    """Live jobs that say something once a minute, spread over it; written without any client's cost."""

    def __init__(self, store: Store, jobs: int, begun: datetime) -> None:
        self.names, self.said = names(jobs), dict.fromkeys(names(jobs), BEGUN + 1)
        self.next = 0.0
        self.socket = socket.create_connection(("127.0.0.1", store.port))
        self.answers = self.socket.makefile("rb")

    def go_on(self, now: datetime, seconds: int, *, beat: bool) -> int:
        """What is said in ``seconds`` before ``now``; how many sentinels."""
        self.next += len(self.names) * seconds / SAID_EVERY_S
        new, self.next = int(self.next), self.next % 1
        written = [self._said(self.names[n], now) for n in self._turn(new)]
        if beat:
            written += [keys.heartbeat_key(RUN, job) for job in self.names]
        for start in range(0, len(written), 500):
            part = written[start : start + 500]
            put = "PUT /{}/{} HTTP/1.1\r\nHost: s3\r\nContent-Length: 2\r\n\r\n{{}}"
            self.socket.sendall("".join(put.format(BUCKET, key) for key in part).encode())
            for _ in part:
                while self.answers.readline() != b"\r\n":
                    pass
        return new

    def _turn(self, count: int) -> list[int]:
        first = getattr(self, "_first", 0)
        self._first = (first + count) % len(self.names)
        return [(first + n) % len(self.names) for n in range(count)]

    def _said(self, job: str, now: datetime) -> str:
        self.said[job] += 1
        seq = self.said[job]
        return Sentinel(now, job, seq, JobState.RUNNING, SUITE, Progress(seq, 9999)).key(RUN)


@dataclass(slots=True)
class Watched:
    """What watching took."""

    polls: list[Counter[str]] = field(default_factory=list)
    once: Counter[str] = field(default_factory=Counter)
    new: list[int] = field(default_factory=list)
    cpu_s: float = 0.0


async def watched(store: Store, stored: StoredRun, minutes: float) -> tuple[Watched, Counter[str]]:
    """Watch for so many virtual minutes; then once the common design."""
    clock, found = Clock(), Watched()
    async with CountedCloud(None, (REGION,), now=clock.now) as cloud:
        cloud.counts = found.once
        bucket = Bucket(cloud, BUCKET)
        periods = Periods(poll=timedelta(seconds=POLL_S), heartbeat=timedelta(seconds=HEARTBEAT_S))
        watcher = Watcher(cloud, bucket, stored.run, clock, lambda _: None, periods)
        fleet = Fleet(store, stored.jobs, stored.created_at)
        with (
            patch.object(boot_watch, "READS_PER_LOOK", 10**6),
            patch.object(book_watch, "MOST_A_LOOK", 10**6),
        ):
            snapshot = await watcher.poll()
            while snapshot.book is None or snapshot.book.error is not None:
                snapshot = await watcher.poll()
        assert len(snapshot.armed) == len(snapshot.alive) == stored.jobs, (
            len(snapshot.armed),
            len(snapshot.alive),
        )
        for number in range(1, int(minutes * 60 / POLL_S) + 1):
            beat = number * POLL_S % HEARTBEAT_S == 0
            await clock.sleep(POLL_S)
            found.new.append(fleet.go_on(clock.now(), POLL_S, beat=beat))
            cloud.counts = Counter()
            began = time.process_time()
            snapshot = await watcher.poll()
            found.cpu_s += time.process_time() - began
            found.polls.append(cloud.counts)
        states = snapshot.counts
        assert states == {JobState.RUNNING: stored.jobs}, states
        common: Counter[str] = Counter()
        cloud.counts = common
        if minutes >= 1 and stored.jobs <= 1000:
            await _common_design(cloud, stored)
    return found, common


async def _common_design(cloud: Cloud, stored: StoredRun) -> None:
    """One poll of whoever asks each job for its status and for its result."""
    slots = asyncio.Semaphore(16)

    async def one(job: str) -> None:
        async def read(answer: dict[str, Any]) -> None:
            async with answer["Body"] as stream:
                await stream.read()

        status = {"Bucket": BUCKET, "Key": keys.heartbeat_key(RUN, job)}
        async with slots:
            await cloud.call("s3", REGION, "GetObject", status, read=read)
            await cloud.call("s3", REGION, "HeadObject", {**status, "Key": keys.system_key(RUN, job)})

    await asyncio.gather(*map(one, names(stored.jobs)))


def stored_run(folder: Path, jobs: int) -> StoredRun:
    """Live jobs, as a store is started with them."""
    stored = StoredRun(jobs, datetime.now(UTC) - timedelta(seconds=200), finished=False, sentinels=BEGUN)
    objects = [*stored.plan(), *stored.words(), *stored.book()]
    objects += [(keys.system_key(RUN, job), b"{}") for job in names(jobs)]
    write_objects(folder, objects)
    (folder / "ec2.json").write_text(json.dumps(stored.instances()))
    return stored


def watch(jobs: int, minutes: float) -> tuple[Watched, Counter[str]]:
    """With a store of its own."""
    with tempfile.TemporaryDirectory(prefix="benchtui-bench-") as name:
        stored = stored_run(Path(name) / "store", jobs)
        with Store(Path(name) / "store") as store, environ(store.environment(Path(name))):
            return asyncio.run(watched(store, stored, minutes))


def grown(jobs: int, minutes: float) -> dict[str, float]:
    """Requests and CPU of a minute of watching, and this process' largest resident size, MB."""
    found, _ = watch(jobs, minutes)
    total = sum(found.polls, Counter[str]())
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    ec2 = total["DescribeInstances"] + total["ListSchedules"] + total["GetSchedule"]
    return {
        "jobs": jobs,
        "s3": (total.total() - ec2) / minutes,
        "ec2": ec2 / minutes,
        "cpu_s": found.cpu_s / minutes,
        "mb": int(peak[1]) * 1024 / 1e6 if peak else math.nan,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--minutes", type=float, default=10.0, help="virtual, of the first table")
    parser.add_argument("--grow", default="10,100,1000,10000", help="sizes of the second table")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one is not None:
        print(json.dumps(grown(asked.one, asked.minutes)))
        return 0
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d %H:%MZ}")
    found, common = watch(asked.jobs, asked.minutes)
    held = _polls(asked.jobs, asked.minutes, found, common)
    print(f"    {'jobs':>8} {'S3/min':>8} {'EC2/min':>8} {'CPU s/min':>10} {'MB':>6}")
    for size in map(int, asked.grow.split(",")):
        command = (sys.executable, __file__, "--one", str(size), "--minutes", "2")
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"    {size:8} {row['s3']:8.1f} {row['ec2']:8.1f} {row['cpu_s']:10.2f} {row['mb']:6.0f}",
            flush=True,
        )
    return 0 if held else 1


def _polls(jobs: int, minutes: float, found: Watched, common: Counter[str]) -> bool:
    """Print the first table; whether the goals are kept."""
    total, polls = sum(found.polls, Counter[str]()), len(found.polls)
    periods = minutes * 60 / HEARTBEAT_S
    usual, mean = statistics.median(each["events"] for each in found.polls), total["events"] / polls
    beats, pages = total["heartbeats"] / periods, math.ceil(jobs / 1000)
    s3 = sum(total[kind] for kind in {*KINDS.values(), "bodies"})
    asks = sum(n for kind, n in common.items())
    new = statistics.mean(found.new)
    print(f"P1  {jobs} live jobs, {polls} polls of {POLL_S} s, {new:.0f} new sentinels each")
    rows = [
        ("events, usual poll", usual, 1.0, usual <= 1),
        ("events, mean with look-backs", mean, MOST_EVENTS, mean <= MOST_EVENTS),
        (f"heartbeats, each {HEARTBEAT_S} s", beats, float(pages), beats <= pages),
    ]
    for title, figure, goal, held in rows:
        print(f"    {title:30} {figure:9.2f}   goal {goal:.1f}  {'holds' if held else '**missed**'}")
    for kind in ("kill mark", "book", "proofs", "bodies"):
        print(f"    {kind + f', each {HEARTBEAT_S} s':30} {total[kind] / periods:9.2f}")
    print(f"    {'all of S3, mean of a poll':30} {s3 / polls:9.2f}", end="")
    print(f"   common design {asks}, ratio {s3 / polls / asks:.4f}")
    print(f"    once in the run's life: {dict(found.once)}")
    work, theirs = f"S3 requests of a poll, {jobs} live jobs", f"{asks}"
    title = "GET and HEAD of each job"
    held = all(held for *_, held in rows)
    print(row(1, work, f"{usual:.0f} for events", title, theirs, f"{usual / asks:.4f}", "1 for events", held))
    each = f"{beats:.0f} each {HEARTBEAT_S} s"
    print(row(1, "heartbeats", each, title, theirs, f"{beats / asks:.4f}", "1 per 1,000 jobs", held))
    return all(held for *_, held in rows)


if __name__ == "__main__":
    sys.exit(main())
