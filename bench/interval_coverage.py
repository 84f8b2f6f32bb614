"""How often a 95 % interval of a ratio holds the true ratio: instances as the unit, and repetitions pooled.

Simulated: instances differ by a log-normal factor from host to host, repetitions on one instance by another.
The reference is what an interval claims, 95 %.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics

from benchtui.core import stats

HOST_SD, REPETITION_SD, REPETITIONS = 0.03, 0.01, 20
TRUE_RATIO = 1.05


def instance(rng: random.Random, level: float) -> list[float]:
    """Repetitions on one instance."""
    here = level * math.exp(rng.gauss(0, HOST_SD))
    return [here * math.exp(rng.gauss(0, REPETITION_SD)) for _ in range(REPETITIONS)]


def coverage(rng: random.Random, instances: int, trials: int) -> tuple[float, float]:
    """Shares of intervals that hold the true ratio: of instance medians, of pooled repetitions."""
    by_instance = pooled = 0
    for _ in range(trials):
        ours = [instance(rng, TRUE_RATIO) for _ in range(instances)]
        theirs = [instance(rng, 1.0) for _ in range(instances)]
        right = stats.contrast(
            [statistics.median(one) for one in ours], [statistics.median(one) for one in theirs]
        )
        wrong = stats.contrast(
            [value for one in ours for value in one], [value for one in theirs for value in one]
        )
        by_instance += right.interval().low <= TRUE_RATIO <= right.interval().high
        pooled += wrong.interval().low <= TRUE_RATIO <= wrong.interval().high
    return by_instance / trials, pooled / trials


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=20261124)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    print(
        f"host to host {HOST_SD:.0%}, repetition {REPETITION_SD:.0%}, {REPETITIONS} repetitions, "
        f"{options.trials} trials"
    )
    print("instances  claimed  by instance  repetitions pooled")
    for instances in (3, 5, 10):
        right, wrong = coverage(rng, instances, options.trials)
        print(f"{instances:9}  {0.95:7.1%}  {right:11.1%}  {wrong:18.1%}")


if __name__ == "__main__":
    main()
