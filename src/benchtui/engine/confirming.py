"""A suspected change for the worse, and the run that settles it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.core.documents import ConfirmsDocument
from benchtui.core.errors import BenchtuiError
from benchtui.core.filter import Filter
from benchtui.core.trend import Change, Settled, Trend
from benchtui.history import queries
from benchtui.history.index import HistoryIndex

if TYPE_CHECKING:
    from benchtui.config.schema import Config
    from benchtui.history.queries import MetricRow

#: Runs of the level before that fresh instances are compared with, the newest.
MOST_AGAINST = 50


@dataclass(frozen=True, slots=True)
class Suspect:
    """A change that fresh instances have to settle."""

    trend: Trend
    change: Change

    @property
    def document(self) -> ConfirmsDocument:
        """What the run that settles it says of itself in its run.json."""
        key = self.trend.key
        return ConfirmsDocument(
            suite=key.metric.suite,
            metric=key.metric.name,
            instance_type=key.instance_type,
            region=key.region,
            since=self.change.since.run,
            against=self.change.before.runs[-MOST_AGAINST:],
        )


def read_trends(
    path: Path,
    metric: str | None,
    types: Sequence[str] = (),
    expression: str = "",
    since: datetime | None = None,
) -> tuple[MetricRow, tuple[Trend, ...]]:
    """The trends of a metric as the index has them.

    Args:
        path: the index.
        metric: its name; None: the most telling of the one that has most instances.
        types: instance types; none: all.
        expression: in the filter language, over settings.
        since: nothing that began earlier.

    Raises:
        UsageError: there is no such metric or type; names the nearest.
    """
    where = Filter.parse(expression, queries.FIELDS)
    with HistoryIndex(path) as index:
        row = queries.metric_named(index, metric, where=where)
        return row, queries.trends(index, row, where=where, types=types, since=since)


def suspects(path: Path, metric: str | None, types: Sequence[str] = ()) -> tuple[Suspect, ...]:
    """Changes for the worse that nothing has settled, the newest first.

    Args:
        path: the index.
        metric: of this one; None: of all.
        types: instance types; none: all.
    """
    with HistoryIndex(path) as index:
        rows = queries.metrics(index) if metric is None else (queries.metric_named(index, metric),)
        found = [
            Suspect(trend, change)
            for row in rows
            for trend in queries.trends(index, row)
            for change in trend.suspects
            if not types or trend.key.instance_type in types
        ]
    return tuple(sorted(found, key=lambda one: one.change.since.at, reverse=True))


def plan_of(config: Config, suspect: Suspect, replicates: int) -> Config:
    """The settings with a plan of fresh instances of the suspect type alone, in its region and mode.

    Raises:
        BenchtuiError: the settings cannot carry it.
    """
    key = suspect.trend.key
    if key.mode not in ("quick", "full"):
        raise BenchtuiError(
            f"a run in mode {key.mode} cannot be planned", fix="confirm quick or full results"
        )
    regions = (key.region,) if key.region is not None else ()
    plan = config.plan.model_copy(
        update={
            "name": f"confirm {key.metric} {key.instance_type}"[:80],
            "types": (key.instance_type,),
            "suites": (key.metric.suite,),
            "regions": regions,
            "region_fallback": False,
            "replicates": replicates,
            "mode": key.mode,
            "include": (),
            "exclude": (),
        }
    )
    return config.model_copy(update={"plan": plan})


def settled_by(path: Path, suspect: Suspect, run: str) -> tuple[Trend, Settled] | None:
    """What the instances of ``run`` and of others that were launched for the same say; None: nothing yet."""
    key = suspect.trend.key
    _, trends = read_trends(path, str(key.metric), (key.instance_type,))
    for trend in trends:
        if (trend.key.region, trend.key.mode, trend.key.version) == (key.region, key.mode, key.version):
            found = next((one for one in trend.settled if run in one.runs), None)
            return None if found is None else (trend, found)
    return None
