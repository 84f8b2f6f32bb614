"""What an instance of the spot market has cost: its time, integrated over the price history of its zone.

A history as DescribeSpotPriceHistory tells it is a list of changes: each price holds from its time until the
next. The answer begins with the price in force at StartTime, stamped with the time at which it came into
force (EC2 API reference, DescribeSpotPriceHistory, StartTime). Billed by the second, at least 60.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from benchtui.core.money import SECONDS_PER_HOUR, Item, billed_seconds, rounded_up

BASIS = "spot price history"


@dataclass(frozen=True, slots=True)
class SpotPrice:
    """A price and since when it holds."""

    at: datetime  # UTC
    usd_per_hour: Decimal


def spot_item(
    history: Iterable[SpotPrice], zone: str, launched_at: datetime, ended_at: datetime
) -> Item | None:
    """The instance's line of the bill; None: the history does not reach back to its launch.

    Args:
        history: prices of its type in its zone, in any order.
        zone: of the instance.
        launched_at, ended_at: as observed, UTC; less than 60 s count as 60.

    Raises:
        ValueError: it ended before it was launched, or a price is negative or no number.
    """
    if ended_at < launched_at:
        raise ValueError("it ended before it was launched")
    changes = sorted(history, key=lambda price: price.at)
    if any(not price.usd_per_hour.is_finite() or price.usd_per_hour < 0 for price in changes):
        raise ValueError("a spot price that is none")
    before = [price for price in changes if price.at <= launched_at]
    if not before:
        return None
    seconds = billed_seconds((ended_at - launched_at).total_seconds())
    until = launched_at + timedelta(seconds=seconds)
    steps = [before[-1], *(price for price in changes if launched_at < price.at < until)]
    total = Decimal(0)
    for price, end in zip(steps, [*(step.at for step in steps[1:]), until], strict=True):
        total += price.usd_per_hour * _seconds(end - max(price.at, launched_at)) / SECONDS_PER_HOUR
    billed = Decimal(seconds)
    mean = (total * SECONDS_PER_HOUR / billed).quantize(Decimal("0.00000001"))
    newest = steps[-1].at.date()
    return Item("instance", billed, "s", mean, rounded_up(total), f"{BASIS} of {zone}, mean", newest)


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000
