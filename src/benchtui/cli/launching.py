"""A headless run from its plan to its summary."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator

from benchtui.cli import diagnostics, output
from benchtui.cli.headless import Headless
from benchtui.cli.job_table import results_table
from benchtui.cli.plan_table import render
from benchtui.cli.settings import Settings, open_workspace, seed_of
from benchtui.cli.tables import Glyphs, usd
from benchtui.core.documents import RunDocument
from benchtui.core.errors import ExitCode, UsageError
from benchtui.core.plan import Plan
from benchtui.core.plan_record import plan_to_dict
from benchtui.engine.launcher import Launched, Launcher
from benchtui.engine.planning import Planned, check_launchable
from benchtui.engine.watcher import Watcher
from benchtui.engine.workspace import Workspace


class HeadlessRun(Headless):
    """One `benchtui run`. The first Ctrl-C says what keeps running."""

    def __init__(self, settings: Settings, arguments: argparse.Namespace) -> None:
        super().__init__(settings, arguments)
        self._launcher: Launcher | None = None

    async def _attempt(self) -> ExitCode:
        async with open_workspace(self.settings, self.stream.emit) as workspace:
            run, planned = await self._begun(workspace)
            self.course.run = run
            self.stream.tell("run", {"run": run.run, "bucket": await workspace.bucket_name()})
            diagnostics.say(f"run {run.run} in bucket {await workspace.bucket_name()}")
            if self.arguments.detach:
                return await self._detached(workspace, run, planned)
            return await self._followed(workspace, run, planned)

    async def _begun(self, workspace: Workspace) -> tuple[RunDocument, Planned | None]:
        """A new run with its plan, once that is agreed to, or the one to go on with."""
        if self.arguments.resume is not None:
            run = await workspace.load(self.arguments.resume)
            self._ask(f"Launch what {run.run} has not launched yet, within its {usd(run.budget_usd)} USD?")
            return run, None
        planned = await workspace.plan(seed_of(self.settings))
        self._show(planned.plan)
        check_launchable(planned.plan)
        self._agree(planned.plan)
        return await workspace.start(planned), planned

    def _show(self, plan: Plan) -> None:
        self.course.plan = plan
        fields = {key: value for key, value in plan_to_dict(plan).items() if key not in ("v", "type")}
        self.stream.tell("plan", fields)
        diagnostics.show(render(plan, Glyphs(diagnostics.speaks_unicode())))

    def _agree(self, plan: Plan) -> None:
        """Ask a person, unless ``--yes`` was given.

        Raises:
            UsageError: the answer is no.
        """
        worst = usd(plan.budget.at_most_usd)
        jobs = "1 instance" if len(plan.jobs) == 1 else f"{len(plan.jobs)} instances"
        if not plan.budget.fits:
            jobs = f"{plan.budget.jobs_covered} of {jobs}, what the budget covers,"
        self._ask(f"Launch {jobs} for at most {worst} USD?", worst)

    def _ask(self, question: str, amount: str = "yes") -> None:
        """Ask a person, unless ``--yes`` was given.

        Raises:
            UsageError: the answer is no.
        """
        if self.arguments.yes:
            return
        way = "yes" if amount == "yes" else f"yes or {amount}"
        with self.interrupts.paused():
            answer = diagnostics.ask(f"{question} Type {way}: ")
        if answer.lower() != "yes" and answer != amount:
            raise UsageError("not agreed; nothing was launched")

    @contextlib.asynccontextmanager
    async def _launching(
        self, workspace: Workspace, run: RunDocument, planned: Planned | None
    ) -> AsyncIterator[asyncio.Task[Launched]]:
        """The launch under way; it does not outlive this context."""
        task = asyncio.create_task(workspace.launch(run, planned, self._started))
        try:
            yield task
        finally:
            if not task.done():
                if self._launcher is not None:
                    self._launcher.stop("the launcher was left")
                task.cancel()
                await asyncio.wait({task})

    def _started(self, launcher: Launcher) -> None:
        self._launcher, self.course.launched = launcher, launcher.launched

    async def _detached(self, workspace: Workspace, run: RunDocument, planned: Planned | None) -> ExitCode:
        async with self._launching(workspace, run, planned) as task:
            launched = await task
        if not self.arguments.json:
            output.line(run.run)
        count = len(launched.instances)
        diagnostics.say(f"{count} of {len(run.jobs)} jobs launched; they go on and end by themselves")
        for line in self.course.ways_on():
            diagnostics.say(line)
        return self.course.left_behind()

    async def _followed(self, workspace: Workspace, run: RunDocument, planned: Planned | None) -> ExitCode:
        watcher = await workspace.watcher(run)
        async with self._launching(workspace, run, planned) as task:
            await self._follow(workspace, watcher, task)
        await self._collect(workspace, watcher)
        return self.course.verdict()

    async def _collect(self, workspace: Workspace, watcher: Watcher) -> None:
        snapshot = self.course.snapshot
        assert snapshot is not None
        collected = self.course.collected = await workspace.collect(watcher, snapshot)
        workspace.notices.over(snapshot, collected.census)
        if not self.arguments.json:
            glyphs = Glyphs(output.speaks_unicode())
            with contextlib.suppress(BrokenPipeError):
                table = results_table(collected, snapshot, glyphs, all_metrics=self.arguments.verbose)
                output.table(table)
        diagnostics.say(f"results: {collected.folder}")
        self._say_alive()

    def _say_alive(self) -> None:
        for line in self.course.keeps_running():
            diagnostics.say(line)

    def _keeps_running(self) -> list[str]:
        return self.course.keeps_running()

    def _left(self, signalled: ExitCode) -> ExitCode:
        return self.course.verdict(signalled)

    def _failed(self, code: ExitCode) -> ExitCode:
        """If instances were launched, tell of them, too."""
        running = self.course.keeps_running()
        self._say_alive()
        return ExitCode.MAY_STILL_RUN if running else code

    def _reader_gone(self) -> None:
        """Nobody reads the stream. What costs money is not left half done for that: the run goes on."""
        diagnostics.say("stdout was closed; the run goes on, its results come to the results folder")
