"""Worlds in which nothing is wrong with the cloud, and the laptop is closed, carried about and signed out.

python -m tests.simulation.outlasting --seeds 200
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import replace
from random import Random

from tests.simulation.drama import Outcome, simulate
from tests.simulation.ec2 import Ec2Nature
from tests.simulation.machine import MachineNature
from tests.simulation.scenario import CALM, Scenario, scenario_of

#: A night, and what a laptop sleeps on a train.
NIGHT_S, NAP_S = 8 * 3600.0, 240.0
TROUBLES = ("night", "naps", "roaming", "signed out", "all of it")


def world_of(seed: int, trouble: str) -> Scenario:
    """A run that would come to its end in peace, and what the laptop meets meanwhile."""
    rng = Random(f"outlasting {seed} {trouble}")
    world = replace(
        scenario_of(seed),
        covered=None,
        weather=CALM,
        outages=(),
        ec2=Ec2Nature(lag_s=rng.choice((0.5, 3.0)), quota=10_000, page=1000),
        machines=MachineNature(skew_s=0.5),
        s3_race=0.0,
        scheduler="works",
        scheduler_failing=0.0,
        laptop_skew_s=(0.0, 0.0),
        s3_skew_s=0.0,
        concurrency=rng.choice((1, 2)),
        crashes=(),
        killed_at_s=None,
        reaped_every_s=None,
        twin_at_s=None,
        strangers=1,
        theme=trouble,
        regions=scenario_of(seed).regions[:1],
        quota_known=False,
    )
    early_s, late_s = rng.uniform(3, 15), rng.uniform(30, 300)  # the run has begun by then
    changes = {
        "night": {"sleeps": ((rng.choice((early_s, late_s)), NIGHT_S),)},
        "naps": {"sleeps": tuple((at, rng.uniform(20, NAP_S)) for at in (early_s, early_s + 400))},
        "roaming": {"cuts_s": tuple(rng.uniform(1, 30) for _ in range(60)) + tuple(range(31, 400, 3))},
        "signed out": {"signed_out_s": (early_s, early_s + rng.choice((60.0, 1200.0, 7200.0)))},
        "all of it": {
            "sleeps": ((late_s, 1800.0),),
            "cuts_s": (early_s, late_s / 2),
            "signed_out_s": (early_s + 5, late_s + 2400),
        },
    }[trouble]
    return replace(world, **changes)  # type: ignore[arg-type]


def problems_of(world: Scenario, outcome: Outcome) -> list[str]:
    """What must not be: a violation of what always holds, a job without its instance or with two."""
    found = [str(violation) for violation in outcome.violations]
    if outcome.launched != world.jobs:
        found.append(f"{outcome.launched} instances for {world.jobs} jobs")
    return found


def main() -> int:
    """Exit code 1 if something was found that must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.outlasting", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many, each with every trouble")
    seeds = parser.parse_args().seeds
    begun, failed = time.monotonic(), 0
    print(
        f"{'trouble':12} {'worlds':>7} {'faults':>8} {'instances':>10} {'virtual h':>10} {'violations':>11}"
    )
    for trouble in TROUBLES:
        worlds = [world_of(seed, trouble) for seed in range(1, seeds + 1)]
        outcomes: list[Outcome] = [simulate(world) for world in worlds]
        found = [
            f"  seed {world.seed}, {trouble}: {problem}"
            for world, outcome in zip(worlds, outcomes, strict=True)
            for problem in problems_of(world, outcome)
        ]
        failed += len(found)
        faults = sum((Counter(each.faults) for each in outcomes), Counter[str]())
        counts = (
            len(worlds),
            sum(faults.values()),
            sum(world.jobs for world in worlds),
            sum(each.launched for each in outcomes),
            round(sum(each.seconds for each in outcomes) / 3600),
            len(found),
        )
        print(f"{trouble:12}" + "".join(f"{count:>12,}" for count in counts), flush=True)
        print("\n".join(found), end="\n" if found else "")
    print(f"{time.monotonic() - begun:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
