"""`benchtui config`: every setting with where it comes from, and the paths benchtui uses."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.cli import output
from benchtui.cli.arguments import shared, typed_flags
from benchtui.core.errors import ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser("config", help="show settings and where they come from")
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = actions.add_parser(
        "show", parents=[shared()], help="every setting, its value and its origin",
        description="Order: flags, BENCHTUI_<SECTION>_<KEY>, ./benchtui.toml, the user's file, defaults.",
    )  # fmt: skip
    show.set_defaults(execute=execute_show)
    paths = actions.add_parser("paths", parents=[shared()], help="the files and folders benchtui uses")
    paths.set_defaults(execute=execute_paths)


def execute_show(arguments: argparse.Namespace) -> int:
    """Print settings."""
    from benchtui.config.load import load, render_origins

    loaded = load(arguments.config, os.environ, typed_flags(arguments), Path.cwd())
    rows = render_origins(loaded)
    if arguments.json:
        settings = [{"key": row.key, "value": row.value, "origin": row.origin} for row in rows]
        files = [str(file) for file in loaded.files]
        output.document({"v": 1, "type": "config", "files": files, "settings": settings})
        return ExitCode.OK
    from benchtui.cli import tables

    table = tables.new_table("setting", "value", "from")
    for row in rows:
        tables.add(table, row.key, row.value, row.origin)
    output.table(table)
    return ExitCode.OK


def execute_paths(arguments: argparse.Namespace) -> int:
    """Print paths."""
    from benchtui.config.paths import known_paths

    found = known_paths(os.environ, Path.cwd())
    if arguments.json:
        rows = [
            {"name": row.name, "path": str(row.path), "exists": row.path.exists(), "use": row.use}
            for row in found
        ]
        output.document({"v": 1, "type": "paths", "paths": rows})
        return ExitCode.OK
    from benchtui.cli import tables

    table = tables.new_table("what", "path", "exists", "for")
    for row in found:
        tables.add(table, row.name, row.path, "yes" if row.path.exists() else "no", row.use)
    output.table(table)
    return ExitCode.OK
