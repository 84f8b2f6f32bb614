"""Where in a region's network instances are put: subnet and security group, as the config names them."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.aws.errors import CloudError, UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.session import Answer, Cloud


@dataclass(frozen=True, slots=True)
class Network:
    """What a launch needs to know of the network."""

    vpc: str
    security_group: str  # id
    subnet: str | None = None  # None: the default subnet of the zone
    zone: str | None = None  # the subnet's; None: any zone with a default subnet
    public_ipv4: bool = True  # whether instances get a public address, which costs


async def resolve_network(cloud: Cloud, region: str, security_group: str, subnet: str = "") -> Network:
    """The ids behind ``[aws] security_group`` and ``[aws] subnet``.

    Args:
        cloud, region: where.
        security_group: name or id (``sg-…``).
        subnet: id (``subnet-…``); empty: the default subnets of the default VPC.

    Raises:
        CloudError: kind MISSING, one of them is not there; any other: EC2 could not be asked.
    """
    if subnet:
        rows = await cloud.pages("ec2", region, "DescribeSubnets", {"SubnetIds": [subnet]}, item="Subnets")
        row = _one(rows, "SubnetId", subnet, region, "InvalidSubnetID.NotFound", "DescribeSubnets")
        vpc, zone = _said(row, "VpcId", region, "DescribeSubnets"), row.get("AvailabilityZone")
        public = bool(row.get("MapPublicIpOnLaunch"))
    else:
        default = {"Filters": [{"Name": "is-default", "Values": ["true"]}]}
        rows = await cloud.pages("ec2", region, "DescribeVpcs", default, item="Vpcs")
        row = _one(rows, "IsDefault", True, region, "VPCIdNotSpecified", "DescribeVpcs")
        vpc, zone, public = _said(row, "VpcId", region, "DescribeVpcs"), None, True
    group = await _security_group(cloud, region, security_group, vpc)
    return Network(vpc, group, subnet or None, zone, public)


async def _security_group(cloud: Cloud, region: str, security_group: str, vpc: str) -> str:
    by_id = security_group.startswith("sg-")
    filters = {"vpc-id": vpc, "group-id" if by_id else "group-name": security_group}
    asked = {"Filters": [{"Name": name, "Values": [value]} for name, value in filters.items()]}
    rows = await cloud.pages("ec2", region, "DescribeSecurityGroups", asked, item="SecurityGroups")
    field = "GroupId" if by_id else "GroupName"
    row = _one(rows, field, security_group, region, "InvalidGroup.NotFound", "DescribeSecurityGroups", vpc)
    return _said(row, "GroupId", region, "DescribeSecurityGroups")


def _one(
    rows: list[Answer], field: str, value: object, region: str, code: str, operation: str, vpc: str = ""
) -> Answer:
    row = next((row for row in rows if row.get(field) == value), None)
    if row is None:
        raise _missing(f"{value} does not exist" + (f" in {vpc}" if vpc else ""), region, code, operation)
    return row


def _said(row: Answer, field: str, region: str, operation: str) -> str:
    if not row.get(field):
        error = UnusableAnswer(f"a row without a usable {field}")
        raise to_user_error(classify(error, region=region, operation=operation))
    return str(row[field])


def _missing(message: str, region: str, code: str, operation: str) -> CloudError:
    if code == "VPCIdNotSpecified":
        message = "there is no default VPC"
    return to_user_error(Failure(FailureKind.MISSING, code, message, region, operation))
