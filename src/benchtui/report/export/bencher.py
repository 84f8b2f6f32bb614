"""Bencher Metric Format: a benchmark per instance type, a measure per metric, with its interval.

The format is bencher.dev/docs/reference/bencher-metric-format: an object of benchmarks (name of at most 1024
characters) of measures (name of at most 64) of ``value`` with optional ``lower_value`` and ``upper_value``.
Units and directions are settings of the measure at Bencher, so a measure carries suite and unit in its name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchtui.core.run_records import RunRecord
from benchtui.report.export.figures import LeftOut, figures

LONGEST_MEASURE = 64


def as_bencher(records: Sequence[RunRecord]) -> tuple[str, tuple[LeftOut, ...]]:
    """What is verified and plausible, however few instances; the interval from two on."""
    kept: dict[str, dict[str, Any]] = {}
    left: dict[LeftOut, None] = {}
    for one in figures(records):
        key, cell = one.column.key, one.cell
        measure = f"{key} ({one.column.unit})"
        if cell.estimate is None or not all(member.counts for member in cell.members):
            why = cell.missing or cell.not_ranked or "not verified"
            left[LeftOut(f"{one.instance_type} {key.suite}", why)] = None
        elif len(measure) > LONGEST_MEASURE:
            left[LeftOut(f"{key}", f"its name has more than {LONGEST_MEASURE} characters")] = None
        else:
            value: dict[str, float] = {"value": cell.estimate.value}
            bounds = cell.estimate.interval
            if bounds is not None:
                value |= {"lower_value": bounds.low, "upper_value": bounds.high}
            kept.setdefault(one.instance_type, {})[measure] = value
    return json.dumps(kept, indent=1, allow_nan=False) + "\n", tuple(left)
