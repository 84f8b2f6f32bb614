"""Following a run that someone else may have launched."""

from __future__ import annotations

import argparse
import asyncio
from datetime import timedelta

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import repeated
from benchtui.cli.course import Course
from benchtui.cli.failures import error_fields, foreseen
from benchtui.cli.interrupts import Interrupts
from benchtui.cli.job_table import jobs_table
from benchtui.cli.progress import Progress
from benchtui.cli.settings import Settings, open_workspace
from benchtui.cli.stream import Stream
from benchtui.cli.tables import Glyphs
from benchtui.core.errors import ExitCode, TimeLimitError
from benchtui.engine.snapshot import Snapshot


class Watch:
    """One `benchtui watch`. Leaving it ends nothing, so the first Ctrl-C does."""

    def __init__(self, settings: Settings, arguments: argparse.Namespace, run: str) -> None:
        self.settings, self.arguments, self.run = settings, arguments, run
        self.course = Course(repeated(arguments))
        self.interrupts = Interrupts(lambda: ())
        self.stream = Stream(
            json=arguments.json, reader_gone=lambda: self.interrupts.leave(ExitCode.INTERRUPTED)
        )

    async def execute(self) -> int:
        """Watch to the end; returns the exit code."""
        error = None
        with self.interrupts:
            try:
                code = await self._attempt()
            except asyncio.CancelledError:
                signalled = self.interrupts.left()
                if signalled is None:
                    raise
                if self.stream.closed:
                    return output.READER_GONE
                code, error = signalled, {"what": signalled.name.lower(), "fix": None}
            except Exception as problem:
                known = foreseen(problem)
                if known is None or self.arguments.verbose:
                    diagnostics.trace(problem)
                if known is None:
                    diagnostics.crash(problem, verbose=False)
                else:
                    diagnostics.error(known)
                code = known.exit_code if known else ExitCode.BENCHMARK_FAILED
                error = error_fields(problem)
        self.stream.tell("summary", self.course.summary(code, error))
        return code

    async def _attempt(self) -> ExitCode:
        async with open_workspace(self.settings, self.stream.emit) as workspace:
            run = self.course.run = await workspace.load(self.run)
            watcher = await workspace.watcher(run)
            limit = self.arguments.timeout
            until = None if limit is None else workspace.clock.now() + timedelta(seconds=limit)
            live = diagnostics.is_terminal() and not (self.arguments.json and output.is_terminal())
            async with Progress(workspace.clock.now, live=live) as progress:

                def seen(snapshot: Snapshot) -> None:
                    self.course.snapshot = snapshot
                    progress.update(snapshot)

                try:
                    await workspace.follow(watcher, on_snapshot=seen, until=until)
                except TimeLimitError as late:
                    self.course.timed_out = True
                    diagnostics.say(f"timeout: {late.what}")
            self._show()
            return self.course.verdict()

    def _show(self) -> None:
        snapshot = self.course.snapshot
        assert snapshot is not None
        if not self.arguments.json:
            glyphs = Glyphs(output.speaks_unicode())
            output.table(jobs_table(snapshot, snapshot.taken_at, glyphs))
        diagnostics.say(f"collect the results: benchtui collect {self.run}{self.course.flags}")
