"""How often a 95 % interval of a ratio holds the true ratio: by instance, and with repetitions pooled."""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchtui.core import stats
from tests.statistics.worlds import Design

SEED = 20261124


@dataclass(frozen=True)
class Coverage:
    """Shares of intervals that held the true ratio."""

    design: Design
    trials: int
    by_instance: float
    pooled: float
    width: float  # median ratio of upper to lower end, by instance, minus 1

    @property
    def error(self) -> float:
        """Standard error of a share of 95 %."""
        return float((0.95 * 0.05 / self.trials) ** 0.5)


def cover(design: Design, trials: int, seed: int = SEED) -> Coverage:
    """Simulate a design. Each has a generator of its own, so that designs can be added."""
    rng = random.Random(f"{seed} {design.name}")
    held = pooled = 0
    widths = []
    for _ in range(trials):
        ours, theirs = design.ours.draw(rng, design.ratio), design.theirs.draw(rng, 1.0)
        by_instance = stats.contrast(
            [stats.median(one) for one in ours], [stats.median(one) for one in theirs]
        ).interval()
        together = stats.contrast(
            [value for one in ours for value in one], [value for one in theirs for value in one]
        ).interval()
        held += by_instance.low <= design.ratio <= by_instance.high
        pooled += together.low <= design.ratio <= together.high
        widths.append(by_instance.high / by_instance.low - 1)
    return Coverage(design, trials, held / trials, pooled / trials, stats.median(widths))
