"""One figure over several metrics: the geometric mean of ratios, over the same metrics for every type.

The unit stays the instance: of each, the mean of its logarithms over the metrics (of what is better when
lower, their negative), so that metrics that rise and fall together on one instance do not count as so many
instances. Each metric has the same weight. Source for the geometric mean of ratios: P. J. Fleming and J. J.
Wallace, "How not to lie with statistics", Communications of the ACM 29 (1986) 218-221.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchtui.core import stats
from benchtui.core.comparison import Comparison, TypeRow
from benchtui.core.multiplicity import Correction, Family, allowances
from benchtui.core.stats import RANKED_FROM, Contrast, Interval, Verdict

#: A type with figures of fewer of the metrics is not in the mean; it would leave too few to all others.
LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class OverallRow:
    """A type's geometric mean of ratios; above 1 is better."""

    name: str
    n: int  # instances with all metrics
    base_n: int
    ratio: float | None = None
    interval: Interval | None = None
    verdict: Verdict | None = None
    confidence: float | None = None
    reason: str | None = None  # why there is none


@dataclass(frozen=True, slots=True)
class Overall:
    """Means of all types over the same metrics."""

    metrics: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]  # metric, and why
    rows: tuple[OverallRow, ...]

    @property
    def total(self) -> int:
        """Metrics there are."""
        return len(self.metrics) + len(self.left_out)


def overall(comparison: Comparison) -> Overall | None:
    """Geometric means of a comparison's types against what each is compared with; None if there is no pair.

    In the mean are the metrics of which every type in it, and the baseline, has a ranked figure. All others
    are named with the type that lacks one. Types with less than half of the metrics are not in it.
    """
    pairs = [(row, base) for row in comparison.rows if (base := comparison.base_of(row)) is not None]
    count = len(comparison.columns)
    if not pairs or count < 2:
        return None
    kept = [
        (row, base)
        for row, base in pairs
        if sum(_both(row, base, at) for at in range(count))
        >= LEAST_SHARE * max(1, sum(base.cells[at].ranked for at in range(count)))
    ]
    inside = [at for at in range(count) if kept and all(_both(row, base, at) for row, base in kept)]
    left = tuple(
        (str(comparison.columns[at].key), _lacking(comparison, kept, at))
        for at in range(count)
        if at not in inside
    )
    signs = [1.0 if comparison.columns[at].higher_is_better else -1.0 for at in inside]
    found: dict[str, OverallRow] = {}
    contrasts: dict[str, Contrast] = {}
    for row, base in pairs:
        ours, theirs = _scores(row, inside, signs), _scores(base, inside, signs)
        made = OverallRow(row.name, len(ours), len(theirs))
        if (row, base) not in kept:
            have = sum(_both(row, base, at) for at in range(count))
            made = OverallRow(row.name, 0, 0, reason=f"ranked figures of {have} of {count} metrics")
        elif not inside:
            made = OverallRow(row.name, 0, 0, reason="no metric is ranked for all types")
        elif min(len(ours), len(theirs)) < RANKED_FROM:
            reason = f"fewer than {RANKED_FROM} instances have all {len(inside)} metrics"
            made = OverallRow(row.name, len(ours), len(theirs), reason=reason)
        else:
            contrasts[row.name] = stats.contrast(ours, theirs)
        found[row.name] = made
    found.update(_judged(comparison, found, contrasts))
    return Overall(tuple(str(comparison.columns[at].key) for at in inside), left, tuple(found.values()))


def _both(row: TypeRow, base: TypeRow, at: int) -> bool:
    return row.cells[at].ranked and base.cells[at].ranked


def _lacking(comparison: Comparison, kept: Sequence[tuple[TypeRow, TypeRow]], at: int) -> str:
    """Whose ranked figure is missing."""
    names = dict.fromkeys(
        name
        for row, base in kept
        for name, cell in ((row.name, row.cells[at]), (base.name, base.cells[at]))
        if not cell.ranked
    )
    return f"no ranked figure of {', '.join(names)}" if names else "no ranked figure"


def _scores(row: TypeRow, inside: Sequence[int], signs: Sequence[float]) -> list[float]:
    """Each complete instance's geometric mean over the metrics."""
    logs: dict[tuple[str, str], list[float]] = {}
    for at, sign in zip(inside, signs, strict=True):
        for member in row.cells[at].members:
            logs.setdefault((member.run, member.job), []).append(sign * math.log(member.value))
    return [math.exp(math.fsum(one) / len(one)) for one in logs.values() if len(one) == len(inside)]


def _judged(
    comparison: Comparison, found: dict[str, OverallRow], contrasts: dict[str, Contrast]
) -> dict[str, OverallRow]:
    """The rows that have a contrast, with interval and verdict: one family by Holm."""
    family = Family(Correction.HOLM, len(contrasts), round(1 - comparison.confidence, 12))
    levels = [contrast.deciding_level(comparison.floor) for contrast in contrasts.values()]
    judged: dict[str, OverallRow] = {}
    for (name, contrast), allowed in zip(contrasts.items(), allowances(levels, family), strict=True):
        confidence = comparison.confidence if len(contrasts) == 1 else allowed.confidence
        interval = contrast.interval(confidence)
        word = stats.verdict(interval, higher_is_better=True, floor=comparison.floor)
        row = found[name]
        judged[name] = OverallRow(name, row.n, row.base_n, contrast.ratio, interval, word, confidence)
    return judged
