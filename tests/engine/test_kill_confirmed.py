"""Before a kill tells its proof: which regions are listed once more, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from benchtui.core.states import InstanceView
from benchtui.engine.kill_region import KillLimits
from benchtui.engine.kill_scope import KillScope, RegionProof
from benchtui.engine.killswitch import CONFIRMATIONS, LANDED, _Kill
from tests.engine import fleet


class Clock:
    """Put forward by waiting."""

    def __init__(self) -> None:
        self.seconds = 600.0

    def now(self) -> datetime:
        return fleet.after(self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Region:
    """A region that was proven by a look at ``seen``."""

    def __init__(self, clock: Clock, name: str, seen: float) -> None:
        self.clock, self.looks, self.clears = clock, 0, 0
        self.proof = RegionProof(name, sweeps=2, clean_at=fleet.after(seen))
        self.on_look: Callable[[], None] = lambda: None
        self.same = True

    async def confirm(self) -> bool:
        self.looks += 1
        self.on_look()
        sweeps = 2 if self.same else 0
        self.proof = RegionProof(self.proof.region, sweeps=sweeps, clean_at=self.clock.now())
        return self.same

    async def clear(self) -> None:
        self.clears += 1
        self.clock.seconds += 60
        self.proof = RegionProof(self.proof.region, sweeps=2, clean_at=self.clock.now())


class Bucket:
    """Holds every run."""

    name = "bench"

    def __init__(self) -> None:
        self.written: list[str] = []

    async def exists(self, _key: str) -> bool:
        return True

    async def put_once(self, key: str, *_: Any) -> bool:
        self.written.append(key)
        return True


def killing(
    clock: Clock, *regions: Region, marked: float | None = None, scope: KillScope | None = None
) -> tuple[_Kill, Bucket]:
    bucket = Bucket()

    async def opened() -> Any:
        return bucket

    limits = KillLimits()
    kill = _Kill(
        None,  # type: ignore[arg-type]  (no request is made here)
        opened,
        scope or KillScope.of_run(fleet.RUN),
        clock,
        lambda _: None,
        limits,
        lambda _: None,
        None,
    )
    kill._regions = {each.proof.region: each for each in regions}  # type: ignore[misc]
    kill._marked_at = None if marked is None else fleet.after(marked)
    return kill, bucket


async def test_what_was_listed_lately_is_not_listed_again() -> None:
    clock = Clock()
    late, early = Region(clock, "us-east-1", 590), Region(clock, "us-east-2", 400)
    kill, _ = killing(clock, late, early)
    await kill._confirm()
    assert (late.looks, early.looks) == (0, 1)


async def test_a_look_from_before_the_mark_had_landed_counts_for_nothing() -> None:
    clock = Clock()
    region = Region(clock, "us-east-1", 598)
    kill, _ = killing(clock, region, marked=597)
    await kill._confirm()
    assert region.looks == 1
    assert clock.now() >= fleet.after(597) + LANDED


async def test_an_early_mark_makes_no_old_look_young() -> None:
    clock = Clock()
    before, old = Region(clock, "us-east-1", 20), Region(clock, "us-east-2", 100)
    kill, _ = killing(clock, before, old, marked=15)
    await kill._confirm()
    assert (before.looks, old.looks) == (1, 1), "both are minutes old, whenever the mark was written"


async def test_a_region_that_is_not_as_it_was_is_cleared_and_the_others_are_looked_at_again() -> None:
    clock = Clock()
    stirred, calm = Region(clock, "us-east-1", 400), Region(clock, "us-east-2", 590)
    stirred.same = False

    def once() -> None:
        stirred.same = stirred.looks > 1

    stirred.on_look = once
    kill, _ = killing(clock, stirred, calm)
    await kill._confirm()
    assert stirred.clears == 1
    assert calm.looks == 1, "clearing the other took a minute"


async def test_what_never_stays_as_it_was_is_not_proven() -> None:
    clock = Clock()
    restless, slow = Region(clock, "us-east-1", 400), Region(clock, "us-east-2", 400)
    restless.same = slow.same = False
    kill, _ = killing(clock, restless, slow)
    await kill._confirm()
    assert 1 <= restless.clears <= CONFIRMATIONS, "it comes to an end"
    assert not (restless.proof.proven and slow.proof.proven)


async def test_a_run_that_comes_to_light_at_the_last_look_is_marked() -> None:
    clock = Clock()
    region = Region(clock, "us-east-1", 400)
    kill, bucket = killing(clock, region, scope=KillScope.of_account())
    found: list[InstanceView] = [fleet.instance("c7g.large-1")]

    def light() -> None:
        region.same = not found
        if found:
            kill._found((found.pop(),))

    region.on_look = light
    await kill._confirm()
    assert bucket.written == [f"benchmarks/{fleet.RUN}/control/kill"]
    assert kill._marked_at is not None
    assert region.proof.proven
    assert region.proof.clean_at is not None
    assert region.proof.clean_at - kill._marked_at >= timedelta(0)
