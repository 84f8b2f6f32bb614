"""Statistics by hand, and properties that hold for any figures."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core import stats
from benchtui.core.stats import Interval, Verdict

figures = st.floats(min_value=1e-6, max_value=1e9)
groups = st.lists(figures, min_size=2, max_size=8)


def test_interval_of_a_geometric_mean_by_hand():
    # logs 1, 2, 3: mean 2, standard deviation 1, t(0.975, 2) = 4.302653
    estimate = stats.geometric_mean([math.e, math.e**2, math.e**3])
    assert estimate.value == pytest.approx(math.e**2)
    assert estimate.interval is not None
    assert estimate.interval.low == pytest.approx(math.exp(2 - 4.302653 / math.sqrt(3)), rel=1e-6)
    assert estimate.interval.high == pytest.approx(math.exp(2 + 4.302653 / math.sqrt(3)), rel=1e-6)


def test_one_instance_has_a_value_and_no_interval():
    estimate = stats.geometric_mean([46.1])
    assert (estimate.value, estimate.n, estimate.interval) == (46.1, 1, None)


def test_welch_by_hand():
    a, b = [1.0, 2.0, 3.0, 4.0], [2.0, 4.0]
    found = stats.contrast([math.exp(x) for x in a], [math.exp(x) for x in b])
    v1, v2 = (5 / 3) / 4, 2 / 2
    assert found.log_ratio == pytest.approx(-0.5)
    assert found.standard_error == pytest.approx(math.sqrt(v1 + v2))
    assert found.degrees == pytest.approx((v1 + v2) ** 2 / (v1**2 / 3 + v2**2 / 1))


@given(groups, groups)
def test_a_ratio_turned_round_is_its_inverse(a, b):
    there, back = stats.contrast(a, b), stats.contrast(b, a)
    assert there.log_ratio == pytest.approx(-back.log_ratio, abs=1e-9)
    assert there.interval().low * back.interval().high == pytest.approx(1, rel=1e-6)


@given(groups, groups, st.floats(1e-3, 1e3))
def test_a_ratio_does_not_depend_on_the_unit(a, b, factor):
    one = stats.contrast(a, b)
    other = stats.contrast([x * factor for x in a], [x * factor for x in b])
    assert other.log_ratio == pytest.approx(one.log_ratio, abs=1e-9)
    assert other.standard_error == pytest.approx(one.standard_error, abs=1e-9)


@given(groups, groups)
def test_an_interval_holds_its_ratio_and_grows_with_confidence(a, b):
    found = stats.contrast(a, b)
    narrow, wide = found.interval(0.8), found.interval(0.99)
    assert wide.low <= narrow.low <= found.ratio <= narrow.high <= wide.high
    smaller = min(len(a), len(b)) - 1
    assert smaller * (1 - 1e-9) <= found.degrees <= (len(a) + len(b) - 2) * (1 + 1e-9)


@given(st.lists(figures, min_size=1, max_size=8))
def test_a_geometric_mean_lies_between_the_extremes(values):
    estimate = stats.geometric_mean(values)
    assert min(values) * (1 - 1e-9) <= estimate.value <= max(values) * (1 + 1e-9)
    if estimate.interval is not None:
        assert estimate.interval.low <= estimate.value <= estimate.interval.high
        assert math.isfinite(estimate.interval.high)


def test_figures_at_the_ends_of_what_a_float_holds_stay_finite():
    estimate = stats.geometric_mean([1e-300, 1e300])
    assert estimate.interval is not None
    assert 0 < estimate.interval.low < estimate.interval.high < math.inf


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_figure_without_a_logarithm_is_refused(bad):
    with pytest.raises(ValueError, match="not positive and finite"):
        stats.geometric_mean([1.0, bad])
    with pytest.raises(ValueError, match="not positive and finite"):
        stats.contrast([1.0, 2.0], [1.0, bad])


def test_no_interval_of_a_ratio_from_a_single_instance():
    with pytest.raises(ValueError, match="two instances"):
        stats.contrast([1.0], [1.0, 2.0])


def test_equal_figures_of_equal_instances_give_an_interval_of_no_width():
    found = stats.contrast([10.0] * 3, [5.0] * 3)
    assert found.interval() == Interval(pytest.approx(2), pytest.approx(2))
    assert found.p_value() == 0


def test_the_interval_covers_the_true_ratio_as_often_as_it_says():
    rng = random.Random(20261124)
    hits = 0
    for _ in range(2000):
        a = [math.exp(rng.gauss(0.1, 0.05)) for _ in range(3)]
        b = [math.exp(rng.gauss(0.0, 0.02)) for _ in range(3)]
        interval = stats.contrast(a, b).interval()
        hits += interval.low <= math.exp(0.1) <= interval.high
    assert 0.93 <= hits / 2000 <= 0.98  # 95 %, three standard errors, and Welch is a little wide at n = 3


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.03, 1.20, Verdict.BETTER),
        (0.80, 0.97, Verdict.WORSE),
        (0.99, 1.01, Verdict.EQUIVALENT),
        (1.01, 1.20, Verdict.INCONCLUSIVE),
        (0.50, 2.00, Verdict.INCONCLUSIVE),
        (1.005, 1.015, Verdict.EQUIVALENT),  # surely above 1, and surely below what counts
    ],
)
def test_verdicts_against_a_noise_floor_of_two_percent(low, high, expected):
    assert stats.verdict(Interval(low, high), higher_is_better=True, floor=0.02) is expected


def test_where_lower_is_better_the_larger_ratio_is_worse():
    assert stats.verdict(Interval(1.1, 1.2), higher_is_better=False) is Verdict.WORSE
    assert stats.verdict(Interval(0.8, 0.9), higher_is_better=False) is Verdict.BETTER


@given(st.floats(0.01, 100), st.floats(1, 10), st.floats(0, 0.5))
def test_a_verdict_turned_round_is_the_opposite(low, width, floor):
    interval = Interval(low, low * width)
    one = stats.verdict(interval, higher_is_better=True, floor=floor)
    other = stats.verdict(interval, higher_is_better=False, floor=floor)
    opposite = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}
    assert other is opposite.get(one, one)


def test_an_outlier_is_labelled():
    assert stats.outlying([46.0, 46.1, 45.9, 46.2, 23.0]) == (4,)


def test_what_differs_by_less_than_the_noise_floor_is_no_outlier():
    assert stats.outlying([46.00, 46.001, 46.002, 46.001, 46.5]) == ()


def test_three_figures_cannot_tell_which_of_them_is_the_outlier():
    assert stats.outlying([46.0, 46.1, 1.0]) == ()


@given(st.lists(figures, max_size=10))
def test_less_than_half_are_ever_outliers(values):
    assert len(stats.outlying(values)) * 2 <= len(values)


def test_the_median_of_one_instance_is_that_of_its_repetitions():
    assert stats.median([3.0, 1.0, 2.0]) == 2.0
    with pytest.raises(ValueError, match="no samples"):
        stats.median([])
