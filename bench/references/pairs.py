"""Interleaved pairs of one of our programs and a reference, counted while the machine is quiet, and their
table.

In a pair each program has as many turns as its comparison says, in the order ABBA, and its figure is its best
turn: neighbours on the host, whom nobody in the guest sees, only ever take away.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.quiet import Refused, Unmeasured, turn, wait_for_quiet

LEAST_PAIRS = 11
REFUSED_SHARE = 0.25  # of the pairs asked for: what fails its checks more often is not the machine's doing
TURN_SECONDS = 10.0  # of waiting for quiet, before the turn goes to whoever else measures here
PAUSE_SECONDS = 1.0  # after a pair or such a wait: what waits for the lock shall get it


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of ours beside one of a reference, and what its median ratio ours / reference has to be."""

    name: str
    reference: str
    unit: str
    least: float
    greatest: float = math.inf
    judged: bool = True
    """Not judged: shown beside the one that is, because the difference tells something."""
    higher_is_better: bool = True

    @property
    def asked(self) -> str:
        if not self.judged:
            return "–"
        if math.isinf(self.greatest):
            return f"≥ {self.least:g}"
        return f"{self.least:g} to {self.greatest:g}"

    def best(self, figures: Iterable[float]) -> float:
        return max(figures) if self.higher_is_better else min(figures)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two programs that are run in turn; a run may yield the figures of several rows."""

    rows: tuple[Row, ...]
    conditions: str
    """What is equal on both sides, in one line."""
    ours: Callable[[], Sequence[float]]
    theirs: Callable[[], Sequence[float]]
    turns: int = 1
    """Runs of each in a pair, of which the best counts, row by row."""
    pairs_each: int = 1
    """Pairs for each one that is asked for: where a run takes a second, many are cheap."""

    def in_turns(self, theirs_first: bool) -> tuple[list[float], list[float]]:
        """The best figures of ours and of theirs, row by row, after a pair's turns.

        Raises:
            Unmeasured: a program failed.
        """
        mine: list[Sequence[float]] = []
        theirs: list[Sequence[float]] = []
        sides = [(self.ours, mine), (self.theirs, theirs)]
        if theirs_first:
            sides.reverse()
        for _ in range(self.turns):
            for program, runs in sides:
                runs.append(program())
            sides.reverse()
        return self._best(mine), self._best(theirs)

    def _best(self, runs: Sequence[Sequence[float]]) -> list[float]:
        return [row.best(figures) for row, figures in zip(self.rows, zip(*runs, strict=True), strict=True)]


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a pair counts, and how long one looks for such pairs."""

    pairs: int = LEAST_PAIRS
    minutes: float = 15.0
    others: float = 0.1
    lock: Path | None = None


@dataclass(slots=True)
class Measured:
    """The pairs of one row that count."""

    row: Row
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        return [mine / other for mine, other in zip(self.ours, self.theirs, strict=True)]

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def of_the_bests(self) -> float:
        """Our best of all pairs by the reference's: of the host's quietest moments, if both had one."""
        return self.row.best(self.ours) / self.row.best(self.theirs)

    @property
    def holds(self) -> bool:
        return not self.row.judged or self.row.least <= self.median <= self.row.greatest


@dataclass(slots=True)
class Course:
    """A comparison and what has come of it so far."""

    comparison: Comparison
    found: list[Measured]
    runs: int = 0
    refused: list[str] = field(default_factory=list)
    """Why pairs were repeated in which a check of ours failed."""
    failure: str | None = None

    @property
    def done(self) -> int:
        return len(self.found[0].ours)

    @property
    def rounds(self) -> float:
        """Runs so far, in pairs that are asked for."""
        return self.runs / self.comparison.pairs_each

    @property
    def name(self) -> str:
        return ", ".join(row.name for row in self.comparison.rows)

    def wanted(self, pairs: int) -> int:
        """Pairs of this comparison where so many are asked for."""
        return pairs * self.comparison.pairs_each

    def lacks(self, pairs: int) -> bool:
        """Whether it goes on: it has not failed, nor as many pairs as are asked for."""
        return self.failure is None and self.done < self.wanted(pairs)

    @property
    def so_far(self) -> str:
        medians = ", ".join(f"{each.median:.3f}" for each in self.found if each.ours)
        return f"{self.done} quiet pairs" + (f" (median ratio so far {medians})" if medians else "")


