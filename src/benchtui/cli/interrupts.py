"""Ctrl-C and SIGTERM while instances may be running."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

from benchtui.cli import diagnostics
from benchtui.core.errors import ExitCode

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """The first Ctrl-C says what keeps running and until when, the second leaves; SIGTERM leaves at once.

    Where nothing runs yet the first Ctrl-C leaves. Leaving cancels the task that entered the context; it
    finds the reason in ``code``.

    Args:
        keeps_running: lines that say what keeps running; none if nothing does.
    """

    def __init__(self, keeps_running: Callable[[], Sequence[str]]) -> None:
        self.code: ExitCode | None = None
        self._keeps_running = keeps_running
        self._warned = False
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> Self:
        self._task = asyncio.current_task()
        self._listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_listening()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """While a person is asked something: Ctrl-C ends the program as usual."""
        self._stop_listening()
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            self._listen()

    def left(self) -> ExitCode | None:
        """By which signal the task was cancelled, if by one; it may go on with its farewell then."""
        if self.code is not None and self._task is not None:
            self._task.uncancel()
        return self.code

    def leave(self, code: ExitCode) -> None:
        """Cancel the task. From here on the next Ctrl-C ends the program as usual."""
        if self.code is None and self._task is not None:
            self.code = code
            self._stop_listening()
            self._task.cancel()

    def _on_interrupt(self) -> None:
        lines = self._keeps_running()
        if not lines or self._warned:
            self._say(lines if not self._warned else ())
            self.leave(ExitCode.INTERRUPTED)
            return
        self._warned = True
        self._say((*lines, "Ctrl-C again leaves"))

    def _on_terminate(self) -> None:
        self._say(self._keeps_running())
        self.leave(ExitCode.TERMINATED)

    def _say(self, lines: Sequence[str]) -> None:
        for line in lines:
            diagnostics.say(line)

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            # What the caller has set to be ignored stays so: nohup, or a job in a script's background.
            if signal.getsignal(number) is not signal.SIG_IGN:
                handler = self._on_interrupt if number is signal.SIGINT else self._on_terminate
                loop.add_signal_handler(number, handler)

    def _stop_listening(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
