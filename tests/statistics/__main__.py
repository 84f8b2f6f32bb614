"""Prints the tables of `make proof-statistics`; exit code 1 if something does not hold."""

from __future__ import annotations

import argparse
import sys

from tests.statistics.coverage import SEED, Coverage, cover
from tests.statistics.planted import METRICS, Noise, Tally, simulate
from tests.statistics.worlds import DESIGNS, REPETITION_SD, REPETITIONS

BAND = (0.94, 0.97)
ALARMS = 0.05


def coverage_table(trials: int) -> bool:
    """Whether no design without a stated limit lies below the band."""
    print(
        f"Coverage of nominal 95 % intervals, {trials} trials each, seed {SEED}, {REPETITIONS} repetitions of"
    )
    print(f"{REPETITION_SD:.0%} on each instance; in the band: {BAND[0]:.0%} to {BAND[1]:.0%}\n")
    print(f"{'design':62} {'by instance':>11} {'pooled':>7} {'width':>6}")
    good = True
    for design in DESIGNS:
        found = cover(design, trials)
        mark = _mark(found)
        good &= mark != "BELOW"
        print(
            f"{design.name:62} {found.by_instance:11.1%} {found.pooled:7.1%} {found.width:6.1%} {mark}",
            flush=True,
        )
    print("safe: wider than it has to be. error: below by less than two standard errors of this simulation.")
    for design in DESIGNS:
        if design.limit:
            print(f"limit: {design.name}: {design.limit}")
    return good


def _mark(found: Coverage) -> str:
    """Where it lies; nothing for the band."""
    if found.by_instance > BAND[1]:
        return "safe"
    if found.by_instance >= BAND[0]:
        return ""
    if found.design.limit:
        return "limit"
    return "error" if found.by_instance >= BAND[0] - 2 * found.error else "BELOW"


HEADS = (
    "hosts", "floor", "effect", "n", "better", "worse", "equiv.", "inconcl.", "foretold", "alarms", "alone",
    "wrong", "sweep",
)  # fmt: skip
LEGEND = """
Planted effects, {seeds} seeds a row: four types against a baseline, the effect in one of them.
The question is one metric, Holm over 4; the sweep are {sweep} more, Benjamini-Hochberg over {swept}.
hosts: spread from instance to instance, of all metrics; of each metric besides, half of it.
better … inconcl.: verdicts of the type with the effect, so that the right one is the power.
foretold: what the planner says of that power, for the least that the correction leaves.
alarms: seeds with a wrong better or worse in the question; alone: the same without correction.
wrong: seeds with any wrong verdict there, equivalence included; sweep: mean share of its verdicts wrong.
"""
ROWS = tuple(
    (noise, floor, effect, n)
    for noise, floor in ((0.02, 0.02), (0.01, 0.02), (0.02, 0.0))
    for effect in (0.0, 0.03, 0.10)
    for n in (3, 5, 10)
)


def planted_table(seeds: int) -> bool:
    """Whether false alarms after correction stay below 5 %."""
    sweep = len(METRICS) - 1
    print(LEGEND.format(seeds=seeds, sweep=sweep, swept=4 * sweep))
    print(" ".join(f"{head:>8}" for head in HEADS))
    good = True
    for host, floor, effect, n in ROWS:
        tally = simulate(effect, n, seeds, Noise(host, host / 2), floor)
        print(" ".join(f"{text:>8}" for text in _texts(host, tally)), flush=True)
        error = 2 * float((ALARMS * (1 - ALARMS) / seeds) ** 0.5)
        good &= tally.alarms / seeds <= ALARMS + error and not tally.contradictions
    return good


def _texts(host: float, tally: Tally) -> list[str]:
    seeds = tally.seeds
    words = ("better", "worse", "equivalent", "inconclusive")
    # Without a noise floor nothing can be equivalent: there is no right verdict to have power for.
    foretold = f"{tally.forecast:.1%}" if tally.floor or tally.effect else "-"
    return [
        f"{host:.0%}",
        f"{tally.floor:.0%}",
        f"{tally.effect:.0%}",
        str(tally.n),
        *(f"{tally.verdicts[word] / seeds:.1%}" for word in words),
        foretold,
        f"{tally.alarms / seeds:.1%}",
        f"{tally.alarms_alone / seeds:.1%}",
        f"{tally.wrong / seeds:.1%}",
        f"{tally.sweep_wrong / seeds:.1%}",
    ]


def main() -> int:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", choices=("coverage", "planted"))
    options = parser.parse_args()
    good = True
    if options.only != "planted":
        good &= coverage_table(options.trials)
    if options.only != "coverage":
        good &= planted_table(options.seeds)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
