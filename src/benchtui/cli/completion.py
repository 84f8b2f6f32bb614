"""`benchtui completion`: what a shell needs to complete commands, options, files, runs and instance types."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.cli import output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.arguments import Parser

SHELLS = ("bash", "zsh", "fish")
_INSTALL = """\
bash: benchtui completion bash > ~/.local/share/bash-completion/completions/benchtui;
zsh: benchtui completion zsh > a folder of $fpath/_benchtui;
fish: benchtui completion fish > ~/.config/fish/completions/benchtui.fish"""
#: What completes an argument, by the name its help gives its value.
_FILES = frozenset({"CONFIG", "FILE"})
_FOLDERS = frozenset({"DIR"})
_KNOWN = {"RUN": "runs", "TYPE": "types"}
MOST_WORDS = 2000


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "completion",
        parents=[shared()],
        help="completion for bash, zsh or fish",
        description="The script that lets a shell complete commands, options, files, and the runs and "
        "instance types that this machine knows. It asks no network.",
        epilog=_INSTALL,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", metavar="SHELL", nargs="?", choices=SHELLS, help="bash, zsh or fish")
    # What the scripts ask for while somebody types.
    parser.add_argument("--known", choices=tuple(_KNOWN.values()), help=argparse.SUPPRESS)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Write the script, or the words it asks for."""
    if arguments.known:
        found = known_runs() if arguments.known == "runs" else known_types()
        output.text("".join(f"{word}\n" for word in found[:MOST_WORDS]))
        return ExitCode.OK
    if not arguments.shell:
        raise UsageError("which shell?", f"benchtui completion {'|'.join(SHELLS)}")
    from benchtui.cli.main import build_parser

    written = script(build_parser(), arguments.shell)
    if arguments.json:
        output.document({"v": 1, "type": "completion", "shell": arguments.shell, "script": written})
    else:
        output.text(written if written.endswith("\n") else f"{written}\n")
    return ExitCode.OK


def script(parser: Parser, shell: str) -> str:
    """The script for a shell.

    Args:
        parser: of all commands; what completes its arguments is added to it.
        shell: of `SHELLS`.
    """
    import shtab

    from benchtui.cli.command_tree import commands_of, placeholder

    for command in commands_of(parser):
        for action in (*command.positionals, *command.options):
            name = placeholder(action)
            if name in _FILES:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif name in _FOLDERS:
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
            elif name in _KNOWN:
                asks = f"benchtui completion --known {_KNOWN[name]} 2>/dev/null"
                action.complete = shtab.cmd(asks)  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell))


def known_runs() -> list[str]:
    """Runs that this machine launched or collected, the newest first. Asks no one."""
    from benchtui.config.paths import state_dir
    from benchtui.core.keys import KeyNotOurs, check_run

    found = set()
    for folder in (state_dir(os.environ) / "ledger", Path("results")):
        for name in _names(folder):
            try:
                found.add(check_run(name.removesuffix(".jsonl")))
            except KeyNotOurs:
                continue
    return sorted(found, reverse=True)


def known_types() -> list[str]:
    """Instance types that were listed lately, else those of the snapshot. Asks no one."""
    from benchtui.aws.snapshot import load_snapshot
    from benchtui.config.paths import cache_dir

    try:
        text = (cache_dir(os.environ) / "types.json").read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        text = ""
    # The file is large, and only names are needed of it.
    listed = set(re.findall(r'"name": "([a-z0-9-]{1,30}\.[a-z0-9-]{1,30})"', text))
    return sorted(listed or load_snapshot().types)


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
