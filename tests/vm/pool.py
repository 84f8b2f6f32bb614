"""Cells side by side, as many as the machine has room for."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tests.vm import table
from tests.vm.cells import Ended
from tests.vm.cold import Cold

Played = TypeVar("Played", Ended, Cold)


class Pool:
    """``most`` at once; of those that keep a CPU busy one for every two CPUs."""

    def __init__(self, most: int) -> None:
        self._any = ThreadPoolExecutor(most)
        self._busy = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2))
        self._room = threading.Semaphore(most)

    def submit(self, busy: bool, play: Callable[[], Played], before: str = "") -> Future[Played]:
        """Play a cell when there is room, and say how it ended with ``before`` at the beginning."""
        return (self._busy if busy else self._any).submit(self._played, play, before)

    def _played(self, play: Callable[[], Played], before: str) -> Played:
        with self._room:
            came = play()
        ended = came.ended if isinstance(came, Cold) else came
        why = ended.error.partition("\n")[0]
        say(before + "  ".join(table.row(ended)) + f"  ({ended.took_s:.0f} s) {why}".rstrip())
        return came


def say(line: str) -> None:
    """Progress, for whoever waits."""
    print(line, file=sys.stderr, flush=True)
