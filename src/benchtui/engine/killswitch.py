"""Ends every instance of a run, of some of its jobs or of all runs, and proves it.

Works with tags alone: no bucket, no local state. A region counts as clear only after two sweeps, at
least 15 s apart, in which it was listed without an error and showed nothing alive. A region that
cannot be listed is unknown, and unknown is not clear.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure
from benchtui.aws.leftovers import Leftover, look_for_leftovers, remove_leftover
from benchtui.core import keys
from benchtui.core.keys import KeyNotOurs
from benchtui.core.seals import sealed
from benchtui.core.states import InstanceView
from benchtui.core.text import clean_line
from benchtui.engine.events import Emit, Event
from benchtui.engine.kill_region import KillLimits, RegionKill
from benchtui.engine.kill_scope import KillProgress, KillReport, KillScope, Tell

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

DEFAULT_LIMITS = KillLimits()
#: The mark is a courtesy to launchers: a bucket that does not answer must not delay the report for long.
MARK_SECONDS = 60
LEFTOVER_SECONDS = 20
#: How often regions that are not as they were, when listed once more before the end, are cleared again.
CONFIRMATIONS = 3
#: A request that a launcher sent before the mark was there has come to EC2 by then, and is shown.
LANDED = timedelta(seconds=10)

T = TypeVar("T")
OpenBucket = Callable[[], Awaitable["Bucket"]]


def _nobody(_: KillProgress) -> None:
    """Nobody listens."""


async def kill(
    cloud: Cloud,
    bucket: OpenBucket | None,
    scope: KillScope,
    clock: Clock,
    emit: Emit,
    *,
    known_regions: tuple[str, ...] = (),
    limits: KillLimits = DEFAULT_LIMITS,
    progress: Tell = _nobody,
    reason: str | None = None,
) -> KillReport:
    """End every instance of ``scope`` in every enabled region and prove it.

    Args:
        cloud: the account.
        bucket: opens the bucket where ``control/kill`` is written, so that launchers and agents stop; it
            may fail. Not written for a selection: its run goes on.
        scope: which instances.
        clock: the time.
        emit: told of each step.
        known_regions: regions to clear in any case, even if the enabled ones cannot be listed.
        limits: times.
        progress: told of each change.
        reason: why, for those who read ``control/kill``; None: somebody asked for it.
    """
    killing = _Kill(cloud, bucket, scope, clock, emit, limits, progress, reason)
    return await killing.execute(known_regions)


class _Kill:
    """One kill under way."""

    def __init__(
        self,
        cloud: Cloud,
        bucket: OpenBucket | None,
        scope: KillScope,
        clock: Clock,
        emit: Emit,
        limits: KillLimits,
        progress: Tell,
        reason: str | None,
    ) -> None:
        self._reason = reason
        self.cloud, self.scope, self.clock, self.limits = cloud, scope, clock, limits
        self.emit = _unstoppable(emit)
        self._open_bucket, self._progress = bucket, progress
        self._regions: dict[str, RegionKill] = {}
        self._state = KillProgress(scope, KillReport(scope, listing=True), clock.now())
        self._marked: set[str] = set()
        self._marked_at: datetime | None = None  # when the last mark was there
        self._group = asyncio.TaskGroup()

    async def execute(self, known_regions: tuple[str, ...]) -> KillReport:
        """Clear every region; returns the report, which may be unproven."""
        self._tell()
        try:
            # Neither the mark that tells launchers to stop nor the list of regions may delay ending what
            # already runs: both are under way while the known regions are being cleared, and a client for
            # EC2 is opened before one for anything else.
            async with self._group:
                self._begin(known_regions)
                if self.scope.run is not None:
                    self._mark(self.scope.run)
                await asyncio.sleep(0)  # they begin in this order
                regions, regions_error = await self._enabled_regions()
                self._begin(regions)
                self._tell(listing=False, regions_error=regions_error)
            await self._confirm()
        except BaseException as stopped:
            self._state = replace(
                self._state, done=True, error=f"stopped before it was proven ({type(stopped).__name__})"
            )
            self._tell()
            raise
        await self._look_for_leftovers()
        self._state = replace(self._state, done=True)
        self._tell()
        return self._state.report

    def _begin(self, regions: tuple[str, ...]) -> None:
        for region in regions:
            if region not in self._regions:
                self._regions[region] = RegionKill(
                    self.cloud,
                    region,
                    self.scope,
                    self.clock,
                    self.emit,
                    self.limits,
                    changed=self._tell,
                    found=self._found,
                )
                self._group.create_task(self._regions[region].clear())

    def _tell(self, **changes: object) -> None:
        proofs = tuple(kill.proof for _, kill in sorted(self._regions.items()))
        report = replace(self._state.report, regions=proofs, **changes)  # type: ignore[arg-type]
        self._state = replace(self._state, report=report)
        try:
            self._progress(self._state)
        except Exception as defect:  # whoever listens must not be able to stop a kill
            self._progress = _nobody
            text = f"the kill goes on, its progress is no longer told: {type(defect).__name__}"
            self.emit(Event("note", self.clock.now(), {"text": text}))

    async def _enabled_regions(self) -> tuple[tuple[str, ...], str | None]:
        """Every enabled region; else every region the SDK knows, and why there may be others.

        Nothing is raised: the regions that are known already are being cleared.
        """
        try:
            return await self.cloud.enabled_regions(), None
        except CloudError as error:
            why = f"{error.failure.code}: {error.failure.message}"
        except Exception as defect:
            why = _words(defect)
        why = f"the enabled regions could not be listed ({why})"
        try:
            known = await self.cloud.known_regions()
        except Exception as defect:
            return (), f"{why}, nor are others known to this program ({_words(defect)})"
        return known, f"{why}; the {len(known)} regions known to this program were asked instead"

    async def _confirm(self) -> None:
        """List regions that were proven early once more: others took long, and a launch may have come late.

        One that is not as it was is cleared again, and then others may have grown old.
        """
        for last in (*[False] * CONFIRMATIONS, True):
            self._group = asyncio.TaskGroup()  # of the marks, too, that are written for what comes to light
            async with self._group:
                unlike = await self._unlike()
                if not last:  # what is not as it was at the last look, is not proven
                    for kill in unlike:
                        self._group.create_task(kill.clear())
            if not unlike:
                return

    async def _unlike(self) -> list[RegionKill]:
        """Regions that were proven, were listed too early to count, and are not as they were."""
        if self._marked_at is not None and self._looked_before(self._marked_at + LANDED):
            # Until then launchers elsewhere went on.
            # No longer, though a clock that was set back says so.
            left = min(LANDED, self._marked_at + LANDED - self.clock.now())
            await self.clock.sleep(max(0.0, left.total_seconds()))
        oldest = self.clock.now() - self.limits.between_sweeps
        if self._marked_at is not None:
            oldest = max(oldest, self._marked_at + LANDED)
        aged = [
            kill
            for kill in self._regions.values()
            if kill.proof.proven and kill.proof.clean_at is not None and kill.proof.clean_at < oldest
        ]
        same = await _all(kill.confirm() for kill in aged)
        return [kill for kill, is_same in zip(aged, same, strict=True) if not is_same]

    def _looked_before(self, at: datetime) -> bool:
        """Whether a region's proof stands on a look from before ``at``."""
        looks = (kill.proof.clean_at for kill in self._regions.values() if kill.proof.proven)
        return any(look is not None and look < at for look in looks)

    async def _look_for_leftovers(self) -> None:
        """Remove or name what belongs to no instance any more, and costs money, too.

        Whether any is left has no part in the proof.
        """
        if self.scope.jobs or self.scope.expired_at is not None:
            return
        regions = [kill for kill in self._regions.values() if kill.proof.gone]
        if self.scope.run is None:
            regions = [kill for kill in self._regions.values() if kill.proof.proven]
        await _all(self._leftovers_of(kill.region) for kill in regions)
        unasked = [proof.spot_error for proof in self._state.report.regions if proof.spot_error]
        if unasked:
            self._note(f"spot requests could not be listed in {len(unasked)} regions: {unasked[0]}")

    async def _leftovers_of(self, region: str) -> None:
        try:
            async with asyncio.timeout(LEFTOVER_SECONDS):
                answer = await look_for_leftovers(self.cloud, region, self.scope.run)
                for operation, failure in answer.failures.items():
                    self._note(f"{region}: what is left over was not seen: {operation}: {_why(failure)}")
                for left in answer.found:
                    if left.idle:
                        await self._remove(left)
        except TimeoutError:
            self._note(f"{region}: what is left over could not be listed or removed in time")
        except Exception as defect:  # the proof stands, whatever this is
            self._note(f"{region}: what is left over was not seen: {_words(defect)}")

    async def _remove(self, left: Leftover) -> None:
        """Delete what a launch of ours made; whatever else carries the run's tag is named only."""
        named = f"{left.kind} {left.id}"
        if not left.ours or left.kind == "address":
            self._note(f"left over in {left.region}: {named}")
            return
        try:
            await remove_leftover(self.cloud, left)
        except CloudError as error:
            self._note(f"left over in {left.region}: {named}; not removed: {_why(error.failure)}")
        else:
            self._note(f"removed in {left.region}: {named}")

    def _note(self, text: str) -> None:
        self.emit(Event("note", self.clock.now(), {"text": text}))
        self._tell(notes=(*self._state.report.notes, text))

    def _found(self, views: tuple[InstanceView, ...]) -> None:
        """Live instances came to light: the launchers of their runs have to stop."""
        for run in sorted({view.run for view in views if view.run}):
            self._mark(run)

    def _mark(self, run: str) -> None:
        if run not in self._marked and self.scope.stops(run):
            self._marked.add(run)
            self._group.create_task(self._write_mark(run))

    async def _write_mark(self, run: str) -> None:
        """Write ``control/kill`` of ``run``; a note tells if that was not possible."""
        try:
            async with asyncio.timeout(MARK_SECONDS):
                note = await self._try_mark(run)
        except CloudError as error:
            note = error.failure.message
        except TimeoutError:
            note = f"the bucket did not answer within {MARK_SECONDS} s"
        except KeyNotOurs:
            note = "its tag benchtui:run is not a run's id"
        except Exception as defect:  # the kill itself needs no bucket
            note = _words(defect)
        if note is not None:
            self._note(f"control/kill of {run} was not written: {note}")

    async def _try_mark(self, run: str) -> str | None:
        """Write it, or say why not."""
        key = keys.kill_key(run)
        if self._open_bucket is None:
            return "no bucket is known"
        bucket = await self._open_bucket()
        if self.scope.run is None and not await bucket.exists(keys.run_json_key(run)):
            return f"{bucket.name} does not hold this run"
        await bucket.put_once(key, kill_order(key, self.clock.now(), self._reason), "application/json")
        self._marked_at = self.clock.now()
        return None


def kill_order(key: str, at: datetime, reason: str | None) -> bytes:
    """The object ``control/kill``, sealed for ``key``."""
    why = {"reason": reason} if reason else {}
    body = {"schema": "benchtui.kill/1", "at": f"{at:%Y-%m-%dT%H:%M:%SZ}", **why}
    return sealed(key, json.dumps(body, separators=(",", ":")).encode())


def _why(failure: Failure) -> str:
    """The error code, and of a refusal the action that has to be allowed."""
    missing = failure.missing_action
    return failure.code if missing is None else f"{failure.code}, allow {missing}"


def _words(defect: Exception) -> str:
    return f"{type(defect).__name__}: {clean_line(str(defect))}"


def _unstoppable(emit: Emit) -> Emit:
    """``emit``, whose failure is nobody's: whoever listens must not be able to stop a kill."""

    def tell(event: Event) -> None:
        with contextlib.suppress(Exception):
            emit(event)

    return tell


async def _all(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Their answers, in order; they run at the same time."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
    return [task.result() for task in tasks]
