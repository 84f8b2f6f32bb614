"""One configuration, one account, one bucket: what every command stands on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType

from benchtui.aws.objects import Bucket
from benchtui.config.access import Access
from benchtui.config.schema import Config
from benchtui.core import keys
from benchtui.core.catalogue import Market, Missing, VcpuLimit
from benchtui.core.document_fields import to_json
from benchtui.core.documents import RunDocument
from benchtui.core.errors import TimeLimitError
from benchtui.core.seals import seal_of, sealed
from benchtui.engine import planning
from benchtui.engine.availability import AVAILABILITY_FILE, Availability
from benchtui.engine.bundle import build_bundle
from benchtui.engine.catalogues import vcpu_limits
from benchtui.engine.clock import Clock
from benchtui.engine.collector import Collected, Collector
from benchtui.engine.connection import Connection, about
from benchtui.engine.deadman import unarmed
from benchtui.engine.events import Emit
from benchtui.engine.kill_scope import KillReport, KillScope
from benchtui.engine.launcher import Launched, Launcher, LaunchLimits
from benchtui.engine.ledger import Ledger
from benchtui.engine.notifying import Notifier
from benchtui.engine.placements import resolve_placements
from benchtui.engine.planning import Planned
from benchtui.engine.run_budget import RunBudgets
from benchtui.engine.run_document import run_document
from benchtui.engine.run_schedules import RunSchedules
from benchtui.engine.runs import RunListing, list_runs
from benchtui.engine.snapshot import QUIET, Snapshot
from benchtui.engine.watcher import Periods, Watcher

#: An instance alive this long after its own expiry will not end by itself; waiting for it helps nobody.
OVERTIME = timedelta(minutes=2)
WATCH_TRIES = 2


@dataclass(frozen=True, slots=True)
class Folders:
    """Where this machine keeps things."""

    state: Path
    cache: Path
    results: Path


class Workspace(Connection):
    """A connection with all settings and with folders: it plans, launches, follows and collects.

    Args:
        config: the settings.
        folders: where ledger, cache and results lie.
        clock: the time.
        rng: chance of retries and seeds; never of anything secret.
        emit: told of everything that happens.
    """

    def __init__(
        self, config: Config, folders: Folders, clock: Clock, rng: random.Random, emit: Emit
    ) -> None:
        self.config, self.folders = config, folders
        super().__init__(Access.of(config.aws), clock, rng, emit)
        self.notices = Notifier(config.notify, self.cloud, clock, emit)
        self.emit = self.notices.hearing(emit)
        # A watcher asks again at its next poll; long retries inside one would hide that a source is away.
        self._watching = self._connect(tries=WATCH_TRIES)
        self._bucket: Bucket | None = None
        self.budgets = RunBudgets(self.bucket, clock, self.emit)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.notices.close()
        await super().__aexit__(kind, error, trace)
        await self._watching.close()

    @cached_property
    def schedules(self) -> RunSchedules:
        """Layer 2 of the runs of this account, on S3's clock."""
        return RunSchedules(self.cloud, self.identity, self.clock, self.emit, self._server_now)

    async def bucket(self) -> Bucket:
        """The bucket; always the same one, which knows S3's clock by every answer."""
        name = await self.bucket_name()
        if self._bucket is None or self._bucket.name != name:
            self._bucket = Bucket(self.cloud, name)
        return self._bucket

    def _server_now(self) -> datetime:
        """The time on S3's clock, from which every end is reckoned; this machine's before any answer."""
        now = self.clock.now()
        return now if self._bucket is None else self._bucket.server_now(now)

    async def plan(self, seed: int, config: Config | None = None) -> Planned:
        """The plan as AWS's types and prices make it now.

        Args:
            seed: of the launch order.
            config: what to plan; None: this workspace's own.

        Raises:
            UsageError: the plan is empty or names what there is not.
            CloudError: EC2 did not answer.
        """
        cache = self.folders.cache / "prices.json"
        return await planning.online(self.cloud, config or self.config, seed, self.clock.now(), cache)

    async def start(self, planned: Planned, config: Config | None = None) -> RunDocument:
        """Put the bundle and run.json into the bucket. Nothing is launched yet.

        Args:
            planned: what `plan` returned.
            config: what it was made from; None: this workspace's own.

        Raises:
            BudgetError: the budget covers the worst case of no job; else it is enforced job by job at launch.
            UsageError: no job is left to launch.
            NotArmedError: a layer of ``[safety] require_layers`` is not armed.
            CloudError: the bucket refuses or does not answer.
        """
        planning.check_launchable(planned.plan)
        sha256, bundle = await asyncio.to_thread(build_bundle, planned.suites)
        run = run_document(planned, sha256, config or self.config, self.clock.now())
        bucket = await self.bucket()
        await bucket.put_once(keys.payload_key(sha256), bundle, "application/gzip")
        run = await self.schedules.armed(run, config or self.config)
        key = keys.run_json_key(run.run)
        body = sealed(key, to_json(run))
        await bucket.put_once(key, body)
        return run.model_copy(update={"seal": seal_of(body)})

    async def launch(
        self,
        run: RunDocument,
        planned: Planned | None,
        started: Callable[[Launcher], None] = lambda _: None,
        config: Config | None = None,
    ) -> Launched:
        """Launch every job of ``run``; returns when each is launched or declined.

        Args:
            run: as `start` returned it.
            planned: the plan it came from; None: go on with a run that another process began.
            started: given the launcher, so that it can be stopped.
            config: what the plan was made from; None: this workspace's own.

        Raises:
            CloudError: an image could not be resolved for any job.
            NotArmedError: a layer of ``[safety] require_layers`` is not armed.
            OSError: the ledger cannot be written.
        """
        config = config or self.config
        zones = planned.zones if planned is not None else None
        placements = await resolve_placements(self.cloud, run, zones, config, self.clock, self.emit)
        deadman = await self.schedules.of(run, config)
        placements = placements.without(unarmed(deadman.armings, config.safety.require_layers))
        limits = LaunchLimits(
            concurrency=config.safety.launch_concurrency,
            tries=config.safety.launch_tries,
            boot_allowance=timedelta(seconds=run.boot_allowance_s),
        )
        with Ledger(self.folders.state / "ledger", run.run) as ledger:
            launcher = Launcher(
                self.cloud,
                await self.bucket(),
                run,
                placements,
                limits,
                ledger,
                self.clock,
                self.rng,
                self.emit,
                deadman,
                await self.budgets.reserving(run, config, ledger),
                planned.plan.limits if planned is not None else await self._quotas(run),
                await self._availability(run),
            )
            self.budgets.launching(launcher)
            started(launcher)
            return await launcher.launch(run.jobs)

    async def _quotas(self, run: RunDocument) -> dict[tuple[str, str], VcpuLimit | Missing]:
        """The vCPU quotas of a run that another process has planned, as they are now."""
        found: dict[tuple[str, str], VcpuLimit | Missing] = {}
        for region in run.regions:
            jobs = [job for job in run.jobs if job.region == region]
            names = sorted({job.instance_type for job in jobs})
            market = Market.SPOT if any(job.market == Market.SPOT for job in jobs) else Market.ON_DEMAND
            limits = await vcpu_limits(self.cloud, region, names, market) if names else {}
            found |= {(region, name): limit for name, limit in limits.items()}
        return found

    async def _availability(self, run: RunDocument) -> Availability:
        """What is remembered of the zones of this account."""
        endpoint = await self.cloud.endpoint("ec2", run.regions[0])
        return Availability(self.folders.cache / AVAILABILITY_FILE, endpoint)

    async def runs(self, newest: int = 50) -> tuple[RunListing, ...]:
        """The newest runs of the bucket."""
        return await list_runs(await self.bucket(), newest)

    async def watcher(self, run: RunDocument, emit: Emit | None = None) -> Watcher:
        """A watcher of ``run``; tells ``emit``, or whom this workspace tells."""
        watch = self.config.watch
        periods = Periods(
            poll=timedelta(seconds=watch.poll_seconds),
            ec2=timedelta(seconds=watch.poll_seconds),
            heartbeat=timedelta(seconds=run.heartbeat_s),
            overlap=timedelta(seconds=watch.overlap),
        )
        bucket = Bucket(self._watching, await self.bucket_name())
        told = about(emit or self.emit, run=run.run)
        return Watcher(self._watching, bucket, run, self.clock, told, periods)

    async def follow(
        self,
        watcher: Watcher,
        *,
        launching: asyncio.Task[Launched] | None = None,
        on_snapshot: Callable[[Snapshot], None] = lambda _: None,
        until: datetime | None = None,
    ) -> Snapshot:
        """Poll until nothing more can come, or all that is left is past its time (`Snapshot.stuck`).

        Whoever launches the run ends it when it has cost as much as its budget; others only warn.

        Args:
            watcher: of the run.
            launching: still under way in this process; the run is not over before it is.
            on_snapshot: told of every poll.
            until: give up then.

        Raises:
            TimeLimitError: ``until`` came first.
            CloudError: launching failed as a whole.
        """
        while True:
            snapshot = await watcher.poll()
            on_snapshot(snapshot)
            self.notices.seen(snapshot)
            if await self.budgets.look(snapshot, acts=launching is not None):
                self.budgets.ended(await self.kill(KillScope.of_run(watcher.run.run)))
                continue  # what was seen before it is no longer so
            launched = launching is None or launching.done()
            if launching is not None and launching.done() and launching.exception() is not None:
                launching.result()
            quiet = timedelta(0) if launching is not None else QUIET
            heard = launching is None or (launched and snapshot.shows(launching.result().instances))
            if launched and heard and snapshot.over(quiet):
                await self.schedules.tidy(snapshot, quiet)
                return snapshot
            if launched and snapshot.stuck(OVERTIME):
                return snapshot
            if until is not None and self.clock.now() >= until:
                live = len(snapshot.alive)
                raise TimeLimitError(
                    f"{watcher.run.run} was not over in time; {live} instances go on and end by themselves",
                    fix=f"benchtui watch {watcher.run.run}, or benchtui kill {watcher.run.run}",
                )
            await self.clock.sleep(self.config.watch.poll_seconds)

    async def tend(self, snapshot: Snapshot, *, acts: bool, launching: bool) -> bool:
        """Tidy up after a run and watch its money; whether it has cost its budget and has to be ended now.

        Args:
            snapshot: newly taken.
            acts: whether this process may change anything; else it only warns.
            launching: whether this process is launching it.
        """
        self.notices.seen(snapshot)
        if acts and not launching:
            await self.schedules.tidy(snapshot)
        return await self.budgets.look(snapshot, acts=acts)

    async def collect(self, watcher: Watcher, snapshot: Snapshot) -> Collected:
        """Bring the results here and take the census; the run may still be going on."""
        collector = Collector(await self.bucket(), watcher.run, self.folders.results, self.clock)
        over = snapshot.over(QUIET) and snapshot.ec2_settled
        return await collector.collect(watcher, snapshot, over=over)

    def _killed(self, report: KillReport) -> None:
        self.notices.killed(report)

    async def complete(self, run: RunDocument) -> int:
        """Bring what verifying needs beside the results here; how many objects were downloaded."""
        return await Collector(await self.bucket(), run, self.folders.results, self.clock).complete()

    def _why_killed(self, scope: KillScope) -> str | None:
        return self.budgets.exceeded.get(scope.run or "")
