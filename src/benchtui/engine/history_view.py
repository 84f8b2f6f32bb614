"""What a client that stays shows of the history: the metrics there are, and the trends of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchtui.core.trend import Trend
from benchtui.history import queries
from benchtui.history.index import HistoryIndex
from benchtui.history.queries import MetricRow


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The index at one moment."""

    totals: Mapping[str, int]
    metrics: tuple[MetricRow, ...]  # by suite, the telling ones first
    metric: MetricRow | None = None  # None: there is none
    trends: tuple[Trend, ...] = ()


def read_history(path: Path, metric: str | None) -> HistoryView:
    """The index as it is; needs no network.

    Args:
        path: the index.
        metric: ``suite/name``; None, or one that is gone: the most telling one.

    Raises:
        BenchtuiError: the index cannot be read.
    """
    with HistoryIndex(path) as index:
        totals, known = queries.totals(index), queries.metrics(index)
        if not known:
            return HistoryView(totals, ())
        row = next((one for one in known if str(one.key) == metric), None)
        chosen = row or queries.metric_named(index, None)
        return HistoryView(totals, known, chosen, queries.trends(index, chosen))
