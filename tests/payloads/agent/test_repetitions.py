"""How often a run is repeated, and why it stops."""

from __future__ import annotations

import math
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.distributions import t_quantile
from repetitions import T95, Repetitions, RunSoFar, Times, half_width, times_of

MODE: dict[str, Any] = {"floor": 5, "precision": 0.02, "measuring_share": None}
SHARE = {**MODE, "measuring_share": 0.9}


def played(
    runs: list[RunSoFar],
    mode: dict[str, Any],
    times: Times,
    *,
    seconds: Any = 1.0,
    values: Any = lambda run, number: 10.0,
    room: int = 1000,
    waited_s: float = 0.0,
) -> list[str]:
    """Names of the runs in the order they were repeated; each repetition takes ``seconds``."""
    schedule, measured = Repetitions(runs, mode, times), 0.0
    order: list[str] = []
    while (
        run := schedule.next(
            elapsed_s=measured + waited_s * len(order),
            measured_s=measured,
            waited_s=waited_s * len(order),
            room=len(order) < room,
        )
    ) is not None:
        number = len(run.seconds)
        took = seconds(run.name, number) if callable(seconds) else seconds
        order.append(run.name)
        measured += took
        run.add(took, {"m": values(run.name, number)})
        assert len(order) < 10_000
    return order


def times(budget_s: float | None, **more: float) -> Times:
    return Times(budget_s, limit_s=100_000, **more)


def unsteady(run: str, number: int) -> float:
    return 10.0 + 5.0 * (number % 2)


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
    assert played(runs, MODE, times(1000)) == ["one", "all"] * 5
    assert [run.stop for run in runs] == ["precise", "precise"]


def test_a_precise_run_leaves_the_time_to_the_others() -> None:
    runs = two()
    order = played(
        runs, MODE, times(40), values=lambda run, number: unsteady(run, number) if run == "all" else 10.0
    )
    assert (order.count("one"), order.count("all")) == (5, 35)
    assert [run.stop for run in runs] == ["precise", "budget"]


def test_no_repetition_begins_that_would_end_after_the_budget() -> None:
    runs = two()
    assert played(runs, {**MODE, "precision": None}, times(7), seconds=2.0) == ["one", "all", "one"]
    assert {run.stop for run in runs} == {"budget"}


def test_a_slow_first_repetition_is_no_forecast() -> None:
    cold = [RunSoFar("main", repeat=True)]
    order = played(cold, MODE, times(20), seconds=lambda _, number: 2.0 if number else 8.0, values=unsteady)
    assert len(order) == 7


def test_the_first_of_each_run_always_runs() -> None:
    assert played(two(), MODE, times(1), seconds=60.0) == ["one", "all"]


def test_without_a_budget_there_is_one_of_each() -> None:
    runs = two()
    assert played(runs, MODE, times(None)) == ["one", "all"]
    assert {run.stop for run in runs} == {"once"}


def test_what_shall_run_once_runs_once() -> None:
    runs = [RunSoFar("proof", repeat=False), RunSoFar("all", repeat=True)]
    assert played(runs, MODE, times(1000)).count("proof") == 1
    assert runs[0].stop == "once"


def test_a_share_is_filled_beyond_precision() -> None:
    runs = two()
    assert len(played(runs, SHARE, times(90, least_s=90))) == 90
    assert {run.stop for run in runs} == {"share"}


def test_where_the_share_is_reached_precision_ends_it_as_ever() -> None:
    runs = two()
    assert len(played(runs, SHARE, times(600, least_s=8))) == 10
    assert {run.stop for run in runs} == {"precise"}
    runs = two()
    assert len(played(runs, SHARE, times(60, least_s=8), values=unsteady)) == 60
    assert {run.stop for run in runs} == {"budget"}


def test_a_share_without_precision_is_all_there_is_to_reach() -> None:
    runs = two()
    assert len(played(runs, {**SHARE, "precision": None}, times(600, least_s=30))) == 30
    assert {run.stop for run in runs} == {"share"}


def test_a_share_pays_for_its_waits() -> None:
    order = played(two(), SHARE, times(90, least_s=90), waited_s=0.05)
    assert len(order) >= 90 + 9 * 0.05 * len(order) > len(order) - 1


def test_waiting_for_calm_asks_for_no_measuring_without_end() -> None:
    runs = two()
    order = played(runs, SHARE, times(90, least_s=90), waited_s=0.4)
    assert 1.4 * len(order) <= 180
    assert {run.stop for run in runs} == {"budget"}


def test_the_deadline_and_the_room_of_the_result_end_it_too() -> None:
    runs = two()
    assert len(played(runs, SHARE, times(90, least_s=90, longest_s=20.5))) == 20
    assert {run.stop for run in runs} == {"deadline"}
    runs = two()
    assert len(played(runs, SHARE, times(90, least_s=90), room=30)) == 30
    assert {run.stop for run in runs} == {"room"}


def mode_of(share: float | None, budget_s: float | None = 30.0) -> dict[str, Any]:
    return {"budget_seconds": budget_s, "timeout_seconds": 100.0, "measuring_share": share}


@pytest.mark.parametrize(
    ("share", "setup_s", "budgets_s", "found"),
    [
        (None, 100, 30, Times(30, 100, 0, 3600)),
        (0.5, 60, 30, Times(60, 200, 60, 3600)),
        (0.5, 60, 60, Times(30, 100, 30, 3600)),  # the other half is another suite's
        (0.5, 10, 30, Times(30, 100, 10, 3600)),
        (0.9, 1000, 30, Times(3600, 12000, 3600, 3600)),  # no more than there is until the deadline
    ],
)
def test_budgets_grow_until_measuring_is_the_share(
    share: float | None, setup_s: float, budgets_s: float, found: Times
) -> None:
    got = times_of(mode_of(share), setup_s, budgets_s, still_s=30, left_s=3600)
    assert got.budget_s == pytest.approx(found.budget_s)
    for name in ("limit_s", "least_s", "longest_s"):
        assert getattr(got, name) == pytest.approx(getattr(found, name)), name


def test_what_is_left_until_the_deadline_is_divided_among_the_suites_to_come() -> None:
    assert times_of(mode_of(None), 10, 120, still_s=90, left_s=300).longest_s == pytest.approx(100)
    assert times_of(mode_of(None, budget_s=None), 10, 0, still_s=0, left_s=300) == Times(None, 100, 0, 300)
    assert times_of(mode_of(0.9), 10, 30, still_s=30, left_s=-5).longest_s == 0


@given(st.floats(0.1, 0.95), st.floats(1, 1000), st.lists(st.floats(1, 1000), min_size=1, max_size=7))
def test_the_share_comes_out(share: float, setup_s: float, budgets: list[float]) -> None:
    every = [
        times_of(mode_of(share, budget), setup_s, sum(budgets), sum(budgets), math.inf) for budget in budgets
    ]
    measured = sum(one.least_s for one in every)
    assert measured / (measured + setup_s) == pytest.approx(share)
    assert all(one.budget_s is not None and one.budget_s >= one.least_s - 1e-9 for one in every)
