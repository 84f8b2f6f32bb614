"""A metric of one type over time: levels, the changes between them, and what was changed beside it.

The unit is the run: instances of one run share a day, an image and often a rack, so each run is one figure,
the mean of the logarithms of its instances that count. Levels are found by binary segmentation (A. J. Scott
and M. Knott, "A cluster analysis method for grouping means in the analysis of variance", Biometrics 30 (1974)
507-512): of all splits whose step is as large as the noise floor, the one with the greatest two-sample t is
made if its probability, times the number of splits that were looked at (Bonferroni), is at most `ALPHA`; then
both sides are split again. Levels that those beside them do not bear out are joined again. The same figures
give the same levels.

A level has at least `SHORTEST` runs; the newest may have a single one, so that a change is told of on the day
it comes, as a suspicion. Results of another mode or suite version are other series.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from benchtui.core import stats
from benchtui.core.distributions import t_quantile, t_tails
from benchtui.core.fingerprint import Fingerprint
from benchtui.core.instance_results import MetricKey
from benchtui.core.stats import CONFIDENCE, NOISE_FLOOR, Interval, Verdict

#: Probability of a change that is none, in all of a series.
ALPHA = 0.01
#: Runs of a level; of the newest one suffices.
SHORTEST = 3
#: Runs of a series below which nothing is said of changes.
FEWEST = 5
#: What is told of a run beside its figure, in the order it is told.
MARKS = ("kernel", "image", "microcode", "compiler", "cpu")


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
class TrendPoint:
    """One instance's figure."""

    run: str
    at: datetime  # start of its run, UTC
    job: str
    value: float  # median of its repetitions
    counts: bool  # verified and plausible
    mark: Fingerprint = field(default_factory=Fingerprint)


@dataclass(frozen=True, slots=True)
class RunFigure:
    """All instances of one run."""

    run: str
    at: datetime
    log: float  # mean of the logarithms
    n: int
    marks: Mapping[str, frozenset[str]]

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
    points: tuple[TrendPoint, ...]  # those that count, in order
    levels: tuple[Level, ...]
    changes: tuple[Change, ...]
    marks: tuple[Mark, ...]
    left_out: int = 0  # points that do not count
    settled: tuple[
        Settled, ...
    ] = ()  # by the run a change was suspected since, also of changes that are none
    floor: float = NOISE_FLOOR

    @property
    def runs(self) -> int:
        """Runs with a figure."""
        return sum(len(level.figures) for level in self.levels)

    @property
    def suspects(self) -> tuple[Change, ...]:
        """Changes for the worse that fresh instances have not settled."""
        return tuple(one for one in self.changes if one.state in (State.SUSPECT, State.UNDECIDED))


def trend_of(
    key: SeriesKey,
    points: Iterable[TrendPoint],
    confirmations: Sequence[Confirmation] = (),
    *,
    floor: float = NOISE_FLOOR,
) -> Trend:
    """The levels and changes of one series.

    Args:
        key: what the points share.
        points: in any order; those that do not count are only counted.
        confirmations: runs that were launched to confirm a change of this metric and type.
        floor: the smallest change that counts, as a fraction.
    """
    every = sorted(points, key=lambda one: (one.at, one.run, one.job))
    counting = tuple(one for one in every if one.counts and math.isfinite(one.value) and one.value > 0)
    figures = run_figures(counting)
    levels = segments(figures, floor)
    marks = tuple(boundaries(figures))
    values: dict[str, list[float]] = {}
    for one in counting:
        values.setdefault(one.run, []).append(one.value)
    candidates = max(1, len(figures) - SHORTEST)
    changes = tuple(
        _change(key, before, after, marks, candidates, confirmations, values, floor)
        for before, after in pairwise(levels)
    )
    meant: dict[str, list[Confirmation]] = {}
    for confirmation in confirmations:
        if confirmation.speaks_of(key) and confirmation.run in values:
            meant.setdefault(confirmation.since, []).append(confirmation)
    settled = tuple(settle(key, of_change, values, floor) for of_change in meant.values())
    return Trend(key, counting, levels, changes, marks, len(every) - len(counting), settled, floor)


