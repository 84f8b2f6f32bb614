"""The speed a type is predicted to have at work of a given arithmetic intensity: the roofline.

min(peak, intensity × bandwidth), from the measured peak of floating point and the measured bandwidth of
memory. Source: S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model
for multicore architectures", Communications of the ACM 52 (2009) 65-76. It is a bound from two measurements
and no measurement itself: always marked as predicted, never ranked.

Bytes are counted as STREAM counts them, without what a store reads first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from benchtui.core.compare import compare
from benchtui.core.comparison import Cell, TypeRow
from benchtui.core.instance_results import InstanceResult, MetricKey, metric_keys
from benchtui.core.stats import Interval

#: The peak, the best source first; HPL is below it, so a prediction from it is rather too low.
PEAKS = (MetricKey("mixed_precision", "peak.fp64.all"), MetricKey("hpl", "hpl.all"))
BANDWIDTH = MetricKey("stream", "triad.all")
#: 10^15 operations take so many hours at 1 GFLOP/s.
HOURS_PER_WORK = Decimal(10**15) / Decimal(10**9 * 3600)


class Bound(StrEnum):
    """What holds a type back at an intensity."""

    MEMORY = "memory"
    COMPUTE = "compute"
    EITHER = "memory or compute"  # the intervals do not tell


@dataclass(frozen=True, slots=True)
class Prediction:
    """One type; ``reason`` if nothing can be predicted for it."""

    name: str
    n: int = 0  # instances of the metric with fewer
    gflops: float | None = None
    interval: Interval | None = None
    bound: Bound | None = None
    ridge: float | None = None  # flop per byte from which on memory no longer holds it back
    usd: Decimal | None = None  # per 10^15 operations
    reason: str | None = None
    caution: str | None = None  # why its figures would not be ranked


@dataclass(frozen=True, slots=True)
class Roofline:
    """Predictions for an intensity, fastest first."""

    intensity: float  # flop per byte
    peak: MetricKey
    bandwidth: MetricKey
    predictions: tuple[Prediction, ...]
    confidence: float  # of each interval, at least


def roofline(results: Sequence[InstanceResult], intensity: float, confidence: float) -> Roofline:
    """Predict every type's speed.

    The two measured intervals are taken at a confidence that lets both hold at once with ``confidence``.

    Args:
        results: of one or several runs.
        intensity: flop per byte.
        confidence: of the predicted intervals.

    Raises:
        ValueError: the intensity is not positive.
    """
    if not intensity > 0:
        raise ValueError(f"an intensity is more than 0 flop per byte, not {intensity}")
    known = metric_keys(results)
    peak = next((key for key in PEAKS if key in known), PEAKS[0])
    each = 1 - (1 - confidence) / 2
    comparison = compare(results, keys=[peak, BANDWIDTH], confidence=each)
    units = [column.unit for column in comparison.columns]
    predictions = [_predicted(row, intensity, peak, units) for row in comparison.rows]
    predictions.sort(key=lambda one: (one.gflops is None, -(one.gflops or 0.0), one.name))
    return Roofline(intensity, peak, BANDWIDTH, tuple(predictions), confidence)


def _predicted(row: TypeRow, intensity: float, peak_key: MetricKey, units: Sequence[str]) -> Prediction:
    peak, bandwidth = row.cells
    for key, cell, unit, wanted in (
        (peak_key, peak, units[0], "GFLOP/s"),
        (BANDWIDTH, bandwidth, units[1], "GB/s"),
    ):
        if cell.estimate is not None and unit != wanted:
            return Prediction(row.name, reason=f"{key} is in {unit}, not {wanted}")
        if cell.estimate is None:
            return Prediction(row.name, reason=f"{key}: {cell.missing}")
        if cell.implausible:
            return Prediction(row.name, reason=f"{key}: {cell.not_ranked}")
    assert peak.estimate is not None
    assert bandwidth.estimate is not None
    top, slope = peak.estimate.value, bandwidth.estimate.value
    gflops = min(top, intensity * slope)
    interval, bound = None, Bound.MEMORY if intensity * slope < top else Bound.COMPUTE
    tops, slopes = peak.estimate.interval, bandwidth.estimate.interval
    if tops is not None and slopes is not None:
        low, high = intensity * slopes.low, intensity * slopes.high
        interval = Interval(min(tops.low, low), min(tops.high, high))
        if low <= tops.high and tops.low <= high:
            bound = Bound.EITHER
    price = row.usd_per_hour
    return Prediction(
        row.name,
        min(peak.n, bandwidth.n),
        gflops,
        interval,
        bound,
        top / slope,
        None if price is None else price * HOURS_PER_WORK / Decimal(repr(gflops)),
        caution=_caution(peak, bandwidth),
    )


def _caution(*cells: Cell) -> str | None:
    return next((cell.not_ranked for cell in cells if cell.not_ranked), None)
