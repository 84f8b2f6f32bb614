"""Everything of `benchtui.aws` that asks AWS something, with sensible arguments: for tests of all of it.

A test holds this list against the operations that the sources name, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from benchtui.aws import (
    bucket_settings,
    bucket_setup,
    dry_runs,
    iam,
    images,
    instances,
    leftovers,
    network,
    network_setup,
    objects,
    prices,
    quotas,
    regions,
    roles,
    schedules,
    security_groups,
    side_prices,
    simulation,
    spot,
    starts,
    subnets,
    topics,
    type_listing,
    types,
)
from benchtui.aws.session import Cloud, Identity
from benchtui.core.deadlines import ScheduleName
from benchtui.core.starts import StartName

from .shapes import JOB, RUN

REGION, ACCOUNT, BUCKET = "us-east-1", "123456789012", "a-bucket"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
ID, NAME = "i-0123456789abcdef0", "c7g.large"
ROLE = schedules.ScheduleRole(f"arn:aws:iam::{ACCOUNT}:role/benchtui-scheduler")
IMAGE = images.Image(
    "ami-0123456789abcdef0", "debian", "arm64", "/dev/xvda", (images.BlockDevice("/dev/xvda", 8),)
)
REQUEST = instances.LaunchRequest(
    RUN, JOB, REGION, NAME, IMAGE, "#!/bin/sh\n", "token", NOW, "benchtui-instance", ("sg-1",), 8,
    zone="us-east-1a", subnet="subnet-1", tags={"team": "hpc"},
)  # fmt: skip
SPOT_REQUEST = instances.LaunchRequest(
    RUN, JOB, REGION, NAME, IMAGE, "#!/bin/sh\n", "token", NOW, "benchtui-instance", (), 8,
    spot_max_usd=Decimal("0.05"), public_ipv4=False,
)  # fmt: skip
ENDING = schedules.ending_by_id(RUN, ID, NOW, ROLE)
TAGS = {"LaunchedBy": "AsyncBenchmarkLauncher"}
GROUP = network_setup.FoundGroup(
    "sg-1", "benchtui", "vpc-1", TAGS, ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": []},)
)
Read = Callable[[Cloud], Awaitable[Any]]


async def all_of(cloud: Cloud) -> list[objects.ListedObject]:
    """A listing to its end."""
    return [item async for item in bucket(cloud).list_keys(f"benchmarks/{RUN}/")]


async def dry(cloud: Cloud, request: instances.LaunchRequest) -> Any:
    return await dry_runs.rehearse_launch(cloud, request)


def bucket(cloud: Cloud) -> objects.Bucket:
    return objects.Bucket(cloud, BUCKET)


def settings(cloud: Cloud) -> bucket_settings.BucketSettings:
    return bucket_settings.BucketSettings(cloud, BUCKET, ACCOUNT)


def setup(cloud: Cloud) -> bucket_setup.BucketSetup:
    return bucket_setup.BucketSetup(cloud, BUCKET, "eu-west-1", ACCOUNT)


def _left(kind: str, name: str) -> leftovers.Leftover:
    return leftovers.Leftover(kind, name, REGION, "available", None)


@dataclass(frozen=True)
class Reader:
    """One question to AWS.

    Attributes:
        ask: asks it.
        right: whether what it gives for an answer that holds everything is what that answer says.
    """

    ask: Read
    right: Callable[[Any], bool] = lambda _found: True


def _one_instance(found: Any) -> bool:
    (view,) = found if isinstance(found, tuple) else (found,)
    return (view.instance_id, view.instance_type, view.run, view.job, view.spot) == (ID, NAME, RUN, JOB, True)


READERS: dict[str, Reader] = {
    # Instances
    "run_instance": Reader(lambda c: instances.run_instance(c, REQUEST), _one_instance),
    "run_instance spot": Reader(lambda c: instances.run_instance(c, SPOT_REQUEST), _one_instance),
    "describe_run": Reader(lambda c: instances.describe_run(c, REGION, RUN), _one_instance),
    "describe_ours": Reader(lambda c: instances.describe_ours(c, REGION), _one_instance),
    "count_alive": Reader(lambda c: instances.count_alive(c, REGION), lambda found: found == 1),
    "find_by_token": Reader(lambda c: instances.find_by_token(c, REGION, "token"), _one_instance),
    "describe_ids": Reader(lambda c: instances.describe_ids(c, REGION, [ID]), _one_instance),
    "console_output": Reader(
        lambda c: instances.console_output(c, REGION, ID), lambda found: found == "hello"
    ),
    "terminate": Reader(
        lambda c: instances.terminate(c, REGION, [ID]), lambda found: found.accepted == (ID,)
    ),
    "terminate at once": Reader(lambda c: instances.terminate(c, REGION, [ID], True, {ID: "us-east-1a"})),
    "lift_protection": Reader(lambda c: instances.lift_protection(c, REGION, ID)),
    "rehearse_launch": Reader(lambda c: dry(c, REQUEST), lambda found: found.allowed is None),
    "rehearse_end": Reader(lambda c: dry_runs.rehearse_end(c, REGION), lambda found: found.allowed is None),
    # What is left
    "leftovers": Reader(
        lambda c: leftovers.leftovers(c, REGION, RUN), lambda found: {each.run for each in found} == {RUN}
    ),
    "open_spot_requests": Reader(
        lambda c: leftovers.open_spot_requests(c, REGION, None),
        lambda found: [each.run for each in found] == [RUN],
    ),
    "cancel_spot_requests": Reader(lambda c: leftovers.cancel_spot_requests(c, REGION, ("sir-1",))),
    "remove volume": Reader(lambda c: leftovers.remove_leftover(c, _left("volume", "vol-1"))),
    "remove interface": Reader(lambda c: leftovers.remove_leftover(c, _left("network interface", "eni-1"))),
    # Types, prices, images
    "instance_types": Reader(
        lambda c: types.instance_types(c, REGION, [NAME]),
        lambda found: (found[NAME].vcpus, found[NAME].arch, found[NAME].memory_mib) == (2, "arm64", 4096),
    ),
    "all_instance_types": Reader(
        lambda c: types.all_instance_types(c, REGION), lambda found: list(found) == [NAME]
    ),
    "all_offerings": Reader(
        lambda c: types.all_offerings(c, REGION), lambda found: found == {NAME: ("us-east-1a",)}
    ),
    "offerings": Reader(
        lambda c: types.offerings(c, REGION, [NAME]), lambda found: found == {NAME: ("us-east-1a",)}
    ),
    "type_listing": Reader(
        lambda c: type_listing.type_listing(c, REGION, NOW, None),
        lambda found: [(each.type.name, each.zones) for each in found.types] == [(NAME, ("us-east-1a",))],
    ),
    "spot_by_zone": Reader(
        lambda c: spot.spot_by_zone(c, REGION, [NAME], NOW),
        lambda found: found == {NAME: {"us-east-1a": Decimal("0.0312")}},
    ),
    "spot_prices": Reader(lambda c: spot.spot_prices(c, REGION, [NAME], NOW)),
    "spot_history": Reader(
        lambda c: spot.spot_history(c, REGION, NAME, "us-east-1a", NOW - timedelta(days=1), NOW),
        lambda found: [price.usd_per_hour for price in found] == [Decimal("0.0312")],
    ),
    "prices": Reader(lambda c: prices.prices(c, REGION, [NAME], now=NOW)),
    "region_prices": Reader(lambda c: prices.region_prices(c, REGION, [NAME], now=NOW)),
    "listed_rates": Reader(lambda c: side_prices.listed_rates(c, REGION, now=NOW)),
    "resolve_image": Reader(
        lambda c: images.resolve_image(c, REGION, "debian-12", "arm64"),
        lambda found: (found.image_id, found.root_gib) == ("ami-0123456789abcdef0", 8),
    ),
    "vcpu_quotas": Reader(
        lambda c: quotas.vcpu_quotas(c, REGION, [NAME, "qq1.large"]),
        lambda found: found[NAME].vcpus == 640,
    ),
    "vcpus_in_use": Reader(lambda c: quotas.vcpus_in_use(c, REGION), lambda found: sum(found.values()) == 2),
    # Network
    "resolve_network": Reader(
        lambda c: network.resolve_network(c, REGION, "benchtui"),
        lambda found: (found.vpc, found.security_group) == ("vpc-1", "sg-1"),
    ),
    "resolve_network subnet": Reader(
        lambda c: network.resolve_network(c, REGION, "sg-1", "subnet-1"),
        lambda found: (found.subnet, found.zone, found.public_ipv4) == ("subnet-1", "us-east-1a", True),
    ),
    "subnets_of": Reader(
        lambda c: subnets.subnets_of(c, REGION), lambda found: [each.free for each in found] == [250]
    ),
    "ways_out": Reader(
        lambda c: subnets.ways_out(c, REGION, "vpc-1", ("subnet-1",)),
        lambda found: found["subnet-1"] == subnets.WayOut("igw-1", True),
    ),
    "group_rules": Reader(
        lambda c: security_groups.group_rules(c, REGION, "sg-1"), lambda found: found.https_out is True
    ),
    "default_vpc": Reader(lambda c: network_setup.default_vpc(c, REGION), lambda found: found == "vpc-1"),
    "subnets": Reader(
        lambda c: network_setup.subnets(c, REGION, tag="benchtui:run"),
        lambda found: [each.subnet_id for each in found] == ["subnet-1"],
    ),
    "groups": Reader(
        lambda c: network_setup.groups(c, REGION, name="benchtui", vpc="vpc-1"),
        lambda found: [each.group_id for each in found] == ["sg-1"],
    ),
    "make_group": Reader(
        lambda c: network_setup.make_group(c, REGION, "benchtui", "vpc-1", "for benchtui", TAGS)
    ),
    "close_group": Reader(lambda c: network_setup.close_group(c, REGION, GROUP)),
    "remove_group": Reader(lambda c: network_setup.remove_group(c, REGION, "sg-1")),
    "route_tables": Reader(
        lambda c: network_setup.route_tables(c, REGION, "vpc-1"), lambda found: found == ("rtb-1",)
    ),
    "gateways": Reader(
        lambda c: network_setup.gateways(c, REGION, vpc="vpc-1"),
        lambda found: [each.route_tables for each in found] == [("rtb-1",)],
    ),
    "make_gateway": Reader(lambda c: network_setup.make_gateway(c, REGION, "vpc-1", ("rtb-1",), TAGS)),
    "remove_gateway": Reader(lambda c: network_setup.remove_gateway(c, REGION, "vpce-1")),
    # Account
    "identity": Reader(lambda c: c.identity(), lambda found: found.account == ACCOUNT),
    "enabled_regions": Reader(lambda c: c.enabled_regions(), lambda found: found == (REGION,)),
    "opt_in_of": Reader(lambda c: regions.opt_in_of(c, REGION), lambda found: found == "opted-in"),
    "answers": Reader(lambda c: regions.answers(c, REGION)),
    "may_end": Reader(
        lambda c: simulation.may_end(c, Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/x"), [REGION]),
        lambda found: found == {REGION: True},
    ),
    # Schedules
    "check_runbook": Reader(lambda c: schedules.check_runbook(c, REGION)),
    "put_schedule": Reader(lambda c: schedules.put_schedule(c, REGION, ENDING), lambda found: found == NOW),
    "get_schedule": Reader(
        lambda c: schedules.get_schedule(c, REGION, ScheduleName(RUN)),
        lambda found: found.at == datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC) and found.enabled,
    ),
    "list_schedules": Reader(
        lambda c: schedules.list_schedules(c, REGION, RUN),
        lambda found: [str(each.name) for each in found] == [f"benchtui.{RUN}"],
    ),
    "remove_schedule": Reader(lambda c: schedules.remove_schedule(c, REGION, ScheduleName(RUN))),
    "update_schedule": Reader(lambda c: schedules._send(c, REGION, "UpdateSchedule", ENDING)),
    "put_start": Reader(lambda c: starts.put_start(c, starts.Start(StartName(RUN, 1), NOW, REQUEST, ROLE))),
    "list_starts": Reader(lambda c: starts.list_starts(c, REGION, None)),
    "publish": Reader(lambda c: topics.publish(c, f"arn:aws:sns:{REGION}:{ACCOUNT}:t", "subject", "text")),
    # IAM
    "find_role": Reader(
        lambda c: iam.find_role(c, "benchtui", "benchtui"), lambda found: found.trust == {"Statement": []}
    ),
    "make_role": Reader(lambda c: iam.make_role(c, "benchtui", "{}", "for benchtui", TAGS)),
    "update_trust": Reader(
        lambda c: iam._ask(c, "UpdateAssumeRolePolicy", {"RoleName": "benchtui", "PolicyDocument": "{}"})
    ),
    "put_policy": Reader(lambda c: iam.put_policy(c, "benchtui", "benchtui", "{}")),
    "remove_role": Reader(lambda c: iam.remove_role(c, "benchtui", "benchtui")),
    "find_profile": Reader(lambda c: iam.find_profile(c, "benchtui"), lambda found: found.roles == ("text",)),
    "make_profile": Reader(lambda c: iam.make_profile(c, "benchtui", TAGS)),
    "fill_profile": Reader(lambda c: iam.fill_profile(c, "benchtui", "benchtui")),
    "remove_profile": Reader(lambda c: iam.remove_profile(c, "benchtui", ("benchtui",))),
    "read_role": Reader(
        lambda c: roles.read_role(c, "benchtui"), lambda found: found.inline == {"own": {"Statement": []}}
    ),
    "roles_of_profile": Reader(
        lambda c: roles.roles_of_profile(c, "benchtui"), lambda found: found == ("text",)
    ),
    # Bucket
    "list_page": Reader(
        lambda c: bucket(c).list_page(f"benchmarks/{RUN}/", "a", delimiter="/"),
        lambda found: [each.size for each in found.objects] == [17] and len(found.prefixes) == 1,
    ),
    "list_keys": Reader(all_of, lambda found: len(found) == 1),
    "list_runs": Reader(lambda c: bucket(c).list_runs(), lambda found: found == (RUN,)),
    "put_once": Reader(lambda c: bucket(c).put_once("k", b"{}")),
    "put": Reader(lambda c: bucket(c).put("k", b"{}")),
    "exists": Reader(lambda c: bucket(c).exists("k"), lambda found: found is False),
    "region": Reader(lambda c: settings(c).region(), lambda found: found == "eu-west-1"),
    "owned": Reader(lambda c: settings(c).owned(), lambda found: found is True),
    "policy": Reader(lambda c: settings(c).policy(), lambda found: found == {"Statement": []}),
    "blocks": Reader(lambda c: settings(c).blocks(), lambda found: all(found.values())),
    "encryption": Reader(lambda c: settings(c).encryption(), lambda found: found.algorithm == "AES256"),
    "find bucket": Reader(
        lambda c: setup(c).find(), lambda found: found.policy == {"Statement": []} and found.lifecycle
    ),
    "make bucket": Reader(lambda c: setup(c).make(TAGS)),
    "block_public_access": Reader(lambda c: setup(c).block_public_access()),
    "enforce_owner": Reader(lambda c: setup(c).enforce_owner()),
    "encrypt": Reader(lambda c: setup(c).encrypt()),
    "put_lifecycle": Reader(lambda c: setup(c).put_lifecycle(())),
    "put_bucket_policy": Reader(lambda c: setup(c).put_policy("{}")),
    "count": Reader(lambda c: setup(c).count(), lambda found: found == 1),
    "delete_objects": Reader(
        lambda c: setup(c)._ask("DeleteObjects", {"Delete": {"Objects": [{"Key": "k"}]}})
    ),
    "remove bucket": Reader(lambda c: setup(c).remove()),
}
