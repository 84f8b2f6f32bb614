"""What formats with one number per type and metric start from, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchtui.core.compare import Cell, Column, compare
from benchtui.core.instance_results import metric_keys
from benchtui.core.run_records import RunRecord, all_rows


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of one type."""

    instance_type: str
    column: Column
    cell: Cell


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a format does not hold, and why."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


def figures(records: Sequence[RunRecord]) -> tuple[Figure, ...]:
    """Every metric of every type, by type; what is not comparable was left out as in `compare`."""
    rows = all_rows(records)
    comparison = compare(rows, keys=metric_keys(rows))
    return tuple(
        Figure(row.name, column, cell)
        for row in comparison.rows
        for column, cell in zip(comparison.columns, row.cells, strict=True)
    )


def not_ranked(found: Iterable[Figure]) -> Iterator[LeftOut]:
    """Of each type and suite, why figures have no rank: one line for each reason."""
    reasons: dict[tuple[str, str, str], int] = {}
    for one in found:
        if not one.cell.ranked:
            why = one.cell.missing or one.cell.not_ranked or "not measured"
            key = (one.instance_type, one.column.key.suite, why)
            reasons[key] = reasons.get(key, 0) + 1
    for (name, suite, why), count in reasons.items():
        yield LeftOut(f"{name} {suite}, {count} metric{'' if count == 1 else 's'}", why)
