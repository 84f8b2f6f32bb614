"""`benchtui status`: runs with their live instances, or the jobs of one run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchtui.cli import output
from benchtui.cli.arguments import add_run, run_of, shared
from benchtui.core.errors import BenchtuiError, ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.engine.snapshot import JobRow, Snapshot


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "status",
        parents=[shared()],
        help="runs and their live instances; with RUN the jobs of one run",
        description="Runs and live instances of every enabled region; with RUN the jobs of that run, by its "
        "sentinels and by EC2.",
        epilog="exit code 6: an instance is alive that should have ended",
    )
    add_run(parser, nargs="?")
    parser.add_argument("-n", "--newest", metavar="N", type=int, default=20, help="runs to list; default 20")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Show it."""
    if arguments.run is None:
        from benchtui.cli.overview import show

        return show(arguments)
    import asyncio

    run = run_of(arguments)

    from benchtui.cli.settings import read

    snapshot = asyncio.run(_looked_at(read(arguments), run))
    if arguments.json:
        output.document({"v": 1, "type": "status", **snapshot_fields(snapshot)})
    else:
        from benchtui.cli.job_table import jobs_table
        from benchtui.cli.progress import one_line
        from benchtui.cli.tables import Glyphs, Text

        glyphs = Glyphs(output.speaks_unicode())
        output.table(
            Text(one_line(snapshot, snapshot.taken_at)), jobs_table(snapshot, snapshot.taken_at, glyphs)
        )
    return ExitCode.MAY_STILL_RUN if snapshot.overdue else ExitCode.OK


async def _looked_at(settings: Settings, run: str) -> Snapshot:
    """One look.

    Raises:
        BenchtuiError: the sentinels could not be listed, so nothing is known.
    """
    from benchtui.cli.settings import open_workspace

    async with open_workspace(settings, lambda _: None) as workspace:
        document = await workspace.load(run)
        snapshot = await (await workspace.watcher(document)).poll()
    if snapshot.as_of is None:
        silent = next(source for source in snapshot.sources if source.name == "S3")
        raise BenchtuiError(f"the bucket does not answer: {silent.error}", fix=silent.fix)
    return snapshot


def snapshot_fields(snapshot: Snapshot) -> dict[str, Any]:
    """A run for ``--json``; what is not known is null."""
    now = snapshot.taken_at
    return {
        "run": snapshot.run.run,
        "taken_at": now,
        "as_of": snapshot.as_of,
        "states": {state.value: count for state, count in snapshot.counts.items()},
        "spent_usd": snapshot.spent_usd,
        "worst_case_usd": snapshot.run.worst_case_usd,
        "sources": [
            {
                "name": source.name,
                "state": source.state(now).value,
                "answered_at": source.answered_at,
                "error": source.error,
            }
            for source in snapshot.sources
        ],
        "jobs": [_job_fields(row) for row in snapshot.rows],
    }


def _job_fields(row: JobRow) -> dict[str, Any]:
    status, view = row.status, row.status.instance
    progress = status.progress
    return {
        "job": status.job,
        "instance_type": row.planned.instance_type,
        "state": status.state.value,
        "reason": status.reason,
        "suite": status.suite,
        "progress": [progress.done, progress.total] if progress else None,
        "collected": list(status.collected),
        "finished": status.finished,
        "alarm": status.alarm,
        "heard_at": status.last_sentinel_at,
        "heartbeat_at": status.heartbeat_at,
        "spent_usd": row.spent_usd,
        "instance": None
        if view is None
        else {
            "id": view.instance_id,
            "state": view.state.value,
            "state_reason": view.state_reason,
            "region": view.region,
            "zone": view.zone,
            "launched_at": view.launched_at,
            "expires_at": view.expires_at,
        },
    }
