"""A run of any size as the bucket holds it, made of the one that tests/fixtures keeps.

Every job has what a job of the local cloud wrote: sentinels, a heartbeat, two entries of the book,
system.json, result.json with its 240 samples, and the raw output. Figures differ by 5 % from job to job, for
equal ones would be called copies; the rest is as it was written.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.engine import fleet

from benchtui.core import keys
from benchtui.core.budget import EntryKind, ReservationDocument
from benchtui.core.document_fields import to_json
from benchtui.core.documents import JobDocument, RunDocument
from benchtui.core.keys import JobState, Progress, Sentinel
from benchtui.core.seals import sealed

RUN = fleet.RUN
TYPES = ("c7g.large", "c7i.large", "c7a.large", "c8g.xlarge", "m7i.2xlarge")
SUITE = "stream"
WORST_USD = Decimal("0.38")
STORED = next((Path(__file__).parents[1] / "tests/fixtures/stored-run").iterdir())
JOB = STORED / "jobs/local.1cpu-1"


def names(jobs: int) -> list[str]:
    """Ids of so many jobs."""
    return [f"{TYPES[n % len(TYPES)]}-{n // len(TYPES) + 1}" for n in range(jobs)]


def run_of(jobs: int, created_at: datetime) -> RunDocument:
    """The plan of a run with so many jobs of one suite."""
    planned = [_planned(name) for name in names(jobs)]
    usd = WORST_USD * jobs
    return fleet.run_of(
        planned, created_at=created_at, budget_usd=usd, worst_case_usd=usd, schedules={"us-west-2": "armed"}
    )


def _planned(name: str) -> JobDocument:
    return fleet.planned(name, suites=(SUITE,), worst_case_usd=WORST_USD)


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What the bucket holds of a run.

    Attributes:
        jobs: how many.
        created_at: of the run.
        finished: whether every job has said its last word; else each is at its last progress.
        sentinels: of each job between BOOTED and its end.
    """

    jobs: int
    created_at: datetime
    finished: bool = True
    sentinels: int = 8

    @property
    def run(self) -> RunDocument:
        """Its plan."""
        return run_of(self.jobs, self.created_at)

    def plan(self) -> Iterator[tuple[str, bytes]]:
        """run.json."""
        key = keys.run_json_key(RUN)
        yield key, sealed(key, to_json(self.run))

    def words(self) -> Iterator[tuple[str, bytes]]:
        """Sentinels and heartbeats."""
        for number, job in enumerate(names(self.jobs)):
            launched = self.created_at + timedelta(seconds=number % 120, milliseconds=number % 1000)
            for sentinel in self._said(job, launched):
                key = sentinel.key(RUN)
                yield key, sealed(key, b'{"schema":"benchtui.sentinel/1","layers":{"timer":"armed"}}')
            yield keys.heartbeat_key(RUN, job), b'{"schema": "benchtui.heartbeat/1"}'

    def _said(self, job: str, launched: datetime) -> Iterator[Sentinel]:
        yield Sentinel(launched, job, 0, JobState.LAUNCHED)
        yield Sentinel(launched + timedelta(seconds=20), job, 1, JobState.BOOTED)
        last = 1
        for last in range(2, 2 + self.sentinels):
            progress = Progress(last - 1, self.sentinels)
            yield Sentinel(
                launched + timedelta(seconds=20 + 5 * last), job, last, JobState.RUNNING, SUITE, progress
            )
        if self.finished:
            end = launched + timedelta(seconds=30 + 5 * last)
            yield Sentinel(end, job, last + 1, JobState.COLLECTED, SUITE)
            yield Sentinel(end + timedelta(seconds=1), job, last + 2, JobState.COMPLETED)

    def book(self) -> Iterator[tuple[str, bytes]]:
        """One reservation for each job, and of a finished run its release."""
        kinds = [EntryKind.RESERVED, EntryKind.RELEASED] if self.finished else [EntryKind.RESERVED]
        number = 0
        for kind in kinds:
            released = kind is EntryKind.RELEASED
            for job in names(self.jobs):
                number += 1
                key = keys.reservation_key(RUN, number)
                entry = ReservationDocument(
                    run=RUN, entry=kind, job=job, usd=Decimal("0.0123") if released else WORST_USD,
                    launcher="6794ce1762dc4832", at=self.created_at,
                    instance_id=f"i-{number:017x}" if released else None,
                )  # fmt: skip
                yield key, sealed(key, to_json(entry))

    def results(self) -> Iterator[tuple[str, bytes]]:
        """What each job left below jobs/: system.json, result.json, raw output."""
        result = json.loads((JOB / SUITE / "result.json").read_bytes())
        system = json.loads((JOB / "system.json").read_bytes())
        raw = (JOB / SUITE / "raw.tar.gz").read_bytes()
        rng = random.Random(1)
        for number, job in enumerate(names(self.jobs)):
            said = {"run": RUN, "job": job, "instance_id": f"i-{number:017x}", "provider": "local"}
            own = raw + number.to_bytes(4, "big")
            said |= {"instance_type": keys.job_parts(job)[0]}
            yield keys.system_key(RUN, job), json.dumps(system | said, indent=1).encode()
            yield keys.raw_key(RUN, job, SUITE), own
            more = {"raw_sha256": sha256(own).hexdigest(), "metrics": _varied(result["metrics"], rng)}
            at = (self.created_at + timedelta(seconds=60), self.created_at + timedelta(seconds=360))
            more |= {"started_at": at[0].isoformat(), "finished_at": at[1].isoformat()}
            yield keys.result_key(RUN, job, SUITE), json.dumps(result | said | more, indent=1).encode()

    def instances(self) -> list[dict[str, Any]]:
        """The instances as EC2 lists them, for `bench.store`: running, or none any more."""
        if self.finished:
            return []
        launched = f"{self.created_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
        return [
            {
                "id": f"i-{number:017x}",
                "type": keys.job_parts(job)[0],
                "state": "running",
                "zone": "us-west-2a",
                "launched_at": launched,
                "tags": {"LaunchedBy": "AsyncBenchmarkLauncher", "benchtui:run": RUN, "benchtui:job": job},
            }
            for number, job in enumerate(names(self.jobs))
        ]


def _varied(metrics: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The metrics of another machine: each a little faster or slower, its samples with it."""
    found: dict[str, Any] = {}
    for name, metric in metrics.items():
        samples = []
        for sample in metric["samples"]:
            factor = rng.uniform(0.95, 1.05)
            seconds = round(sample["seconds"] / factor, 9)
            value = float(f"{sample['bytes'] / seconds / 1e9:.10g}")
            samples.append({**sample, "value": value, "seconds": seconds})
        counted = sorted(each["value"] for each in samples if not each.get("excluded"))
        found[name] = {**metric, "samples": samples, "best": counted[-1], "median": _median(counted)}
    return found


def _median(values: list[float]) -> float:
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