def measure(comparisons: Sequence[Comparison], asked: Conditions) -> list[Course]:
    """Run pairs of all comparisons in rotation, each printed, until enough of each count or time is up.

    In rotation, so that a slow change of the machine meets all of them alike, and that the short ones use
    what quiet there is.
    """
    courses = [Course(each, [Measured(row) for row in each.rows]) for each in comparisons]
    for course in courses:
        turns = course.comparison.turns
        best = f", best of {turns} turns each" if turns > 1 else ""
        print(f"{course.name}: {course.comparison.conditions}{best}")
    ends = time.monotonic() + 60 * asked.minutes * len(courses)
    while open_ := [each for each in courses if each.lacks(asked.pairs)]:
        if time.monotonic() > ends:
            for each in open_:
                each.failure = f"other programs were running: {each.so_far} in the time given"
            break
        course = min(open_, key=lambda each: each.rounds)
        try:
            pair(course, asked, ends)
        except Refused as error:
            course.refused.append(str(error))
            print(f"{course.name}: does not count: {error}", flush=True)
            if len(course.refused) > REFUSED_SHARE * course.wanted(asked.pairs):
                course.failure = f"{len(course.refused)} pairs refused, the last: {error}"
        except Unmeasured as error:
            course.failure = str(error)
            print(f"{course.name}: goes no further: {error}", flush=True)
    return courses


def pair(course: Course, asked: Conditions, ends: float) -> None:
    """One pair, when the machine is quiet before it.

    Raises:
        Refused: a check of ours failed: a pair to be repeated.
        Unmeasured: a program failed.
    """
    # By number of runs, not of counted ones: what disturbs one order shall not have its way.
    theirs_first = course.runs % 2 == 1
    if asked.lock:
        time.sleep(PAUSE_SECONDS)
    with turn(asked.lock):
        before = wait_for_quiet(asked.others, min(ends, time.monotonic() + TURN_SECONDS))
        if before is None:
            return
        course.runs += 1
        mine, theirs = course.comparison.in_turns(theirs_first)
        others = before.others_since()
    counts = others < asked.others
    for measured, one, other in zip(course.found, mine, theirs, strict=True):
        row = measured.row
        print(
            f"{row.name:24} {course.done + 1:3}  {'theirs' if theirs_first else 'ours':6} first"
            f"  {one:9.4g} {other:9.4g} {row.unit:10}  {one / other:5.3f}"
            f"  others {others:5.1%}{'' if counts else '  does not count'}",
            flush=True,
        )
    for measured, one, other in zip(course.found, mine, theirs, strict=True):
        if counts:
            measured.ours.append(one)
            measured.theirs.append(other)


def table(results: Sequence[Measured]) -> str:
    """All rows in Markdown; ours and reference are medians, the ratio is the median of the pairs'."""
    lines = [
        "| row | reference | unit | ours | reference | ratio | least | greatest | bests | pairs | asked | |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        row = result.row
        figures = (
            f"{statistics.median(result.ours):.4g} | {statistics.median(result.theirs):.4g}"
            f" | **{result.median:.3f}** | {min(result.ratios):.3f} | {max(result.ratios):.3f}"
            f" | {result.of_the_bests:.3f} | {len(result.ours)}"
        )
        verdict = "not judged" if not row.judged else "holds" if result.holds else "**missed**"
        lines.append(f"| {row.name} | {row.reference} | {row.unit} | {figures} | {row.asked} | {verdict} |")
    return "\n".join(lines)
