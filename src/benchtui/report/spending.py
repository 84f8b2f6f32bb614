"""Spending over time as a chart: what was spent, what is projected, and the cap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from benchtui.core.spend_curve import SpendPoint
from benchtui.core.spending import Spending
from benchtui.report.chart_specs import Cap, Chart, EmptyChart, LineChart, Series, Tick

TICKS = 4
TITLE = "Spent over time"


def spending_chart(spending: Spending, *, to_cap: bool = True) -> Chart:
    """The curve with its projection.

    Args:
        spending: of a run.
        to_cap: show the cap, however far above it is; else only as far as the money goes.
    """
    series = spending.series
    if not series:
        return EmptyChart(TITLE, "no instance has been launched yet")
    lines = [Series(f"spent ${spending.spent_usd:.4f}", _points(series))]
    if len(spending.projection) > 1 and spending.projection[-1].at > spending.at:
        label = f"projected ${spending.projected_usd:.4f}"
        lines.append(Series(label, _points(spending.projection), dashed=True))
    cap = Cap(float(spending.cap_usd), f"cap ${spending.cap_usd:.2f}") if to_cap else None
    first = series[0].at
    last = max(points[-1].at for points in (series, spending.projection) if points)
    return LineChart(TITLE, "time, UTC", "USD est.", tuple(lines), cap=cap, x_ticks=_ticks(first, last))


def _points(points: Sequence[SpendPoint]) -> tuple[tuple[float, float], ...]:
    return tuple((point.at.timestamp(), float(point.usd)) for point in points)


def _ticks(first: datetime, last: datetime) -> tuple[Tick, ...]:
    """Times at equal distances, with their seconds where the whole is short."""
    span = last - first
    form = "%H:%M" if span > timedelta(minutes=8) else "%H:%M:%S"
    if not span:
        return (Tick(first.timestamp(), f"{first:{form}}"),)
    places = (first + span * n / (TICKS - 1) for n in range(TICKS))
    return tuple(Tick(at.timestamp(), f"{at:{form}}") for at in places)
