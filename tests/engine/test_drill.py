"""What a drill may cost, before anyone agrees to it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from benchtui.core.errors import UsageError
from benchtui.engine.drill import MOST_USD, RESERVED_USD, prepare
from tests.engine.conftest import Bench


def all_but(name: str, usd_per_hour: str) -> dict[str, object]:
    """Prices in a region that sells this type, and no other for less than a dollar."""
    dear = {f"local.{count}cpu": "1" for count in range(1, 65)}
    return {"prices.on_demand": dear | {name: usd_per_hour}}


# t4g.nano of us-east-1 is the cheapest that can carry the agent.
@pytest.mark.long
@pytest.mark.parametrize("settings", [all_but("t4g.nano", "0.0042")])
async def test_a_drill_with_the_cheapest_type_of_aws_costs_less_than_a_cent(bench: Bench, tmp_path: Path):
    prepared = await prepare(bench.workspace, tmp_path)
    assert prepared.instance_type == "t4g.nano"
    assert len(prepared.losses) == 4
    assert Decimal("0.004") < prepared.charged_usd < MOST_USD
    assert prepared.charged_usd < prepared.worst_case_usd < RESERVED_USD


@pytest.mark.parametrize("settings", [all_but("t4g.nano", "0.02")])
async def test_one_that_costs_more_is_refused_with_the_figures(bench: Bench, tmp_path: Path):
    with pytest.raises(UsageError, match=r"4 x t4g.nano: 0\.01\d\d USD of 0.01"):
        await prepare(bench.workspace, tmp_path)
