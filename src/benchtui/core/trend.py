"""A metric of one type over time: levels, the changes between them, and what was changed beside it.

The unit is the run: instances of one run share a day, an image and often a rack, so each run is one figure,
the mean of the logarithms of its instances that count. Levels are found by binary segmentation (A. J. Scott
and M. Knott, "A cluster analysis method for grouping means in the analysis of variance", Biometrics 30 (1974)
507-512): of all splits whose step is as large as the noise floor, the one with the greatest two-sample t is
made if its probability, times the number of splits that were looked at (Bonferroni), is at most `ALPHA`; then
both sides are split again. Further levels beside a split look like noise to it: where the spread of all
finds none, that of the differences of successive runs (their median) is tried. Levels that the two beside a
split do not bear out by themselves are joined again. The same figures give the same levels.

A level has at least `SHORTEST` runs; the newest may have a single one, so that a change is told of on the day
it comes, as a suspicion. Results of another mode or suite version are other series.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType

from benchtui.core import stats
from benchtui.core.distributions import t_quantile, t_tails
from benchtui.core.instance_results import MetricKey
from benchtui.core.stats import CONFIDENCE, NOISE_FLOOR, Interval, Verdict

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
#: What is told of a run beside its figure, in the order it is told.
MARKS = ("kernel", "image", "microcode", "compiler", "cpu")


NO_VALUES: Mapping[str, Sequence[float]] = MappingProxyType({})


class State(StrEnum):
    """How sure a change for the worse is."""

    SUSPECT = "suspect"  # seen in runs that were made for something else
    UNDECIDED = "undecided"  # fresh instances did not settle it
    CONFIRMED = "confirmed"  # fresh instances are worse as well
    NOT_CONFIRMED = "not confirmed"  # fresh instances are not
    IMPROVED = "improved"  # a change for the better needs no confirmation


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What the points of one series share."""

    metric: MetricKey
    instance_type: str
    region: str | None
    mode: str
    version: str | None
    unit: str
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class RunFigure:
    """The instances of one run that count: verified and plausible."""

    run: str
    at: datetime  # start of the run, UTC
    log: float  # mean of the logarithms of their medians
    n: int
    marks: Mapping[str, frozenset[str]] = field(
        default_factory=dict
    )  # what was known of the instances, by `MARKS`

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


@dataclass(frozen=True, slots=True)
class Mark:
    """Something about the instances that is another from this run on."""

    run: str
    at: datetime
    what: str  # kernel, image, microcode, compiler, cpu
    before: str
    after: str

    @property
    def words(self) -> str:
        """``kernel 6.1.0-18 → 6.1.0-20``."""
        return f"{self.what} {self.before} → {self.after}"


