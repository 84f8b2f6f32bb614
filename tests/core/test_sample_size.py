"""How many instances an answer takes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core import sample_size
from benchtui.core.sample_size import MOST, PRIOR, Side, half_width, needed, power, spread_of, ways_to_settle


def test_a_spread_is_pooled_within_types_and_has_the_bounds_of_chi_square(scipy_stats):
    found = spread_of([[10, 10.2, 9.8], [50, 52, 49, 51], [7.0]])
    squares = sum(
        sum((math.log(x) - sum(map(math.log, g)) / len(g)) ** 2 for x in g)
        for g in ([10, 10.2, 9.8], [50, 52, 49, 51])
    )
    assert found.value == pytest.approx(math.sqrt(squares / 5))
    assert found.high == pytest.approx(math.sqrt(squares / scipy_stats.chi2.ppf(0.2, 5)))
    assert found.low == pytest.approx(math.sqrt(squares / scipy_stats.chi2.ppf(0.8, 5)))
    assert (found.observed, found.instances, found.groups) == (True, 7, 2)


def test_without_two_figures_of_a_type_the_spread_is_assumed_and_says_so():
    assert spread_of([[46.0], [30.0]]) is PRIOR
    assert not PRIOR.observed


def test_the_half_width_is_that_of_welch_with_equal_spreads(scipy_stats):
    t = scipy_stats.t.ppf(0.975, 8)
    assert half_width(5, 0.02) == pytest.approx(math.expm1(t * 0.02 * math.sqrt(2 / 5)))


@given(st.floats(0.005, 0.2), st.floats(0.002, 0.1))
def test_the_number_needed_is_the_least_that_is_enough(precision, value):
    spread = sample_size.Spread(value, value / 2, value * 2, 5)
    found = needed(precision, spread)
    if found.n is None:
        assert half_width(MOST, value) > precision
    else:
        assert half_width(found.n, value) <= precision
        assert found.n == 3 or half_width(found.n - 1, value) > precision
    numbers = [MOST + 1 if n is None else n for n in (found.low, found.n, found.high)]
    assert numbers == sorted(numbers)


@pytest.mark.long
@given(st.floats(0, 0.3), st.integers(3, 30), st.floats(0.005, 0.1), st.floats(0.005, 0.1))
def test_power_is_a_probability_and_grows_with_instances_on_both_sides(effect, n, a, b):
    few = power(effect, Side(n, a**2), Side(n, b**2), 0.02, 0.05)
    many = power(effect, Side(2 * n, a**2), Side(2 * n, b**2), 0.02, 0.05)
    assert 0 <= few <= 1
    assert many >= few - 0.02


def test_instances_without_any_spread_settle_at_once_or_never():
    exact = Side(3, 0.0)
    assert power(0.1, exact, exact, 0.02, 0.05) == 1
    assert power(math.log1p(0.02), exact, exact, 0.02, 0.05) == 0


def test_a_few_more_settle_a_clear_difference():
    ways = ways_to_settle(math.log(1.06), Side(3, 0.015**2), Side(3, 0.015**2), 0.02, 0.05)
    assert ways
    for way in ways:
        assert way.power >= 0.8
        assert way.ours + way.theirs < 20
        assert way.at_most is None or way.at_most >= (way.ours, way.theirs)


def test_at_the_noise_floor_no_number_settles_anything():
    assert ways_to_settle(math.log(1.0201), Side(4, 0.02**2), Side(4, 0.02**2), 0.02, 0.05) == ()


def test_within_the_floor_more_instances_make_equivalence():
    ways = ways_to_settle(math.log(1.003), Side(4, 0.01**2), Side(4, 0.01**2), 0.02, 0.05)
    assert any(way.ours and way.theirs for way in ways)
