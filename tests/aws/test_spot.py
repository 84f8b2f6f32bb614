"""Prices of the spot market as DescribeSpotPriceHistory tells them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import parse_qs

import pytest

from benchtui.aws.errors import CloudError
from benchtui.aws.session import Cloud
from benchtui.aws.spot import spot_by_zone, spot_history, spot_prices
from benchtui.core.catalogue import Missing, Price
from benchtui.core.spot import spot_item

from .scripted import Answer, ScriptedCloud, refusal
from .wire import Server

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
#: In the shape of the API reference's example: two changes of one zone, the older one in force before.
ROW = """
    <item>
      <instanceType>{name}</instanceType>
      <productDescription>{product}</productDescription>
      <spotPrice>{usd}</spotPrice>
      <timestamp>{at}</timestamp>
      <availabilityZone>{zone}</availabilityZone>
    </item>"""
BODY = """<?xml version="1.0" encoding="UTF-8"?>
<DescribeSpotPriceHistoryResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>
  <spotPriceHistorySet>{rows}
  </spotPriceHistorySet>
  <nextToken>{token}</nextToken>
</DescribeSpotPriceHistoryResponse>"""


def row(zone: str, usd: str, at: str = "2026-11-24T07:00:00.000Z", **fields: str) -> str:
    known = {"name": "c7g.large", "product": "Linux/UNIX", "usd": usd, "at": at, "zone": zone}
    return ROW.format(**(known | fields))


@pytest.fixture
async def cloud(server: Server) -> AsyncIterator[Cloud]:
    async def no_sleep(_seconds: float) -> None:
        pass

    async with Cloud(None, ("us-east-1",), random=Random(1), sleep=no_sleep, tries=1) as cloud:
        yield cloud


async def test_recorded_pages_give_the_price_in_force_of_each_zone(server: Server, cloud: Cloud) -> None:
    first = row("us-east-1a", "0.029800") + row("us-east-1a", "0.031200", "2026-11-24T07:30:00.000Z")
    second = row("us-east-1b", "0.027400", product="Linux/UNIX (Amazon VPC)") + row(
        "us-east-1a", "0.9", name="x"
    )
    server.says(BODY.format(rows=first, token="page2EXAMPLE"), BODY.format(rows=second, token=""))
    found = await spot_prices(cloud, "us-east-1", ["c7g.large", "c7i.large"], NOW)
    dearest = Price(Decimal("0.031200"), "spot price history of us-east-1a", NOW, "us-east-1")
    assert found["c7g.large"] == dearest
    missing = found["c7i.large"]
    assert isinstance(missing, Missing)
    assert "no spot price for c7i.large" in missing.reason
    asked, again = (parse_qs(body.decode()) for _, body in server.requests)
    assert asked["Action"] == ["DescribeSpotPriceHistory"]
    assert asked["ProductDescription.1"] == ["Linux/UNIX"]
    assert (asked["Filter.1.Name"], asked["Filter.1.Value.2"]) == (["instance-type"], ["c7i.large"])
    assert asked["StartTime"] == asked["EndTime"] == ["2026-11-24T08:00:00Z"]
    assert again["NextToken"] == ["page2EXAMPLE"]


@pytest.mark.long
@pytest.mark.parametrize(
    "hostile",
    [
        row("us-east-1a", "0.000000"),
        row("us-east-1a", "0.0000000001"),
        row("us-east-1a", "-1"),
        row("us-east-1a", "NaN"),
        row("us-east-1a", "cheap"),
        row("us-east-1a", "9999"),
        row("us-east-1-bos-1a", "0.02"),
        row("eu-west-1a", "0.02"),
        row("us-east-1a", "0.02", product="Windows"),
        row("us-east-1a", "0.02", product="Red Hat Enterprise Linux"),
    ],
)
async def test_rows_that_are_no_price_of_the_type_are_none(
    server: Server, cloud: Cloud, hostile: str
) -> None:
    server.says(BODY.format(rows=hostile, token=""))
    assert await spot_by_zone(cloud, "us-east-1", None, NOW) == {}


async def test_a_history_reaches_back_to_the_price_in_force_at_its_begin(
    server: Server, cloud: Cloud
) -> None:
    rows = row("us-east-1a", "0.03", "2026-11-24T05:00:00.000Z") + row(
        "us-east-1a", "0.06", "2026-11-24T07:30:00.000Z"
    )
    server.says(BODY.format(rows=rows + row("us-east-1b", "0.5"), token=""))
    since, until = NOW - timedelta(hours=1), NOW
    history = await spot_history(cloud, "us-east-1", "c7g.large", "us-east-1a", since, until)
    item = spot_item(history, "us-east-1a", since, until)
    assert item is not None
    assert item.usd == Decimal("0.045")


class Ec2(ScriptedCloud):
    """Answers with no price at all."""

    def __init__(self) -> None:
        super().__init__(lambda _operation, _params: {"SpotPriceHistory": []})


async def test_many_names_are_asked_for_in_parts_and_all_of_a_region_without_a_filter() -> None:
    cloud = Ec2()
    await spot_by_zone(cloud, "us-east-1", [f"t{n}.large" for n in range(250)], NOW)  # type: ignore[arg-type]
    sizes = [len(params["Filters"][0]["Values"]) for _, params in cloud.calls]
    assert sizes == [100, 100, 50]
    await spot_by_zone(cloud, "us-east-1", None, NOW)  # type: ignore[arg-type]
    assert "Filters" not in cloud.calls[-1][1]


async def test_a_refusal_is_no_price_and_an_error_where_one_is_expected() -> None:
    def refuse(_operation: str, _params: Answer) -> Any:
        raise refusal("UnauthorizedOperation", "not authorized: ec2:DescribeSpotPriceHistory", 403)

    cloud: Any = ScriptedCloud(refuse)
    missing = (await spot_prices(cloud, "us-east-1", ["c7g.large"], NOW))["c7g.large"]
    assert isinstance(missing, Missing)
    assert "the spot price of c7g.large in us-east-1 is not known" in missing.reason
    with pytest.raises(CloudError):
        await spot_history(cloud, "us-east-1", "c7g.large", "us-east-1a", NOW, NOW)
