"""Spot: every second at the price that held in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.spot import SpotPrice, spot_item

T0 = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def price(seconds: float, usd: str) -> SpotPrice:
    return SpotPrice(at(seconds), Decimal(usd))


def test_a_price_that_never_changed_is_that_of_an_hour():
    item = spot_item([price(-86400, "0.036")], "us-east-1a", at(0), at(3600))
    assert item is not None
    assert (item.usd, item.quantity, item.usd_per_unit) == (Decimal("0.036"), 3600, Decimal("0.036"))
    assert item.basis == "spot price history of us-east-1a, mean"


def test_each_part_at_its_own_price_whatever_the_order():
    history = [price(1800, "0.72"), price(-10, "0.36"), price(2700, "0"), price(9999, "99")]
    item = spot_item(history, "a", at(0), at(3600))
    assert item is not None
    assert item.usd == Decimal("0.36") / 2 + Decimal("0.72") / 4


def test_less_than_a_minute_is_a_minute_also_of_a_price_that_came_meanwhile():
    item = spot_item([price(0, "3.6"), price(30, "7.2")], "a", at(0), at(10))
    assert item is not None
    assert item.usd == Decimal("0.03") + Decimal("0.06")


def test_a_history_that_begins_after_the_launch_is_no_price():
    assert spot_item([price(1, "0.1")], "a", at(0), at(100)) is None
    assert spot_item([], "a", at(0), at(100)) is None


@pytest.mark.parametrize("usd", ["-0.1", "NaN", "Infinity"])
def test_a_price_that_is_none_is_refused(usd: str):
    with pytest.raises(ValueError, match="price"):
        spot_item([price(0, usd)], "a", at(0), at(100))


def test_an_end_before_the_launch_is_refused():
    with pytest.raises(ValueError, match="before"):
        spot_item([price(0, "1")], "a", at(0), at(-1))


rates = st.decimals(0, 50, places=4)


@given(
    st.lists(st.tuples(st.integers(1, 9000), rates), max_size=8, unique_by=lambda change: change[0]),
    rates,
    st.integers(0, 8000),
)
def test_it_is_the_sum_over_its_seconds(changes, first, seconds):
    history = [SpotPrice(at(-5), first), *(SpotPrice(at(when), usd) for when, usd in changes)]
    item = spot_item(history, "a", at(0), at(seconds))
    assert item is not None
    known = {0: first} | dict(changes)
    total, now = Decimal(0), first
    for second in range(max(60, seconds)):
        now = known.get(second, now)
        total += now / 3600
    assert abs(item.usd - total) <= Decimal("0.000002")
    assert item.usd >= total - Decimal("1e-12")
