"""Pairs: which count, in what order the two programs run, and what their table says."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import pytest
from bench.quiet import Refused, Unmeasured
from bench.references import pairs
from bench.references.pairs import Comparison, Conditions, Measured, Row, measure, table

ROW = Row("triad", "likwid", "GB/s", least=0.99)


class Machine:
    """How busy others were in each pair, in turn, and which program ran when."""

    def __init__(self, *others: float) -> None:
        self.others = list(others)
        self.ran: list[str] = []

    def others_since(self) -> float:
        return self.others.pop(0) if self.others else 0.0

    def program(self, name: str, values: Sequence[float]) -> Callable[[], Sequence[float]]:
        left = iter(values)

        def run() -> Sequence[float]:
            self.ran.append(name)
            return [next(left)]

        return run


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    """A machine on which pairs begin at once and others are as busy as told."""

    def make(*others: float) -> Machine:
        machine = Machine(*others)
        monkeypatch.setattr(pairs, "wait_for_quiet", lambda share, ends: machine)
        return machine

    return make


def test_a_pair_counts_only_if_others_were_quiet_whatever_its_ratio(quiet: Callable[..., Machine]) -> None:
    machine = quiet(0.0, 0.5, 0.0)
    ours, theirs = machine.program("ours", [10, 99, 12]), machine.program("theirs", [10, 1, 10])
    (course,) = measure([Comparison((ROW,), "", ours, theirs)], Conditions(pairs=2))
    (found,) = course.found
    assert (found.ours, found.theirs) == ([10, 12], [10, 10])
    assert course.runs == 3


def test_the_order_alternates_by_run_and_not_by_counted_pair(quiet: Callable[..., Machine]) -> None:
    machine = quiet(0.0, 0.5, 0.0)
    ours, theirs = machine.program("ours", [1] * 3), machine.program("theirs", [1] * 3)
    measure([Comparison((ROW,), "", ours, theirs)], Conditions(pairs=2))
    assert machine.ran == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]


def test_in_a_pair_the_order_of_turns_turns_round_and_each_row_counts_its_best(
    quiet: Callable[..., Machine],
) -> None:
    machine = quiet()
    rows = (ROW, Row("chase", "lat_mem_rd", "ns", least=0.95, greatest=1.05, higher_is_better=False))

    def program(name: str, *runs: tuple[float, float]) -> Callable[[], Sequence[float]]:
        left = iter(runs)

        def run() -> Sequence[float]:
            machine.ran.append(name)
            return next(left)

        return run

    ours = program("ours", (10, 3), (12, 2), (11, 4))
    theirs = program("theirs", (9, 5), (8, 6), (7, 7))
    rates, times = measure([Comparison(rows, "", ours, theirs, turns=3)], Conditions(pairs=1))[0].found
    assert machine.ran == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    assert (rates.ours, rates.theirs) == ([12], [9])
    assert (times.ours, times.theirs) == ([2], [5])


def test_comparisons_take_turns(quiet: Callable[..., Machine]) -> None:
    machine = quiet()
    both = [
        Comparison((ROW,), "", machine.program(name, [1] * 2), machine.program(name, [1] * 2))
        for name in "ab"
    ]
    measure(both, Conditions(pairs=2))
    assert "".join(machine.ran) == "aabbaabb"


def test_a_program_that_fails_ends_its_comparison_alone(quiet: Callable[..., Machine]) -> None:
    machine = quiet()

    def fails() -> Sequence[float]:
        raise Unmeasured("no such kernel")

    good = Comparison((ROW,), "", machine.program("ours", [1] * 2), machine.program("theirs", [1] * 2))
    broken, whole = measure([Comparison((ROW,), "", fails, fails), good], Conditions(pairs=2))
    assert broken.failure == "no such kernel"
    assert (whole.failure, whole.done) == (None, 2)


@pytest.mark.parametrize(("failing", "failure"), [(1, None), (9, "2 pairs refused, the last: integer")])
def test_a_pair_in_which_a_check_failed_is_repeated_unless_that_is_the_rule(
    quiet: Callable[..., Machine], failing: int, failure: str | None
) -> None:
    machine = quiet()
    left = failing

    def ours() -> Sequence[float]:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Refused("integer")
        return [1.0]

    theirs = machine.program("theirs", [1.0] * 9)
    (course,) = measure([Comparison((ROW,), "", ours, theirs)], Conditions(pairs=4))
    assert course.failure == failure
    assert course.done == (0 if failure else 4)
    assert course.refused == min(failing, 2) * ["integer"]


def test_without_quiet_in_the_time_given_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "wait_for_quiet", lambda share, ends: None)
    comparison = Comparison((ROW,), "", lambda: [1.0], lambda: [1.0])
    (course,) = measure([comparison], Conditions(minutes=0.001))
    assert course.failure == "other programs were running: 0 quiet pairs in the time given"


@pytest.mark.parametrize(
    ("row", "ratio", "verdict"),
    [
        (ROW, 0.99, "holds"),
        (ROW, 0.98, "**missed**"),
        (ROW, 7.0, "holds"),
        (Row("chase", "lat_mem_rd", "ns", least=0.95, greatest=1.05), 1.06, "**missed**"),
        (Row("shown", "x", "ns", least=0.99, judged=False), 0.5, "not judged"),
    ],
)
def test_the_median_of_the_pairs_ratios_is_judged(row: Row, ratio: float, verdict: str) -> None:
    # The ratio of the medians would be another one.
    result = Measured(row, ours=[ratio, 3.0, 100 * ratio], theirs=[1.0, math.pi * 1e3, 100.0])
    assert result.median == pytest.approx(ratio)
    assert table([result]).splitlines()[-1].endswith(f"| {row.asked} | {verdict} |")


def test_the_bests_of_all_pairs_stand_beside_the_median() -> None:
    rate = Measured(ROW, ours=[1.0, 4.0], theirs=[5.0, 2.0])
    time = Measured(dataclasses.replace(ROW, higher_is_better=False), ours=[1.0, 4.0], theirs=[5.0, 2.0])
    assert (rate.of_the_bests, time.of_the_bests) == (0.8, 0.5)
    assert "| 0.800 | 2 |" in table([rate])


def test_short_runs_have_more_pairs_in_each_rotation(quiet: Callable[..., Machine]) -> None:
    machine = quiet()
    long_ = Comparison((ROW,), "", machine.program("long", [1.0] * 4), machine.program("", [1.0] * 4))
    short = Comparison(
        (ROW,), "", machine.program("short", [1.0] * 4), machine.program("", [1.0] * 4), pairs_each=2
    )
    courses = measure([long_, short], Conditions(pairs=2))
    assert [course.done for course in courses] == [2, 4]
    assert [name for name in machine.ran if name] == ["long", "short", "short", "long", "short", "short"]
