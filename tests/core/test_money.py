from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.catalogue import Price
from benchtui.core.money import (
    LIST_RATES,
    Limits,
    Rate,
    Rates,
    billed_seconds,
    cost_of,
    worst_case,
    writes_at_most,
)

DEFAULTS = Limits(max_runtime=14400, emergency_grace=3600, boot_allowance=300, heartbeat=30)
FREE = Rates(*[Rate(Decimal(0), "free")] * 3)


def price(usd: str) -> Price:
    return Price(Decimal(usd), "pricing-api", datetime(2026, 11, 24, tzinfo=UTC), "us-east-1")


def usd(cost):
    return {item.name: item.usd for item in cost.items}


def test_worst_case_of_a_c7g_large_by_hand():
    # 18,300 s to benchtui:expires and 240 s to the schedules' latest end are 18,540 s, at 0.0725 $/h; 16 GB
    # for so long of a 28-day month at 0.08; 6 begun hours of IPv4; 200 + 3,708 progress + 2 × 619 heartbeats
    # and log chunks, at 0.005 per 1000.
    cost = worst_case(price("0.0725"), DEFAULTS, 16, LIST_RATES)
    assert usd(cost) == {
        "instance": Decimal("0.373375"),
        "ebs": Decimal("0.009810"),
        "ipv4": Decimal("0.030000"),
        "s3 writes": Decimal("0.025730"),
    }
    assert cost.usd == Decimal("0.438915")


def test_a_minute_is_the_least_that_is_billed():
    assert usd(cost_of(price("3.60"), 5, 16, FREE, 0))["instance"] == Decimal("0.060000")
    assert usd(cost_of(price("3.60"), 61, 16, FREE, 0))["instance"] == Decimal("0.061000")
    assert [billed_seconds(s) for s in (0, 59.9, 60, 60.001, 61)] == [60, 60, 60, 61, 61]


def test_the_ebs_pricing_pages_own_example():
    # 2,000 GB for 12 hours of a 30-day month at 0.09394 per GB-month: 3.13133
    rates = Rates(Rate(Decimal("0.09394"), "page"), FREE.ipv4_hour, FREE.s3_write_1000)
    assert usd(cost_of(price("0"), 43200, 2000, rates, 0))["ebs"] == Decimal("3.131334")


def test_every_item_carries_quantity_basis_and_date():
    cost = cost_of(price("0.0725"), 90, 16, LIST_RATES, 250)
    by_name = {item.name: item for item in cost.items}
    assert (by_name["instance"].basis, by_name["instance"].as_of) == ("pricing-api", date(2026, 11, 24))
    assert (by_name["instance"].quantity, by_name["instance"].unit) == (Decimal(90), "s")
    assert by_name["ebs"].basis == "list price gp3, us-east-1"
    assert by_name["s3 writes"].quantity == 250
    assert all(item.as_of for item in cost.items)


def test_a_free_instance_with_free_rates_costs_nothing():
    assert worst_case(price("0"), DEFAULTS, 16, FREE).usd == 0


@pytest.mark.parametrize(("seconds", "writes"), [(-1, 0), (0, -1)])
def test_negative_time_or_counts_are_no_cost(seconds, writes):
    with pytest.raises(ValueError, match="cost"):
        cost_of(price("1"), seconds, 16, FREE, writes)


AMOUNTS = st.decimals(min_value=0, max_value=500, places=7)
RATES = st.builds(Rates, *[st.builds(Rate, AMOUNTS, st.just("test"))] * 3)
LIMITS = st.builds(
    Limits,
    max_runtime=st.integers(1, 43200),
    emergency_grace=st.integers(1, 21600),
    boot_allowance=st.integers(0, 3600),
    heartbeat=st.integers(1, 600),
)


@given(AMOUNTS, LIMITS, st.integers(8, 16384), RATES, st.floats(0, 1), st.floats(0, 1))
def test_no_life_within_its_limits_costs_more_than_the_worst_case(
    usd_per_hour, limits, gib, rates, life, wrote
):
    seconds = life * limits.latest_seconds
    writes = int(wrote * writes_at_most(seconds, limits.heartbeat))
    per_hour = price(str(usd_per_hour))
    actual = cost_of(per_hour, seconds, gib, rates, writes)
    worst = worst_case(per_hour, limits, gib, rates)
    for spent, most in zip(actual.items, worst.items, strict=True):
        assert spent.usd <= most.usd, spent.name
    assert actual.usd <= worst.usd


@given(AMOUNTS, st.floats(0, 10**6), st.integers(8, 16384), RATES, st.integers(0, 10**6))
def test_items_are_never_understated_and_add_up_to_the_total(usd_per_hour, seconds, gib, rates, writes):
    cost = cost_of(price(str(usd_per_hour)), seconds, gib, rates, writes)
    exact = Decimal(usd_per_hour) * billed_seconds(seconds) / 3600
    assert exact <= cost.items[0].usd < exact + Decimal("0.000001") + Decimal("1e-20")
    assert cost.usd == sum(item.usd for item in cost.items)
    assert all(item.usd == item.usd.quantize(Decimal("0.000001")) for item in cost.items)


@given(st.floats(0, 10**6), st.floats(0, 10**6), st.integers(1, 600))
def test_longer_lives_never_write_less(one, other, heartbeat):
    short, long = sorted((one, other))
    assert writes_at_most(short, heartbeat) <= writes_at_most(long, heartbeat)
