"""One region of a kill: ask, list, sweep, until it is proven clear, it refuses, or time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.failures import Failure
from benchtui.aws.instances import (
    TerminateAnswer,
    describe_ids,
    describe_ours,
    describe_run,
    lift_protection,
    terminate,
)
from benchtui.aws.leftovers import cancel_spot_requests, open_spot_requests
from benchtui.aws.termination import PROTECTED
from benchtui.core.states import Ec2State, InstanceView
from benchtui.core.text import clean_line
from benchtui.engine.events import Emit, Event
from benchtui.engine.kill_scope import KillScope, RegionProof

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

ASK_AGAIN = timedelta(seconds=10)
REFUSALS_UNTIL_UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class KillLimits:
    """Times of a kill."""

    between_sweeps: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=2)
    deadline: timedelta = timedelta(minutes=10)


async def meant_in(cloud: Cloud, region: str, scope: KillScope) -> tuple[InstanceView, ...]:
    """Instances of ``scope`` in ``region``, in every state EC2 still shows, their tags checked just now.

    Raises:
        CloudError: EC2 could not be asked: nothing is known then.
    """
    listed = describe_ours(cloud, region) if scope.run is None else describe_run(cloud, region, scope.run)
    return tuple(view for view in await listed if scope.covers(view))


def _words(failure: Failure) -> str:
    return f"{failure.code}: {failure.message}"


class RegionKill:
    """The kill of one scope in one region.

    Args:
        cloud, region, scope, clock, emit, limits: as `killswitch.kill` has them.
        changed: called after each change of ``proof``.
        found: told of instances that are meant, before anything else is done about them.
    """

    def __init__(
        self,
        cloud: Cloud,
        region: str,
        scope: KillScope,
        clock: Clock,
        emit: Emit,
        limits: KillLimits,
        *,
        changed: Callable[[], None],
        found: Callable[[tuple[InstanceView, ...]], None],
    ) -> None:
        self.cloud, self.region, self.scope = cloud, region, scope
        self.clock, self.emit, self.limits = clock, emit, limits
        self._changed, self._found = changed, found
        self.proof = RegionProof(region)
        self._asked_at: dict[str, datetime] = {}
        self._refused: dict[str, str] = {}  # by instance: why it was not ended when last asked
        self._said: set[str] = set()
        self._lifted: set[str] = set()  # instances whose protection was lifted
        self._seen: set[str] = set()  # instances that were listed alive, ever
        self._lost: str | None = None  # what became of one that is not listed any more
        self._swept_at: datetime | None = None
        self._refusals = 0  # of listings, in a row
        self._vanished_looks = 0  # of looking for those that are not listed any more, in a row

    async def clear(self) -> RegionProof:
        """Terminate and list until two sweeps are clean, the region refuses, or time is up.

        Nothing but a cancellation is raised: a defect met in one region leaves that region unproven and
        must not end the kill in the others.
        """
        until = self.clock.now() + self.limits.deadline
        while (left := (until - self.clock.now()).total_seconds()) > 0 and not self.proof.proven:
            try:
                async with asyncio.timeout(left):
                    wait = await self._step()
            except TimeoutError:
                late = f"no answer within {self.limits.deadline}"
                known = self._why_not_ended()
                self._unknown(f"{known}; {late}" if known else late)
                break
            except Exception as defect:
                self._unknown(f"{type(defect).__name__}: {clean_line(str(defect))}")
                wait = self.limits.poll
            if wait is None:
                break
            await self.clock.sleep(wait.total_seconds())
        if not self.proof.proven:
            unsure = self.proof.alive | self.proof.vanished | self.proof.spot_requests
            ids = ", ".join(sorted(unsure)) or "nothing was listed twice"
            late = f"not proven clear within {self.limits.deadline}: {ids}"
            self._note(error=self.proof.error or late, given_up=True)
        return self.proof

    async def confirm(self) -> bool:
        """List a region that was proven some time ago once more; whether it is as it was.

        A region that shows something alive, or does not answer, is to be cleared again.
        """
        try:
            await self._step(confirming=True)
        except Exception as defect:
            self._unknown(f"{type(defect).__name__}: {clean_line(str(defect))}")
        return self.proof.proven

    async def _step(self, *, confirming: bool = False) -> timedelta | None:
        """One listing and what follows from it; how long to wait, or None to give up."""
        asked_at = self.clock.now()
        try:
            views = await self._listed()
        except CloudError as error:
            self._unknown(_words(error.failure))
            self._refusals += error.failure.kind is FailureKind.DENIED
            return None if self._refusals >= REFUSALS_UNTIL_UNKNOWN else self.limits.poll
        self._refusals = 0
        alive = tuple(view for view in views if not view.ending)
        self._see(views, alive)
        if alive:
            self._swept_at = None
            self._found(alive)
            if await self._terminate(alive):
                await self._cancel_spot_requests()
            return self.limits.poll
        if not await self._cancel_spot_requests():
            return self.limits.poll
        if self.proof.vanished or self.proof.spot_requests:
            self._swept_at = None
            return self.limits.poll * (1 << min(self._vanished_looks, 4))
        return self._sweep(asked_at, confirming=confirming)

    async def _listed(self) -> tuple[InstanceView, ...]:
        """What is meant, and what was meant when last seen and is not listed any more.

        An instance that was alive and is not shown is not gone: EC2 may not show it just now, or someone
        has taken its tags away. It is asked for by its id.

        Raises:
            CloudError: EC2 could not be asked.
        """
        views = await meant_in(self.cloud, self.region, self.scope)
        self._seen.update(view.instance_id for view in views if not view.ending)
        missing = self._seen - self.proof.gone - {view.instance_id for view in views}
        found = await describe_ids(self.cloud, self.region, missing) if missing else ()
        # Ended here only what carries the tags now; without them it is not known to be ours any more.
        ending = tuple(view for view in found if view.ending)
        vanished = missing - {view.instance_id for view in ending}
        self._vanished_looks = self._vanished_looks + 1 if vanished else 0
        shown = vanished & {view.instance_id for view in found}
        why = "is alive without its tags" if shown else "was alive and is not shown any more"
        self._lost = f"{min(shown or vanished)} {why}" if vanished else None
        self._note(vanished=vanished)
        return views + ending

    def _unknown(self, why: str) -> None:
        """The region could not be listed: what was swept before proves nothing of now."""
        self._swept_at = None
        self._note(error=why, sweeps=0)

    def _see(self, views: tuple[InstanceView, ...], alive: tuple[InstanceView, ...]) -> None:
        living = frozenset(view.instance_id for view in alive)
        ending = {view.instance_id: view.state for view in views if view.ending}
        self._refused = {name: why for name, why in self._refused.items() if name in living}
        self._note(
            alive=living,
            gone=self.proof.gone | frozenset(ending),
            shutting_down=frozenset(n for n, state in ending.items() if state is Ec2State.SHUTTING_DOWN),
            error=self._why_not_ended(),
            sweeps=0 if alive else self.proof.sweeps,
        )

    def _sweep(self, asked_at: datetime, *, confirming: bool) -> timedelta:
        """Count a clean sweep if the one before is long enough ago."""
        if confirming:
            self._note(clean_at=asked_at)
            return timedelta(0)
        since = None if self._swept_at is None else asked_at - self._swept_at
        if since is not None and since < timedelta(0):  # the clock was set back: nothing is known of the time
            self._swept_at, since = asked_at, timedelta(0)
        if since is not None and since < self.limits.between_sweeps:
            return self.limits.between_sweeps - since
        self._swept_at = asked_at
        self._note(sweeps=self.proof.sweeps + 1, clean_at=asked_at)
        self.emit(Event("sweep", self.clock.now(), {"region": self.region, "clean": self.proof.sweeps}))
        return timedelta(0) if self.proof.proven else self.limits.between_sweeps

    async def _terminate(self, alive: tuple[InstanceView, ...]) -> bool:
        """Ask for the end of those not asked for lately; whether any was."""
        now = self.clock.now()
        long_ago = now - ASK_AGAIN
        due = [
            view for view in alive if abs(now - self._asked_at.get(view.instance_id, long_ago)) >= ASK_AGAIN
        ]
        if not due:
            return False
        # An emergency: what should have ended by itself, or was asked before and lives. Its system may hang.
        forced = {v.instance_id for v in due if v.expired(now) or v.instance_id in self.proof.asked}
        polite = [view for view in due if view.instance_id not in forced]
        hard = [view for view in due if view.instance_id in forced]
        await asyncio.gather(self._ask(polite, now), self._ask(hard, now, skip_os_shutdown=True))
        asked = sorted(view.instance_id for view in due if view.instance_id in self.proof.asked)
        told = {"region": self.region, "asked": asked, "alive": len(alive)}
        self.emit(Event("kill", self.clock.now(), told))
        return True

    async def _ask(
        self, views: Iterable[InstanceView], now: datetime, *, skip_os_shutdown: bool = False
    ) -> None:
        zones = {view.instance_id: view.zone for view in views}
        if not zones:
            return
        answer = await terminate(self.cloud, self.region, zones, skip_os_shutdown, zones=zones)
        if skip_os_shutdown:
            answer = await self._politely_then(answer, zones)
        for name, failure in answer.failures.items():
            if failure.code == PROTECTED and await self._unprotect(name, failure):
                continue  # due again at once
            if failure.code != PROTECTED:
                self._refuse(name, f"{name}: {_words(failure)}")
            self._asked_at[name] = now
        self._asked_at.update(dict.fromkeys(answer.accepted, now))
        for name in answer.accepted:
            self._refused.pop(name, None)
        self._note(asked=self.proof.asked | frozenset(answer.accepted), error=self._why_not_ended())

    async def _politely_then(self, answer: TerminateAnswer, zones: dict[str, str]) -> TerminateAnswer:
        """Ask as usual for what may not be switched off: an end that takes longer is an end."""
        spared = [
            name
            for name, failure in answer.failures.items()
            if failure.kind in (FailureKind.DENIED, FailureKind.INVALID) and failure.code != PROTECTED
        ]
        if not spared:
            return answer
        second = await terminate(self.cloud, self.region, spared, zones=zones)
        failures = {name: why for name, why in answer.failures.items() if name not in second.accepted}
        return TerminateAnswer(answer.accepted + second.accepted, failures)

    async def _cancel_spot_requests(self) -> bool:
        """Cancel own spot requests, of which an open one launches an instance after every sweep.

        Returns:
            Whether EC2 could be asked; also if that is not allowed, which is told and proves nothing of them.
        """
        if self.proof.spot_error is not None:
            return True
        try:
            listed = await open_spot_requests(self.cloud, self.region, self.scope.run)
            meant = tuple(each.id for each in listed if self.scope.covers(each))
            # Those that are cancelled have to be seen so: they are asked for again.
            self._note(spot_requests=frozenset(meant))
            if meant:
                await cancel_spot_requests(self.cloud, self.region, meant)
                text = f"{self.region}: spot requests cancelled: {', '.join(meant)}"
                self.emit(Event("note", self.clock.now(), {"text": text}))
        except CloudError as error:
            if error.failure.kind is FailureKind.DENIED and not self.proof.spot_requests:
                self._note(spot_error=_words(error.failure))
                return True
            why = f"spot requests: {_words(error.failure)}"
            self._say_once(f"{self.region}: {why}")
            self._unknown(why)
            return False
        return True

    async def _unprotect(self, instance_id: str, refusal: Failure) -> bool:
        """Lift termination protection of an instance that was just seen with the tags that are meant.

        Returns:
            Whether it may be asked again at once. Not where it was lifted before: then something else
            protects it, or somebody sets it again.
        """
        try:
            await lift_protection(self.cloud, self.region, instance_id)
        except CloudError as error:
            why = f"{instance_id} is protected against termination: {_words(error.failure)}"
            self._refuse(instance_id, why)
            return False
        if instance_id in self._lifted:
            self._refuse(instance_id, f"{instance_id}: {_words(refusal)}")
            return False
        self._lifted.add(instance_id)
        lifted = f"termination protection of {instance_id} lifted"
        self.emit(Event("note", self.clock.now(), {"text": lifted}))
        return True

    def _refuse(self, instance_id: str, why: str) -> None:
        """Remember why EC2 did not end an instance; told at once, for the asking goes on for minutes."""
        self._say_once(f"{self.region}: {why}")
        self._refused[instance_id] = why

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.emit(Event("note", self.clock.now(), {"text": text}))

    def _why_not_ended(self) -> str | None:
        """What EC2 objected to, of the first instance and of how many more."""
        reasons: list[str] = [*self._refused.values(), *((self._lost,) if self._lost else ())]
        if not reasons:
            return None
        return reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")

    def _note(self, **changes: object) -> None:
        changed = replace(self.proof, **changes)  # type: ignore[arg-type]
        if changed != self.proof:
            self.proof = changed
            self._changed()
