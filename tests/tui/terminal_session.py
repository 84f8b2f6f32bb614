"""A program on a pseudo-terminal of its own, its screen read as a person would."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

STEP = 0.02


class TerminalSession:
    """Start ``command`` on a terminal of ``size`` columns and lines; end it when left.

    What it writes is kept in ``output`` and drawn by a terminal emulator.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], cwd: Path, size: tuple[int, int] = (120, 36)
    ) -> None:
        self.command, self.environ, self.cwd, self.size = list(command), dict(environ), cwd, size
        self.output = bytearray()
        self._drawn = 0  # bytes of it that the emulator has seen
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._status: int | None = None
        self.started_at = 0.0

    def __enter__(self) -> Self:
        self.started_at = time.perf_counter()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(self.cwd)
                os.execvpe(self.command[0], self.command, self.environ)
            finally:
                os._exit(127)
        columns, lines = self.size
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.ended() is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal, as a lost ssh connection does."""
        if self.terminal >= 0:
            os.close(self.terminal)
            self.terminal = -1

    def press(self, keys: str) -> None:
        """Type ``keys``."""
        os.write(self.terminal, keys.encode())

    def read(self, seconds: float) -> bytes:
        """What comes within ``seconds``, at the first piece of it."""
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if not ready:
            return b""
        try:
            piece = os.read(self.terminal, 1 << 16)
        except OSError:  # the other end is closed
            return b""
        self.output += piece
        return piece

    def text(self) -> str:
        """The screen as it stands. What came is drawn only now: drawing takes longer than reading."""
        piece = bytes(self.output[self._drawn :])
        self._drawn = len(self.output)
        # The emulator does not know the sequences of newer keyboards, which begin like these.
        for unknown in (b"\x1b[>1u", b"\x1b[<u", b"\x1b[?2026$p"):
            piece = piece.replace(unknown, b"")
        self._stream.feed(piece)
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, what: str | Callable[[str], bool], seconds: float = 30) -> str:
        """Read until the screen shows ``what``; the screen.

        Raises:
            AssertionError: it does not within ``seconds``; shows the screen.
        """
        there = (lambda screen: what in screen) if isinstance(what, str) else what
        until = time.monotonic() + seconds
        while True:
            screen = self.text()
            if there(screen):
                return screen
            if time.monotonic() > until or (self.ended() is not None and not self.read(0)):
                raise AssertionError(f"{what!r} did not come; exit {self.ended()}; the screen:\n{screen}")
            self.read(STEP * 5)

    def settle(self) -> None:
        """Read until nothing has come for a moment: what a key has led to is there.

        A key that moves the focus is carried out after the keys behind it were given away, so that typing
        ahead of it goes astray.
        """
        while self.read(0.5):
            pass

    def ended(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait(self, seconds: float) -> int:
        """Its exit code.

        Raises:
            AssertionError: it has not ended within ``seconds``.
        """
        until = time.monotonic() + seconds
        while (code := self.ended()) is None:
            assert time.monotonic() < until, f"still running after {seconds} s:\n{self.text()}"
            if self.terminal >= 0:
                self.read(STEP)
            else:
                time.sleep(STEP)
        while self.terminal >= 0 and self.read(STEP * 5):
            pass
        return code
