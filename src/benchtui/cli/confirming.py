"""A headless run whose instances settle a suspected change."""

from __future__ import annotations

import argparse
from dataclasses import replace

from benchtui.cli import diagnostics, output
from benchtui.cli.history import index_path
from benchtui.cli.launching import HeadlessRun
from benchtui.cli.settings import Settings, seed_of
from benchtui.core import notices
from benchtui.core.documents import RunDocument
from benchtui.core.errors import ExitCode
from benchtui.core.trend import Settled, State, Trend
from benchtui.engine.confirming import Suspect, settled_by
from benchtui.engine.history_sync import sync
from benchtui.engine.planning import Planned, check_launchable
from benchtui.engine.workspace import Workspace
from benchtui.report.trend import settled_words


class ConfirmRun(HeadlessRun):
    """One `benchtui confirm`: a run as any other, and the verdict it was made for."""

    def __init__(self, settings: Settings, arguments: argparse.Namespace, suspect: Suspect) -> None:
        super().__init__(settings, arguments)
        self._suspect = suspect

    async def _begun(self, workspace: Workspace) -> tuple[RunDocument, Planned | None]:
        planned = replace(await workspace.plan(seed_of(self.settings)), confirms=self._suspect.document)
        self._show(planned.plan)
        check_launchable(planned.plan)
        self._agree(planned.plan)
        return await workspace.start(planned), planned

    async def _followed(self, workspace: Workspace, run: RunDocument, planned: Planned | None) -> ExitCode:
        code = await super()._followed(workspace, run, planned)
        path = index_path(self.settings)
        await sync(await workspace.bucket(), path, workspace.clock.now())
        found = settled_by(path, self._suspect, run.run)
        if found is None:
            diagnostics.say(f"{run.run} has no figure that counts; the change is still suspect")
            return code if code is not ExitCode.OK else ExitCode.BENCHMARK_FAILED
        self._tell_verdict(*found)
        if found[1].state is State.CONFIRMED:
            words = settled_words(*found)
            workspace.notices.tell(notices.regression_confirmed(run.run, workspace.clock.now(), words))
        return code if code is not ExitCode.OK else _code(found[1].state)

    def _tell_verdict(self, trend: Trend, settled: Settled) -> None:
        words = settled_words(trend, settled)
        self.stream.tell(
            "confirmation",
            {
                "metric": str(trend.key.metric),
                "instance_type": trend.key.instance_type,
                "since": settled.since,
                "state": settled.state.value,
                "instances": settled.n,
                "ratio": settled.ratio,
                "interval": None
                if settled.interval is None
                else [settled.interval.low, settled.interval.high],
                "words": words,
            },
        )
        if not self.arguments.json:
            output.line(words)
        if settled.state is State.UNDECIDED:
            diagnostics.say(
                "more instances settle it: benchtui confirm again; all that were launched for it count"
            )


def _code(state: State) -> ExitCode:
    if state is State.CONFIRMED:
        return ExitCode.REGRESSION
    return ExitCode.OK if state is State.NOT_CONFIRMED else ExitCode.BENCHMARK_FAILED
