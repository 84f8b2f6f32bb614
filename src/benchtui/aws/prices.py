"""What an hour of an instance type costs: your own rate, a recent answer, or the Pricing API; no guesses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from benchtui.aws.errors import CloudError
from benchtui.aws.session import Cloud
from benchtui.core.catalogue import Missing, Price, config_price

#: The Pricing API has endpoints in a few regions only, each with the prices of all.
PRICING_REGION = "us-east-1"
BASIS = "pricing-api"
VALID_FOR = timedelta(hours=24)
AT_ONCE = 5
MAX_CACHE_BYTES = 4 * 1024 * 1024
_SCHEMA = "benchtui.prices/1"
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
    cache = await asyncio.to_thread(_Cache.read, cache_file, endpoint, now)
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
    params = {
        "ServiceCode": "AmazonEC2",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": field_, "Value": value} for field_, value in filters.items()
        ],
    }
    try:
        products = await cloud.pages("pricing", PRICING_REGION, "GetProducts", params, item="PriceList")
    except CloudError as error:
        return _unknown(name, region, error)
    rates = on_demand_rates(products, name, region)
    if not rates:
        return Missing(f"the Pricing API has no price for {name} in {region}", _own_rate(region, name))
    if len(rates) > 1:
        listed = ", ".join(f"${rate}" for rate in sorted(rates))
        return Missing(
            f"the Pricing API has several prices for {name} in {region}: {listed}", _own_rate(region, name)
        )
    return Price(rates.pop(), BASIS, now, region)


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


@dataclass
class _Cache:
    """Answers of the Pricing API kept in a file, by endpoint, region and type; damaged ones are forgotten."""

    path: Path | None
    endpoint: str
    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None, endpoint: str, now: datetime) -> _Cache:
        """The file's rows that are still valid; none for a file that is not ours."""
        cache = cls(path, endpoint)
        if path is None:
            return cache
        try:
            if path.stat().st_size > MAX_CACHE_BYTES:
                return cache
            body = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cache
        if not isinstance(body, dict) or body.get("schema") != _SCHEMA:
            return cache
        rows = body.get("prices")
        for key, row in rows.items() if isinstance(rows, dict) else ():
            with contextlib.suppress(ValueError, KeyError, TypeError, InvalidOperation):
                as_of = datetime.fromisoformat(row["as_of"]).astimezone(UTC)
                rate = Decimal(row["usd_per_hour"])
                if now - VALID_FOR < as_of <= now and rate.is_finite() and rate >= 0:
                    cache.rows[key] = {"usd_per_hour": str(rate), "as_of": as_of.isoformat()}
        return cache

    def get(self, region: str, name: str) -> Price | None:
        """The price kept for a type."""
        row = self.rows.get(self._key(region, name))
        if row is None:
            return None
        return Price(Decimal(row["usd_per_hour"]), BASIS, datetime.fromisoformat(row["as_of"]), region)

    def known(self, region: str, name: str) -> Price | Missing:
        """The price kept for a type, or that there is none."""
        return self.get(region, name) or Missing(f"no price is known for {name} in {region}")

    def add(self, fresh: Mapping[str, Price]) -> None:
        """Keep prices; a disk that refuses them costs no more than asking again."""
        for name, price in fresh.items():
            self.rows[self._key(price.region, name)] = {
                "usd_per_hour": str(price.usd_per_hour),
                "as_of": price.as_of.astimezone(UTC).isoformat(),
            }
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.name)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                    json.dump({"schema": _SCHEMA, "prices": self.rows}, stream, indent=1)
                Path(temporary).replace(self.path)
            except OSError:
                Path(temporary).unlink(missing_ok=True)

    def _key(self, region: str, name: str) -> str:
        return f"{self.endpoint} {region} {name}"
