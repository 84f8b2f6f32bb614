"""`benchtui log`: what a job logged, and with -f what it goes on to log."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import add_run, run_of, shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.documents import RunDocument
    from benchtui.engine.job_log import LogTail

#: An ended agent has uploaded its last chunk; a timer that ended it has not: asked once more this often.
ROUNDS_AFTER_THE_END = 2


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "log",
        parents=[shared()],
        help="the log of a job",
        description="What the agent of a job logged, as far as it is in the bucket: it comes in chunks, at "
        "least one each heartbeat period. Needs nothing but the bucket; changes nothing.",
    )
    add_run(parser)
    parser.add_argument("job", metavar="JOB", help="id of a job, such as c7g.large-1")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job is over")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print it."""
    import asyncio

    run = run_of(arguments)

    from benchtui.cli.settings import read

    asyncio.run(_printed(read(arguments), arguments, run))
    return ExitCode.OK


async def _printed(settings: Settings, arguments: argparse.Namespace, run: str) -> None:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.job_log import read_log

    async with open_workspace(settings, lambda _: None) as workspace:
        document = await workspace.load(run)
        _check(document, arguments.job)
        bucket = await workspace.bucket()
        tail = await read_log(bucket, run, arguments.job)
        _print(tail, arguments)
        if not arguments.follow:
            if not tail.next:
                diagnostics.say(
                    f"{arguments.job} has logged nothing yet: benchtui status {run} {arguments.job}"
                )
            return
        watcher = await workspace.watcher(document)
        rounds = 0
        while rounds < ROUNDS_AFTER_THE_END:
            snapshot = await watcher.poll()
            row = next(row for row in snapshot.rows if row.planned.job == arguments.job)
            rounds = rounds + 1 if row.status.over else 0
            tail = await read_log(bucket, run, arguments.job, tail.next)
            _print(tail, arguments)
            if rounds < ROUNDS_AFTER_THE_END:
                await workspace.clock.sleep(settings.config.watch.poll_seconds)
        diagnostics.say(f"{arguments.job}: {row.status.state.value}")


def _check(document: RunDocument, job: str) -> None:
    """Refuse a job that the run does not have: waiting for its log would never end."""
    known = [planned.job for planned in document.jobs]
    if job not in known:
        from difflib import get_close_matches

        near = get_close_matches(job, known, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"the run {document.run} has no job {job!r}",
            fix=f"{hint}benchtui status {document.run} lists its jobs",
        )


def _print(tail: LogTail, arguments: argparse.Namespace) -> None:
    if tail.skipped or tail.dropped:
        diagnostics.say(f"left out: {tail.skipped} older chunks and {tail.dropped} older lines")
    for line in tail.lines:
        if arguments.json:
            output.record({"v": 1, "type": "log", "job": tail.job, "time": line.time, "text": line.text})
        else:
            output.line(f"{line.time} {line.text}" if line.time else line.text)
