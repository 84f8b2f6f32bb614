"""Levels and changes of a series, and what settles a suspicion."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest

from benchtui.core.instance_results import MetricKey
from benchtui.core.levels import RunFigure, segments
from benchtui.core.trend import Confirmation, SeriesKey, State, settle, trend_of

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
KEY = SeriesKey(MetricKey("stream", "triad.all"), "c7g.large", "us-east-1", "quick", "1", "GB/s", True)


def figures(
    *levels: tuple[int, float], noise: float = 0.005, seed: int = 1, kernel: str = ""
) -> list[RunFigure]:
    """Runs at levels, each given with its number of runs."""
    rng, made = random.Random(seed), []
    for count, level in levels:
        for _ in range(count):
            at = BEGAN + timedelta(days=len(made))
            marks = {"kernel": frozenset({kernel})} if kernel else {}
            log = math.log(level) + rng.gauss(0, noise)
            made.append(RunFigure(f"{at:%Y%m%d-%H%M%S}-aaaa", at, log, 3, marks))
    return made


def bounds(made: list[RunFigure]) -> list[int]:
    """Where levels begin."""
    starts, at = [], 0
    for level in segments(made):
        starts.append(at)
        at += len(level.figures)
    return starts


def test_a_steady_series_has_one_level() -> None:
    assert bounds(figures((40, 100.0))) == [0]


@pytest.mark.parametrize(
    ("levels", "starts"),
    [
        (((20, 100.0), (20, 90.0)), [0, 20]),
        (((20, 100.0), (20, 104.0)), [0, 20]),
        (((15, 100.0), (15, 90.0), (15, 100.0)), [0, 15, 30]),
        (((10, 100.0), (10, 95.0), (10, 90.0), (10, 80.0)), [0, 10, 20, 30]),
    ],
)
def test_steps_are_found_where_they_are(levels: tuple[tuple[int, float], ...], starts: list[int]) -> None:
    assert bounds(figures(*levels)) == starts


def test_false_alarms_are_rare_and_a_step_of_four_percent_is_seen() -> None:
    alarms = sum(len(segments(figures((60, 100.0), noise=0.01, seed=seed))) > 1 for seed in range(200))
    seen = sum(
        len(segments(figures((30, 100.0), (10, 96.0), noise=0.01, seed=seed))) > 1 for seed in range(50)
    )
    assert alarms <= 4  # 1 % of 200, and what is below the noise floor of 2 % never is one
    assert seen >= 45


def test_a_step_below_the_noise_floor_is_none_however_sure() -> None:
    assert bounds(figures((200, 100.0), (200, 98.5), noise=0.001)) == [0]


def test_one_bad_run_in_the_middle_is_no_level() -> None:
    assert bounds(figures((20, 100.0), (1, 80.0), (20, 100.0))) == [0]


def test_the_newest_run_alone_can_be_one() -> None:
    assert bounds(figures((20, 100.0), (1, 90.0))) == [0, 20]


def test_equal_figures_have_one_level_and_an_exact_step_is_one() -> None:
    assert bounds(figures((20, 100.0), noise=0.0)) == [0]
    assert bounds(figures((20, 100.0), (20, 90.0), noise=0.0)) == [0, 20]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_of_few_runs_nothing_is_said(count: int) -> None:
    trend = trend_of(KEY, figures((count, 100.0)))
    assert (trend.runs, trend.changes) == (count, ())


def test_the_order_they_come_in_changes_nothing() -> None:
    made = figures((20, 100.0), (20, 90.0))
    shuffled = random.Random(2).sample(made, len(made))
    assert trend_of(KEY, shuffled) == trend_of(KEY, made)


def test_a_change_tells_size_interval_and_what_came_with_it() -> None:
    before = figures((20, 100.0), kernel="6.1.0-1")
    after = [
        RunFigure(one.run, one.at, one.log + math.log(0.9), one.n, {"kernel": frozenset({"6.1.0-2"})})
        for one in figures((30, 100.0))[20:]
    ]
    (change,) = trend_of(KEY, before + after).changes
    assert change.interval.low < 0.9 < change.interval.high
    assert change.p < 0.01
    assert change.state is State.SUSPECT
    assert [mark.words for mark in change.marks] == ["kernel 6.1.0-1 → 6.1.0-2"]


@pytest.mark.parametrize(("level", "higher", "state"), [
    (110.0, True, State.IMPROVED), (90.0, True, State.SUSPECT),
    (110.0, False, State.SUSPECT), (90.0, False, State.IMPROVED),
])  # fmt: skip
def test_better_and_worse_are_the_metrics_own(level: float, higher: bool, state: State) -> None:
    key = SeriesKey(KEY.metric, "c7g.large", None, "quick", "1", "s", higher)
    (change,) = trend_of(key, figures((20, 100.0), (20, level))).changes
    assert change.state is state


@pytest.mark.parametrize(("fresh", "state"), [
    ([90.0, 90.5, 89.5], State.CONFIRMED),
    ([100.0, 100.4, 99.7], State.NOT_CONFIRMED),
    ([95.0, 101.0, 90.0], State.UNDECIDED),
    ([90.0], State.SUSPECT),
    ([], State.SUSPECT),
])  # fmt: skip
def test_fresh_instances_settle_it(fresh: list[float], state: State) -> None:
    rng = random.Random(3)
    values = {
        "old": [100 * (1 + rng.gauss(0, 0.003)) for _ in range(30)],
        "fresh": fresh,
        "suspect": [90.0] * 3,
    }
    said = settle(KEY, [Confirmation("fresh", "suspect", ("old",), KEY.metric, "c7g.large", None)], values)
    assert said.state is state
    assert said.n == len(fresh)


def test_all_runs_that_were_launched_for_a_change_count_together() -> None:
    values = {"old": [100.0, 100.1, 99.9, 100.2], "one": [89.9], "two": [90.1]}
    both = [Confirmation(run, "suspect", ("old",), KEY.metric, "c7g.large", None) for run in ("one", "two")]
    assert settle(KEY, both[:1], values).state is State.SUSPECT
    assert settle(KEY, both, values).state is State.CONFIRMED


def test_a_confirmation_of_another_series_is_not_heard() -> None:
    made = figures((20, 100.0), (20, 90.0))
    other = Confirmation("x", made[20].run, (made[0].run,), KEY.metric, "c7i.large", None)
    trend = trend_of(KEY, made, [other], {"x": [100.0, 100.0], made[0].run: [100.0, 100.0]})
    assert trend.settled == ()
    assert trend.changes[0].state is State.SUSPECT
