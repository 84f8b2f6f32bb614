"""Storage, addresses and requests at the prices of the regions of a plan, end to end."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from benchtui.core.money import LIST_RATES
from benchtui.engine.side_rates import dearest_rates
from tests.local.conftest import LocalCloud

from .conftest import Bench


@pytest.fixture
def rates(simulated: LocalCloud) -> Iterator[None]:
    """Rates of two regions, and the prices of the types again afterwards."""
    posted = [("ebs_gb_month", "us-east-1", "0.08"), ("ebs_gb_month", "us-west-2", "0.0952")]
    posted += [("s3_write", "us-east-1", "0.0000054"), ("ipv4_hour", "us-east-1", "0.005")]
    rows = [{"rate": rate, "region": region, "usd": usd} for rate, region, usd in posted]
    simulated.private("POST", "prices", {"prices": rows})
    yield
    simulated.private("DELETE", "prices")
    types = ("c7g.large", "c7i.large", "c7a.large")
    priced = [{"instance_type": name, "region": "us-east-1", "usd_per_hour": "0.08"} for name in types]
    simulated.private("POST", "prices", {"prices": priced})


async def test_a_plan_counts_what_the_pricing_api_says_and_records_it(bench: Bench, rates: None) -> None:
    planned = await bench.workspace.plan(1)
    item = {each.name: each for each in planned.plan.jobs[0].worst_case.items}
    assert (item["s3 writes"].usd_per_unit, item["s3 writes"].basis) == (Decimal("0.0054"), "pricing-api")
    assert item["ebs"].basis == "pricing-api"
    run = await bench.workspace.start(planned)
    assert run.rates.s3_write_1000 == Decimal("0.0054")


@pytest.mark.parametrize("settings", [{"prices.s3_write_1000": "0.001", "aws.public_ipv4": False}])
async def test_rates_of_ones_own_win_and_are_not_asked_for(bench: Bench, rates: None) -> None:
    planned = await bench.workspace.plan(1)
    assert (planned.rates.s3_write_1000.usd, planned.rates.s3_write_1000.basis) == (
        Decimal("0.001"),
        "config",
    )
    assert planned.rates.ipv4_hour.usd == 0
    assert planned.rates.ebs_gb_month.basis == "pricing-api"


async def test_of_several_regions_the_dearest_counts_and_is_named(bench: Bench, rates: None) -> None:
    workspace = bench.workspace
    cache = bench.folders.cache / "prices.json"
    found = await dearest_rates(
        workspace.cloud, workspace.config, ("us-east-1", "us-west-2"), bench.clock.now(), cache
    )
    assert (found.ebs_gb_month.usd, found.ebs_gb_month.basis) == (Decimal("0.0952"), "pricing-api, us-west-2")
    assert (found.s3_write_1000.usd, found.s3_write_1000.basis) == (
        Decimal("0.0054"),
        "pricing-api, us-east-1",
    )


async def test_without_an_answer_list_prices_hold_and_say_so(bench: Bench) -> None:
    bench.fault(service="pricing", status=403)
    workspace = bench.workspace
    cache = bench.folders.cache / "prices.json"
    found = await dearest_rates(workspace.cloud, workspace.config, ("us-east-1",), bench.clock.now(), cache)
    assert found == LIST_RATES
