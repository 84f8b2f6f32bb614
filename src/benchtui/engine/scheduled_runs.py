"""Runs that the account starts by itself: all that a launcher would do is done before, but the launch.

For each time there is a run of its own, with its run.json, its end (layer 2) and one schedule per job that
launches it. From then on no machine of ours is needed: instances speak, deliver and end as in any other run,
and any machine collects. What has no launcher has none of its patience either: one zone that EC2 chooses, one
type, no waves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from benchtui.aws.schedules import ScheduleRole
from benchtui.aws.starts import Start, list_starts, put_start, remove_starts
from benchtui.core import keys
from benchtui.core.document_fields import to_json
from benchtui.core.documents import JobDocument, RunDocument
from benchtui.core.errors import BenchtuiError, BudgetError, UsageError
from benchtui.core.keys import JobState
from benchtui.core.money import usd_text
from benchtui.core.seals import seal_of, sealed
from benchtui.core.starts import START_WINDOW, StartName, missed
from benchtui.core.tokens import client_token
from benchtui.engine import planning
from benchtui.engine.bundle import build_bundle
from benchtui.engine.deadman import Deadman, required
from benchtui.engine.disarming import disarm
from benchtui.engine.killswitch import kill_order
from benchtui.engine.launch_request import launch_request
from benchtui.engine.placements import Placements, resolve_placements
from benchtui.engine.planning import Planned
from benchtui.engine.run_document import run_document
from benchtui.engine.runs import list_runs, load_run

if TYPE_CHECKING:
    from benchtui.engine.workspace import Workspace

T = TypeVar("T")
#: Of runs whose time has passed, those are looked at.
LOOK_BACK = timedelta(days=8)
AT_THE_SAME_TIME = 8
SCHEDULES_NAMED = 500


class Course(StrEnum):
    """How far a scheduled run is."""

    AHEAD = "ahead"
    DUE = "due"  # its time has come, and nothing was seen yet
    BEGUN = "begun"
    MISSED = "missed"
    REMOVED = "removed"  # killed, or its schedules were removed, before it began


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One scheduled run as it stands."""

    run: RunDocument
    course: Course
    starts: int  # schedules that are still to fire

    @property
    def at(self) -> datetime:
        """When it begins, UTC."""
        assert self.run.scheduled_for is not None
        return self.run.scheduled_for


def check_schedulable(planned: Planned, daily_usd: Decimal | None) -> None:
    """Refuse what needs a launcher.

    Args:
        planned: what each run would be.
        daily_usd: ``[safety] daily_budget_usd``.

    Raises:
        UsageError: waves, fallback regions, no job at all.
        BudgetError: the worst case of all jobs is above the run's budget, or the day's.
    """
    plan = planned.plan
    planning.check_launchable(plan)
    if len(plan.waves) > 1:
        raise UsageError(
            f"the plan needs {len(plan.waves)} waves under the account's vCPU quota, and without a launcher "
            "there is nobody who waits",
            fix="fewer types or replicates, or a higher quota (`benchtui plan` prints the command)",
        )
    if any(job.elsewhere for job in plan.jobs):
        raise UsageError(
            "without a launcher no job can be moved to another region", fix="[plan] region_fallback = false"
        )
    if not plan.budget.fits:
        raise BudgetError(
            f"the worst case of all jobs is {usd_text(plan.worst_case_usd)} USD, above the budget of "
            f"{usd_text(plan.budget.budget_usd)} USD, and without a launcher nobody refuses the last ones",
            fix="raise [safety] budget_usd, or plan less",
        )
    if daily_usd is not None and plan.worst_case_usd > daily_usd:
        raise BudgetError(
            f"the worst case of one run, {usd_text(plan.worst_case_usd)} USD, is above the day's cap",
            fix="raise [safety] daily_budget_usd, or plan less",
        )


