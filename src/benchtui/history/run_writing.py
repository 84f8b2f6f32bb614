"""Runs written into the index, each in the place of what it held of it."""

from __future__ import annotations

import array
import math
import sqlite3

from benchtui.core.indexed import IndexedCell, IndexedRun
from benchtui.core.instance_results import NO_RANK, InstanceResult
from benchtui.history.schema import DIMENSIONS, NUMBERS

_PLACES = ", ".join("?" for _ in range(len(DIMENSIONS) + 1))
_INSERT_SETTING = f"INSERT INTO setting (bucket_id, {', '.join(DIMENSIONS)}) VALUES ({_PLACES})"  # noqa: S608
_FIND_SETTING = (
    "SELECT id FROM setting WHERE bucket_id = ? AND " + " AND ".join(f"{name} = ?" for name in DIMENSIONS)  # noqa: S608
)


class RunWriter:
    """Writes within the transaction of whoever calls it; a new one is needed after one that was rolled back.

    Args:
        db: the index.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        # Numbers that are known of metrics and settings.
        self._metrics: dict[tuple[str, str, str, bool], int] = {}
        self._settings: dict[tuple[object, ...], int] = {}

    def write(self, bucket: int, run: IndexedRun, rollup: str | None) -> None:
        """Put a run in.

        Args:
            bucket: number of where it is from.
            run: with all its cells.
            rollup: key of the roll-up it was read from.

        Raises:
            sqlite3.DatabaseError: it cannot be written.
        """
        self._drop(bucket, run.run)
        worst = None if run.worst_case_usd is None else str(run.worst_case_usd)
        confirms = None if run.confirms is None else run.confirms.model_dump_json()
        row = (
            bucket, run.run, run.at.timestamp(), run.name, run.mode, run.version, run.jobs,
            " ".join(run.types), worst, len(run.cells), run.measured, run.counting, run.closed, run.seen,
            rollup, confirms, run.problem,
        )  # fmt: skip
        run_id = self.db.execute(
            "INSERT INTO run (bucket_id, run, at, name, mode, version, jobs, types, worst_usd, cells,"
            " measured, counting, closed, seen, rollup, confirms, problem)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            row,
        ).lastrowid
        assert run_id is not None
        for cell in run.cells:
            self._write_cell(bucket, run_id, run.at.timestamp(), cell)

    def _drop(self, bucket: int, run: str) -> None:
        found = self.db.execute(
            "SELECT id FROM run WHERE bucket_id = ? AND run = ?", (bucket, run)
        ).fetchone()
        if found is None:
            return
        touched = self.db.execute(
            "SELECT metric_id, setting_id, count(*), sum(n) FROM measurement WHERE run_id = ?"
            " GROUP BY metric_id, setting_id",
            found,
        ).fetchall()
        self.db.execute("DELETE FROM samples WHERE cell_id IN (SELECT id FROM cell WHERE run_id = ?)", found)
        self.db.execute("DELETE FROM measurement WHERE run_id = ?", found)
        self.db.execute("DELETE FROM run WHERE id = ?", found)
        for metric, setting, count, samples in touched:
            self.db.execute(
                "UPDATE series SET n = n - ?, samples = samples - ? WHERE metric_id = ? AND setting_id = ?",
                (count, samples, metric, setting),
            )
        self.db.execute("DELETE FROM series WHERE n <= 0")

    def _write_cell(self, bucket: int, run_id: int, at: float, cell: IndexedCell) -> None:
        result = cell.result
        setting = self._setting(bucket, result)
        verified = None if result.verified is None else int(result.verified)
        cell_id = self.db.execute(
            "INSERT INTO cell (run_id, setting_id, job, zone, verified, problem, sha256)"
            " VALUES (?,?,?,?,?,?,?)",
            (run_id, setting, result.job, result.zone, verified, result.problem, cell.sha256),
        ).lastrowid
        measurements, series, samples = [], [], []
        for name, metric in (result.metrics or {}).items():
            metric_id = self._metric(
                result.suite, name, metric.unit, metric.higher_is_better, metric.headline
            )
            counts = result.verified is True and metric.doubt is None
            log = math.log(metric.median) if metric.median > 0 else None
            row = (metric_id, setting, at, cell_id, run_id, metric.median, log, metric.samples, counts)
            measurements.append((*row, metric.doubt))
            series.append((metric_id, setting, metric.samples, at))
            if name in cell.samples:
                samples.append((cell_id, metric_id, array.array("d", cell.samples[name]).tobytes()))
        self.db.executemany("INSERT INTO measurement VALUES (?,?,?,?,?,?,?,?,?,?)", measurements)
        self.db.executemany("INSERT INTO samples VALUES (?,?,?)", samples)
        self.db.executemany(
            "INSERT INTO series VALUES (?,?,1,?,?) ON CONFLICT DO UPDATE SET n = n + 1,"
            " samples = samples + excluded.samples, last = max(last, excluded.last)",
            series,
        )

    def _setting(self, bucket: int, result: InstanceResult) -> int:
        values = (bucket, *_dimensions(result))
        known = self._settings.get(values)
        if known is None:
            found = self.db.execute(_FIND_SETTING, values).fetchone()
            known = found[0] if found else self.db.execute(_INSERT_SETTING, values).lastrowid
            assert known is not None
            self._settings[values] = known
        return known

    def _metric(self, suite: str, name: str, unit: str, higher: bool, headline: int | None) -> int:
        key = (suite, name, unit, higher)
        known = self._metrics.get(key)
        if known is None:
            rank = NO_RANK if headline is None else headline
            self.db.execute(
                "INSERT INTO metric (suite, name, unit, higher, headline) VALUES (?,?,?,?,?)"
                " ON CONFLICT DO UPDATE SET headline = min(headline, excluded.headline)",
                (*key, rank),
            )
            row = self.db.execute(
                "SELECT id FROM metric WHERE suite = ? AND name = ? AND unit = ? AND higher = ?", key
            ).fetchone()
            known = self._metrics[key] = int(row[0])
        return known


def _dimensions(result: InstanceResult) -> tuple[object, ...]:
    """Values of `DIMENSIONS`, what is not known as the schema has it."""
    mark = result.fingerprint
    known: dict[str, object | None] = {
        "provider": result.provider,
        "type": result.instance_type,
        "arch": result.arch,
        "vcpus": result.vcpus,
        "cores": result.cores,
        "suite": result.suite,
        "version": result.version,
        "mode": result.mode,
        "cpu": result.cpu_model,
        "region": mark.region if mark else None,
        "kernel": mark.kernel if mark else None,
        "image": mark.image if mark else None,
        "microcode": mark.microcode if mark else None,
        "compiler": mark.compiler if mark else None,
    }
    return tuple(
        (-1 if name in NUMBERS else "") if known[name] is None else known[name] for name in DIMENSIONS
    )
