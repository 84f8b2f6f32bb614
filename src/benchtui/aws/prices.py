"""What an hour of an instance type costs: your own rate, a recent answer, or the Pricing API; no guesses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from benchtui.aws.errors import CloudError
from benchtui.aws.price_cache import BASIS, PriceCache
from benchtui.aws.session import Cloud
from benchtui.core.catalogue import Missing, Price, config_price

#: The Pricing API has endpoints in a few regions only, each with the prices of all.
PRICING_REGION = "us-east-1"
AT_ONCE = 5
_HOUR = "Hrs"
#: One product is meant by these: without tenancy, capacity status or pre-installed software the same type has
#: dozens, among them reservations that stand empty.
_FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
    "marketoption": "OnDemand",
}


async def prices(
    cloud: Cloud,
    region: str,
    names: Iterable[str],
    *,
    now: datetime,
    on_demand: Mapping[str, Decimal] | None = None,
    cache_file: Path | None = None,
) -> dict[str, Price | Missing]:
    """Price of each type on demand (Linux, shared tenancy), or why it is not known. Raises nothing about AWS.

    Args:
        cloud: whom to ask.
        region: where the instances run.
        names: instance types.
        now: the time, UTC; answers older than 24 h are asked for again.
        on_demand: your own rates, USD per hour, by ``"type"`` or ``"region/type"``; they win.
        cache_file: where answers are kept; None: nowhere.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[str, Price | Missing] = {}
    for name in wanted:
        rate = config_price(on_demand or {}, region, name, now)
        if rate is not None:
            found[name] = rate
    open_names = [name for name in wanted if name not in found]
    if not open_names:
        return found
    try:
        endpoint = await cloud.endpoint("pricing", PRICING_REGION)
    except CloudError as error:
        return found | {name: _unknown(name, region, error) for name in open_names}
    cache = await asyncio.to_thread(PriceCache.read, cache_file, endpoint, now)
    asked = [name for name in open_names if cache.get(region, name) is None]
    limit = asyncio.Semaphore(AT_ONCE)

    async def ask(name: str) -> Price | Missing:
        async with limit:
            return await _ask(cloud, region, name, now)

    answers = dict(zip(asked, await asyncio.gather(*map(ask, asked)), strict=True))
    fresh = {name: price for name, price in answers.items() if isinstance(price, Price)}
    if fresh:
        await asyncio.to_thread(cache.add, fresh)
    for name in open_names:
        found[name] = answers[name] if name in answers else cache.known(region, name)
    return found


async def _ask(cloud: Cloud, region: str, name: str, now: datetime) -> Price | Missing:
    filters = {"regionCode": region, "instanceType": name, **_FILTERS}
    try:
        products = await _products(cloud, filters)
    except CloudError as error:
        return _unknown(name, region, error)
    return _only(on_demand_rates(products, name, region), name, region, now)


async def region_prices(
    cloud: Cloud,
    region: str,
    names: Iterable[str],
    *,
    now: datetime,
    on_demand: Mapping[str, Decimal] | None = None,
    cache_file: Path | None = None,
) -> dict[str, Price | Missing]:
    """As `prices`, for hundreds of types: one listing of the whole region instead of a request per type.

    A region has more than 800 types: one by one that would be 800 requests, listed it is about ten, 100
    products each. The answer is kept for 24 h, and what `prices` has kept is used as well as written.
    """
    wanted = list(dict.fromkeys(names))
    own = {name: config_price(on_demand or {}, region, name, now) for name in wanted}
    found: dict[str, Price | Missing] = {name: rate for name, rate in own.items() if rate is not None}
    open_names = [name for name in wanted if name not in found]
    if not open_names:
        return found
    try:
        cache = await asyncio.to_thread(
            PriceCache.read, cache_file, await cloud.endpoint("pricing", PRICING_REGION), now
        )
        if cache.has_all_of(region):
            answers: dict[str, Price | Missing] = {}
        else:
            answers = await _listed(cloud, region, now)
            fresh = {name: price for name, price in answers.items() if isinstance(price, Price)}
            await asyncio.to_thread(cache.add, fresh, (region, now))
    except CloudError as error:
        return found | {name: _unknown(name, region, error) for name in open_names}
    for name in open_names:
        found[name] = answers.get(name) or cache.get(region, name) or _only(set(), name, region, now)
    return found


async def _listed(cloud: Cloud, region: str, now: datetime) -> dict[str, Price | Missing]:
    """Every price of the region that is one."""
    products = await _products(cloud, {"regionCode": region, **_FILTERS})
    by_type = await asyncio.to_thread(_by_type, products)
    return {name: _only(on_demand_rates(of, name, region), name, region, now) for name, of in by_type.items()}


def _by_type(products: Iterable[object]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for text in products:
        try:
            entry = json.loads(text) if isinstance(text, str) else text
            found.setdefault(str(entry["product"]["attributes"]["instanceType"]), []).append(entry)  # type: ignore[index]
        except (ValueError, KeyError, TypeError):
            continue
    return found


async def _products(cloud: Cloud, filters: Mapping[str, str]) -> list[Any]:
    rules = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
    params = {"ServiceCode": "AmazonEC2", "Filters": rules}
    return await cloud.pages("pricing", PRICING_REGION, "GetProducts", params, item="PriceList")


def _only(rates: set[Decimal], name: str, region: str, now: datetime) -> Price | Missing:
    """The one rate there is, or why there is none."""
    if not rates:
        return Missing(f"the Pricing API has no price for {name} in {region}", _own_rate(region, name))
    if len(rates) > 1:
        listed = ", ".join(f"${rate}" for rate in sorted(rates))
        return Missing(
            f"the Pricing API has several prices for {name} in {region}: {listed}", _own_rate(region, name)
        )
    return Price(next(iter(rates)), BASIS, now, region)


def on_demand_rates(products: Iterable[object], name: str, region: str) -> set[Decimal]:
    """Distinct USD rates per hour in an answer of GetProducts, of products that are what was asked for.

    Args:
        products: the entries of PriceList: JSON texts.
        name, region: instance type and region code; other products are ignored.
    """
    rates: set[Decimal] = set()
    for text in products:
        try:
            entry = json.loads(text) if isinstance(text, str) else text
            rates |= _rates_of(entry, {"regionCode": region, "instanceType": name, **_FILTERS})
        except (ValueError, KeyError, TypeError, AttributeError, InvalidOperation):
            continue  # not a product as documented: no price in it is to be trusted
    return rates


def _rates_of(entry: Any, attributes: Mapping[str, str]) -> set[Decimal]:
    shown = entry["product"]["attributes"]
    if any(key in shown and shown[key] != value for key, value in attributes.items()):
        return set()
    rates = set()
    for term in entry["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            rate = Decimal(dimension["pricePerUnit"]["USD"])
            if dimension["unit"] == _HOUR and rate.is_finite() and rate >= 0:
                rates.add(rate.normalize() + 0)
    return rates


def _unknown(name: str, region: str, error: CloudError) -> Missing:
    return Missing(
        f"the price of {name} in {region} is not known: {error.what}", error.fix or _own_rate(region, name)
    )


def _own_rate(region: str, name: str) -> str:
    return f'give your own rate: [prices.on_demand] "{region}/{name}" = …'
