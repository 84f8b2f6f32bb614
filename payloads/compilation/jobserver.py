"""How many jobs make really runs, by its own word to the makes below it and by its job server.

With `-jN` GNU make hands on N in MAKEFLAGS, beside a pipe (from 4.4 on a named one) with N - 1 bytes in it. A
job beyond the first takes a byte while it runs. The number of bytes is read here without taking any. With one
job there is neither.
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
SERVER = re.compile(
    rb"-j(?P<jobs>\d+) --jobserver-(?:auth|fds)=(?:fifo:(?P<fifo>[^\s\x00]+)|(?P<read>\d+),\d+)"
)


class Seen(NamedTuple):
    """What looking at the pipe gave."""

    jobs: int  # make may run at a time
    busy: float  # jobs at work, mean of all looks
    looks: int


class Watch:
    """Looks at the job server of make ``pid`` until the block is left."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._jobs = 0
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
        busy = self._jobs - sum(self._tokens) / len(self._tokens)
        return Seen(self._jobs, busy, len(self._tokens))

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
                    found = SERVER.search(file.read())
                if found is None:
                    continue
                self._jobs = int(found.group("jobs"))
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
