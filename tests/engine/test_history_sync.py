"""The index beside a bucket: what is new, what comes late, what was rolled up, what is damaged."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.objects import Bucket
from benchtui.core import keys
from benchtui.core.document_fields import to_json
from benchtui.core.documents import ResultDocument, RunDocument
from benchtui.core.keys import JobState, Sentinel
from benchtui.core.seals import sealed
from benchtui.engine.compaction import compact
from benchtui.engine.history_sync import SyncReport, sync
from benchtui.history import queries
from benchtui.history.index import HistoryIndex
from tests import comparing

from .conftest import Bench

BEGAN = datetime(2026, 9, 28, 2, 15, 33, tzinfo=UTC)
JOBS = ("c7g.large-1", "c7g.large-2")
NOW = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass
class Store:
    """A bucket of a test's own, with runs put into it as instances would."""

    bucket: Bucket
    s3: Any
    path: Path

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object(Bucket=self.bucket.name, Key=key, Body=body)

    def plan(self, day: int) -> RunDocument:
        at = BEGAN + timedelta(days=day)
        run = comparing.run_of(*JOBS, run=f"{at:%Y%m%d-%H%M%S}-k3f7", created_at=at)
        self.put(keys.run_json_key(run.run), sealed(keys.run_json_key(run.run), to_json(run)))
        return run

    def deliver(self, run: RunDocument, job: str, level: float = 45.0) -> None:
        samples = [{"value": level * factor, "seconds": 0.1} for factor in (0.999, 1.0, 1.002)]
        metric = {"unit": "GB/s", "higher_is_better": True, "samples": samples}
        changes: dict[str, Any] = {"metrics": {"triad.all": metric}}
        result: ResultDocument = comparing.document(run, job, **changes)
        self.put(keys.result_key(run.run, job, "stream"), to_json(result))
        self.put(Sentinel(run.created_at, job, 1, JobState.COMPLETED).key(run.run), b"{}")

    def complete(self, day: int, level: float = 45.0) -> RunDocument:
        run = self.plan(day)
        for number, job in enumerate(JOBS):
            self.deliver(run, job, level + number * 0.11 + day * 0.001)
        return run

    async def sync(
        self, now: datetime = NOW, *, path: Path | None = None, rebuild: bool = False
    ) -> SyncReport:
        return await sync(self.bucket, path or self.path, now, rebuild=rebuild)

    def totals(self, path: Path | None = None) -> dict[str, int]:
        with HistoryIndex(path or self.path) as index:
            return queries.totals(index)


@pytest.fixture
def store(bench: Bench, tmp_path: Path) -> Iterator[Store]:
    s3 = bench.cloud.boto3("s3")
    name = f"history-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    yield Store(Bucket(bench.workspace.cloud, name), s3, tmp_path / "history.sqlite")


async def test_only_what_is_new_is_read_again(store: Store) -> None:
    for day in range(3):
        store.complete(day)
    first = await store.sync()
    assert (first.read, first.still_open) == (3, 0)
    assert store.totals() == {"runs": 3, "measurements": 6, "samples": 18}
    again = await store.sync()
    assert (again.read, again.requests) == (0, 2)  # the roll-ups and the runs are listed, nothing else
    store.complete(3)
    assert (await store.sync()).read == 1
    assert store.totals()["runs"] == 4


async def test_what_comes_late_is_found(store: Store) -> None:
    run = store.plan(20)
    store.deliver(run, JOBS[0])
    soon = run.created_at + timedelta(hours=1)
    report = await store.sync(soon)
    assert (report.read, report.still_open) == (1, 1)
    assert (await store.sync(soon)).read == 0  # nothing came: it is listed and not read
    store.deliver(run, JOBS[1])
    assert (await store.sync(soon)).read == 1
    assert store.totals() == {"runs": 1, "measurements": 2, "samples": 6}
    # A run that was written late, planned before the newest that is known.
    early = store.complete(19)
    assert (await store.sync(soon)).read == 1
    with HistoryIndex(store.path) as index:
        assert early.run in [row.run for row in queries.runs(index)]


