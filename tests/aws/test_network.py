from typing import Any

import boto3
import pytest

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.network import resolve_network
from benchtui.aws.session import Cloud

from .conftest import REGION
from .scripted import ScriptedCloud


def ec2() -> Any:
    """An independent client."""
    return boto3.client("ec2", region_name=REGION)


async def test_network_by_names(cloud: Cloud) -> None:
    network = await resolve_network(cloud, REGION, "benchtui")
    assert network.security_group.startswith("sg-")
    assert network.subnet is None
    assert await resolve_network(cloud, REGION, network.security_group) == network
    subnet = ec2().describe_subnets()["Subnets"][0]
    placed = await resolve_network(cloud, REGION, "benchtui", subnet["SubnetId"])
    assert (placed.subnet, placed.zone) == (subnet["SubnetId"], subnet["AvailabilityZone"])


@pytest.mark.parametrize(
    ("group", "subnet", "code"),
    [
        ("nobody", "", "InvalidGroup.NotFound"),
        ("sg-0123456789abcdef0", "", "InvalidGroup.NotFound"),
        ("benchtui", "subnet-0123456789abcdef0", "InvalidSubnetID.NotFound"),
    ],
)
async def test_a_network_that_is_not_there_is_missing(
    cloud: Cloud, group: str, subnet: str, code: str
) -> None:
    with pytest.raises(CloudError) as raised:
        await resolve_network(cloud, REGION, group, subnet)
    assert (raised.value.failure.kind, raised.value.failure.code) == (FailureKind.MISSING, code)
    assert raised.value.fix is not None
    assert "[aws]" in raised.value.fix


async def test_without_a_default_vpc_a_subnet_has_to_be_named() -> None:
    cloud: Any = ScriptedCloud(lambda _operation, _params: {"Vpcs": []})
    with pytest.raises(CloudError) as raised:
        await resolve_network(cloud, REGION, "benchtui")
    assert "no default VPC" in raised.value.what
    assert "[aws] subnet" in str(raised.value.fix)
