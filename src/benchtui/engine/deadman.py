"""Layer 2 of a run: schedules in the account that end its instances, whatever becomes of this machine.

The run's own schedule is there before anything is launched and ends by tag, so it reaches an instance whose
id nobody ever heard. Each instance gets one more by its id, which asks less of the account. A schedule that
cannot be made stops no launch by itself: `required` does, where the configuration says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.aws.instances import describe_run
from benchtui.aws.schedules import (
    ScheduleRole,
    check_runbook,
    ending_by_id,
    ending_by_tag,
    list_schedules,
    put_schedule,
)
from benchtui.core.deadlines import MINUTE, instance_deadline, run_deadline
from benchtui.core.documents import RunDocument
from benchtui.core.errors import AccessError
from benchtui.core.states import InstanceView
from benchtui.engine.events import Emit, Event

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud, Identity

SCHEDULE = "schedule"  # the layer's name in [safety] require_layers
ARMED = "armed"
#: A schedule is never set nearer than this: one whose time has come while it is made might never fire.
SOONEST = 2 * MINUTE
#: The launch of the next instance waits for this one's schedule, but not for ever.
GUARD_SECONDS = 30
#: So long a region has to arm its schedule: one that does not answer must not hold up the others.
ARM_SECONDS = 300


class NotArmedError(AccessError):
    """A layer that has to be armed before a launch is not."""


@dataclass(frozen=True, slots=True)
class Arming:
    """Whether a run's schedule is there in one region."""

    region: str
    at: datetime | None = None  # UTC: when it ends what is left; None: it is not there
    why: str | None = None  # why it is not
    fix: str | None = None

    @property
    def said(self) -> str:
        """As run.json keeps it: ``armed``, or ``not armed: AccessDenied: …``."""
        return ARMED if self.at is not None else f"not armed: {self.why}"


def required(armings: Iterable[Arming], layers: Collection[str]) -> None:
    """Refuse to go on where a layer that has to be armed is so in no region.

    Args:
        armings: of every region of the run.
        layers: ``[safety] require_layers``.

    Raises:
        NotArmedError: nothing may be launched anywhere.
    """
    all_of_them = tuple(armings)
    refused = unarmed(all_of_them, layers)
    if refused and len(refused) == len(all_of_them):
        raise next(iter(refused.values()))


def unarmed(armings: Iterable[Arming], layers: Collection[str]) -> dict[str, NotArmedError]:
    """Regions in which nothing may be launched, each with why.

    Args:
        armings: of every region of the run.
        layers: ``[safety] require_layers``.
    """
    without = "launch without it: [safety] require_layers = []"
    return {
        arming.region: NotArmedError(
            f"nothing is launched: the schedule that would end instances in {arming.region} is not "
            f"armed ({arming.why})",
            fix=f"{arming.fix}; or {without}" if arming.fix else without,
        )
        for arming in armings
        if arming.at is None and SCHEDULE in layers
    }


