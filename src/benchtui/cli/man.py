"""`benchtui man`: the man page."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "man",
        parents=[shared()],
        help="the man page, in roff",
        description="The man page of all commands, made of what --help is made of. "
        "Read it with: benchtui man | man -l -",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Write it."""
    from benchtui.cli.main import build_parser
    from benchtui.cli.manual_page import manual_page

    page = manual_page(build_parser())
    if arguments.json:
        output.document({"v": 1, "type": "man", "section": 1, "roff": page})
    else:
        output.text(page)
    return ExitCode.OK
