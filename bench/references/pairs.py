"""Interleaved pairs of one of our programs and a reference, counted while the machine is quiet, and their
table.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.quiet import Unmeasured, turn, wait_for_quiet

LEAST_PAIRS = 11
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

    @property
    def asked(self) -> str:
        if not self.judged:
            return "–"
        if math.isinf(self.greatest):
            return f"≥ {self.least:g}"
        return f"{self.least:g} to {self.greatest:g}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two programs that are run in turn; a run may yield the figures of several rows."""

    rows: tuple[Row, ...]
    conditions: str
    """What is equal on both sides, in one line."""
    ours: Callable[[], Sequence[float]]
    theirs: Callable[[], Sequence[float]]


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
    def holds(self) -> bool:
        return not self.row.judged or self.row.least <= self.median <= self.row.greatest


def measure(comparison: Comparison, asked: Conditions) -> list[Measured]:
    """Run pairs, each printed, until enough of them count.

    Raises:
        Unmeasured: a program failed, or others were running for the time given.
    """
    found = [Measured(row) for row in comparison.rows]
    ends = time.monotonic() + 60 * asked.minutes
    run = 0
    print(f"\n{comparison.conditions}", flush=True)
    while (done := len(found[0].ours)) < asked.pairs:
        if time.monotonic() > ends:
            raise Unmeasured(f"other programs were running: {done} quiet pairs in {asked.minutes:g} minutes")
        if asked.lock:
            time.sleep(PAUSE_SECONDS)
        with turn(asked.lock):
            before = wait_for_quiet(asked.others, min(ends, time.monotonic() + TURN_SECONDS))
            if before is None:
                continue
            # By number of runs, not of counted ones: what disturbs one order shall not have its way.
            if run % 2 == 0:
                mine = comparison.ours()
                theirs = comparison.theirs()
            else:
                theirs = comparison.theirs()
                mine = comparison.ours()
            others = before.others_since()
        counts = others < asked.others
        for row, one, other in zip(found, mine, theirs, strict=True):
            if counts:
                row.ours.append(one)
                row.theirs.append(other)
            print(
                f"{row.row.name:24} {done + 1:3}  {'theirs' if run % 2 else 'ours':6} first"
                f"  {one:9.4g} {other:9.4g} {row.row.unit:10}  {one / other:5.3f}"
                f"  others {others:5.1%}{'' if counts else '  does not count'}",
                flush=True,
            )
        run += 1
    return found


def table(results: Sequence[Measured]) -> str:
    """All rows in Markdown; ours and reference are medians, the ratio is the median of the pairs'."""
    lines = [
        "| row | reference | unit | ours | reference | ratio | least | greatest | pairs | asked | |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        row = result.row
        figures = (
            f"{statistics.median(result.ours):.4g} | {statistics.median(result.theirs):.4g}"
            f" | **{result.median:.3f}** | {min(result.ratios):.3f} | {max(result.ratios):.3f}"
            f" | {len(result.ours)}"
        )
        verdict = "not judged" if not row.judged else "holds" if result.holds else "**missed**"
        lines.append(f"| {row.name} | {row.reference} | {row.unit} | {figures} | {row.asked} | {verdict} |")
    return "\n".join(lines)
