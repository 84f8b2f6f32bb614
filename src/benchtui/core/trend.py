"""A metric of one type over time: levels, the changes between them, and what was changed beside it.

The unit is the run: instances of one run share a day, an image and often a rack, so each run is one figure,
the mean of the logarithms of its instances that count. How levels are found stands in `core.levels`; the same
figures give the same levels. Results of another mode or suite version are other series.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType

from benchtui.core import stats
from benchtui.core.distributions import t_quantile
from benchtui.core.instance_results import MetricKey
from benchtui.core.levels import SHORTEST, Level, RunFigure, Sums, probability, segments, t_of
from benchtui.core.stats import CONFIDENCE, NOISE_FLOOR, Interval, Verdict

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
    sums = Sums([one.log for one in (*before.figures, *after.figures)])
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
        min(1.0, probability(t_of(step, error), degrees) * candidates),
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
