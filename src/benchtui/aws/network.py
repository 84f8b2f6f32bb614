"""Security groups: found by name, so that a configuration holds for every region."""

from __future__ import annotations

import re

from benchtui.aws.errors import to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.session import Cloud

_GROUP_ID = re.compile(r"sg-[0-9a-f]+")
_OPERATION = "DescribeSecurityGroups"


async def security_group_id(cloud: Cloud, region: str, name_or_id: str, subnet: str | None) -> str:
    """Id of the security group in the VPC that instances of ``subnet`` are in.

    Args:
        name_or_id: ``sg-…`` is returned as it is.
        subnet: None: the default VPC.

    Raises:
        CloudError: there is none, or more than one, or EC2 did not answer.
    """
    if _GROUP_ID.fullmatch(name_or_id):
        return name_or_id
    vpc = await _vpc(cloud, region, subnet)
    filters = [{"Name": "group-name", "Values": [name_or_id]}, {"Name": "vpc-id", "Values": [vpc]}]
    rows = await cloud.pages("ec2", region, _OPERATION, {"Filters": filters}, item="SecurityGroups")
    ids = [row["GroupId"] for row in rows if row.get("GroupName") == name_or_id and row.get("VpcId") == vpc]
    if len(ids) != 1:
        found = "no security group" if not ids else f"{len(ids)} security groups"
        raise _missing(region, _OPERATION, "InvalidGroup.NotFound", f"{found} {name_or_id!r} in {vpc}")
    return str(ids[0])


async def _vpc(cloud: Cloud, region: str, subnet: str | None) -> str:
    if subnet is not None:
        rows = await cloud.pages("ec2", region, "DescribeSubnets", {"SubnetIds": [subnet]}, item="Subnets")
        if rows:
            return str(rows[0]["VpcId"])
        raise _missing(region, "DescribeSubnets", "InvalidSubnetID.NotFound", f"no subnet {subnet!r}")
    filters = [{"Name": "is-default", "Values": ["true"]}]
    rows = await cloud.pages("ec2", region, "DescribeVpcs", {"Filters": filters}, item="Vpcs")
    if not rows:
        raise _missing(region, "DescribeVpcs", "VPCIdNotSpecified", "the region has no default VPC")
    return str(rows[0]["VpcId"])


def _missing(region: str, operation: str, code: str, message: str) -> Exception:
    return to_user_error(Failure(FailureKind.MISSING, code, message, region, operation))
