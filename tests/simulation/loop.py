"""An event loop whose time is a number: it jumps to the next timer instead of waiting.

What belongs to one process of the simulated world is known by its context, so a process can be crashed: not
a single line of it is executed any more, no ``finally``, no clean-up, as after SIGKILL.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import sys
import warnings
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any

#: Steps of the loop after which a world counts as one that never comes to its end.
MOST_STEPS = 3_000_000


class Process:
    """One process of the world: a launcher, a watcher, a kill. Lives until it ends or is crashed."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.asleep: list[events.Handle] | None = None  # while its machine is: what came due meanwhile
        self.steps = 0  # how often it was given the CPU
        self.crash_at: int | None = None  # at this step it dies
        self.died: Callable[[], None] = lambda: None
        self.strike: Callable[[], object] = self.crash  # what happens at that step

    def crash(self) -> None:
        """Nothing of it is executed from now on."""
        if not self.dead:
            self.dead = True
            self.died()

    def fall_asleep(self) -> None:
        """Its machine is suspended: nothing of it is executed until `wake`, and time goes on elsewhere."""
        self.asleep = []

    def wake(self, loop: VirtualLoop) -> None:
        """All that came due meanwhile is executed now, in its order."""
        due, self.asleep = self.asleep or [], None
        loop._ready.extend(due)  # type: ignore[attr-defined]

    def sleeps_over(self, handle: events.Handle) -> bool:
        """Whether ``handle`` has to wait until its machine wakes."""
        if self.asleep is None:
            return False
        self.asleep.append(handle)
        return True

    def admits(self) -> bool:
        """Whether its next step is executed; counts it."""
        if self.dead:
            return False
        self.steps += 1
        if self.steps == self.crash_at:
            self.strike()
        return not self.dead


PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class _Handle(events.Handle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None or (not process.sleeps_over(self) and process.admits()):
            super()._run()


class _TimerHandle(events.TimerHandle):
    __slots__ = ()

    def _run(self) -> None:
        process = self._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None or (not process.sleeps_over(self) and process.admits()):
            super()._run()


class _Task(asyncio.Task):  # type: ignore[type-arg]
    """Hashed by its number: sets of tasks are walked through in the same order each time."""

    _numbers = itertools.count()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class Stalled(Exception):
    """Nothing will ever happen again, and what was waited for has not."""


class _Jump:
    """Stands where a selector would: instead of waiting, time goes on."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stalled(f"at {self.loop.time():.3f} s")
        if timeout > 0:
            self.loop.now_s += timeout
        return []


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: one thread, one order, one time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.steps = 0
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        _Task._numbers = itertools.count()
        self.set_task_factory(self._task)
        self.set_exception_handler(self._unhandled)
        self.unhandled: list[str] = []
        self.tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        """Seconds since the world began."""
        return self.now_s

    def _process_events(self, event_list: list[Any]) -> None:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise Stalled(f"{MOST_STEPS} steps and no end, at {self.now_s:.0f} s")

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""

    def _call_soon(self, callback: Any, args: Any, context: Context | None) -> events.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)  # type: ignore[attr-defined]
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> events.TimerHandle:
        timer = _TimerHandle(when, callback, args, self, context)
        import heapq

        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """No thread: executed whole, a step later; a crash comes before or after it."""
        future = self.create_future()

        def execute() -> None:
            if future.cancelled():
                return
            try:
                value = func(*args)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(value)

        self.call_soon(execute)
        return future

    def _task(self, loop: Any, coroutine: Coroutine[Any, Any, Any], **kwargs: Any) -> asyncio.Task[Any]:
        task = _Task(coroutine, loop=loop, **kwargs)
        task._log_destroy_pending = False
        self.tasks.append(task)
        return task

    def _unhandled(self, _loop: Any, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.unhandled.append(f"{context.get('message')}: {error!r}")

    def spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> tuple[Process, asyncio.Task[Any]]:
        """Start a process of the world."""
        process = Process(name)
        context = Context()
        context.run(PROCESS.set, process)
        return process, context.run(self.create_task, work)


def outside(loop: VirtualLoop, delay_s: float, call: Callable[[], None]) -> None:
    """Do ``call`` in ``delay_s`` seconds, as something that no crash of a process stops."""
    loop.call_later(delay_s, call, context=Context())


def bury(loop: VirtualLoop) -> None:
    """Close the loop; what crashed processes left suspended is dropped without being heard."""
    heard = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    events._set_running_loop(loop)  # their clean-up may look for one
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in loop.tasks:
                for _ in range(10):  # one that awaits in its clean-up is closed again
                    with contextlib.suppress(BaseException):
                        task.get_coro().close()  # type: ignore[union-attr]
                        break
            loop.tasks.clear()
            loop._ready.clear()  # type: ignore[attr-defined]
            loop._scheduled.clear()  # type: ignore[attr-defined]
            gc.collect()
    finally:
        events._set_running_loop(None)
        loop.close()
        sys.unraisablehook = heard
