"""What is asked of the index: its runs, its metrics, and trends; narrowed by the filter language of tables.

A filter is applied to settings, of which there are few, and what remains goes into the query as numbers.
"""

from __future__ import annotations

import array
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from benchtui.core.documents import ConfirmsDocument
from benchtui.core.errors import UsageError
from benchtui.core.filter import Cell, Field, Filter, number
from benchtui.core.instance_results import NO_RANK, MetricKey, find_metric, nearest
from benchtui.core.stats import NOISE_FLOOR
from benchtui.core.trend import MARKS, Confirmation, RunFigure, SeriesKey, Trend, trend_of
from benchtui.history.index import HistoryIndex, damage_told
from benchtui.history.schema import DIMENSIONS

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


@dataclass(frozen=True, slots=True)
class _Setting:
    id: int
    values: Mapping[str, str | int]

    def text(self, name: str) -> str | None:
        return str(self.values[name]) or None

    @property
    def marks(self) -> tuple[str, ...]:
        return tuple(str(self.values[what]) for what in MARKS)

    @property
    def cells(self) -> Mapping[str, Cell]:
        return {name: None if value in ("", -1) else value for name, value in self.values.items()}


def _settings(index: HistoryIndex, where: Filter, metric: MetricKey | None = None) -> list[_Setting]:
    """Settings that pass the filter; with a metric only those it was measured under."""
    columns = ", ".join(f"s.{name}" for name in DIMENSIONS)
    sql = f"SELECT s.id, b.name, {columns} FROM setting s JOIN bucket b ON b.id = s.bucket_id"  # noqa: S608
    arguments: tuple[str, ...] = ()
    if metric is not None:
        sql += (
            " WHERE s.id IN (SELECT x.setting_id FROM series x JOIN metric m ON m.id = x.metric_id"
            " WHERE m.suite = ? AND m.name = ?)"
        )
        arguments = (metric.suite, metric.name)
    found = []
    for row in index.db.execute(sql, arguments):
        setting = _Setting(row[0], {"bucket": row[1], **dict(zip(DIMENSIONS, row[2:], strict=True))})
        if not where or where.matches(setting.cells):
            found.append(setting)
    return found


def _types(index: HistoryIndex, where: Filter) -> dict[int, str]:
    """Instance type by setting, of those that pass the filter."""
    if not where:
        return dict(index.db.execute("SELECT id, type FROM setting"))
    return {setting.id: str(setting.values["type"]) for setting in _settings(index, where)}


def metrics(index: HistoryIndex, *, where: Filter = EVERY) -> tuple[MetricRow, ...]:
    """Every metric there is, by suite, the telling ones first.

    Args:
        index: where they are.
        where: over `FIELDS`.
    """
    with damage_told(index.path):
        kept = _types(index, where)
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
        settings = _settings(index, where, metric.key)
        if types:
            known = {str(one.values["type"]) for one in settings}
            strange = next((name for name in types if name not in known), None)
            if strange is not None:
                listed = nearest(strange, sorted(known))
                raise UsageError(f"no figure of {metric.key} is of {strange}", fix=listed)
            settings = [one for one in settings if one.values["type"] in types]
        groups: dict[SeriesKey, list[_Setting]] = {}
        for setting in settings:
            groups.setdefault(_series_key(metric, setting), []).append(setting)
        runs = {
            number: (run, datetime.fromtimestamp(at, UTC))
            for number, run, at in index.db.execute("SELECT id, run, at FROM run")
        }
        (number_of_metric,) = index.db.execute(
            "SELECT id FROM metric WHERE suite = ? AND name = ? AND unit = ? AND higher = ?",
            (metric.key.suite, metric.key.name, metric.unit, metric.higher_is_better),
        ).fetchone()
        found = []
        for key, of_series in sorted(groups.items(), key=lambda one: _order(one[0])):
            meant = [one for one in _confirmations(index) if one.speaks_of(key)]
            series = _Series(index, number_of_metric, of_series, since)
            figures = series.figures(runs)
            wanted = {run for one in meant for run in (one.run, *one.against)}
            values = series.values(wanted) if wanted else {}
            found.append(trend_of(key, figures, meant, values, left_out=series.left_out, floor=floor))
        return tuple(found)


def _order(key: SeriesKey) -> tuple[str, ...]:
    return key.instance_type, key.region or "", key.mode, key.version or ""


