"""What is asked of the index: its runs, its metrics, and trends; narrowed by the filter language of tables.

A filter is applied to settings, of which there are few, and what remains goes into the query as numbers.
"""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from benchtui.core.documents import ConfirmsDocument
from benchtui.core.errors import UsageError
from benchtui.core.filter import Cell, Field, Filter, number
from benchtui.core.instance_results import NO_RANK, MetricKey, find_metric, nearest
from benchtui.core.stats import NOISE_FLOOR
from benchtui.core.trend import SeriesKey, Trend, trend_of
from benchtui.history.index import HistoryIndex, damage_told
from benchtui.history.series import Series, confirmations, series_key
from benchtui.history.settings import Setting, settings_of, types_by_setting

MOST_RUNS = 10_000

#: What a filter may name; bare words are looked for in types, suites, regions and CPUs.
FIELDS = (
    Field("type", "instance type", bare=True),
    Field("suite", "suite", bare=True),
    Field("arch", "architecture"),
    Field("vcpus", "vCPUs", number),
    Field("cores", "physical cores", number),
    Field("version", "version of the suite"),
    Field("mode", "quick or full"),
    Field("region", "region", bare=True),
    Field("provider", "aws or local"),
    Field("cpu", "CPU as the instance saw it", bare=True),
    Field("kernel", "kernel"),
    Field("image", "image", aliases=("ami",)),
    Field("microcode", "microcode"),
    Field("compiler", "compiler"),
    Field("bucket", "bucket it is stored in"),
)
RUN_FIELDS = (
    Field("run", "run id", bare=True),
    Field("name", "name of the plan", bare=True),
    Field("type", "instance types", bare=True),
    Field("mode", "quick or full"),
    Field("jobs", "instances", number),
    Field("measured", "measured cells", number),
    Field("bucket", "bucket it is stored in"),
    Field("closed", "yes or no"),
)
EVERY = Filter()


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the index has it."""

    bucket: str
    run: str
    at: datetime
    name: str
    mode: str
    version: str
    jobs: int
    types: tuple[str, ...]
    worst_case_usd: Decimal | None
    cells: int
    measured: int
    counting: int  # of those: verified and plausible
    closed: bool
    confirms: ConfirmsDocument | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric and how much there is of it."""

    key: MetricKey
    unit: str
    higher_is_better: bool
    instances: int
    samples: int
    types: int
    last: datetime
    headline: int


def runs(
    index: HistoryIndex, *, where: Filter = EVERY, since: datetime | None = None, newest: int = 50
) -> tuple[RunRow, ...]:
    """The newest runs, newest first.

    Args:
        index: where they are.
        where: over `RUN_FIELDS`.
        since: none that began earlier.
        newest: how many.
    """
    sql = (
        "SELECT b.name, r.run, r.at, r.name, r.mode, r.version, r.jobs, r.types, r.worst_usd, r.cells,"
        " r.measured, r.counting, r.closed, r.confirms, r.problem FROM run r"
        " JOIN bucket b ON b.id = r.bucket_id WHERE r.at >= ? ORDER BY r.at DESC LIMIT ?"
    )
    found: list[RunRow] = []
    with damage_told(index.path):
        limit = MOST_RUNS if where else newest
        for row in index.db.execute(sql, (_stamp(since), limit)):
            run = _run_row(row)
            if where and not where.matches(_run_cells(run)):
                continue
            found.append(run)
            if len(found) == newest:
                break
    return tuple(found)


def _run_row(row: Sequence[Any]) -> RunRow:
    bucket, run, at, name, mode, version, jobs, types, worst, cells, measured, counting, *last = row
    closed, confirms, problem = last
    return RunRow(
        bucket, run, datetime.fromtimestamp(at, UTC), name, mode, version, jobs, tuple(types.split()),
        _money(worst), cells, measured, counting, bool(closed), _confirms(confirms), problem,
    )  # fmt: skip


def _money(text: str | None) -> Decimal | None:
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def _confirms(text: str | None) -> ConfirmsDocument | None:
    return None if text is None else ConfirmsDocument.model_validate_json(text)


def _run_cells(run: RunRow) -> Mapping[str, Cell]:
    return {
        "run": run.run,
        "name": run.name,
        "type": run.types,
        "mode": run.mode,
        "jobs": run.jobs,
        "measured": run.measured,
        "bucket": run.bucket,
        "closed": "yes" if run.closed else "no",
    }


