"""A new laptop: the index made again from a bucket that holds a million samples in monthly roll-ups.

    python bench/rebuild.py [SAMPLES]

Nightly runs of ten types, their documents as instances and launcher write them, rolled up month by month as
`benchtui history --compact` does. Timed is `benchtui history --rebuild`'s own work, beside one pass of
parsing the JSON of the same bodies; the bucket answers from memory. The requests are S3's, beside one GET for
each object, which is what it would take without roll-ups.

Exit status: 1 if a sample is missing or the requests are more than one in a hundred of those.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import comparing

import benchtui
from bench.history import METRICS, REPETITIONS, REPLICATES, TYPES
from bench.quiet import machine
from benchtui.aws.objects import Bucket, ListedObject, Page
from benchtui.core import keys
from benchtui.core.document_fields import to_json
from benchtui.core.rollup import PART_BYTES, RollupHead, line_of, pack
from benchtui.core.seals import sealed
from benchtui.engine.history_sync import sync
from benchtui.history import queries
from benchtui.history.index import HistoryIndex

BEGAN = datetime(2025, 1, 1, 2, 15, 33, tzinfo=UTC)
JOBS = tuple(f"{kind}-{replicate}" for kind in TYPES for replicate in range(1, REPLICATES + 1))
PER_RUN = len(JOBS) * len(METRICS) * REPETITIONS


class InMemory:
    """A bucket of roll-ups and of the names of runs."""

    name = "made-up"

    def __init__(self, parts: dict[str, bytes], runs: list[str]) -> None:
        self.parts, self.runs, self.requests = parts, runs, 0

    async def list_keys(self, prefix: str, start_after: str | None = None) -> AsyncIterator[ListedObject]:
        self.requests += 1
        for key, body in self.parts.items():
            if key.startswith(prefix) and key > (start_after or ""):
                yield ListedObject(key, len(body), BEGAN, "")

    async def list_page(self, prefix: str, start_after: str | None = None, **_: Any) -> Page:
        self.requests += 1
        found = [f"{prefix}{run}/" for run in self.runs]
        later = [name for name in found if name > (start_after or "")]
        return Page((), tuple(later[:1000]), later[999] if len(later) > 1000 else None)

    async def get(self, key: str, _limit: int) -> bytes:
        self.requests += 1
        return self.parts[key]


@dataclass
class Made:
    """What the bucket holds, and what it stands for."""

    parts: dict[str, bytes]
    runs: list[str]
    bodies: list[bytes]


def documents(run_at: datetime, rng: random.Random) -> Iterable[tuple[str, bytes]]:
    """One night's run.json and results, by key."""
    run = comparing.run_of(*JOBS, run=f"{run_at:%Y%m%d-%H%M%S}-k3f7", created_at=run_at)
    key = keys.run_json_key(run.run)
    yield key, sealed(key, to_json(run))
    for job in JOBS:
        metrics = {
            name: {
                "unit": "GB/s",
                "higher_is_better": True,
                "samples": [{"value": rng.gauss(45, 0.4), "seconds": 0.1} for _ in range(REPETITIONS)],
            }
            for name in METRICS
        }
        yield keys.result_key(run.run, job, "stream"), to_json(comparing.document(run, job, metrics=metrics))


def make(samples: int) -> Made:
    """Roll-ups of as many nights as ``samples`` take, in parts as large as benchtui writes them."""
    rng, made = random.Random(1), Made({}, [], [])
    months: dict[str, list[tuple[str, list[bytes]]]] = {}
    for night in range(samples // PER_RUN):
        at = BEGAN + timedelta(days=night)
        stored = list(documents(at, rng))
        name = f"{at:%Y%m%d-%H%M%S}-k3f7"
        made.runs.append(name)
        made.bodies += [body for _, body in stored]
        months.setdefault(f"{at:%Y-%m}", []).append((name, [line_of(key, body) for key, body in stored]))
    for month, runs in months.items():
        for number, part in enumerate(_parts(runs), 1):
            head = RollupHead(
                month=month,
                part=number,
                made_at=BEGAN,
                benchtui_version=benchtui.__version__,
                runs=tuple(name for name, _ in part),
            )
            lines = [line for _, stored in part for line in stored]
            made.parts[keys.rollup_key(month, number)] = pack(head, lines)
    return made


def _parts(runs: list[tuple[str, list[bytes]]]) -> Iterable[list[tuple[str, list[bytes]]]]:
    gathered: list[tuple[str, list[bytes]]] = []
    size = 0
    for name, lines in runs:
        length = sum(map(len, lines))
        if gathered and size + length > PART_BYTES:
            yield gathered
            gathered, size = [], 0
        gathered.append((name, lines))
        size += length
    yield gathered


def main() -> int:
    """Print the table; 1 if something is missing or was asked for too often."""
    made = make(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    bucket = InMemory(made.parts, made.runs)
    began = time.perf_counter()
    for body in made.bodies:
        json.loads(body)
    parsed = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.sqlite"
        began = time.perf_counter()
        report = asyncio.run(sync(cast(Bucket, bucket), path, BEGAN + timedelta(days=3650), rebuild=True))
        took = time.perf_counter() - began
        with HistoryIndex(path) as index:
            totals = queries.totals(index)
        size = path.stat().st_size
    print(machine())
    print(f"{totals['samples']:,} samples of {totals['runs']:,} runs; index of {size / 2**20:.0f} MiB")
    packed, plain = sum(map(len, made.parts.values())) / 2**20, sum(map(len, made.bodies)) / 2**20
    print(f"{len(made.parts)} roll-ups, {packed:.0f} MiB: {len(made.bodies):,} objects, {plain:.0f} MiB")
    print(f"rebuilt in {took:.1f} s; json.loads of the bodies once {parsed:.1f} s: {took / parsed:.1f} ×")
    print(f"{report.requests} requests in the place of {len(made.bodies):,}")
    for problem in report.problems:
        print(f"problem: {problem}")
    missing = len(made.runs) * PER_RUN - totals["samples"]
    if missing:
        print(f"**{missing:,} samples are missing**")
    return 1 if missing or report.requests > len(made.bodies) / 100 or report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
