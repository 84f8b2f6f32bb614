"""Launches under way in this process, by run, and what of them is no longer wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchtui.engine.launcher import Launcher


class Launches:
    """Stops a launch, or takes jobs out of it, also before it has made a request."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}  # under way, by run
        self._launchers: dict[str, Launcher] = {}  # of those, once they have begun to request
        self._unwanted: dict[str, set[str] | None] = {}  # by run: jobs not to be launched; None: none at all

    def __iter__(self) -> Iterator[str]:
        """Runs that are being launched."""
        return iter(tuple(self._tasks))

    def __contains__(self, run: str) -> bool:
        return run in self._tasks

    def begin(self, run: str, task: asyncio.Task[None]) -> None:
        """``task`` launches ``run`` until it is done."""
        self._tasks[run] = task
        task.add_done_callback(lambda _: self._tasks.pop(run, None))

    def tasks(self, run: str | None) -> list[asyncio.Task[None]]:
        """Launches of ``run`` that are under way; None: of every run."""
        return [task for name, task in self._tasks.items() if run in (None, name)]

    def stop(self, run: str, jobs: frozenset[str] | None, why: str) -> None:
        """Launch no more of ``run``, or none of ``jobs``."""
        before = self._unwanted.get(run, set())
        self._unwanted[run] = None if jobs is None or before is None else before | jobs
        launcher = self._launchers.get(run)
        if launcher is not None and jobs is None:
            launcher.stop(why)
        elif launcher is not None and jobs is not None:
            launcher.skip(jobs, why)

    def requesting(self, run: str) -> Callable[[Launcher], None]:
        """To be told of the launcher of ``run``, which heeds what was not wanted before it began."""

        def started(launcher: Launcher) -> None:
            self._launchers[run] = launcher
            unwanted = self._unwanted.get(run, set())
            if unwanted is None:
                launcher.stop("stopped before it began")
            else:
                launcher.skip(unwanted, "killed before it was launched")

        return started

    def settled(self, run: str) -> None:
        """The launcher of ``run`` makes no request any more."""
        self._launchers.pop(run, None)
