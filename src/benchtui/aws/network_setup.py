"""Security groups and gateways of one region, as setup makes and removes them. Every step may be repeated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchtui.aws.errors import CloudError, UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import RETRY_REFUSED, FailureKind
from benchtui.aws.instances import tags_of
from benchtui.aws.session import Answer, Cloud
from benchtui.core.text import clean_line

#: EC2 says this of a group that an interface of an ending instance still has.
IN_USE = "DependencyViolation"


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A security group."""

    group_id: str
    name: str
    vpc: str
    tags: Mapping[str, str]
    inbound: tuple[Answer, ...]  # rules as EC2 describes them


@dataclass(frozen=True, slots=True)
class FoundSubnet:
    """A subnet that instances could be put into."""

    subnet_id: str
    vpc: str
    zone: str
    free: int  # addresses


@dataclass(frozen=True, slots=True)
class FoundGateway:
    """A gateway endpoint to S3."""

    endpoint_id: str
    vpc: str
    tags: Mapping[str, str]
    route_tables: tuple[str, ...]


async def default_vpc(cloud: Cloud, region: str) -> str | None:
    """Id of the region's default VPC; None: it has none.

    Raises:
        CloudError: EC2 did not say.
    """
    rows = await _rows(cloud, region, "DescribeVpcs", "Vpcs", {"is-default": "true"})
    row = next((row for row in rows if row.get("IsDefault")), None)
    if row is not None and not row.get("VpcId"):
        raise _unusable("a VPC without a VpcId", region, "DescribeVpcs")
    return None if row is None else str(row["VpcId"])


async def subnets(cloud: Cloud, region: str, *, tag: str = "", subnet: str = "") -> tuple[FoundSubnet, ...]:
    """Subnets that carry ``tag``, whatever its value, or the one that is named; most free addresses first.

    Raises:
        CloudError: kind MISSING: there is no ``subnet``; any other: EC2 did not say.
    """
    filters = {"tag-key": tag} if tag else {}
    params: Answer = {"SubnetIds": [subnet]} if subnet else {}
    rows = await _rows(cloud, region, "DescribeSubnets", "Subnets", filters, params)
    try:
        found = [
            FoundSubnet(
                str(row["SubnetId"]),
                str(row["VpcId"]),
                str(row["AvailabilityZone"]),
                int(row.get("AvailableIpAddressCount") or 0),
            )
            for row in rows
            if (row["SubnetId"] == subnet if subnet else tag in tags_of(row))
        ]
    except (KeyError, ValueError, TypeError) as error:
        raise _unusable(f"a subnet without a usable {error}", region, "DescribeSubnets") from error
    return tuple(sorted(found, key=lambda each: (-each.free, each.subnet_id)))


async def groups(
    cloud: Cloud, region: str, *, name: str = "", vpc: str = "", tag: tuple[str, str] | None = None
) -> tuple[FoundGroup, ...]:
    """Security groups of that name in that VPC, or those with a tag.

    Raises:
        CloudError: EC2 did not say.
    """
    filters = {"vpc-id": vpc, "group-name": name} if tag is None else {f"tag:{tag[0]}": tag[1]}
    rows = await _rows(cloud, region, "DescribeSecurityGroups", "SecurityGroups", filters)
    found = []
    for row in rows:
        tags = tags_of(row)
        wanted = tags.get(tag[0]) == tag[1] if tag else row.get("GroupName") == name
        if wanted and row.get("GroupId"):
            found.append(
                FoundGroup(
                    str(row["GroupId"]),
                    clean_line(str(row.get("GroupName")), 255),
                    str(row.get("VpcId")),
                    tags,
                    tuple(row.get("IpPermissions") or ()),
                )
            )
    return tuple(sorted(found, key=lambda each: each.group_id))


async def make_group(
    cloud: Cloud, region: str, name: str, vpc: str, about: str, tags: Mapping[str, str]
) -> None:
    """Make a group, which lets nothing in and everything out; one of that name is left as it is.

    Raises:
        CloudError: it is not known to be there.
    """
    params = {
        "GroupName": name,
        "Description": about,
        "VpcId": vpc,
        "TagSpecifications": _tagged("security-group", tags),
    }
    try:
        await cloud.call("ec2", region, "CreateSecurityGroup", params, subject=name)
    except CloudError as error:
        if error.failure.code != "InvalidGroup.Duplicate":
            raise


async def close_group(cloud: Cloud, region: str, group: FoundGroup) -> None:
    """Take every inbound rule out.

    Raises:
        CloudError: some may still be there.
    """
    params = {"GroupId": group.group_id, "IpPermissions": [_revocable(rule) for rule in group.inbound]}
    await cloud.call("ec2", region, "RevokeSecurityGroupIngress", params, subject=group.group_id)