def _series_key(metric: MetricRow, setting: _Setting) -> SeriesKey:
    return SeriesKey(
        metric.key,
        str(setting.values["type"]),
        setting.text("region"),
        str(setting.values["mode"]),
        setting.text("version"),
        metric.unit,
        metric.higher_is_better,
    )


class _Series:
    """The figures of one series, summed up run by run in the database."""

    def __init__(
        self, index: HistoryIndex, metric: int, settings: Sequence[_Setting], since: datetime | None
    ) -> None:
        self.left_out = 0
        self._index, self._metric, self._since = index, metric, _stamp(since)
        self._kinds = {setting.id: setting.marks for setting in settings}
        self._together: dict[str, Mapping[str, frozenset[str]]] = {}

    def figures(self, runs: Mapping[int, tuple[str, datetime]]) -> list[RunFigure]:
        """One for each run."""
        found: list[RunFigure] = []
        for run, settings, log, n, every in self._rows(
            "m.run_id, group_concat(DISTINCT m.setting_id), total(CASE WHEN m.counts THEN m.log END),"
            " sum(m.counts AND m.log NOTNULL), count(*)",
            "GROUP BY m.run_id",
        ):
            self.left_out += every - n
            if n and run in runs:  # else the run came in since they were read
                found.append(RunFigure(*runs[run], log / n, n, self._together_of(settings)))
        return found

    def values(self, runs: Collection[str]) -> dict[str, list[float]]:
        """Figures of the instances of some runs that count."""
        found: dict[str, list[float]] = {}
        for run, median in self._rows(
            "(SELECT r.run FROM run r WHERE r.id = m.run_id) AS run_name, m.median",
            "AND m.counts AND m.log NOTNULL",
        ):
            if run in runs:
                found.setdefault(run, []).append(median)
        return found

    def _rows(self, columns: str, rest: str) -> Iterator[Sequence[Any]]:
        # As JSON, for a statement has only so many places for values.
        sql = (
            f"SELECT {columns} FROM measurement m WHERE m.metric_id = ?"  # noqa: S608
            f" AND m.setting_id IN (SELECT value FROM json_each(?)) AND m.at >= ? {rest}"
        )
        ids = json.dumps(list(self._kinds))
        yield from self._index.db.execute(sql, (self._metric, ids, self._since))

    def _together_of(self, settings: str) -> Mapping[str, frozenset[str]]:
        """What was known of instances of several settings; runs of the same ones share it."""
        known = self._together.get(settings)
        if known is None:
            kinds = [self._kinds[int(one)] for one in settings.split(",")]
            known = {what: frozenset(kind[at] for kind in kinds if kind[at]) for at, what in enumerate(MARKS)}
            self._together[settings] = known
        return known


def _confirmations(index: HistoryIndex) -> tuple[Confirmation, ...]:
    found = []
    for run, text in index.db.execute("SELECT run, confirms FROM run WHERE confirms IS NOT NULL"):
        said = ConfirmsDocument.model_validate_json(text)
        key = MetricKey(said.suite, said.metric)
        found.append(Confirmation(run, said.since, said.against, key, said.instance_type, said.region))
    return tuple(found)


def samples(index: HistoryIndex, run: str, job: str, metric: MetricKey) -> tuple[float, ...]:
    """The samples behind one figure, as they were measured; none if the index has none."""
    with damage_told(index.path):
        row = index.db.execute(
            "SELECT float64 FROM samples"
            " WHERE cell_id IN (SELECT c.id FROM run r JOIN cell c ON c.run_id = r.id"
            "                   WHERE r.run = ? AND c.job = ?)"
            " AND metric_id IN (SELECT id FROM metric WHERE suite = ? AND name = ?)",
            (run, job, metric.suite, metric.name),
        ).fetchone()
    if row is None:
        return ()
    values = array.array("d")
    values.frombytes(row[0])
    return tuple(values)


def totals(index: HistoryIndex) -> dict[str, int]:
    """How much the index holds."""
    with damage_told(index.path):
        (runs,) = index.db.execute("SELECT count(*) FROM run").fetchone()
        found = index.db.execute("SELECT sum(n), sum(samples) FROM series").fetchone()
    return {"runs": runs, "measurements": found[0] or 0, "samples": found[1] or 0}


def _stamp(since: datetime | None) -> float:
    return -1e18 if since is None else since.timestamp()
