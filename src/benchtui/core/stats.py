"""Statistics of instances: intervals of a geometric mean and of a ratio, and what a ratio says.

The instance is the unit. Its repetitions share one place in memory, one neighbour, one host: they are
summed up in one median before anything here sees them. All figures are positive and compared by ratio, so
everything happens on logarithms.

Sources: B. L. Welch, "The generalization of 'Student's' problem when several different population variances
are involved", Biometrika 34 (1947) 28-35; F. E. Satterthwaite, Biometrics Bulletin 2 (1946) 110-114 for the
degrees of freedom; B. Iglewicz and D. Hoaglin, "How to Detect and Handle Outliers" (1993) for the labels.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchtui.core.distributions import t_quantile, t_tails

CONFIDENCE = 0.95
#: Differences below it say nothing about a type: hosts, zones and days differ by as much.
NOISE_FLOOR = 0.02
#: Fewer instances of a type are shown, never ranked.
RANKED_FROM = 3
#: Iglewicz and Hoaglin's limit of the modified z score.
OUTLYING_SCORE = 3.5
OUTLIERS_FROM = 4

_LARGEST_LOG = math.log(sys.float_info.max)
_SMALLEST_LOG = math.log(sys.float_info.min)


class Verdict(StrEnum):
    """What an interval of a ratio says, in words."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Interval:
    """Two bounds, ``low`` ≤ ``high``."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A geometric mean of ``n`` instances; no interval for one instance."""

    value: float
    n: int
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Contrast:
    """The logarithm of a ratio with what an interval of any confidence needs.

    A correction for several comparisons changes the confidence, not the contrast.
    """

    log_ratio: float
    standard_error: float
    degrees: float

    @classmethod
    def of_sides(cls, log_ratio: float, ours: float, n: int, theirs: float, m: int) -> Contrast:
        """From two squared standard errors, of ``n`` and ``m`` instances."""
        return cls(log_ratio, math.sqrt(ours + theirs), _degrees(ours, n, theirs, m))

    @property
    def ratio(self) -> float:
        """The ratio itself."""
        return _exp(self.log_ratio)

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Interval of the ratio that covers the true one with this probability."""
        half = t_quantile((1 + confidence) / 2, self.degrees) * self.standard_error
        return Interval(_exp(self.log_ratio - half), _exp(self.log_ratio + half))

    def p_value(self) -> float:
        """Two-sided probability of a ratio at least as far from 1 if the types were equal."""
        if self.standard_error == 0:
            return 1.0 if self.log_ratio == 0 else 0.0
        return t_tails(abs(self.log_ratio) / self.standard_error, self.degrees)

    def deciding_level(self, floor: float = NOISE_FLOOR) -> float:
        """Probability of error at which this comparison begins to say something.

        The interval of confidence 1 - p gives a verdict other than inconclusive for every p above it, and
        none below: the interval's end then touches the noise floor. It is the two-sided p value of the claim
        that is made, whichever that is: beyond the floor on either side, or within.

        Args:
            floor: the smallest difference that counts, as a fraction.
        """
        distance = abs(abs(self.log_ratio) - math.log1p(floor))
        if self.standard_error == 0:
            return 1.0 if distance == 0 else 0.0
        return t_tails(distance / self.standard_error, self.degrees)


def median(samples: Sequence[float]) -> float:
    """Median of one instance's repetitions.

    Raises:
        ValueError: there are none.
    """
    if not samples:
        raise ValueError("no samples")
    return statistics.median(samples)


def geometric_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Geometric mean of instance medians, with Student's interval of its logarithm from two on.

    Raises:
        ValueError: there are none, or one is not positive and finite.
    """
    logs = _logs(values)
    centre = math.fsum(logs) / len(logs)
    if len(logs) < 2:
        return Estimate(values[0], 1)
    half = t_quantile((1 + confidence) / 2, len(logs) - 1) * math.sqrt(_variance(logs) / len(logs))
    return Estimate(_exp(centre), len(logs), Interval(_exp(centre - half), _exp(centre + half)))


