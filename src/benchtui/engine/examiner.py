"""Examines jobs on another CPU where there are many.

A result has hundreds of samples: to validate it and look at it takes longer than to download it. So another
process does it, which gets paths and gives back the few lines that are kept. Where it cannot be started, or
ends, it is done here.

    python -m benchtui.engine.examiner      reads and writes frames of pickle; ends when its input does
"""

from __future__ import annotations

import asyncio
import os
import pickle
import struct
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import deque
from types import TracebackType
from typing import BinaryIO, Self

from benchtui.core.documents import RunDocument
from benchtui.engine.examining import Case, Examined, examine

#: A process of its own is worth its start from so many results on.
WORTH_A_PROCESS = 100
MODULE = "benchtui.engine.examiner"
_SIZE = struct.Struct(">Q")


class Examiner:
    """Examines the jobs of one run, in a process of its own where that is worth it.

    Args:
        run: its plan.
        results: how many there may be.
    """

    def __init__(self, run: RunDocument, results: int) -> None:
        self._run = run.model_copy(update={"jobs": (), "declined": ()})
        self._elsewhere = results >= WORTH_A_PROCESS and (os.cpu_count() or 1) > 1
        self._process: Process | None = None
        self._waiting: deque[asyncio.Future[Examined | OSError]] = deque()
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._elsewhere:
            await self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if kind is not None:
            process.kill()
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        if self._reading is not None:
            await self._reading

    async def examine(self, case: Case) -> Examined:
        """See `examine`.

        Raises:
            OSError: a file cannot be read.
        """
        told = await self._asked(case) if self._process is not None else None
        if told is None:
            return await asyncio.to_thread(examine, case, self._run)
        if isinstance(told, OSError):
            raise told
        return told

    async def _start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        program = (sys.executable, "-P", "-m", MODULE)
        try:
            # A session of its own: an interrupt from the terminal is for who started it.
            process = await asyncio.create_subprocess_exec(
                *program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=True
            )
        except OSError:
            return
        assert process.stdin is not None
        process.stdin.write(_frame(self._run))
        self._process, self._reading = process, asyncio.create_task(self._read(process))

    async def _asked(self, case: Case) -> Examined | OSError | None:
        """What the process says; None: it is gone."""
        assert self._process is not None and self._process.stdin is not None
        answer: asyncio.Future[Examined | OSError] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        try:
            self._process.stdin.write(_frame(case))
            await self._process.stdin.drain()
            return await answer
        except (ConnectionError, asyncio.IncompleteReadError):
            return None

    async def _read(self, process: Process) -> None:
        """Hand each answer to who waits for it: they come in the order of the questions."""
        assert process.stdout is not None
        try:
            while True:
                (size,) = _SIZE.unpack(await process.stdout.readexactly(_SIZE.size))
                answer = pickle.loads(await process.stdout.readexactly(size))  # noqa: S301  (of our own process)
                waiting = self._waiting.popleft()
                if not waiting.done():
                    waiting.set_result(answer)
        except asyncio.IncompleteReadError as ended:
            self._process = None
            for waiting in self._waiting:
                if not waiting.done():
                    waiting.set_exception(ended)


def _frame(value: object) -> bytes:
    body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return _SIZE.pack(len(body)) + body


def _received(stream: BinaryIO) -> object:
    """The next frame.

    Raises:
        EOFError: there is none.
    """
    head = stream.read(_SIZE.size)
    if len(head) < _SIZE.size:
        raise EOFError
    return pickle.loads(stream.read(_SIZE.unpack(head)[0]))  # noqa: S301  (from the process that started this one)


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    run = _received(source)
    assert isinstance(run, RunDocument)
    while True:
        try:
            case = _received(source)
        except EOFError:
            return
        assert isinstance(case, Case)
        try:
            told: Examined | OSError = examine(case, run)
        except OSError as error:
            told = error
        sink.write(_frame(told))
        sink.flush()


if __name__ == "__main__":
    _serve(sys.stdin.buffer, sys.stdout.buffer)
