"""`benchtui watch`: follow a run from any machine, with nothing but the bucket."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli.arguments import add_run, add_timeout, run_of, shared

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "watch",
        parents=[shared()],
        help="follow a run until it is over",
        description="Follow a run until it is over. Needs nothing but the bucket; changes nothing.",
    )
    add_run(parser)
    add_timeout(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Watch it."""
    import asyncio

    run = run_of(arguments)

    from benchtui.cli.following import Watch
    from benchtui.cli.settings import read

    async def watch() -> int:
        return await Watch(read(arguments), arguments, run).execute()

    return asyncio.run(watch())
