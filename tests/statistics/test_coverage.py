"""A short version of the table of coverage; `make proof-statistics` prints the whole."""

from __future__ import annotations

import pytest

from tests.statistics.coverage import cover
from tests.statistics.worlds import DESIGNS

SHORT = [
    design
    for design in DESIGNS
    if design.name.startswith(("normal, n = 3", "unequal both", "skewed both, n", "outliers both"))
]


@pytest.mark.parametrize("design", SHORT, ids=lambda design: design.name)
def test_an_interval_covers_as_often_as_it_says_and_pooled_repetitions_do_not(design):
    found = cover(design, 400)
    assert 0.95 - 3.5 * found.error <= found.by_instance <= 0.99
    assert found.pooled < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_no_design_without_a_stated_limit_lies_below_the_band(design):
    found = cover(design, 2000)
    assert found.by_instance >= 0.94 - 2 * found.error or design.limit
