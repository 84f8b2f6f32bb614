"""A drill: instances are launched, lost on purpose, and left alone; which layer ended each, and when.

Nothing here ends an instance before the last layer had its time. Then, whatever was seen, the run is killed
like any other and proven gone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.config.schema import Config, SuiteSection
from benchtui.core import keys
from benchtui.core.catalogue import Price
from benchtui.core.deadlines import MINUTE, PRECISION, instance_deadline
from benchtui.core.document_fields import to_json
from benchtui.core.documents import RunDocument
from benchtui.core.drills import DrillDocument, Loss, LossRecord
from benchtui.core.errors import BenchtuiError, UsageError
from benchtui.core.keys import FINAL_BY_INSTANCE, JobState
from benchtui.core.money import cost_of
from benchtui.core.states import InstanceView
from benchtui.engine.events import Event
from benchtui.engine.kill_scope import KillReport, KillScope
from benchtui.engine.offers import TypeOffer, offers
from benchtui.engine.placements import with_faults
from benchtui.engine.planning import Planned, limits_of

if TYPE_CHECKING:
    from benchtui.engine.launcher import Launcher
    from benchtui.engine.watcher import Watcher
    from benchtui.engine.workspace import Workspace

#: All instances alive until the last layer's latest, every second charged for.
MOST_USD = Decimal("0.01")
#: PUT requests of one instance: a dozen sentinels, and a heartbeat and a log chunk every half minute.
WRITES = 60
#: For their worst case, in which begun hours of a public address are whole ones: 0.02 USD for four alone.
RESERVED_USD = Decimal("0.05")
#: Deadlines of the drill's own instances. The agent is asked to end after the first.
RUNTIME_S, GRACE_S, BOOT_S = 60, 80, 120
#: The agent needs this much memory beside the system.
LEAST_MEMORY_GIB = Decimal("0.5")
#: From the power-off inside to EC2 showing it, at most.
SHOWN = timedelta(seconds=30)
POLL_S = 2.0
GUEST = "Client.InstanceInitiatedShutdown"
API = "Client.UserInitiatedShutdown"

#: What an agent alone can say; EMERGENCY_STOP is said in its place.
_AGENTS_LAST_WORDS = FINAL_BY_INSTANCE - {JobState.EMERGENCY_STOP}

#: A suite that is never done, so that no instance ends because its work has.
_PAYLOAD = """\
schema = "benchtui.payload/1"
name = "drill"
title = "Waits to be ended"
version = 1
modes.quick = { expected_seconds = 3, timeout_seconds = 3600 }
runs = [{ name = "wait", argv = ["python3", "wait.py"] }]
metrics."drill.waited" = { unit = "s", higher_is_better = true }
verification.checks = ["waited"]
"""
_WAIT = "import time\n\ntime.sleep(3600)\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a drill would do, before anyone agrees to it."""

    planned: Planned
    config: Config
    losses: dict[str, Loss]  # by job

    @property
    def instance_type(self) -> str:
        """The cheapest that the region sells."""
        return self.planned.plan.jobs[0].instance_type

    @property
    def worst_case_usd(self) -> Decimal:
        """Most it may cost, est."""
        return self.planned.plan.worst_case_usd

    @property
    def charged_usd(self) -> Decimal:
        """What it costs, est., if every instance lives to its last layer's latest and seconds are charged."""
        seconds, rates = limits_of(self.config).latest_seconds, self.planned.rates
        volume = self.config.instance.volume_gib
        jobs = self.planned.plan.jobs
        return sum((cost_of(job.price, seconds, volume, rates, WRITES).usd for job in jobs), Decimal(0))


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill has shown."""

    record: DrillDocument
    report: KillReport  # that nothing of it is left
    unrecorded: str | None = None  # why the bucket has no record of it


def cheapest(found: tuple[TypeOffer, ...]) -> TypeOffer:
    """The cheapest type that can carry the agent.

    Raises:
        UsageError: none has a price.
    """
    able = [
        (offer.price.usd_per_hour, offer.name, offer)
        for offer in found
        if isinstance(offer.price, Price) and offer.memory_gib >= LEAST_MEMORY_GIB
    ]
    if not able:
        raise UsageError("no instance type of the region has a price", fix="give one in [prices.on_demand]")
    return min(able, key=lambda each: each[:2])[2]


async def prepare(workspace: Workspace, folder: Path) -> Prepared:
    """Plan a drill in the workspace's first region; nothing is launched.

    Args:
        workspace: the account.
        folder: where the drill's own suite is put; has to be there until it is launched.

    Raises:
        UsageError: there is nothing to launch, or it would cost more than a cent.
        CloudError: EC2 did not answer.
    """
    folder = folder / "drill"  # a suite's folder bears its name
    folder.mkdir()
    (folder / "payload.toml").write_text(_PAYLOAD)
    (folder / "wait.py").write_text(_WAIT)
    config, clock = workspace.config, workspace.clock
    cache = workspace.folders.cache / "prices.json"
    chosen = cheapest(await offers(workspace.cloud, config, clock.now(), cache)).name
    config = config.model_copy(
        update={
            "plan": type(config.plan)(
                name="drill", types=(chosen,), suites=("drill",), replicates=len(Loss), mode="quick"
            ),
            "suites": {"drill": SuiteSection(path=folder)},
            "instance": config.instance.model_copy(update={"volume_gib": 8}),
            "safety": config.safety.model_copy(
                update={
                    "max_runtime": RUNTIME_S,
                    "emergency_grace": GRACE_S,
                    "boot_allowance": BOOT_S,
                    "budget_usd": RESERVED_USD,
                    "require_layers": (),  # what is not armed is what a drill has to show
                }
            ),
        }
    )
    planned = await workspace.plan(1, config)
    jobs = sorted(job.job for job in planned.plan.jobs)
    prepared = Prepared(planned, config, dict(zip(jobs, Loss, strict=False)))
    if len(jobs) != len(Loss) or prepared.charged_usd > MOST_USD or prepared.worst_case_usd > RESERVED_USD:
        reasons = "; ".join(dict.fromkeys(cell.reason for cell in planned.plan.declined))
        dear = f"{len(jobs)} x {chosen}: {prepared.charged_usd:.4f} USD of {MOST_USD}"
        dear += f", in the worst case {prepared.worst_case_usd:.4f} of {RESERVED_USD}"
        raise UsageError(f"no drill here: {reasons or dear}", fix="choose another --region")
    return prepared


async def drill(
    workspace: Workspace, prepared: Prepared, told: Callable[[LossRecord], None] = lambda _: None
) -> Drilled:
    """Launch the instances, lose them, and look on until each has ended or had its time.

    Args:
        workspace: the account.
        prepared: what was agreed to.
        told: of each instance as it is seen ending.

    Raises:
        BenchtuiError: nothing was launched. Whatever was, is ended first.
    """
    begun_at = workspace.clock.now()
    run = await workspace.start(prepared.planned, prepared.config)
    try:
        watch = _Drill(workspace, run, prepared, told)
        losses = await watch.execute()
    finally:
        report = await workspace.kill(KillScope.of_run(run.run))
    record = DrillDocument(
        run=run.run,
        region=run.regions[0],
        account=(await workspace.identity()).account,
        instance_type=prepared.instance_type,
        begun_at=begun_at,
        ended_at=workspace.clock.now(),
        worst_case_usd=prepared.worst_case_usd,
        losses=losses,
    )
    unrecorded = None
    try:
        await (await workspace.bucket()).put_once(keys.drill_key(run.run), to_json(record))
    except BenchtuiError as problem:
        unrecorded = problem.what
    return Drilled(record, report, unrecorded)


class _Drill:
    """One drill under way."""

    def __init__(
        self, workspace: Workspace, run: RunDocument, prepared: Prepared, told: Callable[[LossRecord], None]
    ) -> None:
        self.workspace, self.run, self.prepared, self.told = workspace, run, prepared, told
        self._records: dict[str, LossRecord] = {}  # by job

    async def execute(self) -> tuple[LossRecord, ...]:
        """Launch, and look on; nobody here ends anything."""
        untried = self._untried()

        def lose(launcher: Launcher) -> None:
            placing = launcher.placing
            placing.placements = with_faults(placing.placements, faults=self.prepared.losses)
            launcher.skip(untried, "layer 2 is not armed: nothing would end it")

        launched = await self.workspace.launch(self.run, self.prepared.planned, lose, self.prepared.config)
        for job, reason in launched.declined.items():
            self._tell(LossRecord(loss=self._loss(job), job=job, by=reason, due_seconds=0, tried=False))
        due = {job: self._due(job, view) for job, view in launched.instances.items()}
        ends = {job: view.launched_at + due[job] for job, view in launched.instances.items()}
        watcher = await self.workspace.watcher(self.run, emit=lambda _: None)
        while len(self._records) < len(self.prepared.losses):
            now = self.workspace.clock.now()
            await watcher.poll()
            for row in watcher.snapshot().rows:
                view = row.status.instance
                if row.planned.job in due and row.planned.job not in self._records:
                    if view is not None and view.ending:
                        self._tell(self._ended(watcher, view, due[row.planned.job], now))
                    elif now > ends[row.planned.job] + MINUTE:
                        self._tell(self._outlived(row.planned.job, launched.instances, due))
            await self.workspace.clock.sleep(POLL_S)
        return tuple(self._records[job] for job in sorted(self._records))

    def _loss(self, job: str) -> Loss:
        return self.prepared.losses[job]

    def _untried(self) -> list[str]:
        """Jobs that nothing but the schedule ends, where there is none."""
        armed = all(said == "armed" for said in self.run.schedules.values()) and bool(self.run.schedules)
        return [job for job, loss in self.prepared.losses.items() if 2 in loss.layers and not armed]

    def _due(self, job: str, view: InstanceView) -> timedelta:
        """From the launch to the latest end that the layer promises."""
        if 1 in self._loss(job).layers:
            return timedelta(seconds=BOOT_S + RUNTIME_S + GRACE_S) + SHOWN
        return self._scheduled(view) + PRECISION + SHOWN - view.launched_at

    def _scheduled(self, view: InstanceView) -> datetime:
        life = timedelta(seconds=BOOT_S + RUNTIME_S + GRACE_S)
        return instance_deadline(view.expires_at or view.launched_at + life)

    def _ended(self, watcher: Watcher, view: InstanceView, due: timedelta, now: datetime) -> LossRecord:
        words = {s.state for s in watcher.sentinels(view.job or "")}
        doubt = _not_lost(self._loss(view.job or ""), words)
        layer, by = None, f"by nobody this drill knows of ({view.state_reason or 'EC2 gives no reason'})"
        job = view.job or ""
        if view.state_reason == GUEST:
            last = [s.state.value for s in watcher.sentinels(job) if s.state in FINAL_BY_INSTANCE]
            layer, by = 1, f"powered itself off; its last word: {last[-1] if last else 'none'}"
        elif view.state_reason == API and now >= self._scheduled(view):
            layer, by = 2, f"the schedule of {self._scheduled(view):%H:%M:%SZ}"
        if doubt is not None:
            layer, by = None, f"{doubt}; {by}"
        return LossRecord(
            loss=self._loss(job),
            job=job,
            instance_id=view.instance_id,
            layer=layer,
            by=by,
            seconds=max(0.0, (now - view.launched_at).total_seconds()),
            due_seconds=due.total_seconds(),
        )

    def _outlived(
        self, job: str, instances: dict[str, InstanceView], due: dict[str, timedelta]
    ) -> LossRecord:
        return LossRecord(
            loss=self._loss(job),
            job=job,
            instance_id=instances[job].instance_id,
            by="nothing ended it in its time; the drill does",
            due_seconds=due[job].total_seconds(),
        )

    def _tell(self, record: LossRecord) -> None:
        self._records[record.job] = record
        self.told(record)
        self.workspace.emit(
            Event("drill", self.workspace.clock.now(), record.model_dump(mode="json") | {"run": self.run.run})
        )


def _not_lost(loss: Loss, said: set[JobState]) -> str | None:
    """Why the instance was not lost in the way that was meant, by what it said; None: nothing says so.

    An end that came without the fault would prove something else.
    """
    booted = JobState.BOOTED in said
    if loss in (Loss.HUNG, Loss.SCHEDULE_ONLY) and booted:
        return "its agent ran, which it should not have"
    if loss in (Loss.LAUNCHER_GONE, Loss.AGENT_KILLED) and not booted:
        return "its agent never said that it runs"
    if loss is Loss.AGENT_KILLED and said & _AGENTS_LAST_WORDS:
        return "its agent was not killed: it ended by itself"
    return None


def suite_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for the drill's suite, gone when it is left."""
    return tempfile.TemporaryDirectory(prefix="benchtui-drill-")
