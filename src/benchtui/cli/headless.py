"""What `benchtui run` and `benchtui watch` have in common: following a run without a screen, to an end."""

from __future__ import annotations

import argparse
import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import timedelta

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import repeated
from benchtui.cli.course import Course
from benchtui.cli.failures import error_fields, foreseen
from benchtui.cli.interrupts import Interrupts
from benchtui.cli.progress import Progress
from benchtui.cli.settings import Settings
from benchtui.cli.stream import Stream
from benchtui.core.errors import ExitCode, TimeLimitError
from benchtui.engine.launcher import Launched
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.watcher import Watcher
from benchtui.engine.workspace import Workspace


class Headless(ABC):
    """One command. Whatever happens, it ends in a summary and an exit code."""

    def __init__(self, settings: Settings, arguments: argparse.Namespace) -> None:
        self.settings, self.arguments = settings, arguments
        self.course = Course(repeated(arguments))
        self.interrupts = Interrupts(self._keeps_running)
        self.stream = Stream(json=arguments.json, reader_gone=self._reader_gone)

    async def execute(self) -> int:
        """From the start to the summary; returns the exit code."""
        with self.interrupts:
            error = None
            try:
                code: int = await self._attempt()
            except asyncio.CancelledError:
                signalled = self.interrupts.left()
                if signalled is None:
                    raise
                code, error = self._left(signalled), {"what": signalled.name.lower(), "fix": None}
            except Exception as problem:
                code, error = self._failed(self._tell(problem)), error_fields(problem)
        self.stream.tell("summary", self.course.summary(code, error))
        return code

    @abstractmethod
    async def _attempt(self) -> ExitCode:
        """What the command does."""

    @abstractmethod
    def _keeps_running(self) -> Sequence[str]:
        """What the first Ctrl-C says instead of leaving; nothing: it leaves."""

    @abstractmethod
    def _reader_gone(self) -> None:
        """Nobody reads stdout any more."""

    @abstractmethod
    def _left(self, signalled: ExitCode) -> int:
        """Exit code of a command that was left."""

    @abstractmethod
    def _failed(self, code: ExitCode) -> ExitCode:
        """Exit code of a command that failed with an error of ``code``."""

    def _tell(self, problem: Exception) -> ExitCode:
        """Say what went wrong; its exit code."""
        known = foreseen(problem)
        if known is None:
            diagnostics.crash(problem, verbose=self.arguments.verbose)
            return ExitCode.BENCHMARK_FAILED
        if self.arguments.verbose:
            diagnostics.trace(problem)
        diagnostics.error(known)
        return known.exit_code

    async def _follow(
        self, workspace: Workspace, watcher: Watcher, launching: asyncio.Task[Launched] | None = None
    ) -> None:
        """Show the run's progress until it is over, or until ``--timeout``."""
        limit = self.arguments.timeout
        until = None if limit is None else workspace.clock.now() + timedelta(seconds=limit)
        live = diagnostics.is_terminal() and not (self.arguments.json and output.is_terminal())
        async with Progress(workspace.clock.now, live=live) as progress:

            def seen(snapshot: Snapshot) -> None:
                self.course.snapshot = snapshot
                progress.update(snapshot)

            try:
                await workspace.follow(watcher, launching=launching, on_snapshot=seen, until=until)
            except TimeLimitError as late:
                self.course.timed_out = True
                diagnostics.say(f"timeout: {late.what}")
        run, budgets = watcher.run.run, workspace.budgets
        self.course.stopped_by_budget = budgets.exceeded.get(run)
        self.course.kill_unproven = run in budgets.unproven
