"""How many jobs make really runs: its job server is a pipe with one token for each further job.

With `-jN` GNU make puts N - 1 bytes into a pipe (from 4.4 on a named one); a job beyond the first takes a
byte while it runs. The number of bytes in it is read here without taking any: the greatest is N - 1, whatever
the program that started make believes N to be. With one job there is no such pipe.
"""

from __future__ import annotations

import array
import fcntl
import os
import re
import termios
import threading
from typing import List, NamedTuple, Optional

EVERY_S = 0.05  # a look costs some 10 microseconds
AUTH = re.compile(rb"--jobserver-(?:auth|fds)=(?:fifo:(?P<fifo>[^\s\x1f]+)|(?P<read>\d+),\d+)")


class Seen(NamedTuple):
    """What looking at the pipe gave."""

    jobs: int  # make may run at a time
    busy: float  # jobs at work, mean of all looks
    looks: int


class Watch:
    """Looks at the job server of make ``pid`` until the block is left."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._tokens: List[int] = []
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def seen(self) -> Optional[Seen]:
        """None if make had no job server: it ran one job at a time."""
        if not self._tokens:
            return None
        most = max(self._tokens)
        busy = sum(most + 1 - tokens for tokens in self._tokens) / len(self._tokens)
        return Seen(most + 1, busy, len(self._tokens))

    def _look(self) -> None:
        pipe = None
        while not self._left.wait(EVERY_S):
            if pipe is None:
                pipe = self._open()
            if pipe is not None:
                waiting = array.array("i", [0])
                fcntl.ioctl(pipe, termios.FIONREAD, waiting)
                self._tokens.append(waiting[0])
        if pipe is not None:
            os.close(pipe)

    def _open(self) -> Optional[int]:
        """The reading end. make tells it to the makes below it, in MAKEFLAGS."""
        for pid in _below(self._pid):
            try:
                with open("/proc/{}/environ".format(pid), "rb") as file:
                    found = AUTH.search(file.read())
                if found is None:
                    continue
                path = found.group("fifo") or b"/proc/%d/fd/%s" % (self._pid, found.group("read"))
                return os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError:
                continue  # it has ended meanwhile
        return None


def _below(pid: int) -> List[int]:
    """Processes that ``pid`` started, and those that they did."""
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        try:
            with open("/proc/{0}/task/{0}/children".format(parent), encoding="ascii") as file:
                children = [int(word) for word in file.read().split()]
        except OSError:
            continue
        found += children
        queue += children
    return found
