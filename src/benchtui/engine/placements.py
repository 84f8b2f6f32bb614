"""Where a run's instances go, region by region: images, network, zones; and regions that cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from benchtui.aws.images import Image, resolve_image
from benchtui.aws.network import resolve_network
from benchtui.aws.types import offerings
from benchtui.config.schema import Config, RegionSection
from benchtui.core.documents import RunDocument
from benchtui.core.errors import BenchtuiError, UsageError
from benchtui.engine import planning
from benchtui.engine.events import Emit, Event
from benchtui.engine.launch_request import Placement

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

Zones = Mapping[str, Mapping[str, tuple[str, ...]]]  # by region and type


@dataclass(frozen=True, slots=True)
class Placements:
    """The regions of a run: what a launch needs there, or why nothing can be launched there."""

    ready: Mapping[str, Placement]
    failed: Mapping[str, BenchtuiError]

    def without(self, refused: Mapping[str, BenchtuiError]) -> Placements:
        """The same with regions that something else refuses.

        Raises:
            BenchtuiError: no region is left; the first refusal.
        """
        ready = {region: each for region, each in self.ready.items() if region not in refused}
        failed = {**refused, **self.failed}
        if not ready:
            raise next(iter(failed.values()))
        return Placements(ready, failed)


async def resolve_placements(
    cloud: Cloud, run: RunDocument, zones: Zones | None, config: Config, clock: Clock, emit: Emit
) -> Placements:
    """Ask every region of ``run`` at the same time.

    Args:
        cloud: the account.
        run: what is launched.
        zones: as its plan found them; None: they are asked for.
        config: what the plan was made from.
        clock, emit: of the workspace.

    Raises:
        BenchtuiError: no region can be used.
    """

    async def one(region: str) -> Placement | BenchtuiError:
        try:
            return await _placement(cloud, run, region, zones, config, clock, emit)
        except BenchtuiError as error:
            return error

    answers = dict(zip(run.regions, await asyncio.gather(*map(one, run.regions)), strict=True))
    ready = {region: each for region, each in answers.items() if isinstance(each, Placement)}
    failed = {region: each for region, each in answers.items() if isinstance(each, BenchtuiError)}
    if len(run.regions) > 1:
        for region, error in failed.items():
            text = f"{region}: nothing is launched there: {error.what}"
            emit(Event("note", clock.now(), {"run": run.run, "text": text}))
    return Placements(ready, failed).without({})


async def _placement(
    cloud: Cloud, run: RunDocument, region: str, zones: Zones | None, config: Config, clock: Clock, emit: Emit
) -> Placement:
    """Raises BenchtuiError: the region did not answer, or lacks what the configuration names."""
    own = config.regions.get(region, RegionSection())
    jobs = [job for job in run.jobs if region in job.places]
    images: dict[str, Image] = {}
    for arch in sorted({job.arch for job in jobs}):
        name = planning.image_for(config, arch, region)
        if name is None:
            raise UsageError(
                f"no image for {arch} is configured", fix=f"add {arch} to [instance.image], or name a system"
            )
        found = images[arch] = await resolve_image(cloud, region, name, arch)
        if found.root_gib > run.volume_gib:
            raise UsageError(
                f"the root volume of {found.image_id} has {found.root_gib} GiB, and the worst case of "
                f"{run.run} counts {run.volume_gib}",
                fix=f"[instance] volume_gib = {found.root_gib}",
            )
        fields = {"region": region, "arch": arch, "image_id": found.image_id, "name": found.name}
        emit(Event("image", clock.now(), fields))
    # A subnet belongs to one region: without a word about others it is the first one's.
    subnet = own.subnet or (config.aws.subnet if region == config.aws.regions[0] else "")
    network = await resolve_network(cloud, region, own.security_group or config.aws.security_group, subnet)
    names = sorted({job.instance_type for job in jobs})
    known = zones.get(region) if zones is not None else await offerings(cloud, region, names)
    return Placement(
        region=region,
        images=images,
        zones=known or {},
        instance_profile=config.aws.instance_profile,
        security_group=network.security_group,
        subnet=network.subnet,
        subnet_zone=network.zone,
        tags=config.instance.tags,
        volume_gib=config.instance.volume_gib,
        public_ipv4=config.aws.public_ipv4,
    )


def with_faults(placements: Placements, **changes: object) -> Placements:
    """The same placements with something else in all of them, for a drill."""
    ready = {region: replace(each, **changes) for region, each in placements.ready.items()}  # type: ignore[arg-type]
    return Placements(ready, placements.failed)
