"""Plays seeds and prints what they found: python -m tests.simulation --seeds 500.

One seed again, with all that happened: python -m tests.simulation --seed 217 -v
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

from tests.simulation.breaks import BREAKS, broken
from tests.simulation.drama import Outcome, simulate
from tests.simulation.scenario import AFTERMATHS, Crash, Scenario, scenario_of

#: Worlds in which the launcher is crashed at each of its awaits in turn, and how many of them.
CRASHED_EVERYWHERE = (8, 29, 47)
MOST_AWAITS = 250


def main() -> int:
    """Exit code 1 if something was found that must not be."""
    arguments = _arguments()
    if arguments.seed is not None:
        worlds: list[World] = [(arguments.seed, arguments.crash_at)]
    else:
        last = arguments.first + arguments.seeds
        worlds = [(seed, None) for seed in range(arguments.first, last)]
        if arguments.every_await:
            worlds += [(seed, step) for seed in CRASHED_EVERYWHERE for step in range(1, MOST_AWAITS + 1)]
    begun = time.monotonic()
    play = partial(_play, without=arguments.without, keep_log=arguments.verbose)
    outcomes: list[Outcome] = []
    failed = 0
    for world, outcome in zip(worlds, _played(worlds, play, arguments.processes), strict=True):
        outcomes.append(outcome)
        if outcome.lines:
            print("\n".join(outcome.lines))
        for violation in outcome.violations:
            print(f"seed {_name(world)}: {violation}")
        if outcome.violations:
            failed += 1
            print(f"  again: python -m tests.simulation {_flags(world, arguments.without)} -v")
    _summary(outcomes, failed, time.monotonic() - begun)
    return 1 if failed else 0


World = tuple[
    int, int | None
]  # seed, and the step at which the launcher is crashed instead of as the seed says


def world_of(world: World) -> Scenario:
    """The scenario of a world."""
    seed, step = world
    scenario = scenario_of(seed)
    if step is None:
        return scenario
    aftermath = AFTERMATHS[step % len(AFTERMATHS)]
    crash = Crash(step, 0.0, kindly=False, torn=step % 2 == 0, again_after_s=5.0, aftermath=aftermath)
    return replace(scenario, crashes=(crash,))


def _play(world: World, *, without: str | None, keep_log: bool) -> Outcome:
    with broken(without):
        return simulate(world_of(world), keep_log=keep_log)


def _played(worlds: list[World], play: partial[Outcome], processes: int) -> Iterator[Outcome]:
    if processes == 1 or len(worlds) == 1:
        yield from map(play, worlds)
        return
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(play, worlds, chunksize=5)


def _summary(outcomes: Iterable[Outcome], failed: int, seconds: float) -> None:
    outcomes = list(outcomes)
    faults: Counter[str] = Counter()
    rules: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update(outcome.faults)
        rules.update(violation.rule for violation in outcome.violations)
    rows = [
        ("worlds", len(outcomes)),
        ("events", sum(each.events for each in outcomes)),
        ("requests", sum(each.requests for each in outcomes)),
        ("virtual hours", round(sum(each.seconds for each in outcomes) / 3600)),
        ("instances", sum(each.launched for each in outcomes)),
        ("  that no layer could end", sum(each.unprotected for each in outcomes)),
        ("  longest beyond their end, s", round(max(each.overtime_s for each in outcomes))),
        ("faults", sum(faults.values())),
        *((f"  {name}", count) for name, count in faults.most_common()),
        ("violations", sum(rules.values())),
        *((f"  {name}", count) for name, count in rules.most_common()),
        ("worlds with a violation", failed),
    ]
    for name, count in rows:
        print(f"{name:32} {count:>10,}")
    print(f"{'seconds':32} {seconds:>10.1f}")


def _name(world: World) -> str:
    seed, step = world
    return str(seed) if step is None else f"{seed}, launcher crashed at await {step}"


def _flags(world: World, without: str | None) -> str:
    seed, step = world
    crash = "" if step is None else f" --crash-at {step}"
    return f"--seed {seed}{crash}" + (f" --break {without}" if without else "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--crash-at", type=int, help="with --seed: crash the launcher at this await of its")
    parser.add_argument(
        "--every-await", action="store_true", help="also crash launchers at each of their awaits"
    )
    parser.add_argument("--break", dest="without", choices=BREAKS, help="take this guard out of the engine")
    parser.add_argument("--processes", type=int, default=1, help="at the same time")
    parser.add_argument("-v", "--verbose", action="store_true", help="print all that happened")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
