"""The program: arguments to a command, its outcome to an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from benchtui import __version__
from benchtui.cli import diagnostics, output, streams, tui
from benchtui.cli.arguments import DEFAULTS, Parser, shared
from benchtui.cli.exit_codes import exit_codes_text
from benchtui.cli.failures import error_fields, foreseen
from benchtui.core.errors import ExitCode

#: Each a module of its own here, imported if it was asked for; in the help all are.
COMMANDS = (
    "plan",
    "run",
    "watch",
    "runs",
    "status",
    "log",
    "collect",
    "compare",
    "report",
    "export",
    "verify",
    "history",
    "confirm",
    "cost",
    "kill",
    "reap",
    "drill",
    "schedule",
    "notify",
    "doctor",
    "types",
    "config",
    "info",
    "completion",
    "man",
    "setup",
    "teardown",
    "local",
)
#: Commands whose ``--json`` is a stream that ends with a summary.
STREAMING = frozenset({"run", "watch", "kill", "reap", "drill", "confirm"})


def build_parser(asked: str | None = None) -> Parser:
    """The parser of all commands, or of the one that was ``asked`` for."""
    parser = Parser(
        prog="benchtui",
        description="Benchmarks on EC2 instances that never outlive their purpose.",
        epilog=exit_codes_text(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared()],
    )
    tui.add(parser)
    parser.add_argument("--version", action="version", version=f"benchtui {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name in COMMANDS if asked is None else (asked,):
        import_module(f"benchtui.cli.{name}").add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    # Plugins of pydantic see what a program that has credentials validates, and looking for them at each
    # start takes longer than a short command's own work.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    streams.prepare()
    try:
        return output.finish(_main(argv))
    except BrokenPipeError:
        output.discard()
        return output.READER_GONE
    finally:
        _done()
        diagnostics.finish()


def _done() -> None:
    """Say what was found beside the command's own work, if anything was looked for."""
    sweeping = sys.modules.get("benchtui.cli.sweeping")
    if sweeping is not None:
        sweeping.end()


def _main(argv: Sequence[str] | None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    parser = build_parser(argv[0] if argv and argv[0] in COMMANDS else None)
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as end:  # argparse has said why, or has shown the help
        return int(end.code or 0)
    for name, value in DEFAULTS.items():
        if not hasattr(arguments, name):
            setattr(arguments, name, value)
    if not hasattr(arguments, "execute"):
        if not tui.wanted():
            diagnostics.text(parser.format_help())
            return ExitCode.USAGE
        arguments.execute = tui.execute
    try:
        return int(arguments.execute(arguments))
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        return _fail(KeyboardInterrupt("interrupted"), ExitCode.INTERRUPTED, arguments)
    except Exception as problem:
        known = foreseen(problem)
        if arguments.verbose and known is not None:
            diagnostics.trace(problem)
        if known is None:
            diagnostics.crash(problem, verbose=arguments.verbose)
        else:
            diagnostics.error(known)
        return _fail(problem, known.exit_code if known else ExitCode.BENCHMARK_FAILED, arguments)


def _fail(problem: BaseException, code: ExitCode, arguments: argparse.Namespace) -> ExitCode:
    """Tell a program that reads ``--json`` of the error; the person has been told."""
    if arguments.json:
        kind = "summary" if arguments.command in STREAMING else "error"
        output.record({"v": 1, "type": kind, "error": error_fields(problem), "exit_code": int(code)})
    return code
