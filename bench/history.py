"""A million samples in the index: every query of the History pane, beside plain SQLite on the raw samples.

    python bench/history.py [SAMPLES]

Makes the samples up (a nightly run of ten types), writes them into an index and, as rows, into a table
without any index, in a temporary folder. Prints how long the index took to make, how large both are, and each
query's time beside that of the same question asked of the raw rows. Exit status 1 if a query takes longer
than 100 ms.
"""

from __future__ import annotations

import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from benchtui.core.filter import Filter
from benchtui.core.fingerprint import Fingerprint
from benchtui.core.indexed import IndexedCell, IndexedRun
from benchtui.core.instance_results import InstanceResult, MetricMedian
from benchtui.engine.history_view import read_history
from benchtui.history import queries
from benchtui.history.index import HistoryIndex

TYPES = (
    "c7g.large", "c7i.large", "c7a.large", "c8g.large", "c8i.large", "m7g.large", "m7i.large", "m7a.large",
    "r7g.large", "r7i.large",
)  # fmt: skip
METRICS = ("triad.all", "triad.one", "copy.all", "copy.one", "add.all")
REPLICATES, REPETITIONS = 3, 20
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
LIMIT_MS = 100.0
TRIES = 7


def runs(samples: int) -> Iterator[IndexedRun]:
    """Nightly runs with as many samples in all, and a change for the worse in the middle of one type."""
    rng = random.Random(1)
    nights = samples // (len(TYPES) * REPLICATES * len(METRICS) * REPETITIONS)
    for night in range(nights):
        at = BEGAN + timedelta(days=night)
        cells = [
            _cell(rng, at, kind, replicate, 0.93 if kind == TYPES[0] and night > nights // 2 else 1.0, night)
            for kind in TYPES
            for replicate in range(1, REPLICATES + 1)
        ]
        run = cells[0].result.run
        yield IndexedRun(
            run, at, "nightly", "quick", "0.1.0", len(cells), TYPES, Decimal("1.50"), tuple(cells), True
        )


def _cell(
    rng: random.Random, at: datetime, kind: str, replicate: int, level: float, night: int
) -> IndexedCell:
    values = {name: tuple(level * rng.gauss(100, 1) for _ in range(REPETITIONS)) for name in METRICS}
    result = InstanceResult(
        run=f"{at:%Y%m%d-%H%M%S}-aaaa",
        job=f"{kind}-{replicate}",
        instance_type=kind,
        suite="stream",
        arch="arm64" if "g." in kind else "x86_64",
        vcpus=2,
        cores=2 if "i." not in kind else 1,
        price=None,
        provider="aws",
        planned_at=at,
        mode="quick",
        version="3",
        zone=f"us-east-1{rng.choice('abcdf')}",
        cpu_model=f"CPU of {kind}",
        verified=True,
        metrics={
            name: MetricMedian(sorted(samples)[REPETITIONS // 2], "GB/s", True, REPETITIONS, headline=rank)
            for rank, (name, samples) in enumerate(values.items())
        },
        fingerprint=Fingerprint(
            kernel=f"6.1.0-{20 + night // 60}",
            image=f"ami-{night // 30:08d}",
            compiler="gcc 12.2.0",
            region="us-east-1",
        ),
    )
    return IndexedCell(result, values)


def raw_table(path: Path, samples: int) -> float:
    """The same samples as rows, as one would without an index; seconds it took."""
    began = time.perf_counter()
    with sqlite3.connect(path) as db:
        db.execute(
            "CREATE TABLE sample (run TEXT, at REAL, name TEXT, type TEXT, arch TEXT, region TEXT,"
            " suite TEXT, metric TEXT, job TEXT, kernel TEXT, verified INTEGER, value REAL)"
        )
        for run in runs(samples):
            db.executemany(
                "INSERT INTO sample VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    (
                        run.run, run.at.timestamp(), run.name, cell.result.instance_type, cell.result.arch,
                        "us-east-1", "stream", metric, cell.result.job, cell.result.fingerprint.kernel,
                        1, value,
                    )
                    for cell in run.cells
                    if cell.result.fingerprint is not None
                    for metric, values in cell.samples.items()
                    for value in values
                ),
            )  # fmt: skip
    return time.perf_counter() - began


#: A median of each instance's samples, as SQLite can: the middle one by row number.
MEDIANS = """
SELECT run, at, job, value FROM (
  SELECT run, at, job, value, row_number() OVER (PARTITION BY run, job ORDER BY value) AS place,
         count(*) OVER (PARTITION BY run, job) AS n
  FROM sample WHERE metric = 'triad.all' {more}) WHERE place = n / 2 + 1 ORDER BY at
"""
RAW = {
    "runs, newest 50": "SELECT run, min(at), min(name), count(DISTINCT job) FROM sample GROUP BY run"
    " ORDER BY min(at) DESC LIMIT 50",
    "runs, filtered": "SELECT run, min(at) FROM sample WHERE type = 'c7g.large' GROUP BY run"
    " ORDER BY min(at) DESC LIMIT 50",
    "metrics": "SELECT suite, metric, count(*), count(DISTINCT run || job), count(DISTINCT type), max(at)"
    " FROM sample GROUP BY suite, metric",
    "trend of one type": MEDIANS.format(more="AND type = 'c7g.large'"),
    "trend, filtered": MEDIANS.format(more="AND arch = 'arm64' AND region = 'us-east-1'"),
    "the pane: all types": MEDIANS.format(more=""),
    "samples of a run": "SELECT job, value FROM sample WHERE run = '{run}' AND metric = 'triad.all'",
}


def asked(path: Path, run: str) -> dict[str, Callable[[], object]]:
    """The pane's and the command's queries, each with opening the index."""

    def within(ask: Callable[[HistoryIndex], object]) -> Callable[[], object]:
        def go() -> object:
            with HistoryIndex(path) as index:
                return ask(index)

        return go

    def trend(index: HistoryIndex, types: tuple[str, ...], where: str) -> object:
        row = queries.metric_named(index, "triad.all")
        return queries.trends(index, row, where=Filter.parse(where, queries.FIELDS), types=types)

    by_type = Filter.parse("type=c7g.large", queries.RUN_FIELDS)
    return {
        "runs, newest 50": within(queries.runs),
        "runs, filtered": within(lambda index: queries.runs(index, where=by_type)),
        "metrics": within(queries.metrics),
        "trend of one type": within(lambda index: trend(index, ("c7g.large",), "")),
        "trend, filtered": within(lambda index: trend(index, (), "arch=arm64 region=us-east-1")),
        "the pane: all types": lambda: read_history(path, "stream/triad.all"),
        "samples of a run": within(
            lambda index: queries.samples(index, run, queries.metric_named(index, "triad.all").key)
        ),
    }


def timed(ask: Callable[[], object], tries: int = TRIES) -> tuple[float, float]:
    """Median and greatest time of several, in ms."""
    times = []
    for _ in range(tries):
        began = time.perf_counter()
        ask()
        times.append((time.perf_counter() - began) * 1000)
    return sorted(times)[tries // 2], max(times)


def main() -> int:
    """Print the table; 1 if a query is too slow."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path, raw = Path(folder) / "history.sqlite", Path(folder) / "raw.sqlite"
        began = time.perf_counter()
        written = 0.0
        with HistoryIndex(path) as index:
            bucket = index.bucket("made-up")
            for run in runs(samples):
                at = time.perf_counter()
                index.write(bucket, [run])
                written += time.perf_counter() - at
                last = run.run
            totals = queries.totals(index)
        made = time.perf_counter() - began
        rows = raw_table(raw, samples)
        print(f"{totals['samples']:,} samples, {totals['measurements']:,} figures, {totals['runs']:,} runs")
        print(f"index made in {written:.1f} s ({made:.1f} s with making up what it holds), {_mib(path)} MiB")
        print(
            f"raw table made in {rows:.1f} s with making up, {_mib(raw)} MiB, SQLite {sqlite3.sqlite_version}"
        )
        print(f"{'query':22} {'index ms':>9} {'worst':>7} {'raw ms':>9} {'factor':>7}")
        slow = []
        with sqlite3.connect(raw) as db:
            for name, ask in asked(path, last).items():
                middle, worst = timed(ask)
                sql = RAW[name].replace("{run}", last)
                reference, _ = timed(lambda sql=sql: db.execute(sql).fetchall(), tries=1)
                print(f"{name:22} {middle:9.1f} {worst:7.1f} {reference:9.1f} {reference / middle:6.0f}x")
                if worst > LIMIT_MS:
                    slow.append(name)
        print(f"longer than {LIMIT_MS:g} ms: {', '.join(slow) or 'none'}")
    return bool(slow)


def _mib(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.0f}"


if __name__ == "__main__":
    sys.exit(main())
