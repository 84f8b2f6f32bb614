"""The Pricing API's answers as it documents them, over a real connection; and what no answer may do."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.aws.price_list import endpoints, quoted
from benchtui.aws.prices import on_demand_rates, prices, region_prices
from benchtui.aws.session import Cloud
from benchtui.aws.side_prices import listed_rates, only_rate
from benchtui.core.catalogue import Missing, Price
from benchtui.core.money import LIST_RATES, Rate

from .scripted import Answer, ScriptedCloud, no_answer, refusal
from .test_prices import product
from .wire import Server, Writer, write

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parents[1] / "fixtures" / "pricing"
PAGES: list[dict[str, Any]] = json.loads((FIXTURES / "ec2-linux-pages.json").read_text())
SIDE: list[dict[str, Any]] = json.loads((FIXTURES / "side-rates.json").read_text())


@pytest.fixture
async def cloud(server: Server) -> AsyncIterator[Cloud]:
    async def no_sleep(_seconds: float) -> None:
        pass

    async with Cloud(None, ("us-east-1",), random=Random(1), sleep=no_sleep, tries=1) as cloud:
        yield cloud


def answers(server: Server, reply: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Let the server answer GetProducts by the body of each request."""

    async def serve(head: str, body: bytes, writer: Writer) -> None:
        assert "AWSPriceListService.GetProducts" in head
        said = reply(json.loads(body))
        said["PriceList"] = [json.dumps(entry) for entry in said["PriceList"]]
        write(writer, json.dumps(said))

    server.answers.append(serve)


def asked(server: Server) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in server.requests]


async def test_recorded_pages_of_a_region_are_read_to_the_end(server: Server, cloud: Cloud) -> None:
    answers(server, lambda body: dict(PAGES[1] if "NextToken" in body else PAGES[0]))
    found = await region_prices(cloud, "us-east-1", ["c7g.large", "c7i.large", "c7a.large"], now=NOW)
    assert found == {
        name: Price(Decimal(usd), "pricing-api", NOW, "us-east-1")
        for name, usd in {"c7g.large": "0.0725", "c7i.large": "0.08925", "c7a.large": "0.10264"}.items()
    }
    first, second = asked(server)
    assert second["NextToken"] == PAGES[0]["NextToken"]
    assert {rule["Field"]: rule["Value"] for rule in first["Filters"]} == {
        "regionCode": "us-east-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "capacitystatus": "Used",
        "preInstalledSw": "NA",
        "marketoption": "OnDemand",
    }
    assert {rule["Type"] for rule in first["Filters"]} == {"TERM_MATCH"}


async def test_pages_that_do_not_end_are_no_prices(server: Server, cloud: Cloud) -> None:
    answers(server, lambda _body: dict(PAGES[0]))
    found = await prices(cloud, "us-east-1", ["c7g.large"], now=NOW)
    missing = found["c7g.large"]
    assert isinstance(missing, Missing)
    assert "does not come to an end" in missing.reason


def side_reply(body: dict[str, Any]) -> dict[str, Any]:
    """What of the recorded products passes the filters of the request."""
    rules = {rule["Field"]: rule["Value"] for rule in body["Filters"]}
    listed = [row["entry"] for row in SIDE if row["ServiceCode"] == body["ServiceCode"]]

    def passes(entry: dict[str, Any]) -> bool:
        shown = {"productFamily": entry["product"].get("productFamily"), **entry["product"]["attributes"]}
        return all(shown.get(field) == value for field, value in rules.items())

    return {"FormatVersion": "aws_v1", "PriceList": [entry for entry in listed if passes(entry)]}


async def test_rates_beside_the_instance_come_from_the_api_and_are_kept(
    server: Server, cloud: Cloud, tmp_path: Path
) -> None:
    answers(server, side_reply)
    file = tmp_path / "prices.json"
    found = await listed_rates(cloud, "us-east-1", now=NOW, cache_file=file)
    assert found.ebs_gb_month == Rate(Decimal("0.08"), "pricing-api", NOW.date())
    assert found.ipv4_hour == Rate(Decimal("0.005"), "pricing-api", NOW.date())
    assert found.s3_write_1000 == Rate(Decimal("0.005"), "pricing-api", NOW.date())
    assert len(server.requests) == 3
    assert await listed_rates(cloud, "us-east-1", now=NOW, cache_file=file) == found
    assert len(server.requests) == 3


async def test_a_rate_that_the_api_does_not_tell_keeps_its_list_price_and_says_so(
    server: Server, cloud: Cloud
) -> None:
    answers(server, side_reply)
    found = await listed_rates(cloud, "sa-east-1", now=NOW)
    assert found.ebs_gb_month == Rate(Decimal("0.152"), "pricing-api", NOW.date())
    assert found.ipv4_hour == LIST_RATES.ipv4_hour
    assert found.s3_write_1000.basis == "list price S3 Standard, us-east-1"
    only = await listed_rates(cloud, "us-east-1", now=NOW, wanted=("ipv4_hour",))
    assert only.ebs_gb_month == LIST_RATES.ebs_gb_month
    assert only.ipv4_hour.basis == "pricing-api"


