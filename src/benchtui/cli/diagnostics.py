"""The only writer of stderr: narration, questions, errors. A stderr that has gone is no reason to stop."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from benchtui.core.errors import BenchtuiError

_live: Console | None = None  # of a display that is on the screen now


class _Lenient:
    """A stream whose reader may go away."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, content: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(content)
        return len(content)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def text(content: str) -> None:
    """Write ``content`` as it is."""
    stream = _Lenient(sys.stderr)
    stream.write(content)
    stream.flush()


def say(content: str) -> None:
    """Write one line, above whatever display is on the screen."""
    if _live is None:
        text(content + "\n")
        return
    from rich.text import Text

    _live.print(Text(content), soft_wrap=True)


def show(*parts: RenderableType) -> None:
    """Write tables and texts for a person to read before an answer is asked for."""
    from rich.console import Group

    screen = console()
    content = Group(*parts)
    if not screen.is_terminal:
        screen.width = max(20, screen.measure(content, options=screen.options.update(width=10_000)).maximum)
    screen.print(content)


def console() -> Console:
    """A console on stderr that takes no text for markup."""
    from rich.console import Console

    stream = cast("IO[str]", _Lenient(sys.stderr))
    return Console(file=stream, markup=False, highlight=False, emoji=False)


def display(screen: Console | None) -> None:
    """From now on say things above the display on ``screen``; None: it is gone."""
    global _live  # noqa: PLW0603  (one stderr, one display)
    _live = screen


def is_terminal() -> bool:
    """Whether a person sees stderr on a terminal that can redraw."""
    with contextlib.suppress(OSError, ValueError):
        return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return False


def speaks_unicode() -> bool:
    """Whether stderr can write more than ASCII."""
    return (getattr(sys.stderr, "encoding", None) or "ascii").lower().startswith("utf")


def error(problem: BenchtuiError) -> None:
    """What happened, and what to do next."""
    say(f"benchtui: {problem.what}")
    if problem.fix:
        say(f"  fix: {problem.fix}")


def crash(problem: BaseException, *, verbose: bool) -> None:
    """An error nobody foresaw: a mistake in benchtui."""
    if verbose:
        trace(problem)
    for part in _parts(problem):
        say(f"benchtui: {type(part).__name__}: {part}")
    say("  fix: this is a mistake in benchtui; run it again with -v and report what it prints")


def _parts(problem: BaseException) -> list[BaseException]:
    """The errors in a group of tasks' errors."""
    if not isinstance(problem, BaseExceptionGroup):
        return [problem]
    return [part for inner in problem.exceptions for part in _parts(inner)]


def trace(problem: BaseException) -> None:
    """The way to an error, for -v."""
    text("".join(traceback.format_exception(problem)))


def finish() -> None:
    """Flush what is left, so that the interpreter's last flush does not change the exit status."""
    try:
        sys.stderr.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)


def can_ask() -> bool:
    """Whether a person can be asked: stdin is a terminal, and so is stderr, where the question goes."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """The line a person types; empty at the end of input."""
    text(question)
    return sys.stdin.readline().strip()
