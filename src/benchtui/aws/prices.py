"""What an hour of an instance type costs: your own rate, a recent answer, or the Pricing API; no guesses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchtui.aws.errors import CloudError
from benchtui.aws.price_cache import BASIS, PriceCache
from benchtui.aws.price_list import PriceList, Quoted, endpoints, quoted
from benchtui.aws.session import Cloud
from benchtui.core.catalogue import Missing, Price, config_price
from benchtui.core.price_bounds import implausible

AT_ONCE = 5
SERVICE = "AmazonEC2"
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
#: What a product has to be besides, where it says so. Not asked for: a filter on an attribute that AWS leaves
#: out of a product would hide it.
_ALSO = {
    "licenseModel": "No License required",  # "Bring your own license" has a price of its own
    "locationType": "AWS Region",  # neither a local zone nor a wavelength zone of the region
    "operation": "RunInstances",  # others are of other systems: RunInstances:0002 is Windows
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
    found, open_names = _own(region, names, now, on_demand or {})
    places = endpoints(region)
    if not open_names or isinstance(places, Missing):
        return found | {name: _no_endpoint(name, region, places) for name in open_names}
    try:
        cache = await _cache(cloud, places, cache_file, now)
    except CloudError as error:
        return found | {name: _unknown(name, region, error) for name in open_names}
    asked = [name for name in open_names if cache.get(region, name) is None]
    limit, price_list = asyncio.Semaphore(AT_ONCE), PriceList(cloud, places)

    async def ask(name: str) -> Price | Missing:
        async with limit:
            return await _ask(price_list, region, name, now)

    answers = dict(zip(asked, await asyncio.gather(*map(ask, asked)), strict=True))
    fresh = {name: price for name, price in answers.items() if isinstance(price, Price)}
    if fresh:
        await asyncio.to_thread(cache.add, fresh)
    for name in open_names:
        found[name] = answers[name] if name in answers else cache.known(region, name)
    return found


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
    found, open_names = _own(region, names, now, on_demand or {})
    places = endpoints(region)
    if not open_names or isinstance(places, Missing):
        return found | {name: _no_endpoint(name, region, places) for name in open_names}
    try:
        cache = await _cache(cloud, places, cache_file, now)
        if cache.has_all_of(region):
            answers: dict[str, Price | Missing] = {}
        else:
            answers = await _listed(PriceList(cloud, places), region, now)
            await asyncio.to_thread(cache.add_all_of, region, now, answers)
    except CloudError as error:
        return found | {name: _unknown(name, region, error) for name in open_names}
    for name in open_names:
        found[name] = answers.get(name) or cache.get(region, name) or _kept_problem(cache, name, region, now)
    return found


def _own(
    region: str, names: Iterable[str], now: datetime, rates: Mapping[str, Decimal]
) -> tuple[dict[str, Price | Missing], list[str]]:
    """What the configuration prices, and the types it does not."""
    wanted = list(dict.fromkeys(names))
    own = {name: config_price(rates, region, name, now) for name in wanted}
    found: dict[str, Price | Missing] = {name: rate for name, rate in own.items() if rate is not None}
    return found, [name for name in wanted if name not in found]


async def _cache(cloud: Cloud, places: tuple[str, ...], file: Path | None, now: datetime) -> PriceCache:
    """Raises CloudError for settings of the SDK that are not usable."""
    endpoint = await cloud.endpoint("pricing", places[0])
    return await asyncio.to_thread(PriceCache.read, file, endpoint, now)


async def _ask(price_list: PriceList, region: str, name: str, now: datetime) -> Price | Missing:
    try:
        products = await price_list.products(
            SERVICE, {"regionCode": region, "instanceType": name, **_FILTERS}
        )
    except CloudError as error:
        return _unknown(name, region, error)
    return _only(_quoted(products, name, region), name, region, now)


async def _listed(price_list: PriceList, region: str, now: datetime) -> dict[str, Price | Missing]:
    """Every price of the region that is one, and why others are none."""
    products = await price_list.products(SERVICE, {"regionCode": region, **_FILTERS})
    by_type = await asyncio.to_thread(_by_type, products)
    return {name: _only(_quoted(of, name, region), name, region, now) for name, of in by_type.items()}


def _by_type(products: Iterable[object]) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for text in products:
        try:
            entry = json.loads(text) if isinstance(text, str) else text
            found.setdefault(str(entry["product"]["attributes"]["instanceType"]), []).append(entry)  # type: ignore[index]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return found


def on_demand_rates(products: Iterable[Any], name: str, region: str) -> set[Decimal]:
    """Distinct USD rates per hour in an answer of GetProducts, of products that are what was asked for.

    Args:
        products: the entries of PriceList: JSON texts.
        name, region: instance type and region code; other products are ignored.
    """
    return _quoted(products, name, region).usd


def _quoted(products: Iterable[object], name: str, region: str) -> Quoted:
    return quoted(products, {"regionCode": region, "instanceType": name, **_FILTERS, **_ALSO}, _HOUR)


def _only(found: Quoted, name: str, region: str, now: datetime) -> Price | Missing:
    """The one rate there is, or why there is none."""
    own = _own_rate(region, name)
    if not found.usd and found.currencies:
        listed = ", ".join(sorted(found.currencies))
        return Missing(
            f"{name} in {region} is priced in {listed}, and money is reckoned in USD here", f"{own}, in USD"
        )
    if not found.usd:
        return Missing(f"the Pricing API has no price for {name} in {region}", own)
    if len(found.usd) > 1:
        listed = ", ".join(f"${rate:f}" for rate in sorted(found.usd))
        return Missing(f"the Pricing API has several prices for {name} in {region}: {listed}", own)
    rate = next(iter(found.usd))
    why = implausible(name, rate)
    if why is not None:
        return Missing(f"the Pricing API says that {name} in {region} costs {why}", own)
    return Price(rate, BASIS, now, region)


def _kept_problem(cache: PriceCache, name: str, region: str, now: datetime) -> Price | Missing:
    """Why a listing that was kept has no price of a type."""
    reason = cache.problem(region, name)
    if reason is None:
        return _only(Quoted(), name, region, now)
    return Missing(reason, _own_rate(region, name))


def _unknown(name: str, region: str, error: CloudError) -> Missing:
    return Missing(
        f"the price of {name} in {region} is not known: {error.what}", error.fix or _own_rate(region, name)
    )


def _no_endpoint(name: str, region: str, why: object) -> Missing:
    reason = why.reason if isinstance(why, Missing) else str(why)
    return Missing(f"the price of {name} in {region} is not known: {reason}", _own_rate(region, name))


def _own_rate(region: str, name: str) -> str:
    return f'give your own rate: [prices.on_demand] "{region}/{name}" = …'
