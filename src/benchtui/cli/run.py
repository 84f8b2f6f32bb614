"""`benchtui run`: plan, agree, launch, watch, collect. Headless always."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics
from benchtui.cli.arguments import add_config, add_timeout, shared
from benchtui.core.errors import UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "run",
        parents=[shared(config_flag=False)],
        help="launch a plan, watch it, collect its results",
        description="Show the plan, ask, launch, watch until every instance is gone, collect the results.",
    )
    add_config(parser)
    parser.add_argument(
        "--yes", action="store_true", help="agree to the plan and its worst-case cost unasked"
    )
    parser.add_argument("--detach", action="store_true", help="return as soon as everything is launched")
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with a run whose launcher is gone: launch what it has not launched, within its budget",
    )
    parser.add_argument("--seed", metavar="N", type=int, help="seed of the launch order")
    parser.add_argument("--results", metavar="DIR", help="folder for results; default ./results")
    add_timeout(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Run it.

    Raises:
        UsageError: nobody can be asked and ``--yes`` is missing.
    """
    if not arguments.yes and not diagnostics.can_ask():
        raise UsageError(
            "nobody can be asked to agree to the costs: this is no terminal",
            fix="add --yes to agree beforehand; `benchtui plan` shows the costs without launching",
        )
    import asyncio

    from benchtui.cli.settings import read

    return asyncio.run(_run(read(arguments), arguments))


async def _run(settings: Settings, arguments: argparse.Namespace) -> int:
    from benchtui.cli.launching import HeadlessRun

    return await HeadlessRun(settings, arguments).execute()
