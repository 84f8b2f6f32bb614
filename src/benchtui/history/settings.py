"""What figures were measured under: the few rows that a filter is applied to in place of the figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchtui.core.filter import Cell, Filter
from benchtui.core.instance_results import MetricKey
from benchtui.core.trend import MARKS
from benchtui.history.index import HistoryIndex
from benchtui.history.schema import DIMENSIONS


@dataclass(frozen=True, slots=True)
class Setting:
    """What figures share: type, suite, region, image, …, by the names of `DIMENSIONS`, and the bucket."""

    id: int
    values: Mapping[str, str | int]  # '' and -1: not known

    def text(self, name: str) -> str | None:
        """One of them as text; None: not known."""
        return str(self.values[name]) or None

    @property
    def marks(self) -> tuple[str, ...]:
        """What is told of it beside a figure, in the order of `MARKS`."""
        return tuple(str(self.values[what]) for what in MARKS)

    @property
    def cells(self) -> Mapping[str, Cell]:
        """As a filter looks at it."""
        return {name: None if value in ("", -1) else value for name, value in self.values.items()}


def settings_of(index: HistoryIndex, where: Filter, metric: MetricKey | None = None) -> list[Setting]:
    """Settings that pass the filter; with a metric only those it was measured under.

    Raises:
        sqlite3.DatabaseError: the file is none, is held by others, or cannot be read.
    """
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
        setting = Setting(row[0], {"bucket": row[1], **dict(zip(DIMENSIONS, row[2:], strict=True))})
        if not where or where.matches(setting.cells):
            found.append(setting)
    return found


def types_by_setting(index: HistoryIndex, where: Filter) -> dict[int, str]:
    """Instance type by the setting's number, of those that pass the filter.

    Raises:
        sqlite3.DatabaseError: the file is none, is held by others, or cannot be read.
    """
    if not where:
        return dict(index.db.execute("SELECT id, type FROM setting"))
    return {setting.id: str(setting.values["type"]) for setting in settings_of(index, where)}
