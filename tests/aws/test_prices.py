import json
import stat
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.prices import on_demand_rates, prices
from benchtui.core.catalogue import Missing, Price

from .scripted import Answer, ScriptedCloud, refusal

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
KEPT_AS = "https://pricing.us-east-1.example us-east-1 c7g.large"
ATTRIBUTES = {
    "instanceType": "c7g.large",
    "regionCode": "us-east-1",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
    "marketoption": "OnDemand",
}


def product(usd: str = "0.0725000000", unit: str = "Hrs", **attributes: str) -> str:
    """An entry of PriceList in its documented shape."""
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}}
    return json.dumps(
        {
            "product": {"productFamily": "Compute Instance", "attributes": ATTRIBUTES | attributes},
            "terms": {
                "OnDemand": {"SKU.JRTCKXETXF": {"priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension}}},
                "Reserved": {"SKU.X": {"priceDimensions": {"SKU.X.Y": dimension}}},
            },
        }
    )


class Pricing(ScriptedCloud):
    """GetProducts by instance type."""

    def __init__(self, **products: list[str]) -> None:
        super().__init__(self._get_products)
        self.products = products

    def _get_products(self, operation: str, params: Answer) -> Answer:
        asked = {rule["Field"]: rule["Value"] for rule in params["Filters"]}
        return {"PriceList": self.products.get(asked["instanceType"].replace(".", "_"), [])}


async def ask(cloud: Any, *names: str, **options: Any) -> dict[str, Price | Missing]:
    return await prices(cloud, "us-east-1", names, **({"now": NOW} | options))


async def test_price_comes_from_the_pricing_api_with_basis_and_date() -> None:
    cloud = Pricing(c7g_large=[product()])
    assert await ask(cloud, "c7g.large") == {
        "c7g.large": Price(Decimal("0.0725"), "pricing-api", NOW, "us-east-1")
    }
    (_, params), *_ = cloud.calls
    asked = {rule["Field"]: rule["Value"] for rule in params["Filters"]}
    assert asked == ATTRIBUTES


async def test_own_rate_wins_and_asks_no_one() -> None:
    cloud = Pricing(c7g_large=[product()])
    rates = {"c7g.large": Decimal("0.05"), "us-east-1/c7g.large": Decimal("0.04")}
    assert await ask(cloud, "c7g.large", on_demand=rates) == {
        "c7g.large": Price(Decimal("0.04"), "config", NOW, "us-east-1")
    }
    assert cloud.calls == []


async def test_no_product_is_no_price() -> None:
    missing = (await ask(Pricing(), "c7g.large"))["c7g.large"]
    assert isinstance(missing, Missing)
    assert "no price for c7g.large in us-east-1" in missing.reason
    assert missing.fix is not None
    assert '"us-east-1/c7g.large"' in missing.fix


async def test_several_prices_are_no_price() -> None:
    missing = (await ask(Pricing(c7g_large=[product(), product("0.09")]), "c7g.large"))["c7g.large"]
    assert isinstance(missing, Missing)
    assert "$0.0725, $0.09" in missing.reason


async def test_the_same_price_said_twice_is_one_price() -> None:
    price = (await ask(Pricing(c7g_large=[product(), product("0.07250")]), "c7g.large"))["c7g.large"]
    assert isinstance(price, Price)


async def test_a_refusal_is_no_price_and_spoils_no_other_type() -> None:
    cloud = Pricing(c7g_large=[product()])
    good = cloud.reply

    def reply(operation: str, params: Answer) -> Answer:
        if any(rule["Value"] == "c7a.large" for rule in params["Filters"]):
            raise refusal("AccessDeniedException", "not authorized to perform: pricing:GetProducts")
        return good(operation, params)

    cloud.reply = reply
    found = await ask(cloud, "c7a.large", "c7g.large")
    assert isinstance(found["c7g.large"], Price)
    assert isinstance(found["c7a.large"], Missing)
    assert "pricing:GetProducts" in found["c7a.large"].reason


@pytest.mark.parametrize(
    "entry",
    [
        product(tenancy="Dedicated"),
        product(operatingSystem="Windows"),
        product(capacitystatus="UnusedCapacityReservation"),
        product(preInstalledSw="SQL Web"),
        product(marketoption="CapacityBlock"),
        product(instanceType="c7g.xlarge"),
        product(regionCode="us-east-2"),
        product(unit="Quantity"),
        product("-1"),
        product("NaN"),
        product("Infinity"),
        product("a lot"),
        "{}",
        "not JSON",
        "[1]",
        "null",
        None,
        json.dumps({"product": {"attributes": {}}, "terms": {"OnDemand": {"x": {}}}}),
    ],
)
def test_what_is_not_the_product_asked_for_has_no_price(entry: object) -> None:
    assert on_demand_rates([entry], "c7g.large", "us-east-1") == set()


async def test_an_answer_is_kept_for_a_day(tmp_path: Path) -> None:
    cloud, cache = Pricing(c7g_large=[product()]), tmp_path / "cache" / "prices.json"
    first = await ask(cloud, "c7g.large", cache_file=cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
    again = await ask(cloud, "c7g.large", cache_file=cache, now=NOW + timedelta(hours=23))
    assert again == first  # with the date of the answer
    assert len(cloud.calls) == 1
    await ask(cloud, "c7g.large", cache_file=cache, now=NOW + timedelta(hours=24))
    assert len(cloud.calls) == 2


async def test_answers_of_another_endpoint_or_region_are_not_used(tmp_path: Path) -> None:
    cloud, cache = Pricing(c7g_large=[product()]), tmp_path / "prices.json"
    await ask(cloud, "c7g.large", cache_file=cache)
    await prices(cloud, "us-east-2", ["c7g.large"], now=NOW, cache_file=cache)  # type: ignore[arg-type]
    assert len(cloud.calls) == 2

    class Elsewhere(Pricing):
        async def endpoint(self, service: str, region: str) -> str:
            return "http://127.0.0.1:4566"

    elsewhere = Elsewhere(c7g_large=[product("0.05")])
    assert (await ask(elsewhere, "c7g.large", cache_file=cache))["c7g.large"] == Price(
        Decimal("0.05"), "pricing-api", NOW, "us-east-1"
    )
    kept = (await ask(cloud, "c7g.large", cache_file=cache))["c7g.large"]
    assert isinstance(kept, Price)
    assert kept.usd_per_hour == Decimal("0.0725")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        '{"schema": "benchtui.prices/2", "prices": {}}',
        '{"schema": "benchtui.prices/1", "prices": []}',
        json.dumps({"schema": "benchtui.prices/1", "prices": {KEPT_AS: 1}}),
    ],
)
async def test_a_damaged_cache_is_asked_for_again_and_repaired(tmp_path: Path, text: str) -> None:
    cloud, cache = Pricing(c7g_large=[product()]), tmp_path / "prices.json"
    cache.write_text(text)
    assert isinstance((await ask(cloud, "c7g.large", cache_file=cache))["c7g.large"], Price)
    await ask(cloud, "c7g.large", cache_file=cache)
    assert len(cloud.calls) == 1


async def test_a_price_from_the_future_or_below_zero_in_the_cache_is_not_used(tmp_path: Path) -> None:
    cloud, cache = Pricing(c7g_large=[product()]), tmp_path / "prices.json"
    for row in (
        {"usd_per_hour": "0.01", "as_of": "2027-01-01T00:00:00+00:00"},
        {"usd_per_hour": "-1", "as_of": NOW.isoformat()},
        {"usd_per_hour": "NaN", "as_of": NOW.isoformat()},
    ):
        cache.write_text(json.dumps({"schema": "benchtui.prices/1", "prices": {KEPT_AS: row}}))
        price = (await ask(cloud, "c7g.large", cache_file=cache))["c7g.large"]
        assert isinstance(price, Price)
        assert price.usd_per_hour == Decimal("0.0725")


async def test_a_disk_that_refuses_costs_no_price(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    cloud = Pricing(c7g_large=[product()])
    found = await ask(cloud, "c7g.large", cache_file=blocked / "prices.json")
    assert isinstance(found["c7g.large"], Price)
