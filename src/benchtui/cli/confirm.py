"""`benchtui confirm`: fresh instances for a suspected change for the worse, and what they say."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import add_timeout, shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.engine.confirming import Suspect

REPLICATES = 3


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "confirm",
        parents=[shared()],
        help="settle a suspected regression by fresh instances",
        description="List the changes for the worse that the history suspects, or, with --metric and --type, "
        "launch fresh instances of that type, compare them with the level before, and say whether the change "
        "is confirmed. Shows the plan with its worst case and asks first.",
        epilog="exit codes: 7 confirmed, 0 not confirmed (or only listed), 1 undecided or a benchmark "
        "failed, others as of `benchtui run`",
    )
    parser.add_argument("--metric", metavar="M", help="metric of the change: triad.all, or stream/triad.all")
    parser.add_argument("--type", metavar="TYPE", dest="type", help="instance type of the change")
    parser.add_argument(
        "--replicates", metavar="N", type=int, default=REPLICATES, help=f"instances; default {REPLICATES}"
    )
    parser.add_argument(
        "--yes", action="store_true", help="agree to the plan and its worst-case cost unasked"
    )
    parser.add_argument("--detach", action="store_true", help="return as soon as everything is launched")
    parser.add_argument("--seed", metavar="N", type=int, help="seed of the launch order")
    parser.add_argument("--results", metavar="DIR", help="folder for results; default ./results")
    add_timeout(parser)
    parser.set_defaults(execute=execute, resume=None)


def execute(arguments: argparse.Namespace) -> int:
    """List, or confirm.

    Raises:
        UsageError: nobody can be asked and ``--yes`` is missing, or no such change is suspected.
    """
    import asyncio

    from benchtui.cli.history import index_path, synced
    from benchtui.cli.settings import read
    from benchtui.engine.confirming import suspects

    if not 2 <= arguments.replicates <= 100:
        raise UsageError("--replicates is 2 to 100: one instance says nothing of its type")
    settings = read(arguments)
    path = index_path(settings)
    asyncio.run(synced(settings, path, quiet=arguments.json))
    types = [arguments.type] if arguments.type is not None else []
    found = suspects(path, arguments.metric, types)
    if arguments.metric is None or arguments.type is None:
        return _list(arguments, found)
    if not found:
        raise UsageError(
            f"no change of {arguments.metric} on {arguments.type} waits to be confirmed",
            fix="`benchtui confirm` lists those that do",
        )
    if not arguments.yes and not diagnostics.can_ask():
        raise UsageError(
            "nobody can be asked to agree to the costs: this is no terminal",
            fix="add --yes to agree beforehand",
        )
    return asyncio.run(_run(settings, arguments, found[0]))


def _list(arguments: argparse.Namespace, found: tuple[Suspect, ...]) -> int:
    from benchtui.report.trend import change_words, trend_fields

    if arguments.json:
        rows = [
            {"since": one.change.since.run, "words": change_words(one.trend, one.change)}
            | {name: value for name, value in trend_fields(one.trend).items() if name in _NAMED}
            for one in found
        ]
        output.record({"v": 1, "type": "summary", "suspects": rows, "exit_code": int(ExitCode.OK)})
        return ExitCode.OK
    for one in found:
        output.line(f"{one.trend.key.metric}: {change_words(one.trend, one.change)}")
    if not found:
        output.line("no change for the worse waits to be confirmed")
    return ExitCode.OK


_NAMED = frozenset({"metric", "type", "region", "mode", "suite_version", "unit"})


async def _run(settings: Settings, arguments: argparse.Namespace, suspect: Suspect) -> int:
    from dataclasses import replace

    from benchtui.cli.confirming import ConfirmRun
    from benchtui.engine.confirming import plan_of
    from benchtui.report.trend import change_words

    diagnostics.say(f"to be settled: {change_words(suspect.trend, suspect.change)}")
    planned = replace(settings, config=plan_of(settings.config, suspect, arguments.replicates))
    return await ConfirmRun(planned, arguments, suspect).execute()
