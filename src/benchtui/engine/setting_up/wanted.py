"""From settings to the parts that setup makes, and what it finds of networks on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchtui.aws import network_setup
from benchtui.aws.bucket_setup import BucketSetup
from benchtui.aws.errors import CloudError
from benchtui.aws.session import Cloud, Identity
from benchtui.aws.types import offerings
from benchtui.config.schema import AwsSection, Config
from benchtui.core.errors import BenchtuiError
from benchtui.core.policies import (
    Scope,
    bucket_policy,
    instance_role,
    instance_trust,
    scheduler_role,
    scheduler_trust,
    starter_role,
    starter_trust,
)
from benchtui.core.policies.scope import STARTER_ROLE
from benchtui.engine.setting_up.bucket_part import BucketPart
from benchtui.engine.setting_up.network_parts import GatewayPart, GroupPart
from benchtui.engine.setting_up.parts import Part
from benchtui.engine.setting_up.role_parts import ProfilePart, RolePart

#: A subnet with this tag is meant for benchtui where there is no default VPC.
SUBNET_TAG = "benchtui"


@dataclass(frozen=True, slots=True)
class Place:
    """Where instances of a region go."""

    region: str
    vpc: str | None = None
    subnet: str | None = None  # None: the default subnets of the VPC
    how: str = ""  # how it was found
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # zones that offer a type, by type
    problem: BenchtuiError | None = None  # why nothing can be launched there, or what could not be asked
    found_by_tag: bool = False  # the subnet has to be put into the settings for a launch to use it


def scope_of(aws: AwsSection, account: str, partition: str = "aws") -> Scope:
    """The names of an account as the settings have them."""
    return Scope(
        account=account,
        bucket=aws.bucket or f"benchtui-{account}-{aws.regions[0]}",
        partition=partition,
        instance_profile=aws.instance_profile,
        scheduler_role=_name(aws.scheduler_role),
        security_group=aws.security_group,
        starter_role=_name(aws.starter_role) or STARTER_ROLE,
    )


def _name(role: str) -> str:
    """A role's name, without the path or ARN before it."""
    return role.rpartition("/")[2]


def partition_of(identity: Identity) -> str:
    """``aws``, ``aws-cn`` or ``aws-us-gov``, as the caller's own ARN begins."""
    parts = identity.arn.split(":")
    return parts[1] if len(parts) > 1 and parts[0] == "arn" else "aws"


def regions_of(config: Config) -> tuple[str, ...]:
    """Regions that setup prepares: those of the settings, and those that the plan launches in."""
    return tuple(dict.fromkeys((*config.aws.regions, *config.plan.regions)))


def group_of(config: Config, region: str) -> str:
    """Name or id of the security group in a region."""
    own = config.regions.get(region)
    return (own.security_group if own is not None else "") or config.aws.security_group


async def places(cloud: Cloud, config: Config) -> tuple[Place, ...]:
    """Where instances go, in each region. What could not be asked is in the answer."""
    return tuple(await asyncio.gather(*(_place(cloud, config, region) for region in regions_of(config))))


async def _place(cloud: Cloud, config: Config, region: str) -> Place:
    types = list(config.plan.types)
    own, aws = config.regions.get(region), config.aws
    subnet = (own.subnet if own is not None else "") or (aws.subnet if region == aws.regions[0] else "")
    try:
        zones = await offerings(cloud, region, types) if types else {}
        return await _network(cloud, region, subnet, zones)
    except CloudError as error:
        return Place(region, problem=error)


async def _network(cloud: Cloud, region: str, subnet: str, zones: Mapping[str, tuple[str, ...]]) -> Place:
    """The configured subnet, else the default VPC, else the tagged subnet that has most free addresses."""
    if subnet:
        found = await network_setup.subnets(cloud, region, subnet=subnet)
        if found:
            return Place(region, found[0].vpc, subnet, "as configured", zones)
    vpc = await network_setup.default_vpc(cloud, region)
    if vpc is not None:
        return Place(region, vpc, None, "default VPC", zones)
    tagged = await network_setup.subnets(cloud, region, tag=SUBNET_TAG)
    offered = {zone for names in zones.values() for zone in names}
    fitting = [each for each in tagged if not offered or each.zone in offered]
    if not fitting:
        why = f"{region} has no default VPC and no subnet with the tag {SUBNET_TAG}"
        if tagged:
            why = f"no subnet with the tag {SUBNET_TAG} in {region} lies in a zone that offers the types"
        fix = f"aws ec2 create-default-vpc --region {region}, or give a subnet the tag {SUBNET_TAG}"
        return Place(region, zones=zones, problem=BenchtuiError(why, fix))
    best = fitting[0]
    return Place(region, best.vpc, best.subnet_id, f"tag {SUBNET_TAG}", zones, found_by_tag=True)


def parts_of(cloud: Cloud, config: Config, scope: Scope, found: tuple[Place, ...]) -> tuple[Part, ...]:
    """What setup makes, in the order in which it is made."""
    aws = config.aws
    setup = BucketSetup(cloud, scope.bucket, aws.regions[0], scope.account)
    parts: list[Part] = [
        BucketPart(setup, bucket_policy(scope)),
        RolePart(
            cloud,
            scope.instance_profile,
            instance_trust(scope),
            instance_role(scope),
            "[aws] instance_profile",
        ),
        ProfilePart(cloud, scope.instance_profile),
    ]
    if aws.scheduler_role and not aws.scheduler_role.startswith("arn:"):
        role, trust = scheduler_role(scope), scheduler_trust(scope)
        parts.append(RolePart(cloud, scope.scheduler_role, trust, role, "[aws] scheduler_role"))
    if aws.starter_role and not aws.starter_role.startswith("arn:"):
        role, trust = starter_role(scope), starter_trust(scope)
        parts.append(RolePart(cloud, scope.starter_role, trust, role, "[aws] starter_role"))
    for place in found:
        if place.vpc is None:
            continue
        group = group_of(config, place.region)
        if not group.startswith("sg-"):
            parts.append(GroupPart(cloud, group, place.region, place.vpc))
        if not aws.public_ipv4:
            parts.append(GatewayPart(cloud, place.region, place.vpc))
    return tuple(parts)
