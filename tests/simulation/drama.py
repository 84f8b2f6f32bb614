"""A seed played to its end: processes are started, crash, are followed by others; then all is counted up."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
import tempfile
import traceback
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchtui.core import keys
from benchtui.core.documents import RunDocument
from benchtui.core.errors import BenchtuiError
from benchtui.core.money import rounded_up
from benchtui.core.suites import Suite
from benchtui.engine.bundle import load_suites
from tests.simulation.invariants import LATE_S, Invariants, Violation
from tests.simulation.laptop import Laptop, config_of, plan_of
from tests.simulation.loop import Process, Stalled, VirtualLoop, bury, outside
from tests.simulation.machine import JobTerms
from tests.simulation.scenario import Crash, Scenario, scenario_of
from tests.simulation.world import HEARTBEAT_S, World

MEMORY = Path("/dev/shm")  # a disk that makes nobody wait
#: How often a person tries to begin a run.
STARTS = 5
#: What a person does after a command that failed.
NO_CRASH = Crash(None, 0.0, kindly=False, torn=False, again_after_s=60.0, aftermath="elsewhere")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    seed: int
    events: int
    requests: int
    seconds: float  # of virtual time
    faults: dict[str, int]
    violations: tuple[Violation, ...]
    unprotected: int
    launched: int
    digest: str
    lines: tuple[str, ...]
    steps: int  # of the first launcher
    overtime_s: float  # longest life of an instance beyond its promised end, if a layer ended it


def simulate(scenario: Scenario | int, *, keep_log: bool = False) -> Outcome:
    """Play a world to its end."""
    scenario = scenario_of(scenario) if isinstance(scenario, int) else scenario
    with _folder() as folder, seeded(scenario):
        loop = VirtualLoop()
        try:
            world = World(scenario, loop, keep_log=keep_log)
            drama = Drama(world, folder)
            try:
                loop.run_until_complete(drama.play())
            except Stalled as stalled:
                drama.watched.fail("never ends", str(stalled))
            for text in loop.unhandled:
                drama.watched.fail("defect", text)
            return drama.outcome()
        finally:
            bury(loop)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="benchtui-simulated-", dir=where) as name:
        yield Path(name)


@functools.cache
def _suites() -> dict[str, Suite]:
    return load_suites({})


@contextlib.contextmanager
def seeded(scenario: Scenario) -> Iterator[None]:
    """What chance decides without being given, and what takes time and is the same in every world."""
    chance = random.Random(f"run id {scenario.seed}")
    with (
        patch("secrets.choice", chance.choice),
        patch("secrets.token_hex", lambda count: f"{chance.getrandbits(8 * count):0{2 * count}x}"),
        patch("benchtui.engine.workspace.build_bundle", lambda _: ("0" * 64, b"of no interest here")),
        patch("benchtui.engine.planning.load_suites", lambda *_: dict(_suites())),
    ):
        yield


class Drama:
    """Starts the processes of a world, one after the other's end or beside it."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.scenario, self.loop = world, world.scenario, world.loop
        self.watched = Invariants(world)
        worst = plan_of(config_of(self.scenario, Decimal(10**6)), self.scenario).plan.worst_case_usd
        covered = self.scenario.covered or self.scenario.jobs
        self.config = config_of(self.scenario, rounded_up(worst * covered / self.scenario.jobs))
        self.planned = plan_of(self.config, self.scenario)
        self.folder = folder
        self.laptop = self._machine("laptop", self.scenario.laptop_skew_s[0])
        self.elsewhere = self._machine("elsewhere", self.scenario.laptop_skew_s[1])
        self.run: RunDocument | None = None
        self._begun = asyncio.Event()
        self._launching: set[Process] = set()
        self._going: set[asyncio.Task[Any]] = set()
        self._first: Process | None = None
        self._on_laptop: list[Process] = []

    def _machine(self, name: str, skew_s: float) -> Laptop:
        return Laptop(self.world, self.watched, name, self.folder, skew_s, self.config)

    async def play(self) -> None:
        """To the end of the last instance and the last process."""
        scenario = self.scenario
        others = [asyncio.ensure_future(self._launchers())]
        if scenario.killed_at_s is not None:
            others.append(asyncio.ensure_future(self._kill(scenario.killed_at_s)))
        if scenario.twin_at_s is not None:
            others.append(asyncio.ensure_future(self._twin(scenario.twin_at_s)))
        self._plan_moves()
        reaper = self._reaper()
        await asyncio.wait(others)
        for each in others:
            each.result()
        while self._going:
            await asyncio.wait(set(self._going))
        await self._last_instances()
        if reaper is not None:
            reaper.crash()
        await self._audit()

    def _plan_moves(self) -> None:
        """The laptop is closed, opened and carried about."""
        for begins_s, lasts_s in self.scenario.sleeps:
            outside(self.loop, begins_s, functools.partial(self._suspend, lasts_s))
        for at_s in self.scenario.cuts_s:
            outside(self.loop, at_s, functools.partial(self.world.network.cut, self.laptop.name))

    def _suspend(self, lasts_s: float) -> None:
        sleeping = [process for process in self._on_laptop if not process.dead]
        for process in sleeping:
            process.fall_asleep()
        self.world.network.faults["suspend"] += len(sleeping)
        self.world.log.note("laptop", "is suspended")

        def wake() -> None:
            self.world.log.note("laptop", "wakes")
            self.world.network.cut(self.laptop.name)
            for process in sleeping:
                process.wake(self.loop)

        outside(self.loop, lasts_s, wake)

    async def _launchers(self) -> None:
        """The first launcher and, as often as it is crashed, what comes after it."""
        crashes = list(self.scenario.crashes)
        crash = crashes.pop(0) if crashes else None
        for _ in range(STARTS):
            work = self.laptop.run(self.planned, self._adopt)
            ended = await self._execute("launcher", work, crash, launches=True)
            if self.run is not None:
                break
            crash = crashes.pop(0) if crashes else None
            await asyncio.sleep(60.0)
        while ended is not None and self.run is not None:
            await asyncio.sleep(ended.again_after_s)
            crash = crashes.pop(0) if crashes else None
            if ended.aftermath == "nobody":
                return
            if ended.aftermath.startswith("resumed"):
                if ended.aftermath.endswith("watched"):
                    self._beside("watcher", self.elsewhere.watch(self.run))
                work = self.laptop.resume(self.run, self.planned)
                ended = await self._execute("launcher again", work, crash, launches=True)
            elif ended.aftermath == "killed":
                ended = await self._execute("kill", self._killing(), crash)
            else:
                ended = await self._execute("watcher", self.elsewhere.watch(self.run), crash)

    def _adopt(self, run: RunDocument) -> None:
        self.run = run
        self.watched.adopt(run)
        scenario = self.scenario
        self.world.terms[run.run] = JobTerms(
            run.run, scenario.suites, scenario.max_runtime_s, scenario.emergency_grace_s,
            HEARTBEAT_S, scenario.suite_s,
        )  # fmt: skip
        self._begun.set()

    async def _execute(
        self, name: str, work: Any, crash: Crash | None, *, launches: bool = False
    ) -> Crash | None:
        """A process to its end; what is to follow if it did not come there by itself."""
        process, task = self.loop.spawn(name, work)
        self._first = self._first or process
        if name.startswith("launcher"):
            self._on_laptop.append(process)
        if launches:
            self._launching.add(process)
        over = asyncio.Event()
        process.died = over.set
        task.add_done_callback(lambda _: over.set())
        if crash is not None:
            self._plan_crash(process, task, crash)
        self.world.log.note("process", name, "begins")
        await over.wait()
        self._launching.discard(process)
        if process.dead:
            self.world.network.faults["crash"] += 1
            self.world.log.note("process", name, "is dead")
            if crash is not None and crash.torn:
                self._tear_ledger()
            return crash
        return self._ended(name, task, crash)

    def _ended(self, name: str, task: asyncio.Task[Any], crash: Crash | None) -> Crash | None:
        if task.cancelled():
            self.world.log.note("process", name, "was interrupted")
            return crash
        problem = task.exception()
        said = "" if problem is None else f"{type(problem).__name__}: {problem}"
        self.world.log.note("process", name, "ended", said)
        if problem is None:
            return None
        if not _foreseen(problem):
            words = "".join(traceback.format_exception(problem))
            self.watched.fail("defect", f"{name}: {words}")
        return NO_CRASH if name.startswith("launcher") else None

    def _plan_crash(self, process: Process, task: asyncio.Task[Any], crash: Crash) -> None:
        def strike() -> None:
            if task.done():
                return
            if crash.kindly:
                self.world.network.faults["interrupt"] += 1
                task.cancel()
            else:
                process.crash()

        if crash.at_step is None:
            outside(self.loop, crash.at_s, strike)
        else:
            process.crash_at = crash.at_step
            if crash.kindly:
                process.strike = lambda: self.loop.call_soon(strike, context=Context())

    def _tear_ledger(self) -> None:
        """The crash came while a line was being written."""
        for path in (self.laptop.folders.state / "ledger").glob("*.jsonl"):
            with path.open("ab") as file:
                file.write(b'{"v":1,"at":"2026-11-24T14:0')

    def _beside(self, name: str, work: Any) -> None:
        task = asyncio.ensure_future(self._execute(name, work, None))
        self._going.add(task)
        task.add_done_callback(self._going.discard)

    async def _kill(self, at_s: float) -> None:
        await asyncio.sleep(at_s)
        if self.run is not None:
            await self._execute("kill", self._killing(), None)

    async def _killing(self) -> None:
        run = self.run
        assert run is not None
        report = await self._machine("killer", 3.0).kill(run)
        self.world.log.note("kill", "exit", int(report.exit_code))
        unaware = bool(self._launching) and keys.kill_key(run.run) not in self.world.s3.objects
        self.watched.killed(report, [run.run], unaware)
        if report.exit_code == 0 and not unaware:
            self.world.later(60.0, lambda: self.watched.settled([run.run]))

    async def _twin(self, at_s: float) -> None:
        await asyncio.sleep(at_s)
        if self.run is not None:
            twin = self._machine("twin", 0.4)
            await self._execute("twin", twin.resume(self.run, self.planned), None, launches=True)

    def _reaper(self) -> Process | None:
        every_s = self.scenario.reaped_every_s
        if every_s is None:
            return None
        process, _ = self.loop.spawn("reaper", self._machine("cron", 0.0).reap(every_s))
        return process

    async def _last_instances(self) -> None:
        """Every instance ends, or was found to outlive what was promised."""
        while any(m.alive and m.run is not None for m in self.world.ec2.machines.values()):  # noqa: ASYNC110
            await asyncio.sleep(30.0)
        await asyncio.sleep(LATE_S)

    async def _audit(self) -> None:
        """A quiet day: everything that was uploaded is found by a machine that knows nothing."""
        self.world.network.still = True
        if self.run is not None and keys.run_json_key(self.run.run) in self.world.s3.objects:
            await self._execute("audit", self._machine("auditor", 0.0).watch(self.run), None)

    def outcome(self) -> Outcome:
        """All that is to be told of it."""
        log = self.world.log
        return Outcome(
            seed=self.scenario.seed,
            events=log.events,
            requests=self.world.network.requests,
            seconds=self.loop.time(),
            faults=dict(self.world.network.faults),
            violations=tuple(self.watched.violations),
            unprotected=len(self.watched.unprotected),
            launched=sum(m.run is not None for m in self.world.ec2.machines.values()),
            digest=log.digest,
            lines=tuple(log.lines),
            steps=self._first.steps if self._first else 0,
            overtime_s=self.watched.overtime_s,
        )


def _foreseen(problem: BaseException) -> bool:
    if isinstance(problem, BaseExceptionGroup):
        return all(_foreseen(each) for each in problem.exceptions)
    return isinstance(problem, BenchtuiError)
