"""The terminal itself: whether it is there, what it can show."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Mapping

from benchtui.core.errors import UsageError


def lost() -> bool:
    """Whether the terminal this process was started on has gone.

    A closed pseudo-terminal need not send a signal: without a controlling terminal nobody gets one.
    """
    if not sys.__stdin__ or sys.__stdin__.closed:
        return False
    try:
        number = sys.__stdin__.fileno()
    except (OSError, ValueError):
        return False
    if not _was_terminal(number):
        return False
    try:
        termios.tcgetattr(number)
    except termios.error:
        return True
    return False


_KNOWN: dict[int, bool] = {}


def _was_terminal(number: int) -> bool:
    """Whether the descriptor was a terminal when first asked."""
    if number not in _KNOWN:
        _KNOWN[number] = os.isatty(number)
    return _KNOWN[number]


def refuse_unfit(environ: Mapping[str, str]) -> None:
    """Refuse what cannot show the application.

    Raises:
        UsageError: a standard stream is no terminal, or one that cannot move its cursor.
    """
    if not sys.stderr.isatty():  # where Textual draws
        raise UsageError(
            "the application draws on stderr, which is no terminal", fix="do not redirect stderr"
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the application needs a terminal", fix="use a command: benchtui --help lists them")
    if environ.get("TERM", "") in ("", "dumb"):
        raise UsageError(
            f"TERM={environ.get('TERM', '') or '(not set)'}: this terminal cannot move its cursor",
            fix="set TERM, or use a command: benchtui --help lists them",
        )


def theme_for(environ: Mapping[str, str], wanted: str) -> str:
    """The theme: as wanted, else the terminal's own 16 colours where it has no more or wants none.

    Args:
        environ: of the process.
        wanted: ``auto``, ``dark``, ``light``, ``ansi`` or the name of a Textual theme.
    """
    named = {"dark": "textual-dark", "light": "textual-light", "ansi": "ansi-dark"}
    if "NO_COLOR" in environ:
        return "ansi-light" if wanted == "light" else "ansi-dark"
    if wanted != "auto":
        return named.get(wanted, wanted)
    term = environ.get("TERM", "")
    rich_colours = environ.get("COLORTERM", "") in ("truecolor", "24bit") or "256" in term or "direct" in term
    return "textual-dark" if rich_colours else "ansi-dark"
