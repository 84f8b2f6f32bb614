"""Fixtures of the API's own tests."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import LocalCloud, Start

Launch = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def hosted_api(start_local_cloud: Start) -> LocalCloud:
    """The API as it is with an instance host, whose part the test plays through the private routes."""
    return start_local_cloud(host=True, spawn_host=False)


@pytest.fixture(scope="session")
def simulating_api(start_local_cloud: Start) -> LocalCloud:
    """The API alone, accepting EC2's type names."""
    return start_local_cloud(host=False, simulate_ec2_types=True)


@pytest.fixture
def no_faults(local_api: LocalCloud) -> Iterator[LocalCloud]:
    """The API alone, without fault rules before and after."""
    local_api.private("DELETE", "faults")
    yield local_api
    local_api.private("DELETE", "faults")


def launch(cloud: LocalCloud, region: str = "us-east-1", **overrides: Any) -> dict[str, Any]:
    """Launch one instance of the smallest local type; returns it as RunInstances described it."""
    request: dict[str, Any] = {
        "ImageId": cloud.own_image(region),
        "InstanceType": "local.1cpu",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": str(uuid.uuid4()),
    } | overrides
    reply = cloud.boto3("ec2", region).run_instances(**{k: v for k, v in request.items() if v is not None})
    return dict(reply["Instances"][0])


def described(cloud: LocalCloud, instance_id: str, region: str = "us-east-1") -> dict[str, Any]:
    reply = cloud.boto3("ec2", region).describe_instances(InstanceIds=[instance_id])
    return dict(reply["Reservations"][0]["Instances"][0])


def state_of(cloud: LocalCloud, instance_id: str, region: str = "us-east-1") -> str:
    return str(described(cloud, instance_id, region)["State"]["Name"])


def error_code(call: Callable[[], Any]) -> str:
    """Code of the error a call is refused with."""
    with pytest.raises(ClientError) as refusal:
        call()
    return str(refusal.value.response["Error"]["Code"])


def refusal_of(call: Callable[[], Any]) -> tuple[str, str, int]:
    """Code, message and HTTP status of a refusal."""
    with pytest.raises(ClientError) as refusal:
        call()
    response = refusal.value.response
    return (
        response["Error"]["Code"],
        response["Error"]["Message"],
        response["ResponseMetadata"]["HTTPStatusCode"],
    )
