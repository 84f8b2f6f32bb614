"""The engine as the screen sees it: in a thread with its own event loop.

Nothing it does, importing the SDK and connecting included, holds up a key.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from benchtui.core.errors import BenchtuiError, as_error
from benchtui.engine.operations import Operations
from benchtui.engine.updates import Tell, Trouble, Update

if TYPE_CHECKING:
    from benchtui.config.schema import Config
    from benchtui.core.documents import RunDocument
    from benchtui.core.instance_results import InstanceResult
    from benchtui.engine.collector import Collected
    from benchtui.engine.detail import JobDetail, LogTail
    from benchtui.engine.history_sync import SyncReport
    from benchtui.engine.history_view import HistoryView
    from benchtui.engine.kill_scope import KillScope, KillSurvey
    from benchtui.engine.offers import TypeOffer
    from benchtui.engine.planning import Planned
    from benchtui.engine.runs import RunListing
    from benchtui.engine.sweep import Sweep

T = TypeVar("T")
Deliver = Callable[[Update], None]


class EngineLink(Protocol):
    """What a screen may ask for. Every method can raise a BenchtuiError."""

    def start(self, deliver: Deliver) -> None:
        """Begin; ``deliver`` is told of everything, from any thread."""
        ...

    @property
    def unfinished(self) -> bool:
        """Whether a launch or a kill is still under way."""
        ...

    async def runs(self, newest: int = 50) -> tuple[RunListing, ...]: ...
    async def adopt(self, run: str) -> RunDocument: ...
    async def plan(self, config: Config, seed: int) -> Planned: ...
    async def types(self, config: Config) -> tuple[TypeOffer, ...]: ...
    async def detail(self, job: str) -> JobDetail: ...
    async def log(self, job: str, after: int) -> LogTail: ...
    async def collect(self) -> Collected: ...
    async def results(self, runs: Sequence[str]) -> tuple[InstanceResult, ...]: ...
    async def history(self, metric: str | None) -> HistoryView: ...
    async def sync_history(self) -> SyncReport: ...
    async def sweep(self) -> Sweep: ...
    async def survey(self, scope: KillScope) -> KillSurvey: ...
    async def launch(self, planned: Planned, config: Config) -> str: ...
    async def kill(self, scope: KillScope) -> None: ...


class EngineThread:
    """The engine's operations in a thread of their own.

    Args:
        make: makes them, in that thread: it may import and connect, and take its time.
    """

    def __init__(self, make: Callable[[Tell], Operations]) -> None:
        self._make = make
        self._deliver: Deliver = lambda _: None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._operations: Operations | None = None
        self._leave: asyncio.Event | None = None
        self._left = False
        self._ready: Future[None] = Future()
        self._handed: list[Future[Any]] = []  # launches and kills that were confirmed
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)

    def start(self, deliver: Deliver) -> None:
        """Begin. The first paint does not wait for it."""
        self._deliver = deliver
        self._thread.start()

    def deliver_to(self, deliver: Deliver) -> None:
        """Tell someone else from now on: the screen has gone."""
        self._deliver = deliver

    def leave(self) -> None:
        """Ask the engine to end, from any thread; it does once launches are settled and kills proven."""
        loop, leave = self._loop, self._leave
        self._left = True
        if loop is not None and leave is not None and not loop.is_closed():
            loop.call_soon_threadsafe(leave.set)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the engine's end; False if it has not ended by then."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    @property
    def unfinished(self) -> bool:
        """Whether a launch or a kill is still under way."""
        handed = any(not work.done() for work in self._handed)
        return handed or (self._operations is not None and self._operations.unfinished)

    def _tell(self, update: Update) -> None:
        self._deliver(update)  # whoever is told at that moment

    def _main(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as problem:
            self._failed(as_error(problem, "the engine ended: "))

    def _failed(self, problem: BenchtuiError) -> None:
        if not self._ready.done():
            self._ready.set_exception(problem)
        self._deliver(Trouble("engine", problem))

    async def _live(self) -> None:
        self._leave = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        async with self._make(self._tell) as operations:
            self._operations = operations
            self._ready.set_result(None)
            if not self._left:
                await self._leave.wait()
            # What was confirmed before the engine was left begins before it ends.
            begun = [asyncio.wrap_future(work) for work in self._handed if not work.done()]
            if begun:
                await asyncio.wait(begun)

    async def _ask(self, work: Callable[[Operations], Coroutine[Any, Any, T]]) -> T:
        await asyncio.shield(asyncio.wrap_future(self._ready))
        assert self._operations is not None
        assert self._loop is not None
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(self._operations), self._loop))

    async def _hand_over(self, work: Callable[[Operations], Coroutine[Any, Any, T]]) -> T:
        """As `_ask`, but whoever asked may go: what was confirmed is carried out once the engine is ready."""
        handed: Future[T] = Future()
        self._handed.append(handed)

        def begin(ready: Future[None]) -> None:
            problem = ready.exception()
            if problem is not None:
                handed.set_exception(problem)
                return
            assert self._operations is not None
            assert self._loop is not None
            if self._loop.is_closed():
                handed.set_exception(BenchtuiError("the engine has ended"))
                return
            asked = asyncio.run_coroutine_threadsafe(work(self._operations), self._loop)
            asked.add_done_callback(partial(_pass_on, handed))

        loop, told = asyncio.get_running_loop(), asyncio.Event()

        def wake(_: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the screen and its loop have gone
                loop.call_soon_threadsafe(told.set)

        handed.add_done_callback(wake)
        self._ready.add_done_callback(begin)
        await told.wait()
        return handed.result()

    async def runs(self, newest: int = 50) -> tuple[RunListing, ...]:
        """See `Operations.runs`."""
        return await self._ask(lambda operations: operations.runs(newest))

    async def adopt(self, run: str) -> RunDocument:
        """See `Operations.adopt`."""
        return await self._ask(lambda operations: operations.adopt(run))

    async def plan(self, config: Config, seed: int) -> Planned:
        """See `Operations.plan`."""
        return await self._ask(lambda operations: operations.plan(config, seed))

    async def types(self, config: Config) -> tuple[TypeOffer, ...]:
        """See `Operations.types`."""
        return await self._ask(lambda operations: operations.types(config))

    async def detail(self, job: str) -> JobDetail:
        """See `Operations.detail`."""
        return await self._ask(lambda operations: operations.detail(job))

    async def log(self, job: str, after: int) -> LogTail:
        """See `Operations.log`."""
        return await self._ask(lambda operations: operations.log(job, after))

    async def collect(self) -> Collected:
        """See `Operations.collect`."""
        return await self._ask(lambda operations: operations.collect())

    async def results(self, runs: Sequence[str]) -> tuple[InstanceResult, ...]:
        """See `Operations.results`."""
        return await self._ask(lambda operations: operations.results(runs))

    async def history(self, metric: str | None) -> HistoryView:
        """See `Operations.history`."""
        return await self._ask(lambda operations: operations.history(metric))

    async def sync_history(self) -> SyncReport:
        """See `Operations.sync_history`."""
        return await self._ask(lambda operations: operations.sync_history())

    async def sweep(self) -> Sweep:
        """See `Operations.sweep`."""
        return await self._ask(lambda operations: operations.sweep())

    async def survey(self, scope: KillScope) -> KillSurvey:
        """See `Operations.survey`."""
        return await self._ask(lambda operations: operations.survey(scope))

    async def launch(self, planned: Planned, config: Config) -> str:
        """See `Operations.launch`."""
        return await self._hand_over(lambda operations: operations.launch(planned, config))

    async def kill(self, scope: KillScope) -> None:
        """See `Operations.kill`."""
        await self._hand_over(lambda operations: operations.kill(scope))


def _pass_on(to: Future[T], asked: Future[T]) -> None:
    """The outcome of what was asked, to whoever waits."""
    if asked.cancelled():
        to.set_exception(BenchtuiError("the engine ended before it was done"))
    elif (problem := asked.exception()) is not None:
        to.set_exception(problem)
    else:
        to.set_result(asked.result())
