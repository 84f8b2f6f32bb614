"""P3: launching 500 jobs in 2 regions, beside what EC2's published token buckets allow at best.

    python bench/launching.py [--jobs N] [--seeds N]

The launcher, its reservations, sentinels and schedules are the product's own; the account is the simulated
one of tests/simulation, in virtual time, with the buckets of RunInstances in front of it. A way takes 50 ms
on the average, so a request 100. What is timed is `Workspace.launch` from its call until every job has its
instance and its LAUNCHED sentinel. The reference is the time after which the last token of a full bucket can
have come, of the region with the most jobs. The guide can be read so that tokens come all the time or each
full second: both are played. In the last row others of the account take every second token.

Exit status: 1 if a ratio is above its goal or a job has no instance.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.simulation.account import AWAY, HOME
from tests.simulation.drama import seeded
from tests.simulation.ec2 import Ec2Nature
from tests.simulation.invariants import Invariants
from tests.simulation.laptop import Laptop, config_of, plan_of
from tests.simulation.limits import INSTANCES, REQUESTS, Limits, Size
from tests.simulation.loop import VirtualLoop, bury
from tests.simulation.network import Refused
from tests.simulation.scenario import CALM, Scenario, scenario_of
from tests.simulation.world import World

from bench.rows import row

MOST = 1.10
REGIONS = (HOME, AWAY)
TYPES = ("c7g.large", "c8g.large", "m7g.large", "r7g.large", "r8g.large")
BUDGET_USD = Decimal(10**6)
LONGEST_S = 3600.0


def scenario(jobs: int, seed: int) -> Scenario:
    """A world in which nothing goes wrong but that requests are limited."""
    return replace(
        scenario_of(seed),
        types=TYPES,
        replicates=jobs // (len(TYPES) * len(REGIONS)),
        suites=("stream",),
        regions=REGIONS,
        fallback=False,
        quota_known=False,
        concurrency=10,
        covered=None,
        weather=CALM,
        outages=(),
        ec2=Ec2Nature(),
        s3_race=0.0,
        scheduler="works",
        scheduler_failing=0.0,
        laptop_skew_s=(0.0, 0.0),
        s3_skew_s=0.0,
        strangers=0,
    )


def launch(jobs: int, seed: int, limit: Callable[[World], Limits]) -> tuple[float, int, int]:
    """Virtual seconds of the launch, instances, and refused requests."""
    world_of = scenario(jobs, seed)
    loop = VirtualLoop()
    with tempfile.TemporaryDirectory() as folder, seeded(world_of):
        try:
            world = World(world_of, loop)
            world.ec2.limits = limits = limit(world)
            config = config_of(world_of, BUDGET_USD)
            planned = plan_of(config, world_of)
            laptop = Laptop(world, Invariants(world), "laptop", Path(folder), 0.0, config)

            async def go() -> tuple[float, int]:
                async with laptop.workspace() as workspace:
                    run = await workspace.start(planned)
                    began = loop.time()
                    async with asyncio.timeout(LONGEST_S):
                        launched = await workspace.launch(run, planned)
                    return loop.time() - began, len(launched.instances)

            took, instances = loop.run_until_complete(go())
            return took, instances, limits.refused
        finally:
            bury(loop)


def bound_s(jobs: int, requests: Size) -> float:
    """Seconds before which the last of the jobs of one region cannot have been accepted."""
    each = -(-jobs // len(REGIONS))
    return max(requests.earliest_s(each), INSTANCES.earliest_s(each))


def shared(world: World) -> Limits:
    """Others of the account send a request each second: half of the tokens are left if they get theirs."""
    limits = Limits(world.ec2.time)

    def other() -> None:
        for region in REGIONS:
            try:
                limits.take(region)
            except Refused:
                limits.refused -= 1
        world.later(2 / REQUESTS.per_s, other)

    other()
    return limits


CASES: tuple[tuple[str, Callable[[World], Limits], Size], ...] = (
    ("tokens all the time", lambda world: Limits(world.ec2.time), REQUESTS),
    ("tokens each second", lambda world: Limits(world.ec2.time, ticks=True), REQUESTS),
    ("account with 20, 10/s", lambda world: Limits(world.ec2.time, requests=Size(20, 10)), Size(20, 10)),
    ("others ask each second", shared, Size(REQUESTS.most, REQUESTS.per_s / 2)),
)
#: Cases that are the published buckets; the others show how the launcher learns.
HELD = 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    missed = False
    print(f"P3  launching {asked.jobs} jobs in {len(REGIONS)} regions, virtual time, median of {asked.seeds}")
    print(f"    {'buckets':22} {'launch s':>9} {'bound s':>8} {'ratio':>6} {'goal':>5}   refused")
    for number, (name, limit, size) in enumerate(CASES):
        found = [launch(asked.jobs, seed, limit) for seed in range(1, asked.seeds + 1)]
        took = statistics.median(each[0] for each in found)
        refused = statistics.median(each[2] for each in found)
        bound = bound_s(asked.jobs, size)
        whole = all(each[1] == asked.jobs for each in found)
        ratio = took / bound
        held = number >= HELD or ratio <= MOST
        verdict = ("holds" if held else "**missed**") if number < HELD else ""
        goal = f"{MOST:.2f}" if number < HELD else ""
        print(f"    {name:22} {took:9.1f} {bound:8.1f} {ratio:6.3f} {goal:>5}   {refused:.0f} {verdict}")
        if not whole:
            print(f"    **not launched**: {[asked.jobs - each[1] for each in found]} jobs")
        missed = missed or not held or not whole
        if number < HELD:
            work, reference = f"launch {asked.jobs} jobs in 2 regions, {name}", "EC2's token buckets"
            figures = (f"{took:.1f} s", reference, f"{bound:.1f} s", f"{ratio:.3f}", f"{MOST:.2f} x")
            print(row(3, work, *figures, held and whole))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