def contrast(values: Sequence[float], baseline: Sequence[float]) -> Contrast:
    """Welch's comparison of two types: ratio of the geometric means of ``values`` and ``baseline``.

    Raises:
        ValueError: fewer than two on either side, or one is not positive and finite.
    """
    ours, theirs = _logs(values), _logs(baseline)
    if len(ours) < 2 or len(theirs) < 2:
        raise ValueError("an interval of a ratio needs two instances on either side")
    a, b = _variance(ours) / len(ours), _variance(theirs) / len(theirs)
    log_ratio = math.fsum(ours) / len(ours) - math.fsum(theirs) / len(theirs)
    return Contrast.of_sides(log_ratio, a, len(ours), b, len(theirs))


def _degrees(a: float, n: int, b: float, m: int) -> float:
    """Satterthwaite's degrees of freedom of a sum of two squared standard errors ``a`` and ``b``."""
    if a + b == 0:
        return float(n + m - 2)
    share = a / (a + b)  # as shares: squares of tiny variances would underflow
    return 1 / (share**2 / (n - 1) + (1 - share) ** 2 / (m - 1))


def verdict(interval: Interval, *, higher_is_better: bool, floor: float = NOISE_FLOOR) -> Verdict:
    """What an interval of the ratio to a baseline says.

    Better or worse: all of it lies beyond the noise floor. Equivalent: all of it lies within. Anything else
    is inconclusive, however far from 1 the ratio itself may be.

    Args:
        interval: of type / baseline.
        higher_is_better: False turns better and worse round.
        floor: the smallest difference that counts, as a fraction.
    """
    above, below = 1 + floor, 1 / (1 + floor)
    if interval.low > above:
        return Verdict.BETTER if higher_is_better else Verdict.WORSE
    if interval.high < below:
        return Verdict.WORSE if higher_is_better else Verdict.BETTER
    if interval.low >= below and interval.high <= above:
        return Verdict.EQUIVALENT
    return Verdict.INCONCLUSIVE


def outlying(values: Sequence[float], floor: float = NOISE_FLOOR) -> tuple[int, ...]:
    """Positions of values to be labelled as outliers; nothing is ever dropped for it.

    Modified z score of the logarithms above 3.5, and further from the median than the noise floor. Below
    four values nothing is labelled.

    Raises:
        ValueError: a value is not positive and finite.
    """
    if len(values) < OUTLIERS_FROM:
        return ()
    logs = _logs(values)
    centre = statistics.median(logs)
    distances = [abs(value - centre) for value in logs]
    spread = statistics.median(distances)
    least = math.log1p(floor)
    return tuple(
        position
        for position, distance in enumerate(distances)
        if distance > least and 0.6745 * distance > OUTLYING_SCORE * spread
    )


def _logs(values: Sequence[float]) -> list[float]:
    if not values:
        raise ValueError("no values")
    bad = next((value for value in values if not (math.isfinite(value) and value > 0)), None)
    if bad is not None:
        raise ValueError(f"{bad} is not positive and finite: it has no ratio")
    return [math.log(value) for value in values]


def log_variance(values: Sequence[float]) -> float:
    """Variance of the logarithms of instance medians, 1/(n - 1).

    Raises:
        ValueError: fewer than two, or one is not positive and finite.
    """
    logs = _logs(values)
    if len(logs) < 2:
        raise ValueError("a variance needs two instances")
    return _variance(logs)


def _variance(logs: Sequence[float]) -> float:
    """Variance of a sample, 1/(n - 1)."""
    centre = math.fsum(logs) / len(logs)
    return math.fsum((value - centre) ** 2 for value in logs) / (len(logs) - 1)


def _exp(log: float) -> float:
    """Inverse of the logarithm, kept finite and positive: bounds may lie beyond what a float holds."""
    return math.exp(min(max(log, _SMALLEST_LOG), _LARGEST_LOG))
