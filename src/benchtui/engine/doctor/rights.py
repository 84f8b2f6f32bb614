"""Checks of what the caller may do, asked without doing it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from benchtui.aws.dry_runs import NOBODYS_INSTANCE, rehearse_end, rehearse_launch
from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.instances import LaunchRequest, describe_ours
from benchtui.aws.simulation import may_end
from benchtui.core.catalogue import Market
from benchtui.core.errors import BenchtuiError
from benchtui.core.keys import run_id
from benchtui.core.plan import PlannedJob
from benchtui.engine.doctor.finding import Check, Said, fail, ok, unknown, waiting, warn
from benchtui.engine.doctor.subject import Subject

POLICIES = "benchtui setup --print-policies shows what the caller needs"
_TRY_IT = f"benchtui drill ends four instances; {POLICIES}"
#: If an endpoint launched what is only to be tried, this is all that instance would do.
_AT_ONCE = "#!/bin/sh\npoweroff\n"
_NAMED = 3


async def launch(subject: Subject, region: str) -> Said:
    """Whether the caller may launch with these tags, this role, this group: one try per architecture."""
    if not subject.has_plan:
        return waiting("plan")
    jobs = [job for job in (await subject.planned()).plan.jobs if job.region == region]
    if not jobs:
        return waiting("plan")
    first = {job.arch: job for job in reversed(jobs)}
    for arch, job in sorted(first.items()):
        tried = await rehearse_launch(subject.cloud, await _request(subject, job))
        failure = tried.failure
        if tried.allowed is False:
            means = "runs cannot be launched with these credentials"
            return fail(
                f"RunInstances of {job.instance_type}: {failure.code}: {failure.message}", means, POLICIES
            )
        # A full quota or zone is told after the rights were looked at.
        if tried.allowed is None and failure.kind not in (FailureKind.QUOTA, FailureKind.CAPACITY):
            what = f"RunInstances of {job.instance_type} ({arch}): {failure.code}: {failure.message}"
            return fail(what, "EC2 would refuse the launch as it is configured", _fix(failure.code))
    return ok(f"RunInstances of {', '.join(job.instance_type for job in first.values())} would be allowed")


def _fix(code: str) -> str | None:
    if code == "DryRunIgnored":
        return "benchtui kill --all, and use no such endpoint"
    return "correct what it names: [aws] and [instance] of the configuration"


async def _request(subject: Subject, job: PlannedJob) -> LaunchRequest:
    """A launch as a run's, of an instance that ends at once."""
    aws, now = subject.config.aws, subject.now
    price = job.price.most_usd_per_hour if job.market is Market.SPOT else None
    network = await subject.network(job.region)
    return LaunchRequest(
        run=run_id(now, "2222"),
        job=job.job,
        region=job.region,
        instance_type=job.instance_type,
        image=await subject.image(job.region, job.arch),
        user_data=_AT_ONCE,
        client_token="",  # none is sent
        expires_at=now + timedelta(minutes=1),
        instance_profile=aws.instance_profile,
        security_groups=(network.security_group,),
        volume_gib=subject.config.instance.volume_gib,
        subnet=network.subnet,
        tags=subject.config.instance.tags,
        spot_max_usd=price,
        public_ipv4=aws.public_ipv4,
    )


async def terminate(subject: Subject, _region: str) -> Said:
    """Whether the caller may end instances, in every enabled region: a kill has to reach all of them."""
    regions = await subject.enabled_regions()
    answers = await asyncio.gather(*(_ending(subject, region) for region in regions))
    found = dict(zip(regions, answers, strict=True))
    refused = {region: each for region, each in found.items() if isinstance(each, Failure)}
    silent = {region: each for region, each in found.items() if isinstance(each, BenchtuiError)}
    unclear = [region for region, each in found.items() if each is None]
    reckoned = await may_end(subject.cloud, await subject.identity(), unclear) if unclear else {}
    without = [] if isinstance(reckoned, Failure) else [each for each, may in reckoned.items() if not may]
    means = "a kill could not end what runs there"
    if refused:
        why = next(iter(refused.values())).message
        return fail(
            f"TerminateInstances is refused {_listed(list(refused), len(regions))}: {why}", means, POLICIES
        )
    if without:
        what = f"no policy of yours allows TerminateInstances {_listed(without, len(regions))}"
        return fail(what, means, POLICIES)
    if silent:
        problem, where = next(iter(silent.values())), _listed(list(silent), len(regions))
        return unknown(
            f"no answer {where}: {problem.what}", "whether a kill reaches it is not known", problem.fix
        )
    if isinstance(reckoned, Failure):
        what = (
            f"could not be tried {_listed(unclear, len(regions))}: nothing of ours is there to try it on, "
            f"and IAM does not say: {reckoned.code}: {reckoned.message}"
        )
        return warn(what, "a right that is bound to our tag shows only on what carries it", _TRY_IT)
    return ok(f"TerminateInstances would be allowed in all {len(regions)} enabled regions")


async def _ending(subject: Subject, region: str) -> bool | Failure | BenchtuiError | None:
    """By an instance of ours if there is one, else by nobody's: True or the refusal.

    A right that is bound to our tag is refused for an instance that is not there: None, unclear.
    """
    try:
        ours = await describe_ours(subject.cloud, region)
        tried = await rehearse_end(subject.cloud, region, ours[0].instance_id if ours else NOBODYS_INSTANCE)
    except CloudError as error:
        return error
    if tried.allowed:
        return True
    return tried.failure if ours or tried.explicit or tried.allowed is None else None


def _listed(regions: list[str], of: int) -> str:
    if len(regions) == of:
        return f"in all {of} enabled regions"
    more = f" and {len(regions) - _NAMED} more" if len(regions) > _NAMED else ""
    return f"in {', '.join(regions[:_NAMED])}{more}"


CHECKS = (
    Check(
        "launch",
        "whether you may launch, by DryRun with the tags, role and group of a run",
        launch,
        needs=("plan", "types", "images", "security-group", "subnets", "profile"),
        regional=True,
    ),
    Check(
        "terminate",
        "whether you may end instances in every enabled region, by DryRun",
        terminate,
        needs=("region",),
        seconds=60,
    ),
)
