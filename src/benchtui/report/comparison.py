"""Charts of a comparison: bars with intervals, speed against price, the cache ladder, history."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from benchtui.core import quoting
from benchtui.core.compare import Cell, Column, Comparison, TypeRow, compare
from benchtui.core.decision import frontier
from benchtui.core.instance_results import Basis, InstanceResult, MetricKey, metric_keys
from benchtui.report.axes import size
from benchtui.report.chart_specs import (
    Bar,
    BarChart,
    Chart,
    EmptyChart,
    LineChart,
    Point,
    ScatterChart,
    Series,
    Tick,
)

#: A metric at one size of a ladder: ``latency.32KiB``, ``read.4MiB``.
RUNG = re.compile(r"(?P<what>[A-Za-z][A-Za-z0-9_.-]*)\.(?P<count>\d{1,12})(?P<unit>B|[KMG](?:iB)?)?")
UNITS = {"B": 1, "K": 2**10, "M": 2**20, "G": 2**30}
KINDS = ("bars", "pareto", "cache", "history")


def chart(kind: str, results: Sequence[InstanceResult], comparison: Comparison, position: int) -> Chart:
    """The chart of this kind of one column of a comparison.

    Args:
        kind: one of `KINDS`.
        results: what was compared.
        comparison: of it.
        position: of the column.

    Raises:
        KeyError: there is no such kind.
    """
    if not comparison.columns:
        return EmptyChart("Nothing to compare", "no result yet")
    if kind == "bars":
        return bars(comparison, position)
    if kind == "pareto":
        return pareto(comparison, position)
    if kind == "cache":
        return ladder(results, comparison.columns[position].key)
    if kind == "history":
        return history(results, comparison, position)
    raise KeyError(kind)


def bars(comparison: Comparison, position: int) -> BarChart:
    """One bar per type, ranked ones best first; the others are drawn differently and say why."""
    column = comparison.columns[position]
    return BarChart(
        title(comparison, column),
        column.unit,
        tuple(_bar(row.name, row.cells[position]) for row in comparison.in_order(position)),
    )


def title(comparison: Comparison, column: Column) -> str:
    """``stream triad.all per instance, median and 95 % interval, higher is better``."""
    better = "higher is better" if column.higher_is_better else "lower is better"
    return f"{column.key.suite} {column.key.name}, {better}, {comparison.confidence * 100:g} % interval"


def _bar(name: str, cell: Cell) -> Bar:
    if cell.estimate is None:
        return Bar(name, None, n=cell.n, note=cell.missing or "", ranked=False)
    bounds = cell.estimate.interval
    return Bar(
        name,
        cell.estimate.value,
        bounds.low if bounds else None,
        bounds.high if bounds else None,
        cell.n,
        quoting.value_text(cell),
        f"not ranked: {cell.not_ranked}" if cell.not_ranked else "",
        cell.ranked,
        tuple(member.value for member in cell.members),
    )


def pareto(comparison: Comparison, position: int) -> Chart:
    """A metric against the price an hour. Only ranked types make the frontier."""
    column = comparison.columns[position]
    heading = f"{column.key.suite} {column.key.name} against price"
    priced = [
        (float(row.usd_per_hour), row)
        for row in comparison.rows
        if row.usd_per_hour is not None and row.cells[position].estimate is not None
    ]
    if not priced:
        reason = "no type has both a result and a price"
        if any(row.local for row in comparison.rows):
            reason += "; this machine is not rented, so it has none"
        return EmptyChart(heading, reason)
    best = {row.name for row in frontier(comparison, position)}
    points = tuple(
        Point(row.name, usd, _value(row, position), row.name in best, _not_ranked(row, position))
        for usd, row in sorted(priced, key=lambda one: (one[0], one[1].name))
    )
    return ScatterChart(heading, "USD per hour", column.unit, points)


def _not_ranked(row: TypeRow, position: int) -> str:
    return "not ranked" if not row.cells[position].ranked else ""


def _value(row: TypeRow, position: int) -> float:
    estimate = row.cells[position].estimate
    assert estimate is not None
    return estimate.value


def rung(key: MetricKey) -> tuple[str, int] | None:
    """What a metric of a ladder measures and at which size in bytes; None for any other metric."""
    match = RUNG.fullmatch(key.name)
    if match is None:
        return None
    count = int(match["count"]) * UNITS[(match["unit"] or "B")[0]]
    return (match["what"], count) if count > 0 else None


def ladder(results: Sequence[InstanceResult], chosen: MetricKey) -> Chart:
    """A metric over the size of what it works on, a line per type; both axes logarithmic.

    Shows the ladder the chosen metric is a rung of, else the first there is.
    """
    rungs = {key: found for key in metric_keys(results) if (found := rung(key)) is not None}
    if not rungs:
        return EmptyChart(
            "Cache ladder", "no result of a suite that measures by size: add cache to [plan] suites"
        )
    lead = chosen if chosen in rungs else next(iter(rungs))
    what = rungs[lead][0]
    steps = sorted(
        (found[1], key) for key, found in rungs.items() if key.suite == lead.suite and found[0] == what
    )
    comparison = compare(results, keys=[key for _, key in steps])
    series = tuple(
        Series(
            row.name,
            tuple(
                (float(count), cell.estimate.value)
                for (count, _), cell in zip(steps, row.cells, strict=True)
                if cell.estimate is not None and not cell.implausible  # a line has no room for a reason
            ),
        )
        for row in comparison.rows
    )
    first, last = steps[0][0], steps[-1][0]
    marks = tuple(
        Tick(2.0**power, size(2.0**power)) for power in range(0, 64, 5) if first <= 2**power <= last
    )
    unit = comparison.columns[0].unit
    return LineChart(
        f"{lead.suite} {what} by size", "bytes", unit, series, log_x=True, log_y=True, x_ticks=marks
    )


def history(results: Sequence[InstanceResult], comparison: Comparison, position: int) -> Chart:
    """A metric over the runs, a line per type."""
    column = comparison.columns[position]
    heading = f"{column.key.suite} {column.key.name} over runs"
    runs: dict[str, datetime] = {one.run: one.planned_at for one in results}
    if len(runs) < 2:
        return EmptyChart(heading, "one run only: a line over time needs the results of several")
    # The same recipe in every run: what the comparison chose, else a new version would look like a change.
    alike = [one for one in results if (one.mode, one.version) == (column.mode, column.version)]
    lines: dict[str, list[tuple[float, float]]] = {row.name: [] for row in comparison.rows}
    for run, at in sorted(runs.items(), key=lambda one: one[1]):
        of_run = compare([one for one in alike if one.run == run], keys=[column.key], basis=comparison.basis)
        for row in of_run.rows:
            estimate = row.cells[0].estimate
            if estimate is not None and not row.cells[0].implausible:
                lines[row.name].append((at.timestamp(), estimate.value))
    series = tuple(Series(name, tuple(points)) for name, points in lines.items() if points)
    marks = tuple(Tick(at.timestamp(), f"{at:%m-%d %H:%M}") for at in sorted(set(runs.values())))
    return LineChart(heading, "start of the run, UTC", column.unit, series, x_ticks=_apart(marks))


def _apart(marks: Sequence[Tick], most: int = 4) -> tuple[Tick, ...]:
    """At most ``most`` of the marks, the first and the last among them."""
    if len(marks) <= most:
        return tuple(marks)
    return tuple(marks[round(at * (len(marks) - 1) / (most - 1))] for at in range(most))


def triad_by_type(results: Sequence[InstanceResult]) -> Chart:
    """Bars of STREAM triad on all cores, for a glance beside the jobs of a run."""
    comparison = compare(results, keys=[MetricKey("stream", "triad.all")], basis=Basis.INSTANCE)
    if not any(cell.estimate for row in comparison.rows for cell in row.cells):
        return EmptyChart("STREAM triad by type", "no job has measured stream yet")
    return bars(comparison, 0)