@pytest.mark.parametrize(
    ("usage_type", "usd", "unit", "expected"),
    [
        ("EBS:VolumeUsage.gp3", "0.08", "GB-Mo", "0.08"),
        ("APS1-EBS:VolumeUsage.gp3", "0.096", "GB-Mo", "0.096"),
        ("EBS:VolumeUsage.gp3", "0", "GB-Mo", None),
        ("EBS:VolumeUsage.gp3", "8E-7", "GB-Mo", "8E-7"),
        ("EBS:VolumeUsage.gp3", "0.08", "GiBps-mo", None),
        ("EBS:VolumeP-IOPS.gp3", "0.005", "GB-Mo", None),
        ("EBS:VolumeUsage.gp3.outposts", "0.3", "GB-Mo", None),
        ("x-EBS:VolumeUsage.gp3", "0.08", "GB-Mo", None),
    ],
)
def test_a_rate_is_told_by_its_usage_type(usage_type: str, usd: str, unit: str, expected: str | None) -> None:
    entry = product(usd, unit, usagetype=usage_type)
    found = only_rate([entry], "us-east-1", "EBS:VolumeUsage.gp3", "GB-Mo")
    assert found == (None if expected is None else Decimal(expected))


def test_two_amounts_of_a_rate_are_none() -> None:
    entries = [product(usd, usagetype="PublicIPv4:InUseAddress") for usd in ("0.005", "0.006")]
    assert only_rate(entries, "us-east-1", "PublicIPv4:InUseAddress", "Hrs") is None


@pytest.mark.parametrize(
    ("region", "places"),
    [
        ("us-east-1", ("us-east-1", "eu-central-1")),
        ("sa-east-1", ("us-east-1", "eu-central-1")),
        ("eu-west-1", ("eu-central-1", "us-east-1")),
        ("ap-southeast-2", ("ap-south-1", "us-east-1")),
        ("cn-north-1", ("cn-northwest-1",)),
    ],
)
def test_the_api_is_asked_where_it_has_an_endpoint(region: str, places: tuple[str, ...]) -> None:
    assert endpoints(region) == places


async def test_govcloud_has_no_pricing_api_and_nobody_is_asked() -> None:
    cloud = Elsewhere()
    found = await prices(cloud, "us-gov-west-1", ["c7g.large"], now=NOW)  # type: ignore[arg-type]
    missing = found["c7g.large"]
    assert isinstance(missing, Missing)
    assert "GovCloud has no Pricing API" in missing.reason
    assert '[prices.on_demand] "us-gov-west-1/c7g.large"' in str(missing.fix)
    own = {"c7g.large": Decimal("0.09")}
    priced = await prices(cloud, "us-gov-west-1", ["c7g.large"], now=NOW, on_demand=own)  # type: ignore[arg-type]
    assert priced["c7g.large"] == Price(Decimal("0.09"), "config", NOW, "us-gov-west-1")
    rates = await listed_rates(cloud, "us-gov-west-1", now=NOW)  # type: ignore[arg-type]
    assert rates == LIST_RATES
    assert cloud.places == []


async def test_china_is_priced_in_yuan_which_is_no_price_here() -> None:
    entry = json.loads(product(regionCode="cn-north-1"))
    for term in entry["terms"]["OnDemand"].values():
        for dimension in term["priceDimensions"].values():
            dimension["pricePerUnit"] = {"CNY": "0.4620000000"}
    cloud = Elsewhere(json.dumps(entry))
    found = await prices(cloud, "cn-north-1", ["c7g.large"], now=NOW)  # type: ignore[arg-type]
    missing = found["c7g.large"]
    assert isinstance(missing, Missing)
    assert "priced in CNY" in missing.reason
    assert "in USD" in str(missing.fix)
    assert cloud.places == ["cn-northwest-1"]


class Elsewhere(ScriptedCloud):
    """Answers where it is not told to fail; knows where it was asked."""

    def __init__(self, *listed: str, **failing: Exception) -> None:
        super().__init__(lambda _operation, _params: {"PriceList": list(listed)})
        self.failing = {place.replace("_", "-"): error for place, error in failing.items()}
        self.places: list[str] = []

    async def call(
        self, service: str, region: str, operation: str, params: Answer | None = None, **_options: Any
    ) -> Answer:
        self.places.append(region)
        if region in self.failing:
            raise self.failing[region]
        return await super().call(service, region, operation, params)


@pytest.mark.parametrize("error", [no_answer(), refusal("AccessDeniedException", status=403)])
async def test_a_second_endpoint_is_asked_when_the_first_does_not_answer_or_is_denied(
    error: Exception,
) -> None:
    cloud = Elsewhere(product(regionCode="eu-west-1"), eu_central_1=error)
    found = await prices(cloud, "eu-west-1", ["c7g.large"], now=NOW)  # type: ignore[arg-type]
    assert found["c7g.large"] == Price(Decimal("0.0725"), "pricing-api", NOW, "eu-west-1")
    assert cloud.places == ["eu-central-1", "us-east-1"]