def metrics(index: HistoryIndex, *, where: Filter = EVERY) -> tuple[MetricRow, ...]:
    """Every metric there is, by suite, the telling ones first.

    Args:
        index: where they are.
        where: over `FIELDS`.
    """
    with damage_told(index.path):
        kept = types_by_setting(index, where)
        found: dict[int, list[tuple[int, int, float, str]]] = {}
        for metric, setting, n, samples, last in index.db.execute(
            "SELECT metric_id, setting_id, n, samples, last FROM series"
        ):
            if setting in kept:
                found.setdefault(metric, []).append((n, samples, last, kept[setting]))
        rows = [
            MetricRow(
                MetricKey(suite, name),
                unit,
                bool(higher),
                sum(one[0] for one in found[metric]),
                sum(one[1] for one in found[metric]),
                len({one[3] for one in found[metric]}),
                datetime.fromtimestamp(max(one[2] for one in found[metric]), UTC),
                headline,
            )
            for metric, suite, name, unit, higher, headline in index.db.execute(
                "SELECT id, suite, name, unit, higher, headline FROM metric"
            )
            if metric in found
        ]
    return tuple(sorted(rows, key=lambda row: (row.key.suite, row.headline, row.key.name)))


def metric_named(index: HistoryIndex, text: str | None, *, where: Filter = EVERY) -> MetricRow:
    """The metric called so; without a name the most telling of the one that has most instances.

    Raises:
        UsageError: there is none, or several; names the nearest.
    """
    known = metrics(index, where=where)
    if not known:
        raise UsageError("the index holds no results", fix="benchtui history --sync")
    if text is None:
        return min(
            known, key=lambda row: (row.headline == NO_RANK, -row.instances, row.headline, str(row.key))
        )
    key = find_metric(text, dict.fromkeys(row.key for row in known))
    return max((row for row in known if row.key == key), key=lambda row: (row.last, row.unit))


def trends(
    index: HistoryIndex,
    metric: MetricRow,
    *,
    where: Filter = EVERY,
    types: Sequence[str] = (),
    since: datetime | None = None,
    floor: float = NOISE_FLOOR,
) -> tuple[Trend, ...]:
    """Trends of a metric: one for each type, region, mode and version of its suite, by type.

    Args:
        index: where the figures are.
        metric: which one.
        where: over `FIELDS`.
        types: instance types; none: all.
        since: none that began earlier.
        floor: noise floor as a fraction.

    Raises:
        UsageError: none of ``types`` has a figure of it; names the nearest.
    """
    with damage_told(index.path):
        settings = settings_of(index, where, metric.key)
        if types:
            known = {str(one.values["type"]) for one in settings}
            strange = next((name for name in types if name not in known), None)
            if strange is not None:
                listed = nearest(strange, sorted(known))
                raise UsageError(f"no figure of {metric.key} is of {strange}", fix=listed)
            settings = [one for one in settings if one.values["type"] in types]
        groups: dict[SeriesKey, list[Setting]] = {}
        for setting in settings:
            groups.setdefault(
                series_key(metric.key, metric.unit, metric.higher_is_better, setting), []
            ).append(setting)
        runs = {
            number: (run, datetime.fromtimestamp(at, UTC))
            for number, run, at in index.db.execute("SELECT id, run, at FROM run")
        }
        (number_of_metric,) = index.db.execute(
            "SELECT id FROM metric WHERE suite = ? AND name = ? AND unit = ? AND higher = ?",
            (metric.key.suite, metric.key.name, metric.unit, metric.higher_is_better),
        ).fetchone()
        found, confirmed = [], confirmations(index)
        for key, of_series in sorted(groups.items(), key=lambda one: _order(one[0])):
            meant = [one for one in confirmed if one.speaks_of(key)]
            series = Series(index, number_of_metric, of_series, _stamp(since))
            figures = series.figures(runs)
            wanted = {run for one in meant for run in (one.run, *one.against)}
            values = series.values(wanted) if wanted else {}
            found.append(trend_of(key, figures, meant, values, left_out=series.left_out, floor=floor))
        return tuple(found)


def _order(key: SeriesKey) -> tuple[str, ...]:
    return key.instance_type, key.region or "", key.mode, key.version or ""


def samples(index: HistoryIndex, run: str, metric: MetricKey) -> dict[str, tuple[float, ...]]:
    """The samples behind the figures of a run, in the metric's unit and as they were measured, by job.

    Jobs without a sample of this metric are not among them; none if the index has no such run.
    """
    found: dict[str, tuple[float, ...]] = {}
    with damage_told(index.path):
        for job, content in index.db.execute(
            "SELECT c.job, s.float64 FROM run r JOIN cell c ON c.run_id = r.id"
            " JOIN samples s ON s.cell_id = c.id JOIN metric m ON m.id = s.metric_id"
            " WHERE r.run = ? AND m.suite = ? AND m.name = ? ORDER BY c.id",
            (run, metric.suite, metric.name),
        ):
            values = array.array("d")
            values.frombytes(content)
            found[job] = tuple(values)
    return found


def totals(index: HistoryIndex) -> dict[str, int]:
    """How much the index holds."""
    with damage_told(index.path):
        (runs,) = index.db.execute("SELECT count(*) FROM run").fetchone()
        found = index.db.execute("SELECT sum(n), sum(samples) FROM series").fetchone()
    return {"runs": runs, "measurements": found[0] or 0, "samples": found[1] or 0}


def _stamp(since: datetime | None) -> float:
    return -1e18 if since is None else since.timestamp()
