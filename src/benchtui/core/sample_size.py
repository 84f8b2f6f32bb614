"""How many instances an answer takes: before a run for a wanted precision, after it to settle a verdict.

Everything here is a forecast from a spread. A spread of few instances is itself uncertain, so each number
comes with what it would be if the spread were as large as chi-square still allows.

Sources: half width of Welch's t as in `core.stats`; power as the mean over what may be observed of the two
variances, held against simulation (tests/statistics); chi-square interval of a variance as in the
NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.3.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

from benchtui.core.distributions import chi_square_quantile, t_quantile
from benchtui.core.stats import CONFIDENCE, RANKED_FROM, Contrast, log_variance

#: Standard deviation of the logarithm from instance to instance where nothing was observed yet: assumed, not
#: measured. The range is what is planned for besides; a first run of three replaces both.
PRIOR_SPREAD, PRIOR_LOW, PRIOR_HIGH = 0.03, 0.01, 0.08
#: More instances of one type than this are no plan.
MOST = 100
_STEPS = (*range(1, 13), 14, 16, 18, 20, 24, 28, 32, 40, 50, 64, 80, MOST)
_NORMAL = NormalDist()
_POINTS = 8  # of the distribution of an observed variance
#: Probability with which a number is said to settle something.
POWER = 0.8
#: How sure the upper end of an observed spread is.
SURE = 0.8


@dataclass(frozen=True, slots=True)
class Spread:
    """How far instances of one type lie apart: standard deviation of the logarithm, about a coefficient of
    variation."""

    value: float
    low: float
    high: float
    degrees: int  # of freedom; 0: assumed
    instances: int = 0
    groups: int = 0  # instances alike: of one type, or of one type and run

    @property
    def observed(self) -> bool:
        """Whether it was measured."""
        return self.degrees > 0


PRIOR = Spread(PRIOR_SPREAD, PRIOR_LOW, PRIOR_HIGH, 0)


def spread_of(groups: Sequence[Sequence[float]], sure: float = SURE) -> Spread:
    """Spread within groups, pooled; assumed if no group has two figures.

    Args:
        groups: positive figures of the instances of each type.
        sure: each bound lies beyond the true spread with at most 1 - ``sure`` probability.
    """
    usable = [group for group in groups if len(group) > 1]
    degrees = sum(len(group) - 1 for group in usable)
    if not degrees:
        return PRIOR
    squares = math.fsum(log_variance(group) * (len(group) - 1) for group in usable)
    value, low, high = (
        math.sqrt(squares / divisor)
        for divisor in (degrees, chi_square_quantile(sure, degrees), chi_square_quantile(1 - sure, degrees))
    )
    return Spread(value, low, high, degrees, sum(len(group) for group in usable), len(usable))


@dataclass(frozen=True, slots=True)
class Needed:
    """Instances per type for a precision; None: more than `MOST`."""

    precision: float
    n: int | None  # if the spread is as observed or assumed
    low: int | None
    high: int | None


def needed(precision: float, spread: Spread, confidence: float = CONFIDENCE) -> Needed:
    """Instances of either type, so that the interval of their ratio is ±``precision``.

    Args:
        precision: half the interval, as a fraction: 0.02 for ± 2 %.
        spread: the same for both types.
        confidence: of the interval.
    """
    return Needed(
        precision,
        *(_for_half_width(precision, value, confidence) for value in (spread.value, spread.low, spread.high)),
    )


def half_width(n: int, spread: float, confidence: float = CONFIDENCE) -> float:
    """Half the interval of a ratio of two types with ``n`` instances each, as a fraction."""
    t = t_quantile((1 + confidence) / 2, 2 * (n - 1))
    return math.expm1(min(t * spread * math.sqrt(2 / n), 50.0))


def _for_half_width(precision: float, spread: float, confidence: float) -> int | None:
    return _least(lambda n: half_width(n, spread, confidence) <= precision, RANKED_FROM, MOST)


def _least(enough: Callable[[int], bool], first: int, last: int) -> int | None:
    """The least number from ``first`` to ``last`` that is enough; None if none is. More is never less."""
    if not enough(last):
        return None
    while first < last:
        middle = (first + last) // 2
        if enough(middle):
            last = middle
        else:
            first = middle + 1
    return first


@dataclass(frozen=True, slots=True)
class Side:
    """One type of a comparison: instances, and the variance of their logarithms."""

    n: int
    variance: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Side:
        """What was observed."""
        return cls(len(values), log_variance(values))

    def wider(self, sure: float = SURE) -> Side:
        """With the variance at its upper bound."""
        return Side(self.n, self.variance * (self.n - 1) / chi_square_quantile(1 - sure, self.n - 1))

    def with_more(self, more: int) -> Side:
        """With more instances of the same spread."""
        return Side(self.n + more, self.variance)


def power(log_ratio: float, ours: Side, theirs: Side, floor: float, error: float) -> float:
    """Probability that a new run of these sizes gives the verdict that ``log_ratio`` stands for.

    Args:
        log_ratio: taken for the true one.
        ours: instances and spread of the type.
        theirs: those of the baseline.
        floor: noise floor as a fraction.
        error: that the comparison is allowed: 0.05, or what a correction leaves of it.
    """
    least, size = math.log1p(floor), abs(log_ratio)
    a, b = ours.variance / ours.n, theirs.variance / theirs.n
    if a + b == 0:
        return 1.0 if size != least else 0.0
    true = math.sqrt(a + b)
    total = 0.0
    # What Welch's test does depends on both observed variances, by their sum and by the degrees they give.
    for x in _observed(ours.n - 1):
        for y in _observed(theirs.n - 1):
            seen = Contrast.of_sides(size, a * x, ours.n, b * y, theirs.n)
            reach = _t(error, round(seen.degrees, 1)) * seen.standard_error
            beyond = _NORMAL.cdf((abs(size - least) - reach) / true)
            if size < least:  # within: both ends of the interval have to be
                beyond = max(0.0, beyond + _NORMAL.cdf((size + least - reach) / true) - 1)
            total += beyond
    return total / _POINTS**2


@lru_cache(maxsize=4096)
def _t(error: float, degrees: float) -> float:
    return t_quantile(1 - error / 2, degrees)


@lru_cache(maxsize=256)
def _observed(degrees: int) -> tuple[float, ...]:
    """Observed over true variance, at points of equal probability.

    Chi-square, above ten degrees by the cube that E. B. Wilson and M. M. Hilferty found nearly normal,
    Proceedings of the National Academy of Sciences 17 (1931) 684-688.
    """
    places = [(point + 0.5) / _POINTS for point in range(_POINTS)]
    if degrees <= 10:
        return tuple(chi_square_quantile(place, degrees) / degrees for place in places)
    part = 2 / (9 * degrees)
    return tuple((1 - part + _NORMAL.inv_cdf(place) * math.sqrt(part)) ** 3 for place in places)


@dataclass(frozen=True, slots=True)
class Way:
    """More instances of one or both types that would settle a verdict."""

    ours: int
    theirs: int
    power: float
    at_most: tuple[int, int] | None  # with the spread at its upper bound; None: more than `MOST` each


def ways_to_settle(
    log_ratio: float, ours: Side, theirs: Side, floor: float, error: float, wanted: float = POWER
) -> tuple[Way, ...]:
    """Fewest more of the type alone, of the baseline alone and of both, where at most `MOST` of each do.

    The ratio and the spread are taken to stay as observed.

    Above a dozen the number is one of a few round ones.

    Args:
        log_ratio: observed.
        ours: the type as observed.
        theirs: the baseline as observed.
        floor: noise floor as a fraction.
        error: that the comparison is allowed.
        wanted: power.
    """
    found: list[Way] = []
    for share in ((1, 0), (0, 1), (1, 1)):
        more = _more(log_ratio, ours, theirs, floor, error, wanted, share)
        if more is None:
            continue
        worst = _more(log_ratio, ours.wider(), theirs.wider(), floor, error, wanted, share)
        a, b = share[0] * more, share[1] * more
        reached = power(log_ratio, ours.with_more(a), theirs.with_more(b), floor, error)
        most = None if worst is None else (share[0] * worst, share[1] * worst)
        found.append(Way(a, b, reached, most))
    return tuple(found)


def _more(
    log_ratio: float,
    ours: Side,
    theirs: Side,
    floor: float,
    error: float,
    wanted: float,
    share: tuple[int, int],
) -> int | None:
    def reached(more: int) -> float:
        sides = ours.with_more(share[0] * more), theirs.with_more(share[1] * more)
        return power(log_ratio, *sides, floor, error)

    # More of one type alone can take degrees of freedom away, so no number can be skipped by bisection.
    return next((more for more in _STEPS if reached(more) >= wanted), None)
