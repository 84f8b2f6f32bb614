"""The figures of one series, and the runs that were launched to confirm a change in it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from benchtui.core.documents import ConfirmsDocument
from benchtui.core.instance_results import MetricKey
from benchtui.core.levels import RunFigure
from benchtui.core.trend import MARKS, Confirmation, SeriesKey
from benchtui.history.index import HistoryIndex
from benchtui.history.settings import Setting


def series_key(metric: MetricKey, unit: str, higher_is_better: bool, setting: Setting) -> SeriesKey:
    """The series that figures of a metric under a setting belong to."""
    return SeriesKey(
        metric,
        str(setting.values["type"]),
        setting.text("region"),
        str(setting.values["mode"]),
        setting.text("version"),
        unit,
        higher_is_better,
    )


class Series:
    """The figures of one series, summed up run by run in the database.

    Args:
        index: where they are.
        metric: its number there.
        settings: what the series is made of.
        since: seconds since 1970; none that began earlier.

    Attributes:
        left_out: instances that do not count, known once `figures` was asked.
    """

    def __init__(self, index: HistoryIndex, metric: int, settings: Sequence[Setting], since: float) -> None:
        self.left_out = 0
        self._index, self._metric, self._since = index, metric, since
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


def confirmations(index: HistoryIndex) -> tuple[Confirmation, ...]:
    """Runs that were launched to confirm a change, of every series."""
    found = []
    for run, text in index.db.execute("SELECT run, confirms FROM run WHERE confirms IS NOT NULL"):
        said = ConfirmsDocument.model_validate_json(text)
        key = MetricKey(said.suite, said.metric)
        found.append(Confirmation(run, said.since, said.against, key, said.instance_type, said.region))
    return tuple(found)
