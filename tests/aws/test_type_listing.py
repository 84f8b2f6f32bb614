import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.errors import CloudError
from benchtui.aws.prices import prices, region_prices
from benchtui.aws.session import Cloud
from benchtui.aws.type_listing import type_listing
from benchtui.core.catalogue import Missing, Price

from .conftest import REGION, Private
from .scripted import Answer, ScriptedCloud, refusal
from .test_prices import product
from .test_types_and_images import described

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)


class Ec2(ScriptedCloud):
    """Two types, one of which is for sale."""

    def __init__(self) -> None:
        super().__init__(self._reply)

    def _reply(self, operation: str, params: Answer) -> Answer:
        if operation == "DescribeInstanceTypes":
            return {"InstanceTypes": [described("a.large"), described("b.large"), {}]}
        rows = [{"InstanceType": "a.large", "Location": f"us-east-1{zone}"} for zone in "ba"]
        return {"InstanceTypeOfferings": [*rows, {"Location": "us-east-1c"}]}


async def listed(cloud: Any, now: datetime = NOW, file: Path | None = None) -> dict[str, tuple[str, ...]]:
    listing = await type_listing(cloud, REGION, now, file)
    return {listed.type.name: listed.zones for listed in listing.types}


@pytest.mark.long
async def test_every_type_of_a_region_with_its_zones(cloud: Cloud) -> None:
    found = await listed(cloud)
    assert len(found) > 500
    assert found["c7g.large"] == tuple(sorted(found["c7g.large"])) != ()
    assert found["local.1cpu"]
    assert not any(name.startswith("mac") for name in found)


async def test_a_type_that_no_zone_sells_has_none() -> None:
    assert await listed(Ec2()) == {"a.large": ("us-east-1a", "us-east-1b"), "b.large": ()}


async def test_a_listing_is_kept_for_a_day(tmp_path: Path) -> None:
    file, cloud = tmp_path / "cache" / "types.json", Ec2()
    first = await type_listing(cloud, REGION, NOW, file)  # type: ignore[arg-type]
    assert await type_listing(cloud, REGION, NOW + timedelta(hours=23), file) == first  # type: ignore[arg-type]
    assert len(cloud.calls) == 2
    later = await type_listing(cloud, REGION, NOW + timedelta(hours=25), file)  # type: ignore[arg-type]
    assert (later.as_of, later.types) == (NOW + timedelta(hours=25), first.types)
    assert len(cloud.calls) == 4
    assert len(json.loads(file.read_text())["listings"]) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text.replace("benchtui.types/2", "benchtui.types/1"),
        lambda text: text.replace('"vcpus": 8', '"vcpus": "8"'),
        lambda text: text.replace('"vcpus": 8', '"cpus": 8'),
        lambda text: text.replace('"x86_64"', '"vax"'),
        lambda text: text.replace('"as_of": "2026', '"as_of": "3026'),
        lambda text: text.replace('"zones"', '"places"'),
    ],
)
async def test_a_damaged_listing_is_asked_for_again(tmp_path: Path, spoil: Any) -> None:
    file, cloud = tmp_path / "types.json", Ec2()
    await listed(cloud, file=file)
    file.write_text(spoil(file.read_text()))
    assert set(await listed(cloud, file=file)) == {"a.large", "b.large"}
    assert len(cloud.calls) == 4


async def test_a_disk_that_refuses_costs_nothing_but_asking_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert len(await listed(Ec2(), file=tmp_path / "file" / "types.json")) == 2


async def test_a_listing_that_is_refused_is_an_error(cloud: Cloud, fault: Private) -> None:
    fault(service="ec2", status=403)
    with pytest.raises(CloudError):
        await listed(cloud)


class Pricing(ScriptedCloud):
    """GetProducts of a region, or of one type."""

    def __init__(self, *products: str) -> None:
        super().__init__(lambda _operation, _params: {"PriceList": list(products)})


async def region(cloud: Any, *names: str, **options: Any) -> dict[str, Price | Missing]:
    return await region_prices(cloud, REGION, names, **({"now": NOW} | options))


async def test_prices_of_hundreds_of_types_are_one_listing() -> None:
    names = [f"t{number}.large" for number in range(300)]
    cloud = Pricing(*(product(f"0.{number + 1:04}", instanceType=name) for number, name in enumerate(names)))
    found = await region(cloud, *names, "none.large")
    assert [found[name] for name in names] == [
        Price(Decimal(number + 1).scaleb(-4).normalize(), "pricing-api", NOW, REGION) for number in range(300)
    ]
    assert isinstance(found["none.large"], Missing)
    assert len(cloud.calls) == 1
    assert "instanceType" not in {rule["Field"] for rule in cloud.calls[0][1]["Filters"]}


async def test_products_that_are_not_what_was_asked_for_give_no_price() -> None:
    cloud = Pricing(
        product("0.1", instanceType="a.large", tenancy="Dedicated"),
        product("0.2", instanceType="b.large"),
        product("0.3", instanceType="b.large"),
        product("0.4", instanceType="c.large", regionCode="eu-west-1"),
        "not json",
        '{"product": {}}',
        "[]",
    )
    found = await region(cloud, "a.large", "b.large", "c.large")
    assert all(isinstance(price, Missing) for price in found.values())
    assert "several prices" in str(found["b.large"])


async def test_a_listing_of_prices_serves_plans_for_a_day_and_asks_no_more(tmp_path: Path) -> None:
    file, cloud = tmp_path / "prices.json", Pricing(product(instanceType="c7g.large"))
    first = await region(cloud, "c7g.large", "none.large", cache_file=file)
    assert await region(cloud, "c7g.large", "none.large", cache_file=file) == first
    one = await prices(cloud, REGION, ["c7g.large"], now=NOW, cache_file=file)  # type: ignore[arg-type]
    assert one["c7g.large"] == first["c7g.large"]
    assert len(cloud.calls) == 1
    await region(cloud, "c7g.large", cache_file=file, now=NOW + timedelta(hours=25))
    assert len(cloud.calls) == 2


async def test_one_kept_price_is_not_taken_for_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    cloud = Pricing(product(instanceType="c7g.large"), product("0.5", instanceType="c7i.large"))
    await prices(cloud, REGION, ["c7g.large"], now=NOW, cache_file=file)  # type: ignore[arg-type]
    found = await region(cloud, "c7g.large", "c7i.large", cache_file=file)
    assert isinstance(found["c7i.large"], Price)


async def test_own_rates_win_and_prices_that_are_refused_are_missing_with_the_way_out() -> None:
    def refuse(_operation: str, _params: Answer) -> Answer:
        raise refusal("AccessDeniedException", status=403)

    found = await region(ScriptedCloud(refuse), "a.large", "b.large", on_demand={"a.large": Decimal(1)})
    assert found["a.large"] == Price(Decimal(1), "config", NOW, REGION)
    missing = found["b.large"]
    assert isinstance(missing, Missing)
    assert "b.large" in missing.reason
    assert missing.fix


async def test_the_local_cloud_sells_its_own_types_for_nothing(cloud: Cloud) -> None:
    found = await region_prices(cloud, REGION, ["local.1cpu", "c7g.large"], now=NOW)
    assert isinstance(found["local.1cpu"], Price)
    assert found["local.1cpu"].usd_per_hour == 0
    assert isinstance(found["c7g.large"], Missing)
