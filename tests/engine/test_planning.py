"""Errors of what is asked at the same time come to the user as one message with its way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchtui.aws.errors import CloudError
from benchtui.aws.images import BlockDevice, resolve_image
from benchtui.core.errors import AccessError, BenchtuiError, UsageError, as_error, foremost
from tests.engine.conftest import Bench

DENIED = {"service": "ec2", "status": 403, "code": "UnauthorizedOperation"}
ONE = {"plan.types": ["c7g.large"], "plan.replicates": 1}


@pytest.mark.long
@pytest.mark.parametrize(
    "actions",
    [("DescribeInstanceTypes",), ("DescribeInstanceTypeOfferings",), ("DescribeInstanceType*",)],
    ids=["types", "offerings", "both"],
)
async def test_a_plan_that_ec2_refuses_says_which_right_is_missing(
    bench: Bench, actions: tuple[str, ...]
) -> None:
    for action in actions:
        bench.fault(action=action, **DENIED)
    with pytest.raises(AccessError, match="UnauthorizedOperation") as refused:
        await bench.workspace.plan(1)
    assert isinstance(refused.value, CloudError)
    assert refused.value.fix


def test_of_several_errors_the_one_with_a_way_out_is_told() -> None:
    known = BenchtuiError("the table is full", fix="clear it")
    both = ExceptionGroup("unhandled", [KeyError("a defect"), ExceptionGroup("inside", [known])])
    assert foremost(both) is known
    assert as_error(both) is known
    assert str(foremost(ExceptionGroup("unhandled", [KeyError("first"), ValueError("second")]))) == "'first'"
    assert (
        as_error(ExceptionGroup("unhandled", [KeyError("x")]), "planning: ").what == "planning: KeyError: 'x'"
    )


@pytest.mark.parametrize("settings", [ONE])
async def test_an_image_larger_than_what_the_worst_case_counts_is_not_launched(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def large(*asked: Any) -> Any:
        image = await resolve_image(*asked)
        return replace(image, block_devices=(BlockDevice(image.root_device, 30),))

    monkeypatch.setattr("benchtui.engine.placements.resolve_image", large)
    with pytest.raises(UsageError, match=r"30 GiB, and the worst case of .* counts 16") as refused:
        await bench.launch()
    assert refused.value.fix == "[instance] volume_gib = 30"
    assert bench.instances() == []
