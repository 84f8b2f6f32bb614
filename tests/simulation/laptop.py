"""The processes of a world: what a person starts on a machine, made of the engine's own workspace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from benchtui.aws.session import TRIES
from benchtui.config.schema import Config
from benchtui.core.catalogue import Catalogue, InstanceType, Missing, Price, VcpuLimit
from benchtui.core.documents import RunDocument
from benchtui.core.errors import BenchtuiError
from benchtui.engine import planning
from benchtui.engine.events import Event
from benchtui.engine.kill_scope import KillReport, KillScope
from benchtui.engine.launcher import Launched, Launcher
from benchtui.engine.planning import Planned
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.workspace import Folders, Workspace
from tests.simulation.account import BUCKET, HOME, VCPUS, zones
from tests.simulation.invariants import Invariants
from tests.simulation.scenario import Scenario
from tests.simulation.world import EPOCH, HEARTBEAT_S, Clock, World

USD_PER_HOUR = Decimal("2.40")
#: A watcher that has not come to its end by then looks at what never ends.
LONGEST_WATCH = timedelta(hours=2)


def config_of(scenario: Scenario, budget_usd: Decimal) -> Config:
    """The configuration of a world's run."""
    return Config.model_validate(
        {
            "plan": {
                "types": list(scenario.types),
                "suites": list(scenario.suites),
                "replicates": scenario.replicates,
                "regions": list(scenario.regions),
                "region_fallback": scenario.fallback,
            },
            "aws": {"regions": [HOME], "bucket": BUCKET},
            "safety": {
                "max_runtime": scenario.max_runtime_s,
                "emergency_grace": scenario.emergency_grace_s,
                "boot_allowance": scenario.boot_allowance_s,
                "budget_usd": budget_usd,
                "launch_concurrency": scenario.concurrency,
                "require_layers": [],
            },
            "watch": {"heartbeat_seconds": HEARTBEAT_S, "poll_seconds": 10},
        }
    )


def plan_of(config: Config, scenario: Scenario) -> Planned:
    """The plan, without asking anyone for types and prices."""
    return planning.assemble(
        config, scenario.seed, {region: catalogue_of(region, scenario) for region in scenario.regions}
    )


def catalogue_of(region: str, scenario: Scenario) -> Catalogue:
    """What a region offers; the other one is dearer."""
    types = {
        name: InstanceType(name, "arm64", vcpus=VCPUS, cores=VCPUS, threads_per_core=1, memory_mib=4096)
        for name in scenario.types
    }
    usd = USD_PER_HOUR if region == HOME else USD_PER_HOUR + Decimal("0.20")
    prices = {name: Price(usd, "simulated", EPOCH, region) for name in scenario.types}
    offered = {name: zones(region) for name in scenario.types}
    limits: dict[str, VcpuLimit | Missing] = {}
    if scenario.quota_known:
        name = "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"
        limit = VcpuLimit(region, "L-1216C47A", name, scenario.ec2.quota * VCPUS, in_use=0)
        limits = dict.fromkeys(scenario.types, limit)
    return Catalogue(types, prices, offered, limits=limits)


class SimulatedWorkspace(Workspace):
    """The engine's own workspace; it reaches the simulated account."""

    def __init__(
        self, world: World, who: str, config: Config, folders: Folders, clock: Clock, rng: Random
    ) -> None:
        self._world, self._who = world, who
        super().__init__(config, folders, clock, rng, self._tell)

    def _connect(self, tries: int = TRIES) -> object:  # type: ignore[override]
        assert isinstance(self.clock, Clock)
        return self._world.cloud(self._who, self.clock, self.rng, tries)

    def _tell(self, event: Event) -> None:
        fields = " ".join(f"{key}={value}" for key, value in event.fields.items())
        self._world.log.note("event", self._who, event.type, fields)


class Laptop:
    """One machine with its clock and its folders, on which processes are started."""

    def __init__(
        self, world: World, watched: Invariants, name: str, folder: Path, skew_s: float, config: Config
    ) -> None:
        self.world, self.watched, self.name, self.config = world, watched, name, config
        self.clock = Clock(world.loop, skew_s)
        root = folder / name
        self.folders = Folders(root / "state", root / "cache", root / "results")
        self.starts = 0

    def workspace(self) -> SimulatedWorkspace:
        """A new process' workspace."""
        self.starts += 1
        who = f"{self.name}{self.starts}"
        rng = random.Random(f"{who} {self.world.scenario.seed}")
        return SimulatedWorkspace(self.world, who, self.config, self.folders, self.clock, rng)

    async def run(self, planned: Planned, begun: Callable[[RunDocument], None]) -> None:
        """`benchtui run`: launch, follow, collect."""
        async with self.workspace() as workspace:
            run = await workspace.start(planned)
            begun(run)
            await self._launched(workspace, run, planned)

    async def resume(self, run: RunDocument, planned: Planned) -> None:
        """Launch what is not launched yet, follow, collect."""
        async with self.workspace() as workspace:
            await self._launched(workspace, run, planned)

    async def _launched(self, workspace: SimulatedWorkspace, run: RunDocument, planned: Planned) -> None:
        launchers: list[Launcher] = []
        task: asyncio.Task[Launched] = asyncio.create_task(workspace.launch(run, planned, launchers.append))
        try:
            await self._follow(workspace, run, launching=task)
        finally:
            if not task.done():
                for launcher in launchers:
                    launcher.stop("the launcher was left")
                task.cancel()
                await asyncio.wait({task})

    async def watch(self, run: RunDocument) -> None:
        """`benchtui watch`, then `benchtui collect`: all it knows is the run's name."""
        async with self.workspace() as workspace:
            await self._follow(workspace, await workspace.load(run.run))

    async def _follow(
        self, workspace: SimulatedWorkspace, run: RunDocument, launching: asyncio.Task[Launched] | None = None
    ) -> None:
        watcher = await workspace.watcher(run)
        who = workspace._who

        def seen(snapshot: Snapshot) -> None:
            self.watched.seen(who, snapshot)

        # Whoever follows sleeps as well, or waits to be signed in, and its time goes on.
        scenario = self.world.scenario
        away_s = sum(lasts_s for _, lasts_s in scenario.sleeps)
        if scenario.signed_out_s is not None:
            away_s += scenario.signed_out_s[1] - scenario.signed_out_s[0]
        until = self.clock.now() + LONGEST_WATCH + timedelta(seconds=away_s)
        snapshot = await workspace.follow(watcher, launching=launching, on_snapshot=seen, until=until)
        before = self.watched.results(run.run)
        self.watched.collected(run.run, before, await workspace.collect(watcher, snapshot))

    async def kill(self, run: RunDocument) -> KillReport:
        """`benchtui kill RUN`."""
        async with self.workspace() as workspace:
            return await workspace.kill(KillScope.of_run(run.run))

    async def reap(self, every_s: float) -> None:
        """`benchtui reap --yes`, again and again, as from cron."""
        while True:
            self.watched.reaped_s.append(self.world.loop.time())
            try:
                async with self.workspace() as workspace:
                    await workspace.kill(KillScope.of_expired(self.clock.now()))
            except BenchtuiError as error:
                self.world.log.note("reap failed", error.what)
            await asyncio.sleep(every_s)