async def remove_group(cloud: Cloud, region: str, group_id: str) -> None:
    """Delete a group; one that is gone already is no failure.

    Raises:
        CloudError: code `IN_USE`: something still uses it; any other: it may still be there.
    """
    await _gone(cloud, region, "DeleteSecurityGroup", {"GroupId": group_id}, group_id)


async def route_tables(cloud: Cloud, region: str, vpc: str) -> tuple[str, ...]:
    """Ids of the route tables of a VPC.

    Raises:
        CloudError: EC2 did not say.
    """
    rows = await _rows(cloud, region, "DescribeRouteTables", "RouteTables", {"vpc-id": vpc})
    ours = [row for row in rows if row.get("VpcId") == vpc]
    if not all(row.get("RouteTableId") for row in ours):
        raise _unusable("a route table without a RouteTableId", region, "DescribeRouteTables")
    return tuple(sorted(str(row["RouteTableId"]) for row in ours))


async def gateways(
    cloud: Cloud, region: str, *, vpc: str = "", tag: tuple[str, str] | None = None
) -> tuple[FoundGateway, ...]:
    """Gateway endpoints to S3, of a VPC or with a tag.

    Raises:
        CloudError: EC2 did not say.
    """
    filters = {"vpc-id": vpc} if tag is None else {f"tag:{tag[0]}": tag[1]}
    rows = await _rows(cloud, region, "DescribeVpcEndpoints", "VpcEndpoints", filters)
    found = []
    for row in rows:
        tags = tags_of(row)
        alive = str(row.get("State", "")).lower() in ("pending", "available")
        to_s3 = str(row.get("ServiceName", "")).endswith(f".{region}.s3")
        wanted = tags.get(tag[0]) == tag[1] if tag else row.get("VpcId") == vpc
        if alive and to_s3 and wanted and row.get("VpcEndpointType", "Gateway") == "Gateway":
            tables = tuple(sorted(str(each) for each in row.get("RouteTableIds") or ()))
            found.append(FoundGateway(str(row.get("VpcEndpointId")), str(row.get("VpcId")), tags, tables))
    return tuple(sorted(found, key=lambda each: each.endpoint_id))


async def make_gateway(
    cloud: Cloud, region: str, vpc: str, tables: tuple[str, ...], tags: Mapping[str, str]
) -> None:
    """Make a gateway endpoint to S3 in all route tables of a VPC; it costs nothing.

    Raises:
        CloudError: it is not known to be there.
    """
    params = {
        "VpcId": vpc,
        "ServiceName": f"com.amazonaws.{region}.s3",
        "VpcEndpointType": "Gateway",
        "RouteTableIds": list(tables),
        "TagSpecifications": _tagged("vpc-endpoint", tags),
    }
    try:
        await cloud.call(
            "ec2",
            region,
            "CreateVpcEndpoint",
            params,
            subject=f"S3 for {vpc}",
            retry_on=RETRY_REFUSED,  # an answer that was lost may have made one already
        )
    except CloudError as error:
        if error.failure.code != "RouteAlreadyExists":
            raise


async def remove_gateway(cloud: Cloud, region: str, endpoint_id: str) -> None:
    """Delete a gateway endpoint; one that is gone already is no failure.

    Raises:
        CloudError: it may still be there.
    """
    answer = await _gone(cloud, region, "DeleteVpcEndpoints", {"VpcEndpointIds": [endpoint_id]}, endpoint_id)
    for left in answer.get("Unsuccessful") or ():
        error = left.get("Error") or {}
        if not str(error.get("Code", "")).endswith(".NotFound"):
            raise _unusable(clean_line(str(error.get("Message"))), region, "DeleteVpcEndpoints")


async def _gone(cloud: Cloud, region: str, operation: str, params: Answer, subject: str) -> Answer:
    try:
        return await cloud.call("ec2", region, operation, params, subject=subject)
    except CloudError as error:
        if error.failure.kind is not FailureKind.MISSING:
            raise
        return {}


async def _rows(
    cloud: Cloud,
    region: str,
    operation: str,
    item: str,
    filters: Mapping[str, str],
    params: Answer | None = None,
) -> list[Answer]:
    asked: Answer = dict(params or {})
    if filters:
        asked["Filters"] = [{"Name": name, "Values": [value]} for name, value in filters.items()]
    return await cloud.pages("ec2", region, operation, asked, item=item)


def _tagged(kind: str, tags: Mapping[str, str]) -> list[Answer]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]


def _revocable(rule: Answer) -> Answer:
    """A rule as RevokeSecurityGroupIngress takes it: without the lists that are empty."""
    return {name: value for name, value in rule.items() if value not in ([], None)}


def _unusable(message: str, region: str, operation: str) -> CloudError:
    return to_user_error(classify(UnusableAnswer(message), region=region, operation=operation))
