"""Checks of where instances are put: addresses, the way to S3, and what may reach them."""

from __future__ import annotations

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.aws.security_groups import group_rules
from benchtui.aws.subnets import ways_out
from benchtui.core.errors import BenchtuiError
from benchtui.engine.doctor.bucket import SETUP
from benchtui.engine.doctor.finding import Check, Said, fail, ok, warn
from benchtui.engine.doctor.subject import Subject

NAMED = 3  # of several things; the rest is counted


async def subnets(subject: Subject, region: str) -> Said:
    """Whether there is an address for every instance of the plan."""
    try:
        found = await subject.subnets(region)
    except CloudError as error:
        if error.failure.kind is FailureKind.MISSING:
            fix = (
                f"[aws] subnet or [regions.{region}] subnet, or aws ec2 create-default-vpc --region {region}"
            )
            return fail(error.failure.message, "no instance has a place to be put", fix)
        raise
    free = sum(subnet.free for subnet in found)
    full = [subnet.zone for subnet in found if subnet.free == 0]
    said = f"{free} addresses free in {len(found)} subnets"
    fix = f"a larger subnet: [regions.{region}] subnet, or end what uses the addresses"
    wanted = await _instances(subject, region)
    if free == 0:
        return fail(f"no address is free in {', '.join(subnet.subnet_id for subnet in found)}",
                    "no instance can be launched", fix)  # fmt: skip
    if wanted is not None and free < wanted:
        return warn(f"{said}; the plan has {wanted} instances", "those without an address wait or fail", fix)
    if full:
        return warn(f"{said}; none in {', '.join(full)}", "launches in that zone go elsewhere", fix)
    return ok(said if wanted is None else f"{said}; the plan needs {wanted}")


async def _instances(subject: Subject, region: str) -> int | None:
    """How many instances the plan has there; None: there is no plan, or it cannot be made."""
    if not subject.has_plan:
        return None
    try:
        planned = await subject.planned()
    except BenchtuiError:
        return None  # the line of the plan says so
    return sum(job.region == region for job in planned.plan.jobs)


async def way_out(subject: Subject, region: str) -> Said:
    """Whether what instances say arrives in the bucket."""
    found = await subject.subnets(region)
    ways = await ways_out(subject.cloud, region, found[0].vpc, tuple(subnet.subnet_id for subnet in found))
    addressed = subject.config.aws.public_ipv4
    cut = [
        subnet
        for subnet in found
        if not ways[subnet.subnet_id].reaches_s3(public=addressed and subnet.public_ipv4)
    ]
    if cut:
        ids = ", ".join(f"{subnet.subnet_id} ({subnet.zone})" for subnet in cut[:NAMED])
        more = f" and {len(cut) - NAMED} more" if len(cut) > NAMED else ""
        means = "instances there boot, cannot fetch their bundle, and end without a word"
        fix = "a route to an internet or NAT gateway, or an endpoint for S3: benchtui setup --help"
        return fail(f"no way to S3 from {ids}{more}", means, fix)
    kinds = sorted({"S3 endpoint" if way.s3_endpoint else (way.gateway or "")[:3] for way in ways.values()})
    return ok(f"from every subnet, by {' and '.join(kinds)}")


async def security_group(subject: Subject, region: str) -> Said:
    """Whether nothing reaches an instance, and an instance reaches S3."""
    named = subject.security_group(region)
    try:
        network = await subject.network(region)
    except CloudError as error:
        if error.failure.kind is FailureKind.MISSING and error.failure.operation == "DescribeSecurityGroups":
            fix = f"{SETUP}, or correct [aws] security_group"
            return fail(f"there is no security group {named} in {region}", "no instance can be launched", fix)
        raise
    rules = await group_rules(subject.cloud, region, network.security_group)
    if rules.inbound:
        shown = ", ".join(rules.inbound[:NAMED]) + ("" if len(rules.inbound) <= NAMED else ", …")
        means = "benchtui needs nothing to come in: whatever does reaches machines nobody looks after"
        return fail(f"{rules.group_id} lets in {shown}", means, f"{SETUP} (takes the rules out)")
    if not rules.https_out:
        means = "instances cannot reach S3: they end without a word"
        fix = f"a rule of {rules.group_id} that lets tcp 443 out"
        return fail(f"{rules.group_id} lets no HTTPS out", means, fix)
    return ok(f"{named}, {rules.group_id}: nothing comes in")


CHECKS = (
    Check(
        "subnets",
        "whether there is a free address for every instance",
        subnets,
        needs=("region",),
        regional=True,
    ),
    Check("way-out", "whether instances reach S3 from there", way_out, needs=("subnets",), regional=True),
    Check(
        "security-group",
        "whether nothing reaches the instances",
        security_group,
        needs=("region",),
        regional=True,
    ),
)
