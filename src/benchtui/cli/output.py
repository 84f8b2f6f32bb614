"""The only writer of stdout: results for people, JSON for programs, nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Exit status of a command whose reader went away: what the shell reports of any program that SIGPIPE ended.
READER_GONE = 141


def text(content: str) -> None:
    """Write ``content`` as it is.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    sys.stdout.write(content)


def raw(content: bytes) -> None:
    """Write bytes as they are: a file's own line ends and encoding.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def line(content: str) -> None:
    """Write one line and hand it over at once.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    sys.stdout.write(content + "\n")
    sys.stdout.flush()


def document(content: Mapping[str, Any]) -> None:
    """Write one JSON object, for a command's ``--json``."""
    line(as_json(content, indent=2))


def record(content: Mapping[str, Any]) -> None:
    """Write one line of a JSON Lines stream."""
    line(as_json(content))


def table(*parts: RenderableType) -> None:
    """Write tables and texts: as wide as the terminal, or as wide as they want to be in a file or pipe.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    from rich.console import Console, Group

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the process with status 1 here

    console = Plain(file=sys.stdout, markup=False, highlight=False, emoji=False)
    content = Group(*parts)
    if not console.is_terminal:
        console.width = max(
            20, console.measure(content, options=console.options.update(width=10_000)).maximum
        )
    console.print(content)
    sys.stdout.flush()


def is_terminal() -> bool:
    """Whether a person reads stdout."""
    return sys.stdout.isatty()


def speaks_unicode() -> bool:
    """Whether stdout can write more than ASCII."""
    return (sys.stdout.encoding or "ascii").lower().startswith("utf")


def finish(code: int) -> int:
    """Flush what is left; returns the exit status, which is another one if the reader has gone."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard()
        return code or READER_GONE
    return code


def discard() -> None:
    """Let nothing more reach stdout, so that the interpreter's last flush does not complain either."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def as_json(content: Mapping[str, Any], indent: int | None = None) -> str:
    """``content`` as strict ASCII JSON: money as strings, times as ISO 8601 in UTC."""
    return json.dumps(content, default=_plain, indent=indent, allow_nan=False)


def _plain(value: object) -> object:
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
