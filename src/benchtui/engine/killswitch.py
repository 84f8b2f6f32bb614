"""Ends every instance of a run and proves it.

Works with tags alone: no bucket, no local state. A region counts as clear only after two sweeps, at
least 15 s apart, in which it was listed without an error and showed nothing alive. A region that
cannot be listed is unknown, and unknown is not clear.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.instances import describe_run, lift_protection, terminate
from benchtui.core import keys
from benchtui.core.errors import ExitCode
from benchtui.core.states import InstanceView
from benchtui.engine.events import Emit, Event

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

SWEEPS_NEEDED = 2
ASK_AGAIN = timedelta(seconds=10)
REFUSALS_UNTIL_UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class KillLimits:
    """Times of a kill."""

    between_sweeps: timedelta = timedelta(seconds=15)
    poll: timedelta = timedelta(seconds=2)
    deadline: timedelta = timedelta(minutes=10)


DEFAULT_LIMITS = KillLimits()


@dataclass(frozen=True, slots=True)
class RegionProof:
    """What is proven of one region."""

    region: str
    asked: frozenset[str] = frozenset()  # instances TerminateInstances was called for
    gone: frozenset[str] = frozenset()  # seen shutting-down or terminated
    alive: frozenset[str] = frozenset()  # as last listed
    sweeps: int = 0  # consecutive clean ones
    error: str | None = None  # why it could not be listed or ended, if it could not

    @property
    def proven(self) -> bool:
        """Whether nothing of the run lives here, beyond doubt."""
        return self.sweeps >= SWEEPS_NEEDED and not self.alive


@dataclass(frozen=True, slots=True)
class KillReport:
    """Outcome of a kill."""

    run: str
    regions: tuple[RegionProof, ...]
    regions_error: str | None = None  # why the list of enabled regions is not known
    notes: tuple[str, ...] = ()

    @property
    def proven(self) -> bool:
        """Whether every enabled region is proven clear."""
        return self.regions_error is None and all(proof.proven for proof in self.regions)

    @property
    def exit_code(self) -> ExitCode:
        """0 only with proof."""
        return ExitCode.OK if self.proven else ExitCode.MAY_STILL_RUN


async def kill(
    cloud: Cloud,
    bucket: Bucket | None,
    run: str,
    clock: Clock,
    emit: Emit,
    *,
    known_regions: tuple[str, ...] = (),
    limits: KillLimits = DEFAULT_LIMITS,
) -> KillReport:
    """End every instance tagged ``benchtui:run=<run>`` in every enabled region.

    Args:
        cloud: the account.
        bucket: where ``control/kill`` is written so that launchers and agents stop; may be None or gone.
        run: the run's id.
        clock: the time.
        emit: told of each step.
        known_regions: regions to clear in any case, even if the enabled ones cannot be listed.
        limits: times.
    """
    keys.check_run(run)
    tasks: dict[str, asyncio.Task[RegionProof]] = {}
    async with asyncio.TaskGroup() as group:
        # Neither the mark that tells launchers to stop nor the list of regions may delay ending what
        # already runs: both are under way while the known regions are being cleared.
        mark = group.create_task(_write_mark(bucket, run, clock))
        for region in known_regions:
            tasks[region] = group.create_task(_RegionKill(cloud, run, region, clock, emit, limits).clear())
        enabled, regions_error = await _enabled_regions(cloud)
        for region in enabled:
            if region not in tasks:
                tasks[region] = group.create_task(
                    _RegionKill(cloud, run, region, clock, emit, limits).clear()
                )
    notes = tuple(filter(None, (mark.result(),)))
    for note in notes:
        emit(Event("note", clock.now(), {"text": note}))
    return KillReport(run, tuple(task.result() for task in tasks.values()), regions_error, notes)


async def _write_mark(bucket: Bucket | None, run: str, clock: Clock) -> str | None:
    """Write ``control/kill``; returns what to tell if that was not possible."""
    if bucket is None:
        return "control/kill was not written: no bucket is known"
    body = f'{{"schema":"benchtui.kill/1","at":"{clock.now():%Y-%m-%dT%H:%M:%SZ}"}}'.encode()
    try:
        await bucket.put_once(keys.kill_key(run), body, "application/json")
    except CloudError as error:
        return f"control/kill was not written: {error.failure.message}"
    return None


async def _enabled_regions(cloud: Cloud) -> tuple[tuple[str, ...], str | None]:
    """Every enabled region, or the reason why they are not known."""
    try:
        return await cloud.enabled_regions(), None
    except CloudError as error:
        return (), f"the enabled regions could not be listed: {error.failure.message}"


class _RegionKill:
    """The kill of one run in one region."""

    def __init__(
        self, cloud: Cloud, run: str, region: str, clock: Clock, emit: Emit, limits: KillLimits
    ) -> None:
        self.cloud, self.run, self.clock, self.emit, self.limits = cloud, run, clock, emit, limits
        self.proof = RegionProof(region)
        self.asked_at: dict[str, datetime] = {}
        self.swept_at: datetime | None = None
        self.refusals = 0

    async def clear(self) -> RegionProof:
        """Terminate and list until two sweeps are clean, the region refuses, or time is up."""
        until = self.clock.now() + self.limits.deadline
        while self.clock.now() < until and not self.proof.proven:
            wait = await self._step()
            if wait is None:
                break
            await self.clock.sleep(wait.total_seconds())
        if not self.proof.proven and self.proof.error is None:
            ids = ", ".join(sorted(self.proof.alive)) or "nothing was listed twice"
            self._note(error=f"not proven clear within {self.limits.deadline}: {ids}")
        return self.proof

    async def _step(self) -> timedelta | None:
        """One listing and what follows from it; how long to wait, or None to give up."""
        try:
            views = await describe_run(self.cloud, self.proof.region, self.run)
        except CloudError as error:
            self._note(error=error.failure.message, sweeps=0)
            self.swept_at = None
            self.refusals += error.failure.kind is FailureKind.DENIED
            return None if self.refusals >= REFUSALS_UNTIL_UNKNOWN else self.limits.poll
        self.refusals = 0
        alive = tuple(view for view in views if not view.ending)
        gone = frozenset(view.instance_id for view in views if view.ending)
        self._note(
            alive=frozenset(view.instance_id for view in alive), gone=self.proof.gone | gone, error=None
        )
        if alive:
            self.swept_at = None
            self._note(sweeps=0)
            await self._terminate(alive)
            return self.limits.poll
        return self._sweep()

    def _sweep(self) -> timedelta:
        """Count a clean sweep if the one before is long enough ago."""
        now = self.clock.now()
        if self.swept_at is None or now - self.swept_at >= self.limits.between_sweeps:
            self.swept_at = now
            self._note(sweeps=self.proof.sweeps + 1)
            self.emit(Event("sweep", now, {"region": self.proof.region, "clean": self.proof.sweeps}))
            return timedelta(0) if self.proof.proven else self.limits.between_sweeps
        return self.limits.between_sweeps - (now - self.swept_at)

    async def _terminate(self, alive: tuple[InstanceView, ...]) -> None:
        now = self.clock.now()
        due = [
            view.instance_id
            for view in alive
            if now - self.asked_at.get(view.instance_id, now - ASK_AGAIN) >= ASK_AGAIN
        ]
        if not due:
            return
        zones = {view.instance_id: view.zone for view in alive}
        answer = await terminate(self.cloud, self.proof.region, due, zones=zones)
        self.asked_at.update(dict.fromkeys(answer.accepted, now))
        self._note(asked=self.proof.asked | frozenset(answer.accepted))
        asked = {"region": self.proof.region, "asked": sorted(answer.accepted), "alive": len(alive)}
        self.emit(Event("kill", self.clock.now(), asked))
        for instance_id, failure in answer.failures.items():
            if failure.code == "OperationNotPermitted" and await self._unprotect(instance_id):
                continue
            self._note(error=f"{instance_id}: {failure.message}")

    async def _unprotect(self, instance_id: str) -> bool:
        """Lift termination protection of an instance that was just seen with this run's tag."""
        try:
            await lift_protection(self.cloud, self.proof.region, instance_id)
        except CloudError as error:
            self._note(error=f"{instance_id} is protected against termination: {error.failure.message}")
            return False
        lifted = f"termination protection of {instance_id} lifted"
        self.emit(Event("note", self.clock.now(), {"text": lifted}))
        return True

    def _note(self, **changes: object) -> None:
        self.proof = replace(self.proof, **changes)  # type: ignore[arg-type]
