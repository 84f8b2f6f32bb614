"""Arguments that commands share, and how typed flags become settings."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.core.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

    from benchtui.config.sources import Flag

#: Settings that a flag can give: by the flag's name in the parsed arguments.
FLAGS: Mapping[str, tuple[str, str]] = {
    "profile": ("--profile", "aws.profile"),
    "region": ("--region", "aws.regions"),
    "bucket": ("--bucket", "aws.bucket"),
    "seed": ("--seed", "plan.seed"),
    "results": ("--results", "output.results_dir"),
}
DEFAULTS: Mapping[str, Any] = {
    "config": None,
    "json": False,
    "local": False,
    "verbose": False,
    "profile": None,
    "region": None,
    "bucket": None,
}


class Parser(argparse.ArgumentParser):
    """argparse, with its words going through the two writers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        if message and file is sys.stdout:
            output.text(message)
        elif message:
            diagnostics.text(message)


def shared(*, config_flag: bool = True) -> argparse.ArgumentParser:
    """Flags of every command; they count before the command's name as well as behind it."""
    parser = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    group = parser.add_argument_group("settings")
    if config_flag:
        group.add_argument("--config", metavar="FILE", type=Path, help="settings; default ./benchtui.toml")
    group.add_argument("--profile", metavar="NAME", help="profile of the AWS configuration")
    group.add_argument("--region", metavar="REGION", help="region to use")
    group.add_argument("--bucket", metavar="NAME", help="bucket of sentinels and results")
    group.add_argument("--local", action="store_true", help="use the local cloud, started if none runs")
    group.add_argument("--json", action="store_true", help="JSON on stdout")
    group.add_argument("-v", "--verbose", action="store_true", help="all metrics; tracebacks of errors")
    return parser


def add_config(parser: argparse.ArgumentParser) -> None:
    """The configuration file as the command's first argument."""
    parser.add_argument(
        "config",
        metavar="CONFIG",
        type=_file,
        nargs="?",
        default=argparse.SUPPRESS,
        help="configuration; default ./benchtui.toml",
    )


def _file(text: str) -> Path | str:
    """A path. argparse (that of Python 3.11.2, for one) converts a positional's default, too."""
    return text if text is argparse.SUPPRESS else Path(text)


def add_run(parser: argparse.ArgumentParser, **options: Any) -> None:
    """The run's id."""
    parser.add_argument("run", metavar="RUN", help="id of a run, as `benchtui runs` lists them", **options)


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """``--timeout``."""
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=duration,
        help="leave with exit code 4 after this time (90s, 10m, 2h); instances go on and end by themselves",
    )


def duration(text: str) -> int:
    """Seconds of a ``--timeout``."""
    from benchtui.config.durations import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    assert isinstance(seconds, int)
    return seconds


def percentage(text: str) -> float:
    """A fraction from ``2%`` or ``2``, above 0 and below 100 %."""
    try:
        fraction = float(text.strip().removesuffix("%").rstrip()) / 100
    except ValueError:
        fraction = 0.0
    if not 0 < fraction < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage such as 2%")
    return fraction


def typed_flags(arguments: argparse.Namespace) -> dict[str, Flag]:
    """The settings that were typed, by ``section.key``."""
    from benchtui.config.sources import Flag

    return {
        key: Flag(spelling, value)
        for name, (spelling, key) in FLAGS.items()
        if (value := getattr(arguments, name, None)) is not None
    }


def repeated(arguments: argparse.Namespace) -> str:
    """The typed flags that say which account and bucket, to be given to the next command as well."""
    words: list[str] = []
    for name in ("config", "profile", "region", "bucket"):
        value = getattr(arguments, name, None)
        if value is not None:
            words += [f"--{name}", str(value)]
    if arguments.local:
        words.append("--local")
    return "".join(f" {shlex.quote(word)}" for word in words)


def run_of(arguments: argparse.Namespace) -> str:
    """The run id that was typed.

    Raises:
        UsageError: it is not one.
    """
    from benchtui.core.keys import KeyNotOurs, check_run

    try:
        return check_run(arguments.run)
    except KeyNotOurs as error:
        raise UsageError(str(error), fix="`benchtui runs` lists the runs of the bucket") from error
