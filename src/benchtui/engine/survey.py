"""What a kill would end, in which regions and at what hourly cost, before anyone agrees to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.aws.instances import count_alive
from benchtui.core.documents import RunDocument
from benchtui.core.errors import BenchtuiError
from benchtui.core.spending import hourly_usd
from benchtui.core.states import InstanceView
from benchtui.engine.kill_region import meant_in
from benchtui.engine.kill_scope import KillScope, KillSurvey, RegionSurvey
from benchtui.engine.killswitch import OpenBucket
from benchtui.engine.runs import load_run

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

#: Prices are in run.json. Whoever is about to kill does not wait longer than this for them.
PRICE_SECONDS = 5


async def survey(
    cloud: Cloud,
    bucket: OpenBucket | None,
    scope: KillScope,
    clock: Clock,
    known_regions: tuple[str, ...] = (),
    told: Callable[[KillSurvey], None] = lambda _: None,
) -> KillSurvey:
    """Look at what ``scope`` covers now; nothing is ended.

    Args:
        cloud: the account.
        bucket: opens the bucket with the runs' prices; it may fail, the hourly cost is unknown then.
        scope: which instances.
        clock: the time.
        known_regions: regions to look at even if the enabled ones cannot be listed.
        told: of each region as it answers.

    What could not be asked stands in the survey; nothing is raised.
    """
    look = _Look(cloud, scope, clock, told)
    async with asyncio.TaskGroup() as group:
        asked_account = group.create_task(_account(cloud))
        look.begin(group, known_regions)
        try:
            enabled, regions_error = await cloud.enabled_regions(), None
        except CloudError as error:
            enabled, regions_error = (), f"the enabled regions could not be listed: {error.failure.message}"
        look.begin(group, enabled)
        look.listing = False
    seen = replace(look.seen(), account=asked_account.result(), regions_error=regions_error)
    usd, unpriced = _burn(seen.instances, await _documents(bucket, seen.instances))
    return replace(seen, usd_per_hour=usd, unpriced=unpriced)


class _Look:
    """The regions asked so far, and what they answered."""

    def __init__(
        self, cloud: Cloud, scope: KillScope, clock: Clock, told: Callable[[KillSurvey], None]
    ) -> None:
        self.cloud, self.scope, self.clock, self.told = cloud, scope, clock, told
        self.listing = True
        self._answers: dict[str, RegionSurvey | None] = {}  # by region; None: not yet

    def begin(self, group: asyncio.TaskGroup, regions: tuple[str, ...]) -> None:
        """Ask those not asked yet."""
        for region in regions:
            if region not in self._answers:
                self._answers[region] = None
                group.create_task(self._ask(region))

    async def _ask(self, region: str) -> None:
        self._answers[region] = await _look(self.cloud, region, self.scope)
        self.told(self.seen())

    def seen(self) -> KillSurvey:
        """What is known by now, without prices."""
        answered = tuple(answer for _, answer in sorted(self._answers.items()) if answer is not None)
        return KillSurvey(
            self.scope,
            self.clock.now(),
            None,
            answered,
            unpriced=sum(len(region.instances) for region in answered),
            pending=len(self._answers) - len(answered),
            listing=self.listing,
        )


async def _account(cloud: Cloud) -> str | None:
    try:
        return (await cloud.identity()).account
    except CloudError:
        return None


async def _look(cloud: Cloud, region: str, scope: KillScope) -> RegionSurvey:
    try:
        views = await meant_in(cloud, region, scope)
        alive = tuple(view for view in views if not view.ending)
    except CloudError as error:
        return RegionSurvey(region, error=f"{error.failure.code}: {error.failure.message}")
    try:
        spared = max(0, await count_alive(cloud, region) - len(alive))
    except CloudError:
        return RegionSurvey(region, alive)
    return RegionSurvey(region, alive, spared)


async def _documents(bucket: OpenBucket | None, views: Sequence[InstanceView]) -> Mapping[str, RunDocument]:
    """run.json of the runs that instances belong to, as far as they come in time."""
    runs = {view.run for view in views if view.run}
    if bucket is None or not runs:
        return {}
    found: dict[str, RunDocument] = {}

    async def read(run: str) -> None:
        try:
            found[run] = await load_run(opened, run)
        except BenchtuiError:
            return

    try:
        async with asyncio.timeout(PRICE_SECONDS):
            opened = await bucket()
            async with asyncio.TaskGroup() as group:
                for run in runs:
                    group.create_task(read(run))
    except (TimeoutError, CloudError):
        pass
    return found


def _burn(views: Sequence[InstanceView], documents: Mapping[str, RunDocument]) -> tuple[Decimal | None, int]:
    """What the instances cost an hour, and how many of them have no known price."""
    rates = [hourly_usd(documents.get(view.run or ""), view) for view in views]
    known = [rate for rate in rates if rate is not None]
    return (sum(known, Decimal(0)) if known else None), len(rates) - len(known)