@dataclass(frozen=True, slots=True)
class Change:
    """From one level to the next."""

    before: Level
    after: Level
    ratio: float
    interval: Interval
    p: float  # corrected for the splits that were looked at
    state: State
    marks: tuple[Mark, ...] = ()  # what else is another from its first run on
    fresh: int = 0  # instances launched to confirm it
    fresh_ratio: float | None = None
    fresh_interval: Interval | None = None

    @property
    def since(self) -> RunFigure:
        """The first run of the new level."""
        return self.after.figures[0]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A run that was launched to confirm a change, and what its instances measured."""

    run: str
    since: str
    against: tuple[str, ...]
    metric: MetricKey
    instance_type: str
    region: str | None

    def speaks_of(self, key: SeriesKey) -> bool:
        """Whether it was launched for a change in this series."""
        alike = (self.metric, self.instance_type) == (key.metric, key.instance_type)
        return alike and self.region in (None, key.region)


@dataclass(frozen=True, slots=True)
class Settled:
    """What fresh instances say of a change that was suspected since one run."""

    runs: tuple[str, ...]  # launched to confirm it
    since: str
    state: State
    n: int  # fresh instances that count
    ratio: float | None = None  # to the level before
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """One series with its levels."""

    key: SeriesKey
    levels: tuple[Level, ...]
    changes: tuple[Change, ...]
    marks: tuple[Mark, ...]
    left_out: int = 0  # instances that do not count
    settled: tuple[
        Settled, ...
    ] = ()  # by the run a change was suspected since, also of changes that are none
    floor: float = NOISE_FLOOR

    @property
    def runs(self) -> int:
        """Runs with a figure."""
        return sum(len(level.figures) for level in self.levels)

    @property
    def instances(self) -> int:
        """Instances that count."""
        return sum(figure.n for level in self.levels for figure in level.figures)

    @property
    def suspects(self) -> tuple[Change, ...]:
        """Changes for the worse that fresh instances have not settled."""
        return tuple(one for one in self.changes if one.state in (State.SUSPECT, State.UNDECIDED))


def trend_of(
    key: SeriesKey,
    figures: Sequence[RunFigure],
    confirmations: Sequence[Confirmation] = (),
    values: Mapping[str, Sequence[float]] = NO_VALUES,
    *,
    left_out: int = 0,
    floor: float = NOISE_FLOOR,
) -> Trend:
    """The levels and changes of one series.

    Args:
        key: what the figures share.
        figures: of its runs, in any order.
        confirmations: runs that were launched to confirm a change of this metric and type.
        values: of the instances that count, of those runs and of what they are compared with.
        left_out: instances that do not count.
        floor: the smallest change that counts, as a fraction.
    """
    ordered = sorted(figures, key=lambda one: (one.at, one.run))
    levels = segments(ordered, floor)
    marks = tuple(boundaries(ordered))
    candidates = max(1, len(ordered) - SHORTEST)
    changes = tuple(
        _change(key, before, after, marks, candidates, confirmations, values, floor)
        for before, after in pairwise(levels)
    )
    meant: dict[str, list[Confirmation]] = {}
    for confirmation in confirmations:
        if confirmation.speaks_of(key) and confirmation.run in values:
            meant.setdefault(confirmation.since, []).append(confirmation)
    settled = tuple(settle(key, of_change, values, floor) for of_change in meant.values())
    return Trend(key, levels, changes, marks, left_out, settled, floor)


def boundaries(figures: Sequence[RunFigure]) -> Iterable[Mark]:
    """Where something about the instances is known to be another than the last time it was known."""
    known: dict[str, frozenset[str]] = {}
    last: Mapping[str, frozenset[str]] | None = None
    for figure in figures:
        if figure.marks is last:
            continue
        last = figure.marks
        for what in MARKS:
            now = figure.marks.get(what, frozenset())
            before = known.get(what)
            if now and before and now != before:
                yield Mark(
                    figure.run, figure.at, what, _listed(before - now or before), _listed(now - before or now)
                )
            if now:
                known[what] = now


def _listed(values: frozenset[str]) -> str:
    ordered = sorted(values)
    return ordered[0] if len(ordered) == 1 else f"{ordered[0]} and {len(ordered) - 1} more"


def segments(figures: Sequence[RunFigure], floor: float = NOISE_FLOOR) -> tuple[Level, ...]:
    """The levels of a series."""
    if not figures:
        return ()
    sums, least = _Sums([one.log for one in figures]), math.log1p(floor)
    cuts = _joined(sums, sorted(_cuts(sums, 0, len(figures), least)), least)
    bounds = [0, *cuts, len(figures)]
    return tuple(Level(tuple(figures[low:high])) for low, high in pairwise(bounds))


class _Sums:
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


def _t(step: float, error: float) -> float:
    if error == 0:
        return math.inf if step else 0.0
    return abs(step) / error


def _cuts(sums: _Sums, low: int, high: int, least: float) -> list[int]:
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
        pooled = max(pooled, (_t(step, error), place))
        if noise is not None:
            apart = max(apart, (_t(step, noise * math.sqrt(1 / (place - low) + 1 / (high - place))), place))
    for (t, place), degrees in ((pooled, n - 2), (apart, round(_EFFICIENCY * (n - 2)))):
        if t > 0 and _probability(t, degrees) * len(places) <= ALPHA:
            return [*_cuts(sums, low, place, least), place, *_cuts(sums, place, high, least)]
    return []


def _joined(sums: _Sums, cuts: list[int], least: float) -> list[int]:
    """The cuts without those that the levels beside them do not bear out, the weakest taken out first."""
    while cuts:
        bounds = [0, *cuts, sums.n]
        weakest, p = None, ALPHA
        for at in range(1, len(bounds) - 1):
            low, place, high = bounds[at - 1 : at + 2]
            step, error = sums.step(low, place, high)
            probability = _probability(_t(step, error), high - low - 2) if abs(step) >= least else 1.0
            probability *= max(1, high - low - 2 * SHORTEST + 1)
            if probability > p:
                weakest, p = at - 1, probability
        if weakest is None:
            return cuts
        cuts = cuts[:weakest] + cuts[weakest + 1 :]
    return cuts


def _probability(t: float, degrees: int) -> float:
    return 0.0 if math.isinf(t) else t_tails(t, degrees)


def _change(
    key: SeriesKey,
    before: Level,
    after: Level,
    marks: Sequence[Mark],
    candidates: int,
    confirmations: Sequence[Confirmation],
    values: Mapping[str, Sequence[float]],
    floor: float,
) -> Change:
    sums = _Sums([one.log for one in (*before.figures, *after.figures)])
    step, error = sums.step(0, len(before.figures), sums.n)
    degrees = sums.n - 2
    half = t_quantile((1 + CONFIDENCE) / 2, degrees) * error
    worse = (step < 0) == key.higher_is_better
    first = after.figures[0].run
    change = Change(
        before,
        after,
        math.exp(step),
        Interval(math.exp(step - half), math.exp(step + half)),
        min(1.0, _probability(_t(step, error), degrees) * candidates),
        State.SUSPECT if worse else State.IMPROVED,
        tuple(mark for mark in marks if mark.run == first),
    )
    return _settled(key, change, confirmations, values, floor) if worse else change


def _settled(
    key: SeriesKey,
    change: Change,
    confirmations: Sequence[Confirmation],
    values: Mapping[str, Sequence[float]],
    floor: float,
) -> Change:
    """The change with what fresh instances say: all that were launched for it, against the level before."""
    meant = [
        one
        for one in confirmations
        if one.speaks_of(key)
        and one.since in change.after.runs
        and not set(one.against).isdisjoint(change.before.runs)
    ]
    if not meant:
        return change
    said = settle(key, meant, values, floor)
    return replace(
        change, state=said.state, fresh=said.n, fresh_ratio=said.ratio, fresh_interval=said.interval
    )


def settle(
    key: SeriesKey,
    confirmations: Sequence[Confirmation],
    values: Mapping[str, Sequence[float]],
    floor: float = NOISE_FLOOR,
) -> Settled:
    """What the instances of runs that were launched to confirm one change say of it.

    Welch's comparison of fresh instances with those of the level before; nothing that raised the suspicion
    counts, for it was chosen because it looked worse.

    Args:
        key: of the series.
        confirmations: at least one, all of the same change.
        values: of the instances that count, by run.
        floor: the smallest change that counts, as a fraction.
    """
    fresh = [value for one in confirmations for value in values.get(one.run, ())]
    against = {run for one in confirmations for run in one.against}
    reference = [value for run in sorted(against) for value in values.get(run, ())]
    runs, since = tuple(one.run for one in confirmations), confirmations[0].since
    if len(fresh) < 2 or len(reference) < 2:
        return Settled(runs, since, State.SUSPECT, len(fresh))
    contrast = stats.contrast(fresh, reference)
    interval = contrast.interval()
    verdict = stats.verdict(interval, higher_is_better=key.higher_is_better, floor=floor)
    states = {Verdict.WORSE: State.CONFIRMED, Verdict.INCONCLUSIVE: State.UNDECIDED}
    state = states.get(verdict, State.NOT_CONFIRMED)
    return Settled(runs, since, state, len(fresh), contrast.ratio, interval)
