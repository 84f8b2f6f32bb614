"""Effects planted in simulated comparisons, and what the product says of them."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field

from benchtui.core import sample_size, stats
from benchtui.core.compare import Comparison, compare
from benchtui.core.instance_results import InstanceResult, MetricKey, MetricMedian
from benchtui.core.stats import Verdict
from tests.comparing import result
from tests.statistics.worlds import REPETITION_SD, repetitions

#: Baseline, the type with the effect, and types that are like the baseline.
BASELINE, PLANTED, ALIKE = "a0.large", "a1.large", ("a2.large", "a3.large", "a4.large")
METRICS = tuple(
    MetricKey("stream", name) for name in ("triad.all", "copy.all", "add.all", "scale.all", "dot.all")
)
SEED = 20261128


@dataclass(frozen=True)
class Noise:
    """Standard deviations of the logarithm."""

    host: float = 0.02  # from instance to instance, common to its metrics
    metric: float = 0.01  # from instance to instance, of one metric


@dataclass
class Tally:
    """What was said over many seeds."""

    effect: float
    n: int
    floor: float
    alike: float = 0.0  # effect in all other types
    seeds: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)  # of the planted type, in the metric asked for
    alarms: int = 0  # seeds with a wrong verdict of better or worse in the question's family
    alarms_alone: int = 0  # the same if each verdict stood alone
    wrong: int = 0  # seeds with any wrong verdict there, equivalence included
    sweep_said: int = 0  # verdicts of the sweep other than inconclusive
    sweep_wrong: float = 0.0  # sum over seeds of the share of them that is wrong
    contradictions: int = 0  # verdicts that their interval does not say
    forecast: float = 0.0  # power that the planner foretells


def simulate(
    effect: float,
    n: int,
    seeds: int,
    noise: Noise | None = None,
    floor: float = stats.NOISE_FLOOR,
    alike: float = 0.0,
) -> Tally:
    """Compare five types with the effect in all metrics of one of them, once for each seed."""
    noise = noise or Noise()
    tally = Tally(effect, n, floor, alike)
    for seed in range(seeds):
        rng = random.Random(f"{SEED} {effect} {n} {seed}")
        comparison = compare(made(rng, effect, n, noise, alike), keys=METRICS, baseline=BASELINE, floor=floor)
        count(tally, comparison)
    # Beside the two: the median of five repetitions, whose standard error is 1.2533 / sqrt(5) of theirs.
    spread = math.hypot(noise.host, noise.metric, REPETITION_SD * 1.2533 / math.sqrt(5))
    side = sample_size.Side(n, spread**2)
    # What the planner says for the least error that the family leaves.
    tally.forecast = sample_size.power(math.log1p(effect), side, side, floor, 0.05 / (1 + len(ALIKE)))
    return tally


def made(rng: random.Random, effect: float, n: int, noise: Noise, alike: float = 0.0) -> list[InstanceResult]:
    """Results of all types."""
    found = []
    for name in (BASELINE, PLANTED, *ALIKE):
        level = 100 * (1 + (effect if name == PLANTED else alike if name in ALIKE else 0.0))
        for number in range(1, n + 1):
            host = level * math.exp(rng.gauss(0, noise.host))
            metrics = {}
            for key in METRICS:
                here = host * math.exp(rng.gauss(0, noise.metric))
                middle = stats.median(repetitions(rng, here, 5))
                metrics[key.name] = MetricMedian(middle, "GB/s", True, 5)
            found.append(result(name, number, metrics=metrics))
    return found


def truth(effect: float, floor: float) -> Verdict:
    """What would be said if everything were known."""
    return Verdict.BETTER if effect > floor else Verdict.EQUIVALENT


def count(tally: Tally, comparison: Comparison) -> None:
    """Add one comparison."""
    tally.seeds += 1
    alarm = alone = wrong = False
    said = sweep_wrong = 0
    for name in (PLANTED, *ALIKE):
        true = truth(tally.effect if name == PLANTED else tally.alike, tally.floor)
        row = comparison.row(name)
        assert row is not None
        for at, cell in enumerate(row.cells):
            against = cell.against
            assert against is not None
            spoken = stats.verdict(against.interval, higher_is_better=True, floor=tally.floor)
            tally.contradictions += spoken is not against.verdict
            decided = against.verdict is not Verdict.INCONCLUSIVE
            mistaken = decided and against.verdict is not true
            if at < comparison.asked:
                loud = against.verdict in (Verdict.BETTER, Verdict.WORSE)
                alarm |= mistaken and loud
                wrong |= mistaken
                single = stats.verdict(against.contrast.interval(), higher_is_better=True, floor=tally.floor)
                alone |= single in (Verdict.BETTER, Verdict.WORSE) and single is not true
                if name == PLANTED:
                    tally.verdicts[against.verdict.value] += 1
            else:
                said += decided
                sweep_wrong += mistaken
    tally.alarms += alarm
    tally.alarms_alone += alone
    tally.wrong += wrong
    tally.sweep_said += said
    tally.sweep_wrong += sweep_wrong / said if said else 0.0
