"""The bill of spot instances stands on the history of their zone where EC2 tells it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure, FailureKind
from benchtui.core.money import Item
from benchtui.core.spot import SpotPrice
from benchtui.core.states import Ec2State
from benchtui.engine.bill import Bill, BillLine
from benchtui.engine.snapshot import JobRow
from benchtui.engine.spot_bill import has_spot, integrated
from tests.engine import fleet

JOB = "c7g.large-1"
SPENT = Decimal("0.021")
DENIED = CloudError(Failure(FailureKind.DENIED, "UnauthorizedOperation", "no"))


def line() -> BillLine:
    items = tuple(
        Item(name, Decimal(1), "s", Decimal(usd), Decimal(usd), "plan", None)
        for name, usd in (("instance", "0.02"), ("ebs", "0.001"))
    )
    return BillLine(
        JOB,
        "i-1",
        fleet.T0,
        fleet.after(3600),
        items,
        Decimal("0.021"),
        Decimal("0.4"),
        None,
        Decimal("0.021"),
    )


def row(market: str = "spot") -> JobRow:
    view = fleet.instance(JOB, Ec2State.TERMINATED, spot=market == "spot")
    status = fleet.running(JOB, instance=view)
    return JobRow(fleet.planned(JOB, market=market), status, SPENT, fleet.T0, fleet.after(3600))


async def bill(history: Any, market: str = "spot") -> Bill:
    async def told(*_: Any) -> Any:
        if isinstance(history, Exception):
            raise history
        return history

    with patch("benchtui.aws.spot.spot_history", told):
        return await integrated(None, Bill((line(),), True, None), fleet.snapshot([row(market)], 4000))  # type: ignore[arg-type]


def price(at: datetime, usd: str) -> SpotPrice:
    return SpotPrice(at, Decimal(usd))


async def test_the_instance_is_integrated_and_the_rest_stays() -> None:
    history = (price(fleet.after(-60), "0.03"), price(fleet.after(1800), "0.05"))
    (found,) = (await bill(history)).lines
    assert [(item.name, item.usd) for item in found.items] == [
        ("instance", Decimal("0.040000")),
        ("ebs", Decimal("0.001")),
    ]
    assert found.spent_usd == Decimal("0.041000")
    assert found.items[0].basis == "spot price history of us-west-2a, mean"


@pytest.mark.parametrize(
    "history",
    [
        (),
        (price(fleet.after(60), "0.03"),),
        CloudError(Failure(FailureKind.DENIED, "UnauthorizedOperation", "no")),
    ],
    ids=["empty", "begins too late", "denied"],
)
async def test_without_a_history_from_its_launch_on_the_line_stays(history: Any) -> None:
    assert (await bill(history)).lines == (line(),)


async def test_on_demand_is_never_asked_about() -> None:
    assert not has_spot(fleet.snapshot([row("on_demand")], 4000))
    assert has_spot(fleet.snapshot([row()], 4000))
    assert (await bill(AssertionError("asked"), "on_demand")).lines == (line(),)
