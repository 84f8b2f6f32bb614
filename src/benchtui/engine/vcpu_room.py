"""Keeps a launch under the quotas of vCPUs: jobs wait, in their order, until instances have ended.

Where the run alone needs more than is free of a quota, room is reckoned before a job is asked for: the quota,
less what EC2 shows in use, less what was asked for and is not shown yet. Everywhere else EC2's own refusal
tells that there is none: then the job waits for an instance of the run to end. Others may use the same quota
at any time, so what is reckoned is a reason to wait and never one to decline: EC2 has the last word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.aws.instances import describe_run
from benchtui.aws.quotas import Market, VcpuQuota, in_use, vcpus_in_use
from benchtui.core import catalogue
from benchtui.core.catalogue import Missing, VcpuLimit
from benchtui.core.deadlines import LATEST
from benchtui.core.documents import JobDocument, RunDocument
from benchtui.core.states import VISIBILITY, InstanceView

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

#: Between two looks at what is in use, while a job waits.
LOOK_SECONDS = 10.0
#: So long a job waits for vCPUs that others use, before EC2 is asked all the same.
OTHERS_PATIENCE = timedelta(minutes=2)
LimitsByType = Mapping[tuple[str, str], VcpuLimit | Missing]  # by region and type
Wanted = Callable[[JobDocument], Awaitable[None]]  # raises when the job is not wanted any more
Say = Callable[..., None]


@dataclass(slots=True)
class _Asked:
    """A job that was let in: it has vCPUs, or is about to."""

    vcpus: int
    instance_id: str | None = None  # once it is known
    launched_at: datetime | None = None
    shown: bool = False  # EC2 has listed it


@dataclass(slots=True)
class _Pool:
    """The jobs of one region and quota."""

    region: str
    limit: VcpuLimit | None
    market: Market
    demand: int = 0  # vCPUs of all jobs of the run
    asked: dict[str, _Asked] = field(default_factory=dict)
    others: int | None = None  # vCPUs in use that are not of `asked`; None: not known
    looked_at: datetime | None = None
    ends_by: datetime | None = None  # when the instances that are known will have ended, whatever happens
    freed: int = 0  # vCPUs of instances that have ended, and that no job was let in for
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)
    told: set[int] = field(default_factory=set)  # waves that were said

    @property
    def scarce(self) -> bool:
        """Whether the run alone needs more than was free."""
        return self.limit is not None and self.demand > self.limit.free

    @property
    def own(self) -> int:
        """vCPUs of the run, asked for or running."""
        return sum(each.vcpus for each in self.asked.values())

    @property
    def lives(self) -> bool:
        """Whether the run has an instance that will end."""
        return any(each.instance_id is not None or each.shown for each in self.asked.values())


class VcpuRoom:
    """Room for the jobs of one run, in all its regions.

    Args:
        cloud, run, clock: of the launch.
        limits: the quotas, as far as they are known.
        say: told of waves and of waiting.
    """

    def __init__(self, cloud: Cloud, run: RunDocument, limits: LimitsByType, clock: Clock, say: Say) -> None:
        self.cloud, self.run, self.clock, self._say = cloud, run, clock, say
        self._life = (
            timedelta(seconds=run.max_runtime_s + run.emergency_grace_s + run.boot_allowance_s) + LATEST
        )
        self._pools: dict[tuple[str, str], _Pool] = {}
        self._limits = limits
        self._waves: dict[tuple[str, str], dict[int, list[JobDocument]]] = {}
        for job in run.jobs:
            pool = self._pool(job)
            pool.demand += job.vcpus
            self._waves.setdefault(self._key(job), {}).setdefault(job.wave, []).append(job)

    def _key(self, job: JobDocument) -> tuple[str, str]:
        limit = self._limits.get((job.region, job.instance_type))
        return job.region, limit.code if isinstance(limit, VcpuLimit) else ""

    def queue_of(self, job: JobDocument) -> tuple[str, str]:
        """What the job waits in: its region and quota."""
        return self._key(job)

    def _pool(self, job: JobDocument) -> _Pool:
        key = self._key(job)
        if key not in self._pools:
            limit = self._limits.get((job.region, job.instance_type))
            market = Market.SPOT if job.market == catalogue.Market.SPOT else Market.ON_DEMAND
            known = limit if isinstance(limit, VcpuLimit) else None
            self._pools[key] = _Pool(job.region, known, market)
        return self._pools[key]

    async def enter(self, job: JobDocument, wanted: Wanted) -> None:
        """Wait until there is room for ``job``, or no more sense in waiting; it counts from then on.

        Raises:
            whatever ``wanted`` raises.
        """
        pool = self._pool(job)
        if not pool.scarce:
            pool.asked[job.job] = _Asked(job.vcpus)
            return
        async with pool.queue:
            since, waited = self.clock.now(), False
            while True:
                room = await self._room(pool)
                if room is not None and room >= job.vcpus:
                    break
                if self._in_vain(pool, since):
                    break
                if not waited:
                    waited = True
                    self._tell_waiting(pool, job)
                await wanted(job)
                await self.clock.sleep(LOOK_SECONDS)
            pool.asked[job.job] = _Asked(job.vcpus)
            pool.freed = max(0, pool.freed - job.vcpus)
            self._tell_wave(pool, job)

    def _in_vain(self, pool: _Pool, since: datetime) -> bool:
        """Whether all that was waited for should have come: EC2 is asked then, and says what it says."""
        now = self.clock.now()
        if pool.own:
            return now > (pool.ends_by or since + self._life)
        return now - since > OTHERS_PATIENCE

    async def full(self, job: JobDocument, wanted: Wanted) -> bool:
        """EC2 refused ``job`` for a quota: wait until an instance of the run has ended.

        Returns:
            Whether one has. False where the run has none: others use the quota.

        Raises:
            whatever ``wanted`` raises.
        """
        pool = self._pool(job)
        pool.asked.pop(job.job, None)
        async with pool.queue:
            since, waited = self.clock.now(), False
            # Others of the run may still be asked for: they have an instance soon, or are refused as well.
            while pool.freed < job.vcpus and pool.asked and not self._in_vain(pool, since):
                if pool.lives and not waited:
                    waited = True
                    self._tell_waiting(pool, job)
                await wanted(job)
                await self.clock.sleep(LOOK_SECONDS)
                await self._look(pool)
            if pool.freed < job.vcpus:
                return False
            pool.freed -= job.vcpus
            pool.asked[job.job] = _Asked(job.vcpus)
            return True

    def launched(self, job: JobDocument, view: InstanceView) -> None:
        """It has its instance."""
        pool = self._pool(job)
        if view.region != pool.region:  # it fell back to another region, whose quota it uses
            pool.asked.pop(job.job, None)
            return
        pool.asked[job.job] = _Asked(job.vcpus, view.instance_id, self.clock.now())
        ends_by = (view.expires_at or self.clock.now() + self._life) + LATEST
        pool.ends_by = max(ends_by, pool.ends_by or ends_by)

    def leave(self, job: JobDocument) -> None:
        """It has none and will have none."""
        self._pool(job).asked.pop(job.job, None)

    async def _room(self, pool: _Pool) -> int | None:
        """vCPUs that are free; None: not known."""
        now = self.clock.now()
        if pool.looked_at is None or abs(now - pool.looked_at) >= timedelta(seconds=LOOK_SECONDS):
            await self._look(pool)
        if pool.limit is None or pool.others is None:
            return None
        return pool.limit.vcpus - pool.others - pool.own

    async def _look(self, pool: _Pool) -> None:
        """What is in use now. Without an answer nothing has come free."""
        try:
            views = await describe_run(self.cloud, pool.region, self.run.run)
            used = None if pool.limit is None else await self._used(pool, pool.limit)
        except CloudError:
            return
        now = pool.looked_at = self.clock.now()
        listed = {view.instance_id: view for view in views}
        # An instance that another launcher of this run has launched is its job's all the same.
        by_job = {view.job: view for view in views if not view.ending}
        counted = 0
        for name, asked in list(pool.asked.items()):
            view = listed.get(asked.instance_id or "") or by_job.get(name)
            if view is not None and not view.ending:
                asked.shown, counted = True, counted + asked.vcpus
            elif view is not None or asked.shown or self._unseen(asked, now):
                del pool.asked[name]
                pool.freed += asked.vcpus
        if used is not None:
            pool.others = max(0, used - counted)

    def _unseen(self, asked: _Asked, now: datetime) -> bool:
        """Whether EC2 would list it by now, if it was there."""
        return asked.launched_at is not None and now - asked.launched_at > VISIBILITY

    async def _used(self, pool: _Pool, limit: VcpuLimit) -> int:
        """Raises CloudError where EC2 does not say."""
        quota = VcpuQuota(pool.region, pool.market, limit.code, limit.name, Decimal(limit.vcpus))
        return in_use(quota, await vcpus_in_use(self.cloud, pool.region))

    def _tell_wave(self, pool: _Pool, job: JobDocument) -> None:
        waves = self._waves.get(self._key(job), {})
        if len(waves) < 2 or job.wave in pool.told:
            return
        pool.told.add(job.wave)
        jobs = waves[job.wave]
        self._say(
            "wave",
            region=pool.region,
            wave=job.wave,
            of=len(waves),
            jobs=len(jobs),
            vcpus=sum(each.vcpus for each in jobs),
        )

    def _tell_waiting(self, pool: _Pool, job: JobDocument) -> None:
        quota = None if pool.limit is None else pool.limit.vcpus
        used = None if pool.others is None else pool.others + pool.own
        self._say("waiting", job=job.job, region=pool.region, vcpus=job.vcpus, in_use=used, quota=quota)