def run_figures(points: Sequence[TrendPoint]) -> tuple[RunFigure, ...]:
    """One figure for each run, in the order of time."""
    by_run: dict[tuple[datetime, str], list[TrendPoint]] = {}
    for point in points:
        by_run.setdefault((point.at, point.run), []).append(point)
    return tuple(
        RunFigure(
            run,
            at,
            math.fsum(math.log(one.value) for one in of_run) / len(of_run),
            len(of_run),
            {
                what: frozenset(value for one in of_run if (value := getattr(one.mark, what)) is not None)
                for what in MARKS
            },
        )
        for (at, run), of_run in sorted(by_run.items())
    )


def boundaries(figures: Sequence[RunFigure]) -> Iterable[Mark]:
    """Where something about the instances is known to be another than the last time it was known."""
    known: dict[str, frozenset[str]] = {}
    for figure in figures:
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
    logs = [one.log for one in figures]
    cuts = _joined(logs, sorted(_cuts(logs, 0, len(logs), math.log1p(floor))), math.log1p(floor))
    bounds = [0, *cuts, len(logs)]
    return tuple(Level(tuple(figures[low:high])) for low, high in pairwise(bounds))


def _cuts(logs: Sequence[float], low: int, high: int, least: float) -> list[int]:
    """Where ``logs[low:high]`` is split, and split again."""
    n = high - low
    if n < FEWEST:
        return []
    shortest_after = SHORTEST if high < len(logs) else 1
    places = range(low + SHORTEST, high - shortest_after + 1)
    best, at = 0.0, None
    for place in places:
        step, t = _step(logs[low:place], logs[place:high])
        if abs(step) >= least and t > best:
            best, at = t, place
    if at is None or _probability(best, n - 2) * len(places) > ALPHA:
        return []
    return [*_cuts(logs, low, at, least), at, *_cuts(logs, at, high, least)]


def _joined(logs: Sequence[float], cuts: list[int], least: float) -> list[int]:
    """The cuts without those that the levels beside them do not bear out, the weakest taken out first."""
    while cuts:
        bounds = [0, *cuts, len(logs)]
        weakest, p = None, ALPHA
        for at in range(1, len(bounds) - 1):
            before, after = logs[bounds[at - 1] : bounds[at]], logs[bounds[at] : bounds[at + 1]]
            step, t = _step(before, after)
            probability = _probability(t, len(before) + len(after) - 2) if abs(step) >= least else 1.0
            if probability > p:
                weakest, p = at - 1, probability
        if weakest is None:
            return cuts
        cuts = cuts[:weakest] + cuts[weakest + 1 :]
    return cuts


def _step(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """The difference of two means, and its t with one variance for both (Student's, for unequal numbers)."""
    n, m = len(before), len(after)
    mean_before, mean_after = math.fsum(before) / n, math.fsum(after) / m
    step = mean_after - mean_before
    error = _error(before, mean_before, after, mean_after)
    if error == 0:
        return step, math.inf if step else 0.0
    return step, abs(step) / error


def _error(before: Sequence[float], mean_before: float, after: Sequence[float], mean_after: float) -> float:
    """Standard error of the difference of two means."""
    n, m = len(before), len(after)
    squares = math.fsum((one - mean_before) ** 2 for one in before)
    squares += math.fsum((one - mean_after) ** 2 for one in after)
    return math.sqrt(squares / (n + m - 2) * (1 / n + 1 / m))


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
    logs, next_logs = ([one.log for one in level.figures] for level in (before, after))
    step, t = _step(logs, next_logs)
    degrees = len(logs) + len(next_logs) - 2
    half = t_quantile((1 + CONFIDENCE) / 2, degrees) * _error(logs, before.log, next_logs, after.log)
    worse = (step < 0) == key.higher_is_better
    first = after.figures[0].run
    change = Change(
        before,
        after,
        math.exp(step),
        Interval(math.exp(step - half), math.exp(step + half)),
        min(1.0, _probability(t, degrees) * candidates),
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