class ScheduledRuns:
    """Makes, lists and removes the scheduled runs of a workspace's account.

    Args:
        workspace: account, bucket and settings.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.cloud, self.clock, self.emit = workspace.cloud, workspace.clock, workspace.emit

    async def create(
        self,
        planned: Planned,
        times: Sequence[datetime],
        told: Callable[[RunDocument], None] = lambda _: None,
    ) -> tuple[RunDocument, ...]:
        """Make a run for each of ``times``, in their order; a failure leaves those before it.

        Args:
            planned: what each of them runs.
            times: UTC, whole minutes, ahead.
            told: of each run, once all its schedules are there.

        Raises:
            UsageError: the plan needs a launcher.
            BudgetError: one run may cost more than it may.
            NotArmedError: a layer of ``[safety] require_layers`` is not armed.
            CloudError: something was not made; what was made of that run is removed again.
        """
        config = self.workspace.config
        if not config.aws.starter_role:
            raise UsageError(
                "there is no role that would launch the instances",
                fix='[aws] starter_role = "benchtui-starter", then `benchtui setup` makes it',
            )
        check_schedulable(planned, config.safety.daily_budget_usd)
        bucket = await self.workspace.bucket()
        sha256, bundle = await asyncio.to_thread(build_bundle, planned.suites)
        await bucket.put_once(keys.payload_key(sha256), bundle, "application/gzip")
        made = []
        for at in times:
            run = await self._make(planned, sha256, at)
            made.append(run)
            told(run)
        return tuple(made)

    async def _make(self, planned: Planned, sha256: str, at: datetime) -> RunDocument:
        workspace, config = self.workspace, self.workspace.config
        run = run_document(planned, sha256, config, at)
        run = run.model_copy(update={"created_at": self.clock.now(), "scheduled_for": at})
        placements = await resolve_placements(self.cloud, run, planned.zones, config, self.clock, self.emit)
        if placements.failed:
            raise next(iter(placements.failed.values()))
        try:
            run = await self._armed(run, at)
            key = keys.run_json_key(run.run)
            body = sealed(key, to_json(run))
            await (await workspace.bucket()).put_once(key, body)
            run = run.model_copy(update={"seal": seal_of(body)})
            await self._put_starts(run, placements, at)
        except BaseException:
            await self._undo(run)
            raise
        return run

    async def _armed(self, run: RunDocument, at: datetime) -> RunDocument:
        """The run's own end, reckoned from the latest moment at which it may be launched."""
        config, launched_by = self.workspace.config, at + START_WINDOW
        deadman = Deadman(
            self.cloud,
            run,
            config.aws.scheduler_role,
            self.workspace.identity,
            lambda: launched_by,
            self.emit,
        )
        await deadman.arm()
        required(deadman.armings, config.safety.require_layers)
        return run.model_copy(update={"schedules": {each.region: each.said for each in deadman.armings}})

    async def _put_starts(self, run: RunDocument, placements: Placements, at: datetime) -> None:
        workspace = self.workspace
        role = ScheduleRole.of(workspace.config.aws.starter_role, await workspace.identity())
        bucket = await workspace.bucket()
        booted_by = at + START_WINDOW + timedelta(seconds=run.boot_allowance_s)
        limit = asyncio.Semaphore(AT_THE_SAME_TIME)

        async def one(number: int, job: JobDocument) -> None:
            # The run's id holds the time: another occurrence has other tokens, a repetition the same.
            token = client_token(run.run, job.job, 1, job.region, None, job.instance_type)
            place = placements.ready[job.region]
            where = (bucket.name, self.cloud.bucket_region)
            asked = launch_request(run, job, place, where, token, place.subnet_zone, booted_by)
            async with limit:
                await put_start(self.cloud, Start(StartName(run.run, number), at, asked, role))

        await _to_the_end(one(number, job) for number, job in enumerate(run.jobs, start=1))

    async def _undo(self, run: RunDocument) -> None:
        """Take away what would launch half a run; what stays is told, and its instances end by themselves."""
        try:
            await asyncio.shield(self._remove(run))
        except BenchtuiError as problem:
            raise BenchtuiError(
                f"{run.run} was not made as a whole, and its schedules may still be there: {problem.what}",
                fix=f"benchtui schedule remove {run.run}",
            ) from problem

    async def remove(self, run: str) -> int:
        """Take the starts of a run away, and say in the bucket that it is stopped; how many there were.

        Raises:
            UsageError: it is no scheduled run.
            CloudError: something may still be there.
        """
        document = await load_run(await self.workspace.bucket(), run)
        if document.scheduled_for is None:
            raise UsageError(f"{run} was launched, not scheduled", fix=f"to end it: benchtui kill {run}")
        return await self._remove(document)

    async def _remove(self, run: RunDocument) -> int:
        key = keys.kill_key(run.run)
        order = kill_order(key, self.clock.now(), "it was taken from the schedule")
        await (await self.workspace.bucket()).put_once(key, order, "application/json")
        removed = sum(await _to_the_end(remove_starts(self.cloud, each, run.run) for each in run.regions))
        for region in run.regions:
            await disarm(self.cloud, self.clock, region, run.run, settled=True)
        return removed

    async def occurrences(self) -> tuple[Occurrence, ...]:
        """Scheduled runs whose time is ahead or passed not long ago, in the order of their times.

        Raises:
            CloudError: bucket, Scheduler or EC2 did not say.
        """
        since = self.clock.now() - LOOK_BACK
        listings = await list_runs(await self.workspace.bucket(), SCHEDULES_NAMED, since)
        runs = [
            listing.document
            for listing in listings
            if listing.document is not None and listing.document.scheduled_for is not None
        ]
        return tuple([await self._occurrence(run) for run in sorted(runs, key=lambda run: run.run)])

    async def _occurrence(self, run: RunDocument) -> Occurrence:
        left = 0
        for region in run.regions:
            left += len(await list_starts(self.cloud, region, run.run))
        snapshot = await (await self.workspace.watcher(run)).poll()
        seen = (JobState.PLANNED, JobState.DECLINED)
        launched = any(row.status.state not in seen or row.status.instance for row in snapshot.rows)
        now = self.clock.now()
        assert run.scheduled_for is not None
        if launched:
            course = Course.BEGUN
        elif snapshot.killed or (run.scheduled_for > now and left < len(run.jobs)):
            course = Course.REMOVED
        elif run.scheduled_for > now:
            course = Course.AHEAD
        elif missed(run.scheduled_for, launched, run.never_started_s, now):
            course = Course.MISSED
        else:
            course = Course.DUE
        return Occurrence(run, course, left)


async def _to_the_end(work: Iterable[Awaitable[T]]) -> list[T]:
    """What each came to; the first failure is raised once all have ended: none cuts off another."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    done = []
    for each in outcomes:
        if isinstance(each, BaseException):
            raise each
        done.append(each)
    return done
