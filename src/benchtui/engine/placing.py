"""Finds one instance for a job: zone after zone, then, where the plan allows it, region after region.

A client token makes a repetition safe for one zone and one attempt only. So whatever is asked for under
another token is looked up by its tags first, in every region where it was asked for, whoever launched it:
this process, or one before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.instances import LaunchRequest, describe_run, find_by_token, run_instance
from benchtui.core.documents import JobDocument, RunDocument, Tried
from benchtui.core.errors import BenchtuiError
from benchtui.core.states import InstanceView
from benchtui.core.tokens import client_token
from benchtui.engine.launch_request import Placement, launch_request
from benchtui.engine.pacing import Pacing
from benchtui.engine.placements import Placements
from benchtui.engine.reservations import Hold

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.aws.session import Cloud
    from benchtui.engine.availability import Availability
    from benchtui.engine.clock import Clock
    from benchtui.engine.deadman import Deadman
    from benchtui.engine.reserving import Reserving
    from benchtui.engine.vcpu_room import VcpuRoom

#: How often an ambiguous answer is looked up before the same request, with the same token, is sent again.
SETTLE_TRIES = 4
#: Between two looks at what another launcher makes of a job that it has reserved.
OTHERS_SECONDS = 5
#: Longest wait between two tries of a job, and the shortest where others use up a quota.
LONGEST_WAIT_S, QUOTA_WAIT_S = 60.0, 15.0
#: So long one request is sent again while EC2 refuses it for the rate: its promised end was reckoned before.
RATE_PATIENCE = timedelta(seconds=60)
WORTH_ANOTHER_TRY = frozenset({FailureKind.CAPACITY, FailureKind.QUOTA, FailureKind.THROTTLED})
MOST_TRIED = 200


class Gone(Exception):
    """The job's instance was launched before and has ended: there is nothing to launch."""


class Stopped(Exception):
    """Nothing more is to be requested for the job; says why."""


@dataclass(frozen=True, slots=True)
class LaunchLimits:
    """Bounds of a launch."""

    concurrency: int  # per region
    tries: int
    boot_allowance: timedelta


