"""One region of a kill: ask, list, sweep, until it is proven clear, it refuses, or time is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.failures import Failure
from benchtui.aws.instances import describe_ours, describe_run, lift_protection, terminate
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
        self._swept_at: datetime | None = None
        self._refusals = 0  # of listings, in a row

    async def clear(self) -> RegionProof:
        """Terminate and list until two sweeps are clean, the region refuses, or time is up.

        Nothing but a cancellation is raised: a defect met in one region leaves that region unproven and
        must not end the kill in the others.
        """
        until = self.clock.now() + self.limits.deadline
        while self.clock.now() < until and not self.proof.proven:
            try:
                wait = await self._step()
            except Exception as defect:
                self._unknown(f"{type(defect).__name__}: {clean_line(str(defect))}")
                wait = self.limits.poll
            if wait is None:
                break
            await self.clock.sleep(wait.total_seconds())
        if not self.proof.proven:
            ids = ", ".join(sorted(self.proof.alive)) or "nothing was listed twice"
            late = f"not proven clear within {self.limits.deadline}: {ids}"
            self._note(error=self.proof.error or late, given_up=True)
        return self.proof

    async def _step(self) -> timedelta | None:
        """One listing and what follows from it; how long to wait, or None to give up."""
        try:
            views = await meant_in(self.cloud, self.region, self.scope)
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
            await self._terminate(alive)
            return self.limits.poll
        return self._sweep()

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

    def _sweep(self) -> timedelta:
        """Count a clean sweep if the one before is long enough ago."""
        now = self.clock.now()
        if self._swept_at is None or now - self._swept_at >= self.limits.between_sweeps:
            self._swept_at = now
            self._note(sweeps=self.proof.sweeps + 1)
            self.emit(Event("sweep", now, {"region": self.region, "clean": self.proof.sweeps}))
            return timedelta(0) if self.proof.proven else self.limits.between_sweeps
        return self.limits.between_sweeps - (now - self._swept_at)

    async def _terminate(self, alive: tuple[InstanceView, ...]) -> None:
        now = self.clock.now()
        zones = {view.instance_id: view.zone for view in alive}
        due = [name for name in zones if now - self._asked_at.get(name, now - ASK_AGAIN) >= ASK_AGAIN]
        if not due:
            return
        answer = await terminate(self.cloud, self.region, due, zones=zones)
        # One that was refused for its protection is due again at once: the protection is lifted now.
        for name, failure in answer.failures.items():
            if failure.code == PROTECTED and await self._unprotect(name):
                continue
            if failure.code != PROTECTED:
                self._refused[name] = f"{name}: {_words(failure)}"
            self._asked_at[name] = now
        self._asked_at.update(dict.fromkeys(answer.accepted, now))
        for name in answer.accepted:
            self._refused.pop(name, None)
        self._note(asked=self.proof.asked | frozenset(answer.accepted), error=self._why_not_ended())
        told = {"region": self.region, "asked": sorted(answer.accepted), "alive": len(alive)}
        self.emit(Event("kill", self.clock.now(), told))

    async def _unprotect(self, instance_id: str) -> bool:
        """Lift termination protection of an instance that was just seen with the tags that are meant."""
        try:
            await lift_protection(self.cloud, self.region, instance_id)
        except CloudError as error:
            why = f"{instance_id} is protected against termination: {_words(error.failure)}"
            self._refused[instance_id] = why
            return False
        lifted = f"termination protection of {instance_id} lifted"
        self.emit(Event("note", self.clock.now(), {"text": lifted}))
        return True

    def _why_not_ended(self) -> str | None:
        """What EC2 objected to, of the first instance and of how many more."""
        reasons = list(self._refused.values())
        if not reasons:
            return None
        return reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "")

    def _note(self, **changes: object) -> None:
        changed = replace(self.proof, **changes)  # type: ignore[arg-type]
        if changed != self.proof:
            self.proof = changed
            self._changed()