class Deadman:
    """The schedules of one run, kept at least as late as its instances need.

    Args:
        cloud: the account.
        run: as it is launched; its regions each get a schedule.
        role: name or ARN of the role that Scheduler takes on; empty: no schedules are wanted.
        identity: whose account it is.
        now: the time on S3's clock, by which ``benchtui:expires`` is told: a machine's may be wrong, and a
            schedule as much too late would come after what the budget pays for.
        emit: told of what is armed and what is not.
    """

    def __init__(
        self,
        cloud: Cloud,
        run: RunDocument,
        role: str,
        identity: Callable[[], Awaitable[Identity]],
        now: Callable[[], datetime],
        emit: Emit,
    ) -> None:
        self.cloud, self.run, self.role, self.now, self.emit = cloud, run, role, now, emit
        self._identity = identity
        self.life = timedelta(seconds=run.max_runtime_s + run.emergency_grace_s + run.boot_allowance_s)
        self._armings = {region: Arming(region, why="not tried yet") for region in run.regions}
        self._newest: dict[str, datetime] = {}  # by region: the latest end of an instance that was asked for
        self._moving = asyncio.Lock()
        self._unguarded: set[str] = set()  # regions in which a schedule by id could not be made at first
        self._said: set[str] = set()

    @property
    def armings(self) -> tuple[Arming, ...]:
        """What is armed, region by region, as last heard."""
        return tuple(self._armings.values())

    async def arm(self) -> tuple[Arming, ...]:
        """Make the run's schedule in every region, or find it there; failures are in the answer."""
        async with asyncio.TaskGroup() as group:
            for region in self._armings:
                group.create_task(self._arm(region))
        return self.armings

    async def _arm(self, region: str) -> None:
        expires_at = self.now() + self.life
        try:
            async with asyncio.timeout(ARM_SECONDS):
                role = await self._role()
                if role is None:
                    why = "[aws] scheduler_role names no role"
                    self._armings[region] = Arming(
                        region, why=why, fix="name the one that benchtui setup makes"
                    )
                else:
                    await check_runbook(self.cloud, region)
                    # One of an earlier launcher stays where it is: what that has launched may have no other.
                    at = await self._put(region, role, expires_at, keep_from=self.now() + SOONEST)
                    self._armings[region] = Arming(region, at)
        except TimeoutError:
            why = f"Scheduler did not answer within {ARM_SECONDS} s"
            self._armings[region] = Arming(region, why=why, fix="check the network, then run again")
        except CloudError as error:
            failure = error.failure
            why = f"{failure.operation}: {failure.code}: {failure.message}"
            fix = "make the role: benchtui setup; docs/PERMISSIONS.md has the rights of whoever launches"
            self._armings[region] = Arming(region, why=why, fix=error.fix or fix)
        self._tell(self._armings[region])

    async def cover(self, region: str) -> None:
        """Before an instance is asked for: see that the run's schedule does not come before its end.

        It is moved only when every living instance has a schedule of its own: it may be the only one that
        ends an older one on time, whose launcher never heard of it. Where it cannot be moved it stays, and
        ends the new instance earlier; that is told.
        """
        expires_at = self.now() + self.life
        self._newest[region] = max(expires_at, self._newest.get(region, expires_at))
        async with self._moving:
            at = self._armings[region].at
            if at is not None and at < instance_deadline(expires_at):
                await self._put_again(region, expires_at)

    async def settle(self) -> None:
        """After the last launch: a schedule that someone took for left over meanwhile is made again."""
        async with self._moving:
            for region, expires_at in self._newest.items():
                if self._armings[region].at is not None:
                    await self._put_again(region, expires_at)
                if region in self._unguarded:
                    with contextlib.suppress(CloudError):
                        await self._guard_each(region)

    async def _put_again(self, region: str, expires_at: datetime) -> None:
        role = await self._role()
        assert role is not None
        try:
            at = await self._put(region, role, expires_at, keep_from=instance_deadline(expires_at))
        except CloudError as error:
            self._note(f"the schedule of {region} could not be moved: {error.failure.message}")
        else:
            self._armings[region] = Arming(region, at)

    async def _put(
        self, region: str, role: ScheduleRole, expires_at: datetime, keep_from: datetime
    ) -> datetime:
        """Make the run's schedule for an instance that expires then, or find one that comes late enough.

        Raises:
            CloudError: it is not there, or stays too early: it may be all that ends an older instance.
        """
        wanted = ending_by_tag(self.run.run, self._not_past(run_deadline(expires_at)), role)
        return await put_schedule(
            self.cloud,
            region,
            wanted,
            keep_from=keep_from,
            before_later=partial(self._guard_each, region),
        )

    async def _guard_each(self, region: str) -> None:
        """Every living instance of the run gets a schedule of its own, whoever launched it.

        Raises:
            CloudError: one has none, or it was not said what lives.
        """
        alive = [view for view in await describe_run(self.cloud, region, self.run.run) if not view.ending]
        if not alive:
            return
        there = {each.name.instance_id for each in await list_schedules(self.cloud, region, self.run.run)}
        for view in alive:
            if view.instance_id not in there:
                await self._end_by_id(view)

    async def _end_by_id(self, view: InstanceView) -> None:
        """Raises CloudError where it is not known to be there."""
        role = await self._role()
        assert role is not None
        at = self._not_past(instance_deadline(view.expires_at or self.now() + self.life))
        await put_schedule(self.cloud, view.region, ending_by_id(self.run.run, view.instance_id, at, role))

    async def guard(self, view: InstanceView) -> str:
        """One schedule for an instance that was launched: ``armed``, or why not.

        The run's own schedule ends it all the same; one that is not made is told and stops nothing.
        """
        try:
            async with asyncio.timeout(GUARD_SECONDS):
                if not self.role:
                    return "not armed: [aws] scheduler_role names no role"
                await self._end_by_id(view)
        except CloudError as error:
            why = f"{error.failure.operation}: {error.failure.code}: {error.failure.message}"
        except TimeoutError:
            why = f"Scheduler did not answer within {GUARD_SECONDS} s"
        else:
            return ARMED
        self._unguarded.add(view.region)
        self._note(f"{view.region}: no schedule by id: {why}")
        return f"not armed: {why}"

    async def _role(self) -> ScheduleRole | None:
        """Raises CloudError when the account is not known."""
        return ScheduleRole.of(self.role, await self._identity()) if self.role else None

    def _not_past(self, at: datetime) -> datetime:
        return max(at, instance_deadline(self.now() + SOONEST - MINUTE))

    def _tell(self, arming: Arming) -> None:
        at = None if arming.at is None else f"{arming.at:%Y-%m-%dT%H:%M:%SZ}"
        fields = {"run": self.run.run, "region": arming.region, "armed": arming.at is not None, "at": at}
        self.emit(Event("schedule", self.now(), {**fields, "why": arming.why}))

    def _note(self, text: str) -> None:
        """Once: the same permission is missing for every instance."""
        if text not in self._said:
            self._said.add(text)
            self.emit(Event("note", self.now(), {"run": self.run.run, "text": text}))
