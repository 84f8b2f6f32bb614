"""Layer 2 of every run that this process starts, follows or kills: armed, kept, and taken away at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.aws.starts import remove_starts
from benchtui.core.documents import RunDocument
from benchtui.engine.deadman import Deadman, required
from benchtui.engine.disarming import disarm
from benchtui.engine.events import Emit, Event
from benchtui.engine.snapshot import QUIET, Snapshot

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud, Identity
    from benchtui.config.schema import Config
    from benchtui.engine.clock import Clock
    from benchtui.engine.kill_scope import KillReport

#: Tidying up must not keep anyone waiting for long: what is left deletes itself.
TIDY_SECONDS = 20
TIDY_AGAIN = timedelta(minutes=2)


class RunSchedules:
    """One per workspace.

    Args:
        cloud, clock, emit: as the workspace has them.
        identity: whose account it is.
        server_now: the time on S3's clock, by which instances expire; None: nothing is armed here, and
            this machine's does.
    """

    def __init__(
        self,
        cloud: Cloud,
        identity: Callable[[], Awaitable[Identity]],
        clock: Clock,
        emit: Emit,
        server_now: Callable[[], datetime] | None = None,
    ) -> None:
        self.cloud, self.clock, self.emit = cloud, clock, emit
        self._identity, self._server_now = identity, server_now or clock.now
        self._deadmen: dict[str, Deadman] = {}  # by run
        self._tidied: set[str] = set()  # runs of which nothing is left
        self._again_at: dict[str, datetime] = {}  # by run: when what is left may be removed
        self._told: set[str] = set()

    async def armed(self, run: RunDocument, config: Config) -> RunDocument:
        """Arm the schedules of a run that is about to begin; the run with what is armed in it.

        Raises:
            NotArmedError: they are not, and ``[safety] require_layers`` wants them.
        """
        deadman = await self.of(run, config)
        return run.model_copy(update={"schedules": {each.region: each.said for each in deadman.armings}})

    async def of(self, run: RunDocument, config: Config) -> Deadman:
        """The armed schedules of a run; they are armed once.

        Raises:
            NotArmedError: they are not armed, and ``[safety] require_layers`` wants them.
        """
        deadman = self._deadmen.get(run.run)
        if deadman is None:
            deadman = Deadman(
                self.cloud, run, config.aws.scheduler_role, self._identity, self._server_now, self.emit
            )
            self._deadmen[run.run] = deadman
            await deadman.arm()
        required(deadman.armings, config.safety.require_layers)
        return deadman

    async def tidy(self, snapshot: Snapshot, quiet: timedelta = QUIET) -> None:
        """Remove the schedules of a run that is over; what stays is tried again, by whoever still looks."""
        run, now = snapshot.run, self.clock.now()
        if run.run in self._tidied or not snapshot.over(quiet) or not snapshot.ec2_fresh():
            return
        if now < self._again_at.get(run.run, now):
            return
        self._again_at[run.run] = now + TIDY_AGAIN
        # A job that had its instance is never launched again, by no one.
        had = all(row.status.instance is not None and row.status.instance.ending for row in snapshot.rows)
        settled = run.run in self._deadmen or had
        if await self._disarm(run.regions, run.run, settled=settled, quietly=not _armed(run)):
            self._tidied.add(run.run)

    async def after_kill(self, report: KillReport) -> None:
        """Remove what a kill has made needless; only after its proof, and never a part of it.

        What would launch more is removed in any case; an instance that it launches all the same finds the
        order to stop in the bucket.
        """
        scope, run = report.scope, report.scope.run
        regions = [each.region for each in report.regions if each.gone or each.region in self.cloud.regions]
        if not scope.jobs and scope.expired_at is None:
            await self._remove_starts(regions, run)
        if not report.proven or scope.jobs:
            return
        await self._disarm(regions, run, settled=run is not None, quietly=run is None)

    async def _remove_starts(self, regions: Iterable[str], run: str | None) -> None:
        """Schedules that would launch a job, of ``run`` or of every run."""
        try:
            async with asyncio.timeout(TIDY_SECONDS):
                for region in regions:
                    removed = await remove_starts(self.cloud, region, run)
                    if removed:
                        self._note(run, f"{region}: {removed} schedules that would launch are removed")
        except TimeoutError:
            self._note(run, "schedules that would launch a job may still be there: no answer in time")
        except CloudError as error:
            if error.failure.kind is not FailureKind.DENIED:  # who may not even list them made none
                self._note(run, f"schedules that would launch a job may still be there: {error.what}")

    async def _disarm(self, regions: Iterable[str], run: str | None, *, settled: bool, quietly: bool) -> bool:
        """Whether none is left. Failures are told, unless there may be no schedule that could be left."""
        try:
            async with asyncio.timeout(TIDY_SECONDS), asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(disarm(self.cloud, self.clock, region, run, settled=settled))
                    for region in regions
                ]
        except TimeoutError:
            self._note(run, "its schedules were not removed in time; they end nothing and delete themselves")
            return False
        outcomes = [task.result() for task in tasks]
        for outcome in outcomes:
            if outcome.removed:
                self._note(run, f"{outcome.region}: {outcome.removed} schedules removed")
            if outcome.why is not None and not (quietly and not outcome.removed and not outcome.kept):
                left = "are left" if outcome.kept else "may be left"
                text = f"{outcome.region}: schedules {left}, which delete themselves: {outcome.why}"
                self._note(run, text)
        return all(outcome.done for outcome in outcomes)

    def _note(self, run: str | None, text: str) -> None:
        if f"{run}: {text}" in self._told:
            return
        self._told.add(f"{run}: {text}")
        about = {} if run is None else {"run": run}
        self.emit(Event("note", self.clock.now(), {**about, "text": text}))


def _armed(run: RunDocument) -> bool:
    return any(said == "armed" for said in run.schedules.values())