class Placing:
    """One per launch.

    Args:
        cloud, bucket, run, clock, rng: of the launch.
        placements: the regions of the run.
        limits: how often it is tried.
        wanted: raises `Stopped` when a job is not to be requested any more.
        say, record: tell of it, and write a line of the ledger, each with a job and fields.
        room: under the quotas.
        availability: where there was none lately.
        deadman: layer 2; None: there is none.
        reserving: the budget; None: nothing is reserved.
    """

    def __init__(
        self,
        cloud: Cloud,
        bucket: Bucket,
        run: RunDocument,
        placements: Placements,
        limits: LaunchLimits,
        clock: Clock,
        rng: random.Random,
        *,
        wanted: Callable[[JobDocument], Awaitable[None]],
        say: Callable[..., None],
        record: Callable[..., None],
        room: VcpuRoom,
        availability: Availability,
        deadman: Deadman | None,
        reserving: Reserving | None,
    ) -> None:
        self.cloud, self.bucket, self.run, self.placements = cloud, bucket, run, placements
        self.limits, self.clock, self.rng = limits, clock, rng
        self.room, self.availability, self.deadman, self.reserving = room, availability, deadman, reserving
        self._check_wanted, self._say, self._record = wanted, say, record
        self.pacing = Pacing(clock)
        #: Jobs that may have an instance of an unanswered request, of this process or an earlier one.
        self.unsettled: set[str] = set()
        self._asked_in: dict[str, set[str]] = {}  # by job: regions in which this process has asked for it
        self._tried: dict[str, list[Tried]] = {}

    def tried(self, job: str) -> tuple[Tried, ...]:
        """Where the job could not be launched, in order."""
        return tuple(self._tried.get(job, ()))

    async def place(self, job: JobDocument) -> InstanceView:
        """An instance for the job: in the zone EC2 chooses, else in each that offers the type, those last
        that had none lately; then in each region the plan allows.

        Raises:
            BenchtuiError: the failure after the configured tries, or of the look-up before one.
            NotReserved: its worst case is not held.
            Gone: it ran already.
            Stopped: nothing more is to be launched.
        """
        refused: BenchtuiError | None = None
        tries = number = 0
        while tries < self.limits.tries:
            tries, number = tries + 1, number + 1
            for region in job.places:
                unusable = self.placements.failed.get(region)
                if unusable is not None:
                    self._note_tried(job, region, None, unusable)
                    refused = refused or unusable
                    continue
                try:
                    return await self._in_region(job, region, number)
                except CloudError as error:
                    if error.failure.kind not in WORTH_ANOTHER_TRY:
                        raise
                    refused = error
                if refused.failure.kind is not FailureKind.CAPACITY:
                    break  # a quota and a rate are waited for where they are
            if refused is not None and not isinstance(refused, CloudError):
                raise refused
            assert isinstance(refused, CloudError)
            if refused.failure.kind not in WORTH_ANOTHER_TRY:
                raise refused
            if await self._wait(job, refused, tries):
                tries -= 1  # as good as not tried yet
        assert refused is not None
        raise refused

    async def _wait(self, job: JobDocument, refused: CloudError, tries: int) -> bool:
        """Before the next try; whether it is a new beginning, for room has come free or will: an instance of
        the run has ended, or others of its jobs are being launched at the rate that EC2 allows.

        Raises:
            Stopped: nothing more is to be launched.
            CloudError: there is to be no next try.
        """
        quota = refused.failure.kind is FailureKind.QUOTA
        if quota and await self.room.full(job, self._check_wanted):
            return True
        throttled = refused.failure.kind is FailureKind.THROTTLED
        if throttled and self.pacing.moves(refused.failure.region or job.region):
            return True
        if tries >= self.limits.tries:
            return False
        try:
            await self._check_wanted(job)
        except Stopped:
            raise refused from None
        least = QUOTA_WAIT_S if quota else 1.0
        await self.clock.sleep(self.rng.uniform(least, max(least, min(3.0 * 2**tries, LONGEST_WAIT_S))))
        return False

    async def _in_region(self, job: JobDocument, region: str, number: int) -> InstanceView:
        """Zone after zone.

        Raises:
            CloudError: of the last zone.
            others: as `place`.
        """
        placement = self.placements.ready[region]
        refused: CloudError | None = None
        for zone in await self._zones(job, placement):
            try:
                return await self._once(job, region, number, zone)
            except CloudError as error:
                if error.failure.kind not in WORTH_ANOTHER_TRY:
                    raise
                refused = error
                await self._remember(job, placement, zone, error)
                self._say(
                    "retry",
                    job=job.job,
                    region=region,
                    zone=zone,
                    attempt=number,
                    reason=reason_of(error),
                )
                if error.failure.kind is not FailureKind.CAPACITY:
                    break  # a quota and a rate count in every zone alike
        assert refused is not None
        raise refused

    async def _zones(self, job: JobDocument, placement: Placement) -> tuple[str | None, ...]:
        """Zones to ask for, in order; None: EC2 is to choose, which it may where none is known to be dry."""
        if placement.subnet is not None:
            return (None,)
        zones, now = placement.zones.get(job.instance_type, ()), self.clock.now()
        dry = [
            zone for zone in zones if await self.availability.dry(job.instance_type, zone, job.market, now)
        ]
        if not dry or len(dry) == len(zones):
            return (None, *zones)
        return (*(zone for zone in zones if zone not in dry), *dry)

    async def _remember(
        self, job: JobDocument, placement: Placement, zone: str | None, error: CloudError
    ) -> None:
        self._note_tried(job, placement.region, zone or placement.subnet_zone, error)
        where = zone or placement.subnet_zone
        if error.failure.kind is FailureKind.CAPACITY and where is not None:
            code, now = error.failure.code, self.clock.now()
            await self.availability.refused(job.instance_type, where, job.market, code, now)

    def _note_tried(self, job: JobDocument, region: str, zone: str | None, error: BenchtuiError) -> None:
        failure = error.failure if isinstance(error, CloudError) else None
        code, reason = (failure.code, failure.message) if failure is not None else ("not usable", error.what)
        told = self._tried.setdefault(job.job, [])
        if len(told) < MOST_TRIED:
            told.append(Tried(region=region, zone=zone, code=code, reason=reason))

    async def _once(self, job: JobDocument, region: str, number: int, zone: str | None) -> InstanceView:
        """One request, after all that has to be true before it."""
        if self._asked_in.get(job.job) or job.job in self.unsettled:
            earlier = await self._earlier(job)
            if earlier is not None:
                return earlier
        others = await self._reserve(job)
        if others is not None:
            return others
        if self.deadman is not None:
            await self.deadman.cover(region)
        await self._turn(job, region)
        view = await self._request(job, region, number, zone)
        await self.availability.launched(job.instance_type, view.zone, job.market, self.clock.now())
        return view

    async def _reserve(self, job: JobDocument) -> InstanceView | None:
        """Hold the job's worst case; its instance, if another launcher has launched it meanwhile.

        Raises:
            CloudError: EC2 did not say what another launcher has launched.
            NotReserved: it is not held.
            Gone: it ran already.
            Stopped: nothing more is to be launched.
        """
        if self.reserving is None:
            return None
        while (held := await self.reserving.hold(job)) is not Hold.MINE:
            if held is Hold.ENDED:
                raise Gone
            self.unsettled.add(job.job)
            view = await self._earlier(job)
            if view is not None:
                return view
            if held is Hold.OTHERS:
                await self._check_wanted(job)
                await self.clock.sleep(OTHERS_SECONDS)
        return None

    async def _request(self, job: JobDocument, region: str, number: int, zone: str | None) -> InstanceView:
        """One request under one client token, repeated only after it was looked up."""
        token = client_token(self.run.run, job.job, number, region, zone, job.instance_type)
        ends_at = self.bucket.server_now(self.clock.now()) + self.limits.boot_allowance
        where = (self.bucket.name, self.cloud.bucket_region)
        # Once: the parameters of one token must not change.
        request = launch_request(self.run, job, self.placements.ready[region], where, token, zone, ends_at)
        self._asked_in.setdefault(job.job, set()).add(region)
        await asyncio.to_thread(
            self._record, "launching", job, attempt=number, region=region, zone=zone, token=token
        )
        self._say("launching", job=job.job, attempt=number, region=region, zone=zone)
        for _ in range(self.limits.tries):
            try:
                return await self._sent(job, request)
            except CloudError as error:
                ambiguous = error
                if error.failure.kind is FailureKind.GONE:
                    raise Gone from error
                mismatch = error.failure.code == "IdempotentParameterMismatch"
                if error.failure.kind is not FailureKind.UNKNOWN and not mismatch:
                    raise
                self.unsettled.add(job.job)
                self._say(
                    "note", job=job.job, text=f"no clear answer, looking it up: {error.failure.message}"
                )
            with contextlib.suppress(CloudError):
                view = await self._look_up(job, (region,), token)
                if view is not None:
                    return view
            # Not found: the same token makes a repetition safe even if the first request is still under way.
            await self._turn(job, region)
            if self.reserving is not None and await self.reserving.hold(job) is not Hold.MINE:
                raise Stopped("another launcher took the job over while EC2 did not answer")
        raise ambiguous

    async def _turn(self, job: JobDocument, region: str) -> None:
        """Raises Stopped: meanwhile it is not wanted any more."""
        await self.pacing.turn(region)
        await self._check_wanted(job)

    async def _sent(self, job: JobDocument, request: LaunchRequest) -> InstanceView:
        """Send a request whose turn has come; again, each in its turn, while EC2 refuses it for the rate.

        Raises:
            CloudError: of kind THROTTLED after `RATE_PATIENCE`, of any other at once.
            Stopped: it was refused, and is not wanted any more.
        """
        region, until = request.region, self.clock.now() + RATE_PATIENCE
        while True:
            try:
                view = await run_instance(self.cloud, request, retry_on=frozenset())
            except CloudError as error:
                if error.failure.kind is not FailureKind.THROTTLED:
                    self.pacing.taken(region)
                    raise
                self.pacing.refused(region)
                if self.clock.now() >= until:
                    raise
                await self._turn(job, region)
            else:
                self.pacing.taken(region)
                return view

    async def _earlier(self, job: JobDocument) -> InstanceView | None:
        """The job's instance under whatever token; to be asked for before another token is used.

        Raises:
            CloudError: EC2 did not say, in one of the regions it may be in; nothing may be launched then.
            Gone: it ran already.
        """
        unsettled = job.job in self.unsettled
        asked = self._asked_in.get(job.job, set())
        # Of what was asked for by others it is not known where.
        regions = (
            [region for region in job.places if region in asked] if asked and not unsettled else job.places
        )
        view = await self._look_up(job, regions, tries=SETTLE_TRIES if unsettled else 1)
        self.unsettled.discard(job.job)
        return view

    async def _look_up(
        self, job: JobDocument, regions: Iterable[str], token: str | None = None, tries: int = SETTLE_TRIES
    ) -> InstanceView | None:
        """The instance that a request for the job launched: by ``token``, then by tag, in any state.

        Raises:
            CloudError: the last try was not answered.
            Gone: it has ended.
        """
        unanswered: CloudError | None = None
        for attempt in range(tries):
            await self.clock.sleep(self.rng.uniform(0.5, 1.0) * 2**attempt)
            try:
                found: list[InstanceView] = []
                for region in regions:
                    found += await self._found(job, region, token)
            except CloudError as error:
                self._say("note", job=job.job, text=f"the look-up failed: {error.failure.message}")
                unanswered = error
                continue
            unanswered = None
            if found:
                if all(view.ending for view in found):
                    raise Gone
                return next(view for view in found if not view.ending)
        if unanswered is not None:
            raise unanswered
        return None

    async def _found(self, job: JobDocument, region: str, token: str | None) -> list[InstanceView]:
        """Raises CloudError where EC2 did not say."""
        found = await find_by_token(self.cloud, region, token) if token else ()
        if not found:
            views = await describe_run(self.cloud, region, self.run.run)
            found = tuple(view for view in views if view.job == job.job)
        return list(found)


def reason_of(error: BenchtuiError) -> str:
    """A census reason: kind first, so that a reader can sort by it."""
    if isinstance(error, CloudError):
        return f"{error.failure.kind.value}: {error.failure.code}: {error.failure.message}"
    return error.what
