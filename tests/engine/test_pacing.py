"""Turns of RunInstances: in order, per region, and a launch that only EC2's own limits hold up."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchtui.engine.launcher import Launched
from benchtui.engine.pacing import MOVES_S, Pacing
from tests.simulation.account import AWAY, HOME
from tests.simulation.drama import seeded
from tests.simulation.ec2 import Ec2Nature
from tests.simulation.invariants import Invariants
from tests.simulation.laptop import Laptop, config_of, plan_of
from tests.simulation.limits import REQUESTS, Limits, Size
from tests.simulation.loop import VirtualLoop, bury
from tests.simulation.scenario import CALM, scenario_of
from tests.simulation.world import Clock, World


def in_virtual_time(work: Any) -> Any:
    """What ``work(loop)`` comes to."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work(loop))
    finally:
        bury(loop)


def test_turns_come_in_order_and_at_the_published_rate() -> None:
    async def work(loop: VirtualLoop) -> list[tuple[int, float]]:
        pacing, turns = Pacing(Clock(loop)), list[tuple[int, float]]()

        async def one(number: int) -> None:
            await pacing.turn(HOME)
            turns.append((number, loop.time()))

        await asyncio.gather(*map(one, range(9)))
        return turns

    turns = in_virtual_time(work)
    assert [number for number, _ in turns] == list(range(9))
    assert [round(at, 1) for _, at in turns] == [0, 0, 0, 0, 0, 0.5, 1.0, 1.5, 2.0]


def test_regions_do_not_wait_for_each_other() -> None:
    async def work(loop: VirtualLoop) -> float:
        pacing = Pacing(Clock(loop))
        for _ in range(10):
            await pacing.turn(HOME)
        before = loop.time()
        await pacing.turn(AWAY)
        return loop.time() - before

    assert in_virtual_time(work) == 0


def test_a_clock_that_is_set_back_holds_nobody_up() -> None:
    async def work(loop: VirtualLoop) -> float:
        clock = Clock(loop)
        pacing = Pacing(clock)
        for _ in range(6):
            await pacing.turn(HOME)
        clock.skew -= timedelta(hours=1)
        before = loop.time()
        await pacing.turn(HOME)
        return loop.time() - before

    assert in_virtual_time(work) < 1.0


def test_a_region_moves_while_something_is_accepted_there() -> None:
    async def work(loop: VirtualLoop) -> tuple[bool, bool, bool]:
        pacing = Pacing(Clock(loop))
        pacing.refused(HOME)
        before = pacing.moves(HOME)
        pacing.taken(HOME)
        now = pacing.moves(HOME)
        await asyncio.sleep(MOVES_S)
        return before, now, pacing.moves(HOME)

    assert in_virtual_time(work) == (False, True, False)


def launch(folder: Path, jobs: int, requests: Size) -> tuple[Launched, float, Limits]:
    """A launch in a simulated account whose requests are limited; with it virtual seconds."""
    scenario = replace(
        scenario_of(1), types=("c7g.large", "c8g.large"), replicates=jobs // 4, suites=("stream",),
        regions=(HOME, AWAY), fallback=False, quota_known=False, concurrency=10, covered=None, weather=CALM,
        outages=(), ec2=Ec2Nature(), s3_race=0.0, scheduler="works", scheduler_failing=0.0,
        laptop_skew_s=(0.0, 0.0), s3_skew_s=0.0, strangers=0,
    )  # fmt: skip
    with seeded(scenario):

        async def work(loop: VirtualLoop) -> tuple[Launched, float, Limits]:
            world = World(scenario, loop)
            world.ec2.limits = limits = Limits(loop.time, requests=requests)
            config = config_of(scenario, Decimal(10**6))
            planned = plan_of(config, scenario)
            laptop = Laptop(world, Invariants(world), "laptop", folder, 0.0, config)
            async with laptop.workspace() as workspace:
                run = await workspace.start(planned)
                began = loop.time()
                launched = await workspace.launch(run, planned)
                return launched, loop.time() - began, limits

        found: tuple[Launched, float, Limits] = in_virtual_time(work)
        return found


def test_a_launch_takes_as_long_as_the_published_buckets_and_little_more(tmp_path: Path) -> None:
    launched, took_s, limits = launch(tmp_path, 80, REQUESTS)
    assert len(launched.instances) == 80
    assert took_s < REQUESTS.earliest_s(40) + 4
    assert limits.refused < 8


@pytest.mark.long
@pytest.mark.parametrize("per_s", [0.2, 0.05])
def test_no_job_is_declined_for_a_rate_however_low(tmp_path: Path, per_s: float) -> None:
    launched, took_s, _ = launch(tmp_path, 16, Size(1, per_s))
    assert launched.declined == {}
    assert len(launched.instances) == 16
    assert took_s < 1.5 * 8 / per_s + 60
