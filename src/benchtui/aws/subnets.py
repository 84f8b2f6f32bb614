"""Subnets of a region: how many addresses are free in each, and how instances in them reach S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchtui.aws.errors import UnusableAnswer, classify, to_user_error
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.session import Answer, Cloud

_EVERYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Subnet:
    """One subnet."""

    subnet_id: str
    vpc: str
    zone: str
    free: int  # addresses
    public_ipv4: bool  # whether instances get a public address without asking


@dataclass(frozen=True, slots=True)
class WayOut:
    """How instances of a subnet reach what is outside their VPC."""

    gateway: str | None  # target of the default route: igw-…, nat-…; None: there is no such route
    s3_endpoint: bool  # a gateway endpoint leads to S3

    def reaches_s3(self, *, public: bool) -> bool:
        """Whether requests to S3 arrive: an internet gateway serves public addresses alone."""
        if self.s3_endpoint:
            return True
        return self.gateway is not None and (public or not self.gateway.startswith("igw-"))


async def subnets_of(cloud: Cloud, region: str, subnet: str = "") -> tuple[Subnet, ...]:
    """The subnet that is named, else the default subnets of the region, by zone.

    Raises:
        CloudError: kind MISSING: there is none; any other: EC2 could not be asked.
    """
    asked: Answer = {"SubnetIds": [subnet]} if subnet else _filters({"default-for-az": "true"})
    rows = await cloud.pages("ec2", region, "DescribeSubnets", asked, item="Subnets")
    try:
        found = [
            Subnet(
                subnet_id=str(row["SubnetId"]),
                vpc=str(row["VpcId"]),
                zone=str(row["AvailabilityZone"]),
                free=int(row["AvailableIpAddressCount"]),
                public_ipv4=bool(row.get("MapPublicIpOnLaunch")),
            )
            for row in rows
            if (row.get("SubnetId") == subnet if subnet else row.get("DefaultForAz"))
        ]
    except (KeyError, ValueError, TypeError) as error:
        missing = UnusableAnswer(f"a subnet without a usable {error}")
        raise to_user_error(classify(missing, region=region, operation="DescribeSubnets")) from error
    if not found:
        code = "InvalidSubnetID.NotFound" if subnet else "VPCIdNotSpecified"
        message = f"{subnet} does not exist" if subnet else "there is no default subnet"
        raise to_user_error(Failure(FailureKind.MISSING, code, message, region, "DescribeSubnets"))
    return tuple(sorted(found, key=lambda each: (each.zone, each.subnet_id)))


async def ways_out(cloud: Cloud, region: str, vpc: str, subnet_ids: tuple[str, ...]) -> dict[str, WayOut]:
    """How each subnet of ``vpc`` reaches S3; one without a route table of its own has the VPC's main one.

    Raises:
        CloudError: EC2 could not be asked.
    """
    of_vpc = _filters({"vpc-id": vpc})
    tables = await cloud.pages("ec2", region, "DescribeRouteTables", of_vpc, item="RouteTables")
    endpoints = await cloud.pages("ec2", region, "DescribeVpcEndpoints", of_vpc, item="VpcEndpoints")
    to_s3 = {
        table
        for row in endpoints
        if row.get("VpcEndpointType") == "Gateway"
        and str(row.get("ServiceName", "")).endswith(f".{region}.s3")
        and str(row.get("State", "")).lower() == "available"
        for table in row.get("RouteTableIds") or ()
    }
    main: Answer = {}
    own: dict[str, Answer] = {}
    for table in tables:
        for association in table.get("Associations") or ():
            if association.get("Main"):
                main = table
            elif association.get("SubnetId"):
                own[association["SubnetId"]] = table
    return {
        subnet: WayOut(_default_gateway(table), table.get("RouteTableId") in to_s3)
        for subnet in subnet_ids
        for table in (own.get(subnet, main),)
    }


def _default_gateway(table: Answer) -> str | None:
    for route in table.get("Routes") or ():
        target = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
        if target not in _EVERYWHERE or route.get("State", "active") != "active":
            continue
        for kind in ("GatewayId", "NatGatewayId", "TransitGatewayId", "NetworkInterfaceId", "InstanceId"):
            if route.get(kind):
                return str(route[kind])
    return None


def _filters(wanted: dict[str, str]) -> dict[str, Any]:
    return {"Filters": [{"Name": name, "Values": [value]} for name, value in wanted.items()]}
