"""Seeds of the simulation: nothing that must not be is found, unless a guard is taken out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.simulation.__main__ import CRASHED_EVERYWHERE, World, world_of
from tests.simulation.breaks import BREAKS, broken
from tests.simulation.drama import Outcome, simulate
from tests.simulation.outlasting import TROUBLES, problems_of
from tests.simulation.outlasting import world_of as world_at

ROOT = Path(__file__).parents[2]
#: Every theme once, worlds that found something once, and a launcher crashed at some of its awaits.
FEW: tuple[World, ...] = (
    *((seed, None) for seed in range(1, 3)),
    # A kill whose mark comes late, a launcher whose clock is wrong, two launchers of which one declines.
    *((seed, None) for seed in (28, 67, 157)),
    *((CRASHED_EVERYWHERE[0], step) for step in (23, 41, 60, 87)),
)


def _found(outcomes: Iterable[Outcome]) -> list[str]:
    return [f"{each.seed}: {violation}" for each in outcomes for violation in each.violations]


def test_no_seed_finds_what_must_not_be() -> None:
    outcomes = [simulate(world_of(world)) for world in FEW]
    assert _found(outcomes) == []
    assert sum(outcome.launched for outcome in outcomes) > 10, "there was something to be found"
    assert sum(sum(outcome.faults.values()) for outcome in outcomes) > 300


@pytest.mark.long
def test_a_seed_is_the_same_world_each_time() -> None:
    first, second = simulate(6), simulate(6)
    assert first == second
    assert first.digest != simulate(7).digest


@pytest.mark.long
def test_a_seed_is_the_same_world_whatever_the_order_of_sets() -> None:
    program = "from tests.simulation.drama import simulate; print(simulate(5).digest)"
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": number},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("1", "2")
    }
    assert digests == {f"{simulate(5).digest}\n"}


@pytest.mark.slow
def test_without_the_look_at_tags_a_stranger_is_ended() -> None:
    with broken("tags"):
        rules = {violation.rule for seed in (2, 6, 10, 14) for violation in simulate(seed).violations}
    assert "foreign instance ended" in rules


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("name", BREAKS)
def test_a_guard_that_is_taken_out_is_missed(name: str) -> None:
    with broken(name):
        for seed in range(1, 1001):
            rules = {violation.rule for violation in simulate(seed).violations}
            if rules & set(BREAKS[name].rules):
                return
    pytest.fail(f"nobody noticed that this is gone: {BREAKS[name].guard}")


@pytest.mark.long
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_laptop_that_sleeps_roams_or_is_signed_out_changes_nothing(trouble: str) -> None:
    """Each job has its instance, once, and every result is found, whenever the launcher was away."""
    met = {"night": "suspend", "naps": "suspend", "roaming": "cut", "signed out": "signed out"}
    worlds = [world_at(1, trouble)]
    outcomes = [simulate(world) for world in worlds]
    assert [problems_of(*both) for both in zip(worlds, outcomes, strict=True)] == [[]]
    assert sum(outcome.faults.get(met.get(trouble, "suspend"), 0) for outcome in outcomes) > 0, (
        "it did happen"
    )
