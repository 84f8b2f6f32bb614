"""Levels of a metric over runs, and the steps between them.

They are found by binary segmentation (A. J. Scott and M. Knott, "A cluster analysis method for grouping means
in the analysis of variance", Biometrics 30 (1974) 507-512): of all splits whose step is as large as the noise
floor, the one with the greatest two-sample t is made if its probability, times the number of splits that were
looked at (Bonferroni), is at most `ALPHA`; then both sides are split again. Further levels beside a split
look like noise to it: where the spread of all finds none, that of the differences of successive runs (their
median) is tried. Levels that the two beside a split do not bear out by themselves are joined again.

A level has at least `SHORTEST` runs; the newest may have a single one, so that a change is told of on the day
it comes, as a suspicion.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from benchtui.core.distributions import t_tails
from benchtui.core.stats import NOISE_FLOOR

#: Probability of a change that is none, in all of a series.
ALPHA = 0.01
#: Runs of a level; of the newest one suffices.
SHORTEST = 3
#: Runs of a series below which nothing is said of changes.
FEWEST = 5
#: Runs from which on the spread is also taken from successive differences, and what a median of them is worth
#: beside a variance: its efficiency for normal figures.
FEWEST_FOR_NOISE = 10
_EFFICIENCY = 0.37
_NORMAL_QUARTILE = 0.6745
#: Of sums of squares: what is smaller is no spread but rounding.
_ROUNDING = 1e-15


@dataclass(frozen=True, slots=True)
class RunFigure:
    """The instances of one run that count: verified and plausible."""

    run: str
    at: datetime  # start of the run, UTC
    log: float  # mean of the logarithms of their medians
    n: int
    marks: Mapping[str, frozenset[str]] = field(
        default_factory=dict
    )  # what was known of the instances, by `core.trend.MARKS`

    @property
    def value(self) -> float:
        """The geometric mean."""
        return math.exp(self.log)


@dataclass(frozen=True, slots=True)
class Level:
    """Runs between two changes."""

    figures: tuple[RunFigure, ...]

    @property
    def log(self) -> float:
        """Mean of the logarithms of its runs."""
        return math.fsum(one.log for one in self.figures) / len(self.figures)

    @property
    def value(self) -> float:
        """Its figure: the geometric mean of its runs."""
        return math.exp(self.log)

    @property
    def runs(self) -> tuple[str, ...]:
        """Ids, oldest first."""
        return tuple(one.run for one in self.figures)


def segments(figures: Sequence[RunFigure], floor: float = NOISE_FLOOR) -> tuple[Level, ...]:
    """The levels of a series."""
    if not figures:
        return ()
    sums, least = Sums([one.log for one in figures]), math.log1p(floor)
    cuts = _joined(sums, sorted(_cuts(sums, 0, len(figures), least)), least)
    bounds = [0, *cuts, len(figures)]
    return tuple(Level(tuple(figures[low:high])) for low, high in pairwise(bounds))


class Sums:
    """Sums of any stretch of a series, and of its squares: each split is looked at in constant time.

    Taken around the mean of all, so that squares of small differences keep their digits.
    """

    def __init__(self, logs: Sequence[float]) -> None:
        centre = math.fsum(logs) / len(logs)
        self.n, self._logs = len(logs), logs
        self._sums, self._squares = [0.0], [0.0]
        for log in logs:
            self._sums.append(self._sums[-1] + (log - centre))
            self._squares.append(self._squares[-1] + (log - centre) ** 2)

    def step(self, low: int, place: int, high: int) -> tuple[float, float]:
        """From the mean of ``low:place`` to that of ``place:high``, and the standard error of that.

        One variance for both (Student's, for unequal numbers).
        """
        n, m = place - low, high - place
        before, after = self._mean(low, place), self._mean(place, high)
        squares = self._around(low, place, before) + self._around(place, high, after)
        return after - before, math.sqrt(squares / (n + m - 2) * (1 / n + 1 / m))

    def _mean(self, low: int, high: int) -> float:
        return (self._sums[high] - self._sums[low]) / (high - low)

    def _around(self, low: int, high: int, mean: float) -> float:
        """Sum of the squared distances from their mean; what rounding leaves of equal figures is none."""
        squares = self._squares[high] - self._squares[low] - (high - low) * mean**2
        return squares if squares > _ROUNDING * (self._squares[-1] + 1.0) else 0.0

    def noise(self, low: int, high: int) -> float:
        """Standard deviation of runs, from the differences of successive ones: steps hardly touch it."""
        apart = [abs(self._logs[at + 1] - self._logs[at]) for at in range(low, high - 1)]
        return statistics.median(apart) / (_NORMAL_QUARTILE * math.sqrt(2))


def t_of(step: float, error: float) -> float:
    """How many standard errors a step is long."""
    if error == 0:
        return math.inf if step else 0.0
    return abs(step) / error


def _cuts(sums: Sums, low: int, high: int, least: float) -> list[int]:
    """Where ``low:high`` is split, and split again."""
    n = high - low
    if n < FEWEST:
        return []
    shortest_after = SHORTEST if high < sums.n else 1
    places = range(low + SHORTEST, high - shortest_after + 1)
    noise = sums.noise(low, high) if n >= FEWEST_FOR_NOISE else None
    pooled, apart = (0.0, low), (0.0, low)  # the greatest t by either spread, and its place
    for place in places:
        step, error = sums.step(low, place, high)
        if abs(step) < least:
            continue
        pooled = max(pooled, (t_of(step, error), place))
        if noise is not None:
            apart = max(apart, (t_of(step, noise * math.sqrt(1 / (place - low) + 1 / (high - place))), place))
    for (t, place), degrees in ((pooled, n - 2), (apart, round(_EFFICIENCY * (n - 2)))):
        if t > 0 and probability(t, degrees) * len(places) <= ALPHA:
            return [*_cuts(sums, low, place, least), place, *_cuts(sums, place, high, least)]
    return []


def _joined(sums: Sums, cuts: list[int], least: float) -> list[int]:
    """The cuts without those that the levels beside them do not bear out, the weakest taken out first."""
    while cuts:
        bounds = [0, *cuts, sums.n]
        weakest, p = None, ALPHA
        for at in range(1, len(bounds) - 1):
            low, place, high = bounds[at - 1 : at + 2]
            step, error = sums.step(low, place, high)
            chance = probability(t_of(step, error), high - low - 2) if abs(step) >= least else 1.0
            chance *= max(1, high - low - 2 * SHORTEST + 1)
            if chance > p:
                weakest, p = at - 1, chance
        if weakest is None:
            return cuts
        cuts = cuts[:weakest] + cuts[weakest + 1 :]
    return cuts


def probability(t: float, degrees: int) -> float:
    """Of a t as great or greater where there is no step, by Student's distribution."""
    return 0.0 if math.isinf(t) else t_tails(t, degrees)
