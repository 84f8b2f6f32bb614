"""`benchtui collect`: bring a run's results here and take the census."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output, silence
from benchtui.cli.arguments import add_run, run_of, shared

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.course import Course
    from benchtui.cli.settings import Settings


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "collect",
        parents=[shared()],
        help="download and validate a run's results, take the census",
        description="Download and validate the results of a run. Running it twice, or while the run goes on, "
        "is harmless.",
    )
    add_run(parser)
    parser.add_argument("--results", metavar="DIR", help="folder for results; default ./results")
    parser.add_argument(
        "--complete",
        action="store_true",
        help="bring sentinels, book and payload, too: all that `benchtui verify --folder` can check",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Collect it."""
    import asyncio

    run = run_of(arguments)

    from benchtui.cli.settings import read

    settings = read(arguments)
    course = asyncio.run(_collected(settings, run, complete=arguments.complete))
    code = course.verdict()
    assert course.collected is not None
    assert course.snapshot is not None
    if arguments.json:
        output.document({"v": 1, "type": "collect", **course.summary(code)})
    else:
        from benchtui.cli.job_table import results_table
        from benchtui.cli.tables import Glyphs

        glyphs = Glyphs(output.speaks_unicode())
        output.table(results_table(course.collected, course.snapshot, glyphs, all_metrics=arguments.verbose))
    silent = silence.tell(course.snapshot)
    got = course.collected
    diagnostics.say(f"results: {got.folder} ({got.downloaded} downloaded, {got.kept} were here already)")
    return code or silent


async def _collected(settings: Settings, run: str, *, complete: bool) -> Course:
    from benchtui.cli.course import Course
    from benchtui.cli.settings import open_workspace

    course = Course()
    # The run's history is not what was asked for, so no event is told.
    async with open_workspace(settings, lambda _: None) as workspace:
        course.run = await workspace.load(run)
        watcher = await workspace.watcher(course.run)
        course.snapshot = await watcher.poll()
        course.collected = await workspace.collect(watcher, course.snapshot)
        if complete:
            await workspace.complete(course.run)
    return course
