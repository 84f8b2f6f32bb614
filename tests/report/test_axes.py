"""Axes: every finite number has a place, and marks stand at round ones."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.report.axes import Axis, axis, short, size, ticks

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=6), st.booleans())
def test_all_values_have_their_place_in_order(values, from_zero):
    found = axis(values, from_zero=from_zero)
    places = [found.place(value) for value in sorted(values)]
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in places)
    assert places == sorted(places)


@pytest.mark.long
@given(st.lists(st.floats(5e-324, 1.7e308), min_size=1, max_size=6))
def test_positive_values_have_a_place_on_a_logarithmic_axis(values):
    found = axis(values, log=True)
    assert all(math.isfinite(found.place(value)) for value in values)


@given(finite, finite, st.integers(0, 12))
def test_marks_are_few_finite_and_on_the_axis(one, other, most):
    found = axis([one, other])
    marks = ticks(found, most)
    assert len(marks) <= most + 1
    assert all(-1e-6 <= found.place(mark.at) <= 1 + 1e-6 for mark in marks)


def test_marks_stand_at_round_numbers():
    assert [mark.label for mark in ticks(Axis(0, 48.4), 5)] == ["0", "10", "20", "30", "40"]
    assert [mark.label for mark in ticks(Axis(0.07, 0.105), 4)] == ["0.07", "0.08", "0.09", "0.1"]
    assert [mark.label for mark in ticks(Axis(1, 300, log=True), 9)] == [
        "1",
        "2",
        "5",
        "10",
        "20",
        "50",
        "100",
        "200",
    ]
    assert [mark.label for mark in ticks(Axis(1, 1e6, log=True), 3)] == ["1", "1000", "1e6"]


def test_a_price_axis_does_not_reach_below_zero():
    assert axis([0.001, 10.0]).low == 0
    assert axis([5.0], from_zero=True).low == 0


@given(finite)
def test_a_number_on_an_axis_is_short(value):
    assert len(short(value)) <= 8


@pytest.mark.parametrize(
    ("count", "text"),
    [(64, "64"), (1024, "1K"), (32768, "32K"), (1 << 20, "1M"), (3 << 30, "3G"), (1536, "1.5K")],
)
def test_sizes_in_bytes(count, text):
    assert size(count) == text
