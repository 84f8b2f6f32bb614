"""Commands of a client that stays: what it asks is answered, what it starts goes on whoever looks away.

One task group owns every launch, kill and watcher; a screen that closes ends none of them. What happens
is told as it happens. Commands that act are refused unless they are on the list of those allowed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from benchtui.core.errors import BenchtuiError, as_error
from benchtui.core.indexed import INDEX_FILE
from benchtui.engine.commands import EVERYTHING, Command, ReadOnlyError
from benchtui.engine.counting import counted
from benchtui.engine.events import Emit, Event
from benchtui.engine.followed import Followed, Results
from benchtui.engine.launches import Launches
from benchtui.engine.snapshot import QUIET, Snapshot
from benchtui.engine.updates import (
    Account,
    Following,
    Gathered,
    Launching,
    Listed,
    Swept,
    Tell,
    Trouble,
)

if TYPE_CHECKING:
    from benchtui.config.schema import Config
    from benchtui.core.documents import RunDocument
    from benchtui.core.instance_results import InstanceResult
    from benchtui.engine.collector import Collected
    from benchtui.engine.detail import JobDetail, LogTail
    from benchtui.engine.history_sync import SyncReport
    from benchtui.engine.history_view import HistoryView
    from benchtui.engine.kill_scope import KillProgress, KillScope, KillSurvey
    from benchtui.engine.launcher import Launched
    from benchtui.engine.offers import TypeOffer
    from benchtui.engine.planning import Planned
    from benchtui.engine.runs import RunListing
    from benchtui.engine.sweep import Sweep
    from benchtui.engine.workspace import Workspace

SWEEP_EVERY = timedelta(seconds=60)
#: Between the end of a poll and the next, of the period: where a poll takes longer than that.
LEAST_PAUSE = 0.25
Work = Callable[[], Awaitable[None]]


class Operations:
    """Use as an async context manager; it ends when everything it started has ended or was given up.

    Args:
        open_workspace: makes the workspace, telling its events to what it is given.
        tell: told of everything, in the order it happens.
        allowed: commands that are carried out.
        find: pick up the newest run of the bucket by itself.
    """

    def __init__(
        self,
        open_workspace: Callable[[Emit], Workspace],
        tell: Tell,
        allowed: frozenset[Command] = EVERYTHING,
        *,
        find: bool = True,
    ) -> None:
        self.tell, self.allowed = tell, allowed
        self._open, self._find = open_workspace, find
        self._work: set[asyncio.Task[None]] = set()  # launches and kills: not to be cut off
        self._launches = Launches()
        self._leaving = False
        self._kills_of_all = 0
        self._followed: Followed | None = None
        self._group = asyncio.TaskGroup()
        self._background: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.workspace = self._open(self.tell)
        await self.workspace.__aenter__()
        await self._group.__aenter__()
        self._background = [
            self._group.create_task(self._guarded(self._introduce, "runs")),
            self._group.create_task(self._guarded(self._keep_sweeping, "sweep")),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        following = self._followed.task if self._followed else None
        for task in (*self._background, *((following,) if following else ())):
            task.cancel()
        self._leaving = True
        for run in self._launches:
            self._launches.stop(run, None, "the terminal application was left")
        try:
            # Waits for launches to settle and for kills to be proven.
            await self._group.__aexit__(kind, error, trace)
        finally:
            await self.workspace.__aexit__(None, None, None)

    # What is asked and answered.

    async def runs(self, newest: int = 50) -> tuple[RunListing, ...]:
        """The newest runs of the bucket."""
        self._permit(Command.RUNS)
        listings = await self.workspace.runs(newest)
        self.tell(Listed(listings))
        return listings

    async def adopt(self, run: str) -> RunDocument:
        """Follow ``run`` from now on, in place of the one before.

        Raises:
            UsageError: there is no such run.
        """
        self._permit(Command.WATCH)
        document = await self.workspace.load(run)
        await self._follow(document)
        return document

    async def plan(self, config: Config, seed: int) -> Planned:
        """The plan of ``config`` as AWS's types and prices make it now."""
        self._permit(Command.PLAN)
        return await self.workspace.plan(seed, config)

    async def types(self, config: Config) -> tuple[TypeOffer, ...]:
        """The instance types that the first region of ``config`` offers."""
        self._permit(Command.TYPES)
        from benchtui.engine.offers import offers

        workspace = self.workspace
        cache = workspace.folders.cache / "prices.json"
        return await offers(workspace.cloud, config, workspace.clock.now(), cache)

    async def detail(self, job: str) -> JobDetail:
        """Everything that is known of a job of the run that is followed."""
        self._permit(Command.STATUS)
        from benchtui.engine.detail import read_detail

        followed = self._looked_at()
        beside = followed.collected.evidence if followed.collected else None
        return await read_detail(await self.workspace.bucket(), followed.watcher, job, beside=beside)

    async def log(self, job: str, after: int) -> LogTail:
        """What the job logged after chunk ``after``."""
        self._permit(Command.LOG)
        from benchtui.engine.detail import read_log

        return await read_log(await self.workspace.bucket(), self._looked_at().run.run, job, after)

    async def collect(self) -> Collected:
        """Bring the results of the run that is followed here."""
        self._permit(Command.COLLECT)
        followed = self._looked_at()
        snapshot = followed.snapshot or await followed.watcher.poll()
        followed.collected = await self.workspace.collect(followed.watcher, snapshot)
        self.tell(Gathered(followed.collected))
        return followed.collected

    async def results(self, runs: Sequence[str]) -> tuple[InstanceResult, ...]:
        """Results of several runs, for a comparison."""
        self._permit(Command.COMPARE)
        from benchtui.engine.comparing import results_of_all

        found: list[tuple[RunDocument, Collected]] = []
        for run in runs:
            document = await self.workspace.load(run)
            # What happened in an earlier run is no news of the one that is followed.
            watcher = await self.workspace.watcher(document, emit=_unheard)
            snapshot = await watcher.poll()
            found.append((document, await self.workspace.collect(watcher, snapshot)))
        return await asyncio.to_thread(results_of_all, found)

    async def history(self, metric: str | None) -> HistoryView:
        """The metrics of the index and the trends of one of them, as the index is now."""
        self._permit(Command.HISTORY)
        from benchtui.engine.history_view import read_history

        return await asyncio.to_thread(read_history, self._index, metric)

    async def sync_history(self) -> SyncReport:
        """Bring the index up to the bucket."""
        self._permit(Command.HISTORY)
        from benchtui.engine.history_sync import sync

        return await sync(await self.workspace.bucket(), self._index, self.workspace.clock.now())

    @property
    def _index(self) -> Path:
        return self.workspace.folders.cache / INDEX_FILE

    async def sweep(self) -> Sweep:
        """Own instances in every enabled region."""
        self._permit(Command.SWEEP)
        found = await self.workspace.sweep()
        self.tell(Swept(found))
        return found

    async def survey(self, scope: KillScope) -> KillSurvey:
        """What a kill of ``scope`` would end; each region is told as it answers."""
        self._permit(Command.SURVEY)
        return await self.workspace.survey(scope, self.tell)

    # What acts.

    async def launch(self, planned: Planned, config: Config) -> str:
        """Launch what was planned; returns the run's id once run.json is in the bucket.

        Raises:
            ReadOnlyError: this client may only read.
            BudgetError: the budget covers the worst case of no job.
            CloudError: the bucket refuses.
        """
        self._permit(Command.RUN)
        before = self._kills_of_all
        run = await self.workspace.start(planned, config)
        if before != self._kills_of_all:  # no launch was under way yet that it could have stopped
            raise BenchtuiError(f"every run was killed meanwhile; nothing of {run.run} is launched")
        self._launches.begin(run.run, self._start(partial(self._launch, run, planned, config), "launch"))
        await self._follow(run)
        return run.run

    async def kill(self, scope: KillScope) -> None:
        """Begin to end every instance of ``scope``; what comes of it is told.

        Raises:
            ReadOnlyError: this client may only read.
        """
        self._permit(Command.KILL)
        self._kills_of_all += scope.run is None
        for run in self._launches:
            if scope.run in (None, run):
                self._launches.stop(run, scope.jobs or None, "killed before it was launched")
        self._start(partial(self._kill, scope), "kill")

    @property
    def unfinished(self) -> bool:
        """Whether a launch or a kill that was started here is still under way."""
        return bool(self._work)

    def _permit(self, command: Command) -> None:
        if command not in self.allowed:
            raise ReadOnlyError(
                f"read-only: {command.value} is refused", fix="start benchtui without --read-only"
            )

    def _looked_at(self) -> Followed:
        if self._followed is None:
            raise BenchtuiError("no run is being followed", fix="choose one of the bucket's runs")
        return self._followed

    def _start(self, work: Work, source: str) -> asyncio.Task[None]:
        """Carry out ``work`` in the engine's own task group, whoever asked for it.

        Raises:
            BenchtuiError: the engine is ending.
        """
        if self._leaving:
            raise BenchtuiError("the application is being left; nothing more is begun")
        task = self._group.create_task(self._guarded(work, source))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _guarded(self, work: Work, source: str) -> None:
        """``work``, its failure told: a defect in one part must not cancel a kill under way in another."""
        try:
            await work()
        except Exception as problem:
            said = as_error(problem)
            self._say("error", source=source, text=said.what, fix=said.fix)

    async def _launch(self, run: RunDocument, planned: Planned, config: Config) -> None:
        self.tell(Launching(run.run, active=True))
        try:
            launched: Launched = await self.workspace.launch(
                run, planned, self._launches.requesting(run.run), config
            )
            self._say(
                "note",
                text=f"{run.run}: {len(launched.instances)} launched, {len(launched.declined)} declined",
            )
        finally:
            self._launches.settled(run.run)
            self.tell(Launching(run.run, active=False))

    async def _kill(self, scope: KillScope) -> None:
        """End it. What is being launched here has to settle first: only sweeps after that prove anything."""
        launches = self._launches.tasks(scope.run)
        if launches:

            def under_way(progress: KillProgress) -> None:
                self.tell(replace(progress, done=False))

            await self.workspace.kill(scope, progress=under_way)
            await asyncio.wait(launches)
        await self.workspace.kill(scope, progress=self.tell)

    async def _follow(self, run: RunDocument) -> None:
        if self._followed is not None and self._followed.task is not None:
            self._followed.task.cancel()
        self.tell(Following(run.run))
        followed = self._followed = Followed(run, await self.workspace.watcher(run))
        followed.task = self._group.create_task(self._guarded(partial(self._watch, followed), "watch"))

    async def _watch(self, followed: Followed) -> None:
        """Poll for as long as the run is looked at."""
        period, clock = self.workspace.config.watch.poll_seconds, self.workspace.clock
        while True:
            began = clock.now()
            await self._attempt("watch", self._look(followed))
            # A run that is over is asked on: what is shown of it must not look older than it is. From the
            # beginning of one poll to that of the next it is a period; a clock that was set counts for none.
            took = min(period, max(0.0, (clock.now() - began).total_seconds()))
            await clock.sleep(max(period - took, LEAST_PAUSE * period))

    async def _look(self, followed: Followed) -> None:
        snapshot = followed.snapshot = await followed.watcher.poll()
        self.tell(await counted(snapshot))
        self.tell(snapshot)
        run, acts = followed.run.run, {Command.RUN, Command.KILL} <= self.allowed
        if await self.workspace.tend(snapshot, acts=acts, launching=run in self._launches):
            from benchtui.engine.kill_scope import KillScope

            await self.kill(KillScope.of_run(run))
        await self._gather(followed, snapshot)

    async def _gather(self, followed: Followed, snapshot: Snapshot) -> None:
        """Collect when a result came in that is not here yet."""
        there = followed.news(snapshot)
        if not there:
            return
        await self._attempt("results", self._collect(followed, snapshot, there))

    async def _collect(self, followed: Followed, snapshot: Snapshot, there: Results) -> None:
        collected = await self.workspace.collect(followed.watcher, snapshot)
        followed.collected_for, followed.collected = there, collected
        if snapshot.over(QUIET):
            self.workspace.notices.over(snapshot, collected.census)
        self.tell(Gathered(collected))

    async def _introduce(self) -> None:
        """Whose account this is, which runs there are; follow the newest if nothing else was asked."""
        await self._attempt("account", self._identify())
        while True:
            await self._attempt("runs", self._list())
            await self.workspace.clock.sleep(SWEEP_EVERY.total_seconds())

    async def _identify(self) -> None:
        identity = await self.workspace.cloud.identity()
        self.tell(Account(identity.account))

    async def _list(self) -> None:
        listings = await self.runs()
        now = self.workspace.clock.now()
        begun = (each for each in listings if each.document is not None and not each.ahead(now))
        newest = next(begun, None)
        if self._find and self._followed is None and newest is not None and newest.document is not None:
            await self._follow(newest.document)

    async def _keep_sweeping(self) -> None:
        while True:
            await self._attempt("sweep", self._sweep())
            await self.workspace.clock.sleep(SWEEP_EVERY.total_seconds())

    async def _sweep(self) -> None:
        await self.sweep()

    async def _attempt(self, source: str, work: Awaitable[None]) -> None:
        """Background work whose failure is shown and tried again, and ends nothing."""
        try:
            await work
        except Exception as problem:  # a defect, or this machine's disk: watching money goes on all the same
            self.tell(Trouble(source, as_error(problem)))
        else:
            self.tell(Trouble(source, None))

    def _say(self, kind: str, **fields: Any) -> None:
        self.tell(Event(kind, self.workspace.clock.now(), fields))


def _unheard(_: Event) -> None:
    """For events that are nobody's business here."""
