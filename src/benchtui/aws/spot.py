"""What instances of the spot market cost: DescribeSpotPriceHistory, per zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from benchtui.aws.errors import CloudError
from benchtui.aws.session import Answer, Cloud
from benchtui.core.catalogue import Missing, Price
from benchtui.core.price_bounds import amount_of, implausible
from benchtui.core.spot import BASIS, SpotPrice

PRODUCT = "Linux/UNIX"
PRODUCTS = (PRODUCT, f"{PRODUCT} (Amazon VPC)")  # both mean the same where there is no EC2-Classic
PAGE = 1000
BATCH = 100  # names of a filter, which may have 200 values
#: Behind the region's name; a local zone (us-east-1-bos-1a) has prices of its own.
_ZONE = re.compile(r"[a-z]")


async def spot_prices(
    cloud: Cloud, region: str, names: Iterable[str], now: datetime
) -> dict[str, Price | Missing]:
    """The price of each type now, in the dearest of the region's zones; raises nothing about AWS.

    Args:
        cloud, region: where.
        names: instance types.
        now: the time, UTC.
    """
    wanted = list(dict.fromkeys(names))
    try:
        zoned = await spot_by_zone(cloud, region, wanted, now)
    except CloudError as error:
        return {
            name: Missing(f"the spot price of {name} in {region} is not known: {error.what}", error.fix)
            for name in wanted
        }
    found: dict[str, Price | Missing] = {}
    for name in wanted:
        by_zone = zoned.get(name, {})
        if by_zone:
            dearest = max(by_zone, key=lambda zone: (by_zone[zone], zone))
            found[name] = Price(by_zone[dearest], f"{BASIS} of {dearest}", now, region)
        else:
            found[name] = Missing(
                f"{region} has no spot price for {name}",
                "plan on demand: [plan] market, or choose another type",
            )
    return found


async def spot_by_zone(
    cloud: Cloud, region: str, names: Iterable[str] | None, now: datetime
) -> dict[str, dict[str, Decimal]]:
    """USD per hour now of each type, zone by zone; a type or zone that has no price is absent.

    Args:
        cloud, region: where.
        names: instance types; None: all of the region, some five requests.
        now: the time, UTC.

    Raises:
        CloudError: EC2 did not say.
    """
    rows = await _history(cloud, region, None if names is None else list(names), now, now)
    newest: dict[tuple[str, str], SpotPrice] = {}
    for name, zone, price in rows:
        held = newest.get((name, zone))
        if held is None or held.at < price.at:
            newest[name, zone] = price
    found: dict[str, dict[str, Decimal]] = {}
    for (name, zone), price in sorted(newest.items()):
        found.setdefault(name, {})[zone] = price.usd_per_hour
    return found


async def spot_history(
    cloud: Cloud, region: str, name: str, zone: str, since: datetime, until: datetime
) -> tuple[SpotPrice, ...]:
    """Prices of one type in one zone, the one in force at ``since`` among them.

    Raises:
        CloudError: EC2 did not say.
    """
    rows = await _history(cloud, region, [name], since, until)
    return tuple(price for of, where, price in rows if (of, where) == (name, zone))


async def _history(
    cloud: Cloud, region: str, names: list[str] | None, since: datetime, until: datetime
) -> list[tuple[str, str, SpotPrice]]:
    params: Answer = {
        "ProductDescriptions": [PRODUCT],
        "StartTime": since,
        "EndTime": until,
        "MaxResults": PAGE,
    }
    # A filter, not InstanceTypes: one name that EC2 does not know would fail the request for all.
    parts = (
        [params]
        if names is None
        else [
            {**params, "Filters": [{"Name": "instance-type", "Values": names[at : at + BATCH]}]}
            for at in range(0, len(names), BATCH)
        ]
    )
    rows: list[Answer] = []
    for part in parts:
        rows += await cloud.pages("ec2", region, "DescribeSpotPriceHistory", part, item="SpotPriceHistory")
    return [found for row in rows if (found := _read(row, region)) is not None]


def _read(row: Answer, region: str) -> tuple[str, str, SpotPrice] | None:
    """A row as we use it; None: it is not as documented, and no price in it is to be trusted."""
    try:
        usd, at = amount_of(row["SpotPrice"]), row["Timestamp"].astimezone(UTC)
        name, zone = str(row["InstanceType"]), str(row["AvailabilityZone"])
    except (KeyError, AttributeError, TypeError, ValueError, OverflowError):
        return None
    if usd is None or row.get("ProductDescription") not in PRODUCTS:
        return None
    if not _ZONE.fullmatch(zone.removeprefix(region)) or implausible(name, usd) is not None:
        return None
    return name, zone, SpotPrice(at, usd)
