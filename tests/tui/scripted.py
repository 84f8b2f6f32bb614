"""An engine that tells what a test gives it, and notes what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from benchtui.config.schema import Config
from benchtui.core.errors import BenchtuiError
from benchtui.engine.runs import RunListing
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.updates import Account, Listed, Update
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.start import PLAIN, Look, Start
from tests.engine import fleet

NOW = fleet.after(60)


@dataclass
class FixedClock:
    """Stands until a test moves it."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass
class ScriptedEngine:
    """Answers from ``answers`` by method name: a value, an exception to raise, a function of the arguments.

    A method without an answer never returns, as a network that is away.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    first: Sequence[Update] = ()  # told as soon as the application listens
    unfinished: bool = False

    def __post_init__(self) -> None:
        self._deliver: Callable[[Update], None] | None = None

    def start(self, deliver: Callable[[Update], None]) -> None:
        self._deliver = deliver
        for update in self.first:
            deliver(update)

    def tell(self, *updates: Update) -> None:
        assert self._deliver is not None, "the application has not started the engine yet"
        for update in updates:
            self._deliver(update)

    def calls(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for asked, arguments in self.asked if asked == name]

    async def _answer(self, name: str, *arguments: Any) -> Any:
        self.asked.append((name, arguments))
        if name not in self.answers:
            await asyncio.Event().wait()
        answer = self.answers[name]
        if isinstance(answer, BenchtuiError):
            raise answer
        return answer(*arguments) if callable(answer) else answer

    async def runs(self, newest: int = 50) -> Any:
        return await self._answer("runs", newest)

    async def history(self, metric: str | None) -> Any:
        return await self._answer("history", metric)

    async def sync_history(self) -> Any:
        return await self._answer("sync_history")

    async def adopt(self, run: str) -> Any:
        return await self._answer("adopt", run)

    async def plan(self, config: Config, seed: int) -> Any:
        return await self._answer("plan", config, seed)

    async def types(self, config: Config) -> Any:
        return await self._answer("types", config)

    async def detail(self, job: str) -> Any:
        return await self._answer("detail", job)

    async def log(self, job: str, after: int) -> Any:
        return await self._answer("log", job, after)

    async def collect(self) -> Any:
        return await self._answer("collect")

    async def results(self, runs: Sequence[str]) -> Any:
        return await self._answer("results", runs)

    async def sweep(self) -> Any:
        return await self._answer("sweep")

    async def survey(self, scope: Any) -> Any:
        return await self._answer("survey", scope)

    async def launch(self, planned: Any, config: Config) -> Any:
        return await self._answer("launch", planned, config)

    async def kill(self, scope: Any) -> Any:
        return await self._answer("kill", scope)


def listings(*snapshots: Snapshot) -> tuple[RunListing, ...]:
    """What the bucket holds: the runs of these snapshots."""
    return tuple(RunListing(each.run.run, each.run.created_at, each.run) for each in snapshots)


def make_app(
    engine: ScriptedEngine,
    tmp_path: Path,
    clock: Callable[[], datetime] | None = None,
    *,
    look: Look = PLAIN,
    **start: Any,
) -> BenchtuiApp:
    """The application over a scripted engine and a clock that stands."""
    given = {"config": Config(), "engine": engine, "look": look, "state_dir": tmp_path} | start
    return BenchtuiApp(Start(**given), look, clock or FixedClock())


def introduced(shown: Snapshot) -> tuple[Update, ...]:
    """What the real engine tells in its first second, with ``shown`` as the run it found."""
    return (Account("123456789012"), Listed(listings(shown)), shown)


async def settled(pilot: Pilot[Any], flushes: int = 1) -> None:
    """What was told and pressed is on the screen. Two flushes where one leads to what the other shows."""
    for _ in range(flushes):
        await pilot.pause()
        pilot.app.flush()  # type: ignore[attr-defined]
    await pilot.pause()


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Let the application work until ``holds``.

    Raises:
        TimeoutError: it does not come to that.
    """
    async with asyncio.timeout(30):
        while not holds():
            await pilot.pause(0.01)
