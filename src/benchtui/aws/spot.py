"""What instances of the spot market cost: DescribeSpotPriceHistory, per zone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from benchtui.aws.errors import CloudError
from benchtui.aws.session import Answer, Cloud
from benchtui.core.catalogue import Missing, Price
from benchtui.core.spot import BASIS, SpotPrice

PRODUCT = "Linux/UNIX"
PRODUCTS = (PRODUCT, f"{PRODUCT} (Amazon VPC)")  # both mean the same where there is no EC2-Classic
PAGE = 1000


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
        rows = await _history(cloud, region, wanted, now, now)
    except CloudError as error:
        return {
            name: Missing(f"the spot price of {name} in {region} is not known: {error.what}", error.fix)
            for name in wanted
        }
    newest: dict[tuple[str, str], tuple[datetime, Decimal]] = {}
    for name, zone, price in rows:
        held = newest.get((name, zone))
        if held is None or held[0] < price.at:
            newest[name, zone] = price.at, price.usd_per_hour
    found: dict[str, Price | Missing] = {}
    for name in wanted:
        by_zone = {zone: usd for (of, zone), (_, usd) in newest.items() if of == name}
        if by_zone:
            dearest = max(by_zone, key=lambda zone: (by_zone[zone], zone))
            found[name] = Price(by_zone[dearest], f"{BASIS} of {dearest}", now, region)
        else:
            found[name] = Missing(
                f"{region} has no spot price for {name}",
                "plan on demand: [plan] market, or choose another type",
            )
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
    cloud: Cloud, region: str, names: list[str], since: datetime, until: datetime
) -> list[tuple[str, str, SpotPrice]]:
    params = {
        "InstanceTypes": names,
        "ProductDescriptions": [PRODUCT],
        "StartTime": since,
        "EndTime": until,
        "MaxResults": PAGE,
    }
    rows = await cloud.pages("ec2", region, "DescribeSpotPriceHistory", params, item="SpotPriceHistory")
    return [found for row in rows if (found := _read(row)) is not None]


def _read(row: Answer) -> tuple[str, str, SpotPrice] | None:
    """A row as we use it; None: it is not as documented, and no price in it is to be trusted."""
    try:
        usd, at = Decimal(row["SpotPrice"]), row["Timestamp"].astimezone(UTC)
        name, zone = str(row["InstanceType"]), str(row["AvailabilityZone"])
    except (KeyError, AttributeError, InvalidOperation, TypeError):
        return None
    if (
        not usd.is_finite()
        or usd < 0
        or row.get("ProductDescription") not in (PRODUCT, f"{PRODUCT} (Amazon VPC)")
    ):
        return None
    return name, zone, SpotPrice(at, usd)
