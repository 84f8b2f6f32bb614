"""Several verdicts at once: which probability of error each of them may have, so that all can be believed.

A comparison alone begins to say something at its *deciding level* p (`Contrast.deciding_level`): its interval
of confidence 1 - a has a verdict for every a above p. A correction gives each comparison an ``a`` of its own;
the interval shown and the verdict both follow from that one number, so they cannot contradict each other.

Holm, for the question that was asked: with k comparisons in order of p, the j-th is judged at A/(k - j + 1);
from the first that is undecided there, all the rest are judged at its level and are undecided too. The
probability of one wrong verdict or more among the k is at most A.

Benjamini and Hochberg, for a sweep over many metrics: R is the greatest j whose p is at most j A/k; all are
judged at R A/k (at A/k if there is none), which decides those R and no other. Of the verdicts given at most A
are expected to be wrong, and of the R intervals at most A to miss (Benjamini and Yekutieli).

Sources: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
Statistics 6 (1979) 65-70; J. P. Shaffer, "Control of directional errors with stagewise multiple test
procedures", Annals of Statistics 8 (1980) 1342-1347; Y. Benjamini and Y. Hochberg, Journal of the Royal
Statistical Society B 57 (1995) 289-300; Y. Benjamini and D. Yekutieli, "False discovery rate-adjusted
multiple confidence intervals for selected parameters", Journal of the American Statistical Association 100
(2005) 71-81. What their conditions leave open, the shared baseline, is simulated (tests/statistics).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Correction(StrEnum):
    """How the verdicts of a family are kept from being wrong by number."""

    NONE = "none"  # one comparison alone
    HOLM = "holm"
    BENJAMINI_HOCHBERG = "benjamini-hochberg"

    @property
    def words(self) -> str:
        """For a sentence."""
        return {"holm": "Holm", "benjamini-hochberg": "Benjamini-Hochberg"}.get(self.value, "no correction")


@dataclass(frozen=True, slots=True)
class Family:
    """Comparisons that are judged together."""

    correction: Correction
    size: int  # comparisons
    error: float  # accepted: of one wrong verdict or more (Holm), or as a share of the verdicts
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one comparison of a family may have."""

    confidence: float  # of the interval its verdict follows from
    adjusted: float  # least error of the whole family at which it would be decided


def allowances(levels: Sequence[float], family: Family) -> tuple[Allowance, ...]:
    """Confidence of each comparison of a family, in the order given.

    Args:
        levels: deciding levels.
        family: how they are corrected.
    """
    if family.correction is Correction.BENJAMINI_HOCHBERG:
        return _benjamini_hochberg(levels, family.error)
    if family.correction is Correction.HOLM:
        return _holm(levels, family.error)
    return tuple(Allowance(1 - family.error, level) for level in levels)


def _holm(levels: Sequence[float], error: float) -> tuple[Allowance, ...]:
    count = len(levels)
    found: dict[int, Allowance] = {}
    allowed, adjusted, going = error, 0.0, True
    for place, at in enumerate(sorted(range(count), key=levels.__getitem__)):
        if going:
            allowed = error / (count - place)
            going = levels[at] <= allowed
        adjusted = max(adjusted, min(1.0, levels[at] * (count - place)))
        found[at] = Allowance(1 - allowed, adjusted)
    return tuple(found[at] for at in range(count))


def _benjamini_hochberg(levels: Sequence[float], error: float) -> tuple[Allowance, ...]:
    count = len(levels)
    order = sorted(range(count), key=levels.__getitem__)
    decided = max(
        (place for place, at in enumerate(order, 1) if levels[at] <= place * error / count), default=0
    )
    confidence = 1 - max(decided, 1) * error / max(count, 1)
    found: dict[int, Allowance] = {}
    adjusted = 1.0
    for place in range(count, 0, -1):
        at = order[place - 1]
        adjusted = min(adjusted, levels[at] * count / place)
        found[at] = Allowance(confidence, adjusted)
    return tuple(found[at] for at in range(count))