async def test_a_run_is_closed_when_all_have_spoken_and_in_time_in_any_case(store: Store) -> None:
    run = store.plan(50)
    store.deliver(run, JOBS[0])
    assert (await store.sync(run.created_at + timedelta(days=1))).still_open == 1
    assert (await store.sync(run.created_at + timedelta(days=15))).still_open == 0


async def test_what_is_no_document_is_kept_as_the_reason(store: Store) -> None:
    run = store.plan(0)
    store.deliver(run, JOBS[0])
    store.put(keys.result_key(run.run, JOBS[1], "stream"), b"\x00 not JSON")
    broken = f"{BEGAN + timedelta(days=1):%Y%m%d-%H%M%S}-k3f7"
    store.put(keys.run_json_key(broken), b"{}")
    store.put("benchmarks/not-a-run/run.json", b"{}")
    await store.sync()
    with HistoryIndex(store.path) as index:
        rows = {row.run: row for row in queries.runs(index)}
    assert set(rows) == {run.run, broken}
    assert (rows[run.run].cells, rows[run.run].measured) == (2, 1)
    assert "schema" in (rows[broken].problem or "")


@pytest.mark.long
async def test_a_rolled_up_month_is_read_in_few_requests_and_is_the_same(
    store: Store, tmp_path: Path
) -> None:
    for day in range(5):  # the last days of September, the first of October
        store.complete(day)
    store.complete(60)  # this month: not rolled up
    await store.sync()
    planned = await compact(store.bucket, store.path, NOW, dry=True)
    assert [(part.key, len(part.runs)) for part in planned] == [
        ("history/2026-09/0001.jsonl.gz", 3),
        ("history/2026-10/0001.jsonl.gz", 2),
    ]
    parts = await compact(store.bucket, store.path, NOW)
    assert [part.runs for part in parts] == [part.runs for part in planned]
    assert await compact(store.bucket, store.path, NOW) == ()
    other = tmp_path / "other.sqlite"
    report = await store.sync(path=other)
    assert (report.rolled_up, report.read) == (5, 1)
    assert report.requests <= 10  # 2 roll-ups, their listing, that of runs, and one run by itself
    assert store.totals(other) == store.totals()
    with HistoryIndex(store.path) as one, HistoryIndex(other) as two:
        row = queries.metric_named(one, None)
        assert queries.trends(one, row) == queries.trends(two, row)
    # What is closed later goes into another part.
    store.complete(6)
    assert (await store.sync()).read == 0  # far behind the newest: the next day's first look finds it
    assert (await store.sync(NOW + timedelta(days=2))).read == 1
    (late,) = await compact(store.bucket, store.path, NOW)
    assert late.key == "history/2026-10/0002.jsonl.gz"
    assert (await store.sync(path=other)).rolled_up == 1
    assert store.totals(other) == store.totals()


async def test_a_damaged_rollup_is_left_out_and_its_runs_are_read_themselves(
    store: Store, tmp_path: Path
) -> None:
    store.complete(0)
    store.put("history/2026-09/0001.jsonl.gz", b"\x1f\x8b not gzip")
    report = await store.sync()
    assert (report.read, report.rolled_up) == (1, 0)
    assert "history/2026-09/0001.jsonl.gz" in report.problems[0]


@pytest.mark.long
async def test_rebuilding_gives_the_same_index(store: Store) -> None:
    for day in range(3):
        store.complete(day)
    await store.sync()
    before = store.totals()
    assert (await store.sync(rebuild=True)).read == 3
    assert store.totals() == before
    store.path.write_bytes(b"damaged" * 1000)
    report = await store.sync()
    assert (report.read, report.remade) == (3, True)
    assert store.totals() == before
