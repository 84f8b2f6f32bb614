"""How often a run is repeated, and why it stops."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.stats import t_quantile
from repetitions import T95, Repetitions, RunSoFar, half_width, share_of

MODE: dict[str, Any] = {"floor": 5, "precision": 0.02, "measuring_share": None}
ENDLESS = float("inf")


def played(
    runs: list[RunSoFar],
    mode: dict[str, Any],
    budget_s: float | None,
    *,
    seconds: float = 1.0,
    values: Any = lambda run, number: 10.0,
    left_s: float = ENDLESS,
    room: int = 1000,
    waited_s: float = 0.0,
) -> list[str]:
    """Names of the runs in the order they were repeated; each repetition takes ``seconds``."""
    schedule, order = Repetitions(runs, mode, budget_s), []
    while (
        run := schedule.next(
            elapsed_s=(seconds + waited_s) * len(order),
            measured_s=seconds * len(order),
            waited_s=waited_s * len(order),
            left_s=left_s - seconds * len(order),
            room=len(order) < room,
        )
    ) is not None:
        order.append(run.name)
        run.add(seconds, {"m": values(run.name, len(run.seconds))})
        assert len(order) < 10_000
    return order


def two() -> list[RunSoFar]:
    return [RunSoFar("one", repeat=True), RunSoFar("all", repeat=True)]


def test_the_quantiles_are_students() -> None:
    assert list(T95) == [pytest.approx(t_quantile(0.975, degrees), abs=5e-4) for degrees in range(1, 31)]


def test_half_width_is_that_of_the_t_interval() -> None:
    values = [10.0, 10.5, 9.7, 10.1, 9.9]
    standard_error = statistics.stdev(values) / math.sqrt(5)
    expected = t_quantile(0.975, 4) * standard_error / statistics.mean(values)
    assert half_width(values) == pytest.approx(expected, rel=1e-3)


@given(st.lists(st.floats(0.1, 1e6), min_size=2, max_size=60), st.floats(0.001, 1000))
def test_half_width_has_no_unit(values: list[float], factor: float) -> None:
    width = half_width(values)
    assert width is not None
    assert half_width([value * factor for value in values]) == pytest.approx(width, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("values", [[], [1.0], [0.0, 0.0], [1.0, math.inf]])
def test_what_has_no_interval_has_no_width(values: list[float]) -> None:
    assert half_width(values) is None


def test_runs_take_turns_until_they_are_precise() -> None:
    runs = two()
    assert played(runs, MODE, 1000) == ["one", "all"] * 5
    assert [run.stop for run in runs] == ["precise", "precise"]


def test_a_precise_run_leaves_the_time_to_the_others() -> None:
    runs = two()
    order = played(runs, MODE, 40, values=lambda name, number: 10.0 + (5 * (number % 2) if name == "all" else 0.0))
    assert (order.count("one"), order.count("all")) == (5, 35)
    assert [run.stop for run in runs] == ["precise", "budget"]


def test_no_repetition_begins_that_would_end_after_the_budget() -> None:
    runs = two()
    assert played(runs, {**MODE, "precision": None}, 7, seconds=2.0) == ["one", "all", "one"]
    assert {run.stop for run in runs} == {"budget"}


def test_the_first_of_each_run_always_runs() -> None:
    assert played(two(), MODE, 1, seconds=60.0) == ["one", "all"]


def test_without_a_budget_there_is_one_of_each() -> None:
    runs = two()
    assert played(runs, MODE, None) == ["one", "all"]
    assert {run.stop for run in runs} == {"once"}


def test_what_shall_run_once_runs_once() -> None:
    runs = [RunSoFar("proof", repeat=False), RunSoFar("all", repeat=True)]
    assert played(runs, MODE, 1000).count("proof") == 1
    assert runs[0].stop == "once"


def test_a_share_is_filled_beyond_precision_and_pays_for_its_waits() -> None:
    mode = {**MODE, "measuring_share": 0.9}
    runs = two()
    assert len(played(runs, mode, 90)) == 90
    assert {run.stop for run in runs} == {"share"}
    order = played(two(), mode, 90, waited_s=0.05)
    assert 1.0 * len(order) >= 90 + 9 * 0.05 * len(order) > 1.0 * (len(order) - 2)


def test_the_deadline_and_the_room_of_the_result_end_it_too() -> None:
    mode = {**MODE, "measuring_share": 0.9}
    runs = two()
    assert len(played(runs, mode, 90, left_s=20.5)) == 20
    assert {run.stop for run in runs} == {"deadline"}
    runs = two()
    assert len(played(runs, mode, 90, room=30)) == 30
    assert {run.stop for run in runs} == {"room"}


@pytest.mark.parametrize(
    ("share", "setup_s", "budgets_s", "factor"),
    [(None, 100, 10, 1.0), (0.9, 100, 90, 10.0), (0.9, 10, 900, 1.0), (0.5, 60, 30, 2.0), (0.9, 50, 0, 1.0)],
)
def test_budgets_grow_until_measuring_is_the_share(
    share: float | None, setup_s: float, budgets_s: float, factor: float
) -> None:
    assert share_of({"measuring_share": share}, setup_s, budgets_s) == pytest.approx(factor)


@given(st.floats(0.1, 0.95), st.floats(1, 1000), st.floats(1, 1000))
def test_the_share_comes_out(share: float, setup_s: float, budgets_s: float) -> None:
    measured = budgets_s * share_of({"measuring_share": share}, setup_s, budgets_s)
    assert measured / (measured + setup_s) >= share - 1e-9
