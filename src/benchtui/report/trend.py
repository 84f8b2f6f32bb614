"""Trends as charts, as sentences and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchtui.core.levels import Level
from benchtui.core.stats import Interval
from benchtui.core.trend import Change, Mark, Settled, State, Trend
from benchtui.report.chart_specs import Chart, EmptyChart, LineChart, Series, Tick

#: Lines in one chart: more cannot be told apart.
MOST_LINES = 6
#: Figures of one line: beyond it every so many runs are one point, their geometric mean.
MOST_POINTS = 400
MOST_TICKS = 5


def trend_chart(trends: Sequence[Trend]) -> Chart:
    """Runs over time, a line for each series; of one series its levels as well, dashed."""
    drawn = [trend for trend in trends if trend.runs][:MOST_LINES]
    heading = _heading(trends)
    if not drawn:
        return EmptyChart(heading, "no figure that is verified and plausible")
    several = len({trend.key.instance_type for trend in drawn}) < len(drawn)
    lines = [Series(series_name(trend, full=several), _thinned(trend)) for trend in drawn]
    if len(drawn) == 1 and len(drawn[0].levels) > 1:
        for number, level in enumerate(drawn[0].levels, 1):
            ends = (level.figures[0].at.timestamp(), level.figures[-1].at.timestamp())
            lines.append(Series(f"level {number}", tuple((at, level.value) for at in ends), dashed=True))
    starts = sorted({one.at for trend in drawn for level in trend.levels for one in level.figures})
    steps = min(MOST_TICKS, len(starts))
    chosen = (
        starts if steps < 2 else [starts[round(at * (len(starts) - 1) / (steps - 1))] for at in range(steps)]
    )
    ticks = tuple(Tick(at.timestamp(), f"{at:%Y-%m-%d}") for at in dict.fromkeys(chosen))
    return LineChart(heading, "start of the run, UTC", drawn[0].key.unit, tuple(lines), x_ticks=ticks)


def _heading(trends: Sequence[Trend]) -> str:
    if not trends:
        return "Trend"
    key = trends[0].key
    better = "higher is better" if key.higher_is_better else "lower is better"
    return f"{key.metric} over time, {better}"


def series_name(trend: Trend, *, full: bool = True) -> str:
    """``c7g.large us-east-1 quick v2``, or the type alone."""
    key = trend.key
    if not full:
        return key.instance_type
    version = f"v{key.version}" if key.version is not None else ""
    return " ".join(part for part in (key.instance_type, key.region, key.mode, version) if part)


def _thinned(trend: Trend) -> tuple[tuple[float, float], ...]:
    figures = [figure for level in trend.levels for figure in level.figures]
    step = -(-len(figures) // MOST_POINTS)
    groups = [figures[at : at + step] for at in range(0, len(figures), step)]
    return tuple((group[len(group) // 2].at.timestamp(), Level(tuple(group)).value) for group in groups)


def change_words(trend: Trend, change: Change) -> str:
    """``c7g.large …: 10.0 % worse since 2026-02-10 (RUN), 95 % interval …: suspect; with it came …``."""
    word = "better" if change.state is State.IMPROVED else "worse"
    span = _percent_span(change.interval)
    said = (
        f"{series_name(trend)}: {abs(change.ratio - 1) * 100:.1f} % {word} since {change.since.at:%Y-%m-%d} "
        f"({change.since.run}), 95 % interval {span}"
    )
    if change.state is not State.IMPROVED:
        said += f": {change.state.value}"
    if change.fresh_interval is not None and change.fresh_ratio is not None:
        said += (
            f" by {change.fresh} fresh instances ({(change.fresh_ratio - 1) * 100:+.1f} %, "
            f"{_percent_span(change.fresh_interval)})"
        )
    if change.marks:
        said += "; with it came " + ", ".join(mark.words for mark in change.marks)
    return said


def settled_words(trend: Trend, settled: Settled) -> str:
    """What fresh instances said of a suspicion."""
    said = f"{series_name(trend)}: the change suspected since {settled.since} is {settled.state.value}"
    if settled.ratio is None or settled.interval is None:
        return f"{said}: {settled.n} fresh instances count, 2 needed"
    return (
        f"{said}: {settled.n} fresh instances are at {settled.ratio * 100:.1f} % of the level before "
        f"({_percent_span(settled.interval)})"
    )


def _percent_span(interval: Interval) -> str:
    return f"{(interval.low - 1) * 100:+.1f} to {(interval.high - 1) * 100:+.1f} %"


def mark_words(mark: Mark) -> str:
    """``2026-02-10 kernel 1 → 2``."""
    return f"{mark.at:%Y-%m-%d} {mark.words}"


def trend_fields(trend: Trend) -> dict[str, Any]:
    """A trend for ``--json``; figures are of runs, geometric means of their instances."""
    key = trend.key
    return {
        "metric": str(key.metric),
        "type": key.instance_type,
        "region": key.region,
        "mode": key.mode,
        "suite_version": key.version,
        "unit": key.unit,
        "higher_is_better": key.higher_is_better,
        "noise_floor": trend.floor,
        "instances": trend.instances,
        "left_out": trend.left_out,
        "runs": [
            {"run": figure.run, "at": figure.at, "value": figure.value, "n": figure.n}
            for level in trend.levels
            for figure in level.figures
        ],
        "levels": [
            {"value": level.value, "from": level.runs[0], "to": level.runs[-1], "runs": len(level.runs)}
            for level in trend.levels
        ],
        "changes": [_change_fields(change) for change in trend.changes],
        "marks": [_mark_fields(mark) for mark in trend.marks],
        "confirmations": [
            {
                "since": one.since,
                "runs": list(one.runs),
                "state": one.state.value,
                "instances": one.n,
                "ratio": one.ratio,
                "interval": _interval(one.interval),
            }
            for one in trend.settled
        ],
    }


def _change_fields(change: Change) -> dict[str, Any]:
    return {
        "since": change.since.run,
        "at": change.since.at,
        "ratio": change.ratio,
        "interval": _interval(change.interval),
        "p": change.p,
        "state": change.state.value,
        "marks": [_mark_fields(mark) for mark in change.marks],
        "fresh_instances": change.fresh,
        "fresh_ratio": change.fresh_ratio,
        "fresh_interval": _interval(change.fresh_interval),
    }


def _mark_fields(mark: Mark) -> dict[str, Any]:
    return {"run": mark.run, "at": mark.at, "what": mark.what, "before": mark.before, "after": mark.after}


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
