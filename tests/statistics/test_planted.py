"""A short version of the table of planted effects; `make proof-statistics` prints the whole."""

from __future__ import annotations

import math
import random

import pytest

from benchtui.core import sample_size, stats
from benchtui.core.stats import Verdict
from tests.statistics.planted import Noise, simulate


def test_of_equal_types_hardly_any_is_called_different():
    tally = simulate(0.0, 5, 20, floor=0.0)
    assert tally.alarms <= 4  # 5 % of 20 is 1; more than 4 has a probability of 0.3 %
    assert tally.contradictions == 0


def test_a_large_effect_is_found():
    tally = simulate(0.10, 5, 15)
    assert tally.verdicts["better"] >= 12
    assert tally.wrong == 0


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("effect", [0.0, 0.03, 0.10])
def test_false_alarms_stay_below_five_percent(effect, n):
    tally = simulate(effect, n, 200, floor=0.0)
    assert tally.alarms / tally.seeds <= 0.05 + 0.031  # two standard errors of 200
    assert tally.contradictions == 0


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.02, 0.10])
def test_false_alarms_stay_below_five_percent_where_all_types_stand_at_the_floor(effect):
    # The least favourable case: each is as near to a wrong verdict as it can be, and steps of Holm are taken.
    tally = simulate(effect, 5, 400, alike=stats.NOISE_FLOOR)
    assert tally.wrong / tally.seeds <= 0.05 + 0.022  # two standard errors of 400
    assert tally.contradictions == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("effect", "n", "m", "sd"),
    [(0.05, 6, 6, 0.015), (0.10, 4, 8, 0.03), (0.0, 20, 20, 0.015), (0.08, 4, 4, 0.02)],
)
def test_the_power_foretold_is_that_which_comes(effect, n, m, sd):
    rng = random.Random(7)
    ours, theirs = sample_size.Side(n, sd**2), sample_size.Side(m, sd**2)
    foretold = sample_size.power(math.log1p(effect), ours, theirs, 0.02, 0.05)
    right = Verdict.EQUIVALENT if effect <= 0.02 else Verdict.BETTER
    hits = 0
    for _ in range(1500):
        a = [(1 + effect) * math.exp(rng.gauss(0, sd)) for _ in range(n)]
        b = [math.exp(rng.gauss(0, sd)) for _ in range(m)]
        hits += stats.verdict(stats.contrast(a, b).interval(), higher_is_better=True) is right
    assert hits / 1500 == pytest.approx(foretold, abs=0.06)


def test_noise_is_in_all_metrics_of_an_instance():
    assert simulate(0.0, 3, 2, Noise(0.0, 0.0)).wrong == 0
