"""Distributions against published tables, closed forms and scipy."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchtui.core import distributions

#: Percentage points of Student's t, NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
TABLE = [
    (0.90, 1, 3.078), (0.95, 1, 6.314), (0.975, 1, 12.706), (0.99, 1, 31.821), (0.999, 2, 22.327),
    (0.975, 2, 4.303), (0.975, 3, 3.182), (0.975, 4, 2.776), (0.975, 5, 2.571), (0.95, 7, 1.895),
    (0.975, 10, 2.228), (0.99, 15, 2.602), (0.975, 30, 2.042), (0.995, 60, 2.660), (0.975, 100, 1.984),
]  # fmt: skip


@pytest.mark.parametrize(("probability", "degrees", "expected"), TABLE)
def test_quantiles_of_t_are_those_of_the_published_table(probability, degrees, expected):
    assert distributions.t_quantile(probability, degrees) == pytest.approx(expected, abs=6e-4)


def test_quantiles_with_a_closed_form():
    assert distributions.t_quantile(0.75, 1) == pytest.approx(1, rel=1e-12)  # Cauchy
    assert distributions.t_quantile(0.9, 2) == pytest.approx(0.8 / math.sqrt(2 * 0.9 * 0.1), rel=1e-12)
    assert distributions.t_quantile(0.5, 7) == pytest.approx(0, abs=1e-12)
    assert distributions.t_quantile(0.975, 1e6) == pytest.approx(1.959964, abs=1e-5)  # normal


@given(st.floats(0.001, 0.999), st.floats(0.5, 500))
def test_quantile_and_tails_undo_each_other(probability, degrees):
    t = distributions.t_quantile(probability, degrees)
    assert distributions.t_tails(abs(t), degrees) == pytest.approx(
        2 * min(probability, 1 - probability), rel=1e-9
    )


@given(st.floats(0.1, 50), st.floats(0.1, 50), st.floats(0.001, 0.999))
def test_incomplete_beta_is_a_probability_and_symmetric(a, b, x):
    value = distributions.incomplete_beta(a, b, x)
    assert -1e-12 <= value <= 1 + 1e-12
    assert value == pytest.approx(1 - distributions.incomplete_beta(b, a, 1 - x), abs=1e-9)


def test_incomplete_beta_of_whole_numbers_is_a_sum_of_binomials():
    # DLMF 8.17.5: I_x(m, n - m + 1) = sum of the upper binomial terms.
    expected = sum(math.comb(7, j) * 0.3**j * 0.7 ** (7 - j) for j in range(3, 8))
    assert distributions.incomplete_beta(3, 5, 0.3) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("probability", "degrees"), [(0, 3), (1, 3), (0.9, 0), (math.nan, 3)])
def test_a_quantile_that_is_none_is_refused(probability, degrees):
    with pytest.raises(ValueError, match="no quantile"):
        distributions.t_quantile(probability, degrees)


@pytest.mark.long
@given(st.floats(0.5, 0.99999), st.floats(0.5, 500))
def test_quantiles_of_t_are_those_of_scipy(scipy_stats, probability, degrees):
    expected = scipy_stats.t.ppf(probability, degrees)
    assert distributions.t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-8, abs=1e-12)


@example(t=-6.75, degrees=46.0)
@example(t=-7.0, degrees=97.0)
@given(st.floats(-50, 50), st.floats(0.5, 500))
def test_what_lies_below_is_that_of_scipy(scipy_stats, t, degrees):
    assert distributions.t_below(t, degrees) == pytest.approx(
        scipy_stats.t.cdf(t, degrees), rel=1e-9, abs=1e-300
    )


@given(st.floats(0.001, 0.999), st.floats(0.5, 300))
def test_quantiles_of_chi_square_are_those_of_scipy(scipy_stats, probability, degrees):
    expected = scipy_stats.chi2.ppf(probability, degrees)
    assert distributions.chi_square_quantile(probability, degrees) == pytest.approx(expected, rel=1e-8)


@pytest.mark.long
@given(st.floats(0.1, 200), st.floats(0.001, 400))
def test_incomplete_gamma_is_that_of_scipy(scipy_special, a, x):
    assert distributions.incomplete_gamma(a, x) == pytest.approx(
        scipy_special.gammainc(a, x), rel=1e-9, abs=1e-14
    )


@pytest.mark.parametrize(("probability", "degrees"), [(0, 3), (1, 3), (0.9, 0)])
def test_a_quantile_of_chi_square_that_is_none_is_refused(probability, degrees):
    with pytest.raises(ValueError, match="no quantile"):
        distributions.chi_square_quantile(probability, degrees)