async def test_what_the_first_endpoint_said_is_told_when_none_answers() -> None:
    first, second = refusal("AccessDeniedException", "not authorized", 403), no_answer()
    cloud = Elsewhere(eu_central_1=first, us_east_1=second)
    found = await prices(cloud, "eu-west-1", ["c7g.large"], now=NOW)  # type: ignore[arg-type]
    missing = found["c7g.large"]
    assert isinstance(missing, Missing)
    assert "not authorized" in missing.reason


async def test_an_endpoint_that_failed_is_not_asked_again_for_every_type() -> None:
    names = [f"t{number}.large" for number in range(40)]
    listed = [product(instanceType=name, regionCode="eu-west-1") for name in names]
    cloud = Elsewhere(*listed, eu_central_1=no_answer())
    found = await prices(cloud, "eu-west-1", names, now=NOW)  # type: ignore[arg-type]
    assert all(isinstance(price, Price) for price in found.values())
    assert cloud.places.count("eu-central-1") <= 5  # those that were under way


async def test_throttling_is_the_same_everywhere_and_asked_once() -> None:
    cloud = Elsewhere(eu_central_1=refusal("ThrottlingException"))
    found = await prices(cloud, "eu-west-1", ["c7g.large"], now=NOW)  # type: ignore[arg-type]
    assert isinstance(found["c7g.large"], Missing)
    assert cloud.places == ["eu-central-1"]


async def test_what_a_listing_could_not_price_is_told_by_its_reason_all_day(tmp_path: Path) -> None:
    file, cloud = tmp_path / "prices.json", Elsewhere(product("0.1"), product("0.2"))
    first = await region_prices(cloud, "us-east-1", ["c7g.large", "x.y"], now=NOW, cache_file=file)  # type: ignore[arg-type]
    again = await region_prices(cloud, "us-east-1", ["c7g.large", "x.y"], now=NOW, cache_file=file)  # type: ignore[arg-type]
    assert again == first
    assert "several prices" in str(again["c7g.large"])
    assert len(cloud.calls) == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (product("0.0000000000"), "costs 0 USD an hour"),
        (product("0.0000000001"), "costs less than 0.0001 USD an hour"),
        (product("1E-10"), "costs less than"),
        (product("99999"), "costs more than 2000 USD"),
        (product(licenseModel="Bring your own license"), "no price"),
        (product(locationType="AWS Local Zone"), "no price"),
        (product(operation="RunInstances:0002"), "no price"),
        (product("0." + "0" * 60 + "1"), "no price"),
        (json.dumps({**json.loads(product()), "terms": {}}), "no price"),
        (json.dumps({**json.loads(product()), "terms": {"OnDemand": {}}}), "no price"),
        (json.dumps({**json.loads(product()), "terms": None}), "no price"),
        (product().replace('"0.0725000000"', "0.0725"), "no price"),  # a number is not as documented
        ("[" * 100_000, "no price"),
    ],
)
async def test_hostile_answers_are_no_price(entry: str, words: str) -> None:
    cloud = Elsewhere(entry)
    found = await prices(cloud, "us-east-1", ["c7g.large"], now=NOW)  # type: ignore[arg-type]
    missing = found["c7g.large"]
    assert isinstance(missing, Missing)
    assert words in missing.reason
    assert '"us-east-1/c7g.large"' in str(missing.fix)


async def test_two_offers_of_one_product_are_ambiguous() -> None:
    entry = json.loads(product())
    (term,) = entry["terms"]["OnDemand"].values()
    dearer = json.loads(json.dumps(term).replace("0.0725000000", "0.1450000000"))
    entry["terms"]["OnDemand"]["SKU.OTHER"] = dearer
    found = await prices(Elsewhere(json.dumps(entry)), "us-east-1", ["c7g.large"], now=NOW)  # type: ignore[arg-type]
    missing = found["c7g.large"]
    assert isinstance(missing, Missing)
    assert "several prices" in missing.reason
    assert "$0.0725, $0.145" in missing.reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    json_values, st.sampled_from(["product", "attributes", "terms", "OnDemand", "term", "dimension", "unit"])
)
def test_no_shape_of_an_entry_raises_or_prices_what_it_is_not(value: Any, where: str) -> None:
    entry = json.loads(product())
    (term,) = entry["terms"]["OnDemand"].values()
    if where in entry:
        entry[where] = value
    elif where == "attributes":
        entry["product"]["attributes"] = value
    elif where == "OnDemand":
        entry["terms"]["OnDemand"] = value
    elif where == "term":
        term["priceDimensions"] = value
    else:
        for dimension in term["priceDimensions"].values():
            dimension["pricePerUnit" if where == "dimension" else "unit"] = value
    rates = on_demand_rates([json.dumps(entry), entry], "c7g.large", "us-east-1")
    assert all(rate.is_finite() and rate >= 0 for rate in rates)
    quoted([value], {}, "Hrs")
    only_rate([value], "us-east-1", "Requests-Tier1", "Requests")
