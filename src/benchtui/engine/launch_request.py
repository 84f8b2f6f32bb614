"""The request for the instance of a job, made of its plan and of what every launch of the region shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from benchtui.aws.images import Image
from benchtui.aws.instances import LaunchRequest
from benchtui.core.catalogue import Market
from benchtui.core.documents import JobDocument, RunDocument
from benchtui.core.drills import Loss
from benchtui.core.faults import faulty
from benchtui.core.userdata import JobUserData, hard_stop_s, render
from benchtui.engine.packaged import packaged_templates


@dataclass(frozen=True, slots=True)
class Placement:
    """What every launch of a region has in common."""

    region: str
    images: Mapping[str, Image]  # by architecture
    zones: Mapping[str, tuple[str, ...]]  # by instance type: zones that offer it
    instance_profile: str
    security_group: str  # id
    subnet: str | None
    subnet_zone: str | None  # where that is
    tags: Mapping[str, str]
    volume_gib: int
    public_ipv4: bool = True
    faults: Mapping[str, Loss] = field(default_factory=dict)  # by job: how a drill loses its instance


def launch_request(
    run: RunDocument,
    job: JobDocument,
    placement: Placement,
    bucket: tuple[str, str],
    token: str,
    zone: str | None,
    booted_by: datetime,
) -> LaunchRequest:
    """What is asked of EC2 for ``job``.

    Args:
        run, job: the plan.
        placement: of the region.
        bucket: its name and region.
        token: client token of this attempt.
        zone: where; None: EC2 chooses.
        booted_by: when its timers run at the latest; its hard end is reckoned from there.
    """
    image = placement.images[job.arch]
    name, bucket_region = bucket
    told = JobUserData(
        run=run.run,
        job=job.job,
        bucket=name,
        bucket_region=bucket_region,
        bundle_sha256=run.bundle_sha256,
        instance_type=job.instance_type,
        image_id=image.image_id,
        suites=job.suites,
        mode=run.mode,
        max_runtime_s=run.max_runtime_s,
        emergency_grace_s=run.emergency_grace_s,
        heartbeat_s=run.heartbeat_s,
        run_seal=run.seal,
    )
    templates, loss = packaged_templates(), placement.faults.get(job.job)
    if loss is not None:
        templates = faulty(templates, loss)
    return LaunchRequest(
        run=run.run,
        job=job.job,
        region=placement.region,
        instance_type=job.instance_type,
        image=image,
        client_token=token,
        user_data=render(told, templates),
        expires_at=booted_by + timedelta(seconds=hard_stop_s(told)),
        tags=placement.tags,
        zone=zone,
        subnet=placement.subnet,
        security_groups=(placement.security_group,),
        instance_profile=placement.instance_profile,
        volume_gib=placement.volume_gib,
        spot_max_usd=_spot_max(job, placement.region),
        public_ipv4=placement.public_ipv4,
    )


def _spot_max(job: JobDocument, region: str) -> Decimal | None:
    """Most to pay an hour for a spot instance: what the worst case counts. None: it is bought on demand."""
    price = job.price_in(region)
    return (price.max_usd_per_hour or price.usd_per_hour) if job.market == Market.SPOT else None
