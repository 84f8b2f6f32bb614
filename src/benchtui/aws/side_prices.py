"""Prices beside the instance's own, of one region: gp3 storage, public IPv4 addresses, S3 writes.

Asked of the Pricing API. One that it does not tell keeps its list price, whose basis says where that is from:
these are cents beside an instance's dollars, and a plan that could not be made for want of them helps nobody.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchtui.aws.errors import CloudError
from benchtui.aws.price_cache import BASIS, PriceCache
from benchtui.aws.price_list import PriceList, endpoints, quoted
from benchtui.aws.session import Cloud
from benchtui.core.catalogue import Missing, Price
from benchtui.core.money import LIST_RATES, Rate, Rates

#: Names in the file of prices: no instance type has a colon.
_KEPT_AS = "rate:"


@dataclass(frozen=True, slots=True)
class _Product:
    """How the Pricing API names what a rate is of.

    The usage type alone is unmistakable, and begins with the region's code in all regions but some:
    ``EBS:VolumeUsage.gp3``, ``APS1-EBS:VolumeUsage.gp3``, ``USE1-PublicIPv4:InUseAddress``.
    """

    service: str
    filters: tuple[tuple[str, str], ...]
    usage_type: str
    unit: str
    per: Decimal  # units that a rate is of


_PRODUCTS = {
    "ebs_gb_month": _Product(
        "AmazonEC2",
        (("productFamily", "Storage"), ("volumeApiName", "gp3")),
        "EBS:VolumeUsage.gp3",
        "GB-Mo",
        Decimal(1),
    ),
    # Its group is not documented, and the service has few products in a region: the usage type tells.
    "ipv4_hour": _Product("AmazonVPC", (), "PublicIPv4:InUseAddress", "Hrs", Decimal(1)),
    "s3_write_1000": _Product(
        "AmazonS3", (("group", "S3-API-Tier1"),), "Requests-Tier1", "Requests", Decimal(1000)
    ),
}


async def listed_rates(
    cloud: Cloud,
    region: str,
    *,
    now: datetime,
    cache_file: Path | None = None,
    wanted: Collection[str] = tuple(_PRODUCTS),
) -> Rates:
    """The rates of ``region``, each with its basis. Raises nothing about AWS.

    Args:
        cloud: whom to ask.
        region: where the instances run.
        now: the time, UTC; answers older than 24 h are asked for again.
        cache_file: where answers are kept, beside the prices of instances; None: nowhere.
        wanted: fields of `Rates` to ask for; the others keep their list price.
    """
    names = [name for name in _PRODUCTS if name in wanted]
    found = await _found(cloud, region, names, now, cache_file) if names else {}
    return Rates(
        **{
            name: Rate(found[name].usd_per_hour, BASIS, found[name].as_of.date())
            if name in found
            else getattr(LIST_RATES, name)
            for name in _PRODUCTS
        }
    )


async def _found(
    cloud: Cloud, region: str, names: list[str], now: datetime, cache_file: Path | None
) -> dict[str, Price]:
    """Those the Pricing API has one amount of."""
    places = endpoints(region)
    if isinstance(places, Missing):
        return {}
    try:
        endpoint = await cloud.endpoint("pricing", places[0])
    except CloudError:
        return {}
    cache = await asyncio.to_thread(PriceCache.read, cache_file, endpoint, now)
    kept = {name: cache.get(region, _KEPT_AS + name) for name in names}
    asked = [name for name in names if kept[name] is None]
    price_list = PriceList(cloud, places)
    answers = await asyncio.gather(*(_ask(price_list, region, _PRODUCTS[name]) for name in asked))
    fresh = {
        name: Price(usd, BASIS, now, region)
        for name, usd in zip(asked, answers, strict=True)
        if usd is not None
    }
    if fresh:
        await asyncio.to_thread(cache.add, {_KEPT_AS + name: price for name, price in fresh.items()})
    return {name: price for name, price in kept.items() if price is not None} | fresh


async def _ask(price_list: PriceList, region: str, product: _Product) -> Decimal | None:
    """USD per ``product.per`` units; None: no answer, none, or several."""
    try:
        entries = await price_list.products(product.service, {"regionCode": region, **dict(product.filters)})
    except CloudError:
        return None
    return only_rate(entries, region, product.usage_type, product.unit, product.per)


def only_rate(
    entries: Iterable[Any], region: str, usage_type: str, unit: str, per: Decimal = Decimal(1)
) -> Decimal | None:
    """The one amount above zero that products of a usage type cost in ``region``, USD per ``per`` units.

    Args:
        entries: of PriceList.
        region: code of the region; other products are ignored.
        usage_type: without the region's prefix.
        unit: of the price, as the API spells it.
        per: how many units the answer is of.
    """
    meant = re.compile(rf"(?:[A-Z0-9]{{2,8}}-)?{re.escape(usage_type)}")
    of_it = [entry for entry in entries if meant.fullmatch(_usage_type(entry))]
    usd = quoted(of_it, {"regionCode": region, "locationType": "AWS Region"}, unit).usd
    amount = next(iter(usd), None)
    if len(usd) != 1 or not amount:
        return None
    return amount * per


def _usage_type(entry: object) -> str:
    try:
        body = json.loads(entry) if isinstance(entry, str) else entry
        return str(body["product"]["attributes"]["usagetype"])  # type: ignore[index]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
