"""A comparison as plain values for ``--json``: every figure with what it stands on."""

from __future__ import annotations

from typing import Any

from benchtui.core import quoting
from benchtui.core.comparison import Cell, Column, Comparison, TypeRow
from benchtui.core.fingerprint import Difference
from benchtui.core.multiplicity import Family
from benchtui.core.stats import Interval


def comparison_fields(comparison: Comparison) -> dict[str, Any]:
    """Fields of the ``compare`` document; what is not known is null, money is a string."""
    position = 0
    quoted = comparison.telling(position)
    return {
        "by": comparison.basis.value,
        "baseline": comparison.baseline,
        "confidence": comparison.confidence,
        "noise_floor": comparison.floor,
        "earlier_runs": sorted({one.run for row in comparison.earlier for one in row.results}),
        "families": [_family(family) for family in comparison.families],
        "differences": [_difference(one) for one in comparison.differences],
        "metrics": [_column(column) for column in comparison.columns],
        "types": [_row(comparison, row) for row in comparison.in_order(position)],
        "remarks": list(quoting.remarks(comparison, position)),
        "sentence": quoting.sentence(comparison, quoted, position) if quoted else None,
    }


def _column(column: Column) -> dict[str, Any]:
    return {
        "metric": str(column.key),
        "unit": column.unit,
        "higher_is_better": column.higher_is_better,
        "mode": column.mode,
        "suite_version": column.version,
    }


def _row(comparison: Comparison, row: TypeRow) -> dict[str, Any]:
    price = row.usd_per_hour
    known = [one for one in row.results if one.price is not None] if price is not None else []
    return {
        "type": row.name,
        "arch": next((one.arch for one in row.results if one.arch), None),
        "vcpus": next((one.vcpus for one in row.results if one.vcpus), None),
        "cores": next((one.cores for one in row.results if one.cores), None),
        "usd_per_hour": None if price is None else str(price),
        "price_basis": sorted({one.price.basis for one in known if one.price}),
        "price_as_of": max((one.price.as_of for one in known if one.price), default=None),
        "cells": [
            {"metric": str(column.key), **_cell(comparison, row, at)}
            for at, column in enumerate(comparison.columns)
        ],
    }


def _cell(comparison: Comparison, row: TypeRow, position: int) -> dict[str, Any]:
    cell = row.cells[position]
    word = quoting.verdict_word(comparison, row, position)
    return {
        "value": cell.estimate.value if cell.estimate else None,
        "interval": _interval(cell.estimate.interval if cell.estimate else None),
        "n": cell.n,
        "ranked": cell.ranked,
        "verdict": None if word == quoting.UNKNOWN else word,
        "ratio": cell.against.ratio if cell.against else None,
        "ratio_interval": _interval(cell.against.interval if cell.against else None),
        "ratio_confidence": cell.against.confidence if cell.against else None,
        "ratio_interval_alone": _interval(_alone(comparison, cell)),
        "adjusted_p": cell.against.adjusted if cell.against else None,
        "earlier": _earlier(comparison, row, position),
        "reason": quoting.why(cell) or None,
        "outliers": list(cell.outliers),
        "unverified_left_out": cell.unverified,
        "implausible": list(cell.doubted),
        "instances": _members(cell),
    }


def _alone(comparison: Comparison, cell: Cell) -> Interval | None:
    """The interval that this comparison would have if it were the only one."""
    return cell.against.contrast.interval(comparison.confidence) if cell.against else None


def _earlier(comparison: Comparison, row: TypeRow, position: int) -> dict[str, Any] | None:
    """The figure of earlier runs; null without such."""
    base = comparison.base_of(row) if comparison.earlier else None
    cell = base.cells[position] if base is not None else None
    if cell is None or cell.estimate is None:
        return None
    return {"value": cell.estimate.value, "interval": _interval(cell.estimate.interval), "n": cell.n}


def _family(family: Family) -> dict[str, Any]:
    return {
        "correction": family.correction.value,
        "comparisons": family.size,
        "error": family.error,
        "metrics": list(family.metrics),
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "what": one.what,
        "within": one.within,
        "types": list(one.types),
        "suite": one.suite,
        "values": [{"value": value, "instances": count} for value, count in one.values],
    }


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _members(cell: Cell) -> list[dict[str, Any]]:
    return [
        {
            "run": one.run,
            "job": one.job,
            "value": one.value,
            "verified": one.verified,
            "plausible": one.doubt is None,
        }
        for one in cell.members
    ]
