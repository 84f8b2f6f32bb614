"""Descriptions of instances as no local server gives them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.instances import describe_ids, describe_ours, describe_run, find_by_token
from benchtui.aws.leftovers import leftovers

from .conftest import REGION
from .scripted import Answer, ScriptedCloud

EXPIRES = datetime(2026, 11, 24, 14, 15, 33, tzinfo=UTC)


def row(instance_id: str = "i-1", **fields: Any) -> Answer:
    return {
        "InstanceId": instance_id,
        "InstanceType": "c7g.large",
        "State": {"Name": "running"},
        "LaunchTime": EXPIRES,
        "Tags": [{"Key": "benchtui:run", "Value": "20261124-021533-aaaa"}],
    } | fields


def described(*rows: Answer) -> Any:
    return ScriptedCloud(lambda _operation, _params: {"Reservations": [{"Instances": list(rows)}]})


async def test_an_endpoint_that_ignores_filters_shows_no_foreign_instance() -> None:
    cloud = described(row(), row("i-2", Tags=[]), row("i-3", Tags=[{"Key": "benchtui:run", "Value": "x"}]))
    seen = await describe_run(cloud, REGION, "20261124-021533-aaaa")
    assert [view.instance_id for view in seen] == ["i-1"]
    assert await describe_ours(cloud, REGION) == ()
    assert await find_by_token(cloud, REGION, "token") == ()
    assert await describe_ids(cloud, REGION, ["i-9"]) == ()


@pytest.mark.parametrize(
    "spoiled",
    [
        {"State": {"Name": "dreaming"}},
        {"State": {}},
        {"LaunchTime": None},
        {"InstanceId": None},
    ],
)
async def test_an_instance_that_cannot_be_understood_is_an_unknown_answer(spoiled: Answer) -> None:
    fields = row(**spoiled)
    if fields["InstanceId"] is None or fields["LaunchTime"] is None:
        fields = {key: value for key, value in fields.items() if value is not None}
    with pytest.raises(CloudError) as raised:
        await describe_run(described(fields), REGION, "20261124-021533-aaaa")
    assert raised.value.failure.kind is FailureKind.UNKNOWN


async def test_what_others_wrote_into_tags_is_harmless() -> None:
    tags = [
        {"Key": "benchtui:run", "Value": "20261124-021533-aaaa"},
        {"Key": "benchtui:job", "Value": "\x1b[2Jjob\n"},
        {"Key": "benchtui:expires", "Value": "tomorrow"},
    ]
    (view,) = await describe_run(described(row(Tags=tags)), REGION, "20261124-021533-aaaa")
    assert view.job == "\ufffd[2Jjob "
    assert view.expires_at is None


async def test_leftovers_of_an_endpoint_that_ignores_filters_are_those_of_the_run() -> None:
    tags = [{"Key": "benchtui:run", "Value": "20261124-021533-aaaa"}]
    volumes = [{"VolumeId": "vol-1", "Tags": tags}, {"VolumeId": "vol-2"}]
    interfaces = [{"NetworkInterfaceId": "eni-1", "TagSet": tags}, {"NetworkInterfaceId": "eni-2"}]
    addresses = [{"AllocationId": "eipalloc-1", "Tags": tags}, {"AllocationId": "eipalloc-2"}]
    answer = {"Volumes": volumes, "NetworkInterfaces": interfaces, "Addresses": addresses}
    cloud: Any = ScriptedCloud(lambda _operation, _params: answer)
    left = await leftovers(cloud, REGION, "20261124-021533-aaaa")
    assert [item.id for item in left] == ["vol-1", "eni-1", "eipalloc-1"]
