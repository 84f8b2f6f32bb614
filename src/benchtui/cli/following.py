"""Following a run that someone else may have launched."""

from __future__ import annotations

import argparse

from benchtui.cli import diagnostics, output
from benchtui.cli.headless import Headless
from benchtui.cli.job_table import jobs_table
from benchtui.cli.settings import Settings, open_workspace
from benchtui.cli.tables import Glyphs
from benchtui.core.errors import ExitCode


class Watch(Headless):
    """One `benchtui watch`. Leaving it ends nothing, so the first Ctrl-C does."""

    def __init__(self, settings: Settings, arguments: argparse.Namespace, run: str) -> None:
        super().__init__(settings, arguments)
        self.run = run

    async def _attempt(self) -> ExitCode:
        async with open_workspace(self.settings, self.stream.emit) as workspace:
            run = self.course.run = await workspace.load(self.run)
            await self._follow(workspace, await workspace.watcher(run))
            if self.course.snapshot is not None and not self.course.timed_out:
                workspace.notices.over(self.course.snapshot)
            self._show()
            return self.course.verdict()

    def _show(self) -> None:
        snapshot = self.course.snapshot
        assert snapshot is not None
        if not self.arguments.json:
            glyphs = Glyphs(output.speaks_unicode())
            output.table(jobs_table(snapshot, snapshot.taken_at, glyphs))
        diagnostics.say(f"collect the results: benchtui collect {self.run}{self.course.flags}")

    def _keeps_running(self) -> tuple[str, ...]:
        return ()

    def _reader_gone(self) -> None:
        self.interrupts.leave(ExitCode.INTERRUPTED)

    def _left(self, signalled: ExitCode) -> int:
        return output.READER_GONE if self.stream.closed else signalled

    def _failed(self, code: ExitCode) -> ExitCode:
        return code
