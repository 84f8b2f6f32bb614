"""References for ReFrame: what one more instance of a type should measure, as (value, lower, upper, unit).

The thresholds are fractions of the value, lower in [-1, 0] and upper at least 0, as `assert_reference` of
ReFrame takes them (reframe/utility/sanity.py). ReFrame holds one new measurement against them, so they are
those of a prediction interval: the interval of the mean alone would refuse sound instances. With instance
medians x on logarithms, n of them, the interval for one more is

    mean(log x) ± t(0.975, n - 1) · s · √(1 + 1/n)

(G. J. Hahn and W. Q. Meeker, "Statistical Intervals", 1991, section 4.7), and never narrower than the noise
floor.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from typing import Any

from benchtui.core.distributions import t_quantile
from benchtui.core.run_records import RunRecord
from benchtui.core.stats import CONFIDENCE, NOISE_FLOOR
from benchtui.report.export.figures import Figure, LeftOut, figures, not_ranked

Reference = tuple[float, float, float, str]


def references(
    records: Sequence[RunRecord],
) -> tuple[dict[str, dict[str, Reference]], tuple[LeftOut, ...]]:
    """By instance type and ``suite.metric``; only what is ranked, and what is not."""
    found = figures(records)
    kept: dict[str, dict[str, Reference]] = {}
    for one in found:
        if one.cell.ranked:
            key = one.column.key
            kept.setdefault(one.instance_type, {})[f"{key.suite}.{key.name}"] = _reference(one)
    return kept, tuple(not_ranked(found))


def _reference(one: Figure) -> Reference:
    logs = [math.log(member.value) for member in one.cell.members]
    n = len(logs)
    spread = t_quantile((1 + CONFIDENCE) / 2, n - 1) * statistics.stdev(logs) * math.sqrt(1 + 1 / n)
    spread = max(spread, math.log1p(NOISE_FLOOR))
    value = math.exp(math.fsum(logs) / n)
    # Above e^700 no float is left: nothing is refused there anyway.
    upper = math.expm1(min(spread, 700.0))
    return _digits(value), _digits(math.expm1(-spread)), _digits(upper), one.column.unit


def _digits(value: float) -> float:
    return float(f"{value:.6g}")


def as_python(records: Sequence[RunRecord]) -> tuple[str, tuple[LeftOut, ...]]:
    """A Python module with ``reference``, to be imported by a ReFrame test."""
    kept, left = references(records)
    runs = ", ".join(record.run.run for record in records)
    lines = [
        f'"""References for ReFrame from benchtui runs {runs}: 95 % intervals for one more instance."""',
        "",
        "reference = {",
    ]
    for name, of_type in kept.items():
        lines.append(f"    {json.dumps(name)}: {{")
        for key, (value, lower, upper, unit) in of_type.items():
            lines.append(f"        {json.dumps(key)}: ({value!r}, {lower!r}, {upper!r}, {json.dumps(unit)}),")
        lines.append("    },")
    lines += ["}", ""]
    return "\n".join(lines), left


def as_json(records: Sequence[RunRecord]) -> tuple[str, tuple[LeftOut, ...]]:
    """The same as JSON; lists become tuples when a test reads them."""
    kept, left = references(records)
    content: dict[str, Any] = {"reference": kept}
    return json.dumps(content, indent=1, allow_nan=False) + "\n", left
