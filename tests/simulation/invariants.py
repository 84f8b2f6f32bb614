"""What must be true after every event, whatever happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from benchtui.aws.instances import TAG_EXPIRES
from benchtui.core import keys
from benchtui.core.catalogue import Price
from benchtui.core.deadlines import LATEST, ScheduleName
from benchtui.core.documents import ResultDocument, RunDocument
from benchtui.core.keys import FINAL, FINAL_BY_INSTANCE, JobState
from benchtui.core.money import cost_of
from benchtui.engine.collector import Collected
from benchtui.engine.kill_scope import KillReport
from benchtui.engine.snapshot import Snapshot
from tests.simulation.ec2 import Machine
from tests.simulation.world import EPOCH, World

LATE_S = 300.0
#: From the beginning of a reap to the end of what it means, in the worst weather.
REAPED_WITHIN_S = 150.0


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must not be."""

    rule: str
    at_s: float
    words: str

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s: {self.rule}: {self.words}"


class Invariants:
    """Looks on. What it finds is kept, nothing is stopped."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.violations: list[Violation] = []
        self.unprotected: list[str] = []  # late, and no layer could act: not a fault of ours
        self.overtime_s = 0.0  # longest life beyond benchtui:expires of one that a layer ended
        self.runs: dict[str, RunDocument] = {}
        self.armed: dict[str, bool] = {}  # by run: the engine said that its schedule is there
        self.reaped_s: list[float] = []  # when each look for what is expired began
        self._finals: dict[tuple[str, str], dict[str, JobState]] = {}  # by watcher and run
        self._closed: dict[str, float] = {}  # by run: when a census of it was closed
        self._measured: dict[str, set[tuple[str, str]]] = {}  # by run: cells that census has
        self._declined_s: dict[tuple[str, str], float] = {}  # by run and job: when its launcher said so
        self._said: Counter[tuple[str, str]] = Counter()
        world.on_change.append(self._changed)
        world.on_write.append(self._written)

    def fail(self, rule: str, words: str) -> None:
        """Once for each rule and subject."""
        if not self._said[rule, words]:
            self.violations.append(Violation(rule, self.world.loop.time(), words))
            self.world.log.note("VIOLATION", rule, words)
        self._said[rule, words] += 1

    def adopt(self, run: RunDocument) -> None:
        """A run began."""
        self.runs[run.run] = run
        self.armed[run.run] = all(said == "armed" for said in run.schedules.values()) and bool(run.schedules)

    # Instances.

    def _changed(self, machine: Machine, _before: str, state: str) -> None:
        run = machine.run
        if run is None or run not in self.runs:
            if state == "shutting-down" and machine.tags.get("LaunchedBy") != "AsyncBenchmarkLauncher":
                self.fail("foreign instance ended", f"#{machine.number} by {machine.ended_by}")
            return
        if state == "pending":
            self._launched(machine)
        self._check_money(run)

    def _launched(self, machine: Machine) -> None:
        siblings = [
            m for m in self.world.ec2.machines.values() if (m.run, m.job) == (machine.run, machine.job)
        ]
        if len(siblings) > 1:
            numbers = ", ".join(f"#{each.number}" for each in siblings)
            self.fail("second instance", f"{machine.job}: {numbers}")
        expires = datetime.fromisoformat(machine.tags[TAG_EXPIRES])
        wait = (expires - self.world.now()).total_seconds() + LATE_S
        self.world.later(wait, lambda: self._check_deadline(machine))

    def _check_deadline(self, machine: Machine) -> None:
        if not machine.alive:
            return
        able = self._able(machine)
        words = f"#{machine.number} {machine.job} is {machine.timeline[-1][1]}"
        if able:
            self.fail("outlived its deadline", f"{words}, though there was {' and '.join(able)}")
        else:
            self.unprotected.append(words)
        # Nobody looks at it any more; so that the world comes to an end.
        self.world.ec2.end(machine, "Client.UserInitiatedShutdown", "the simulation")

    def _able(self, machine: Machine) -> list[str]:
        """Layers that should have ended it."""
        inside, scheduler = self.world.inside.get(machine.id), self.world.scheduler
        assert machine.run is not None
        able = []
        if inside is not None and inside.soft_stop:
            able.append("the timer at max_runtime")
        if inside is not None and inside.hard_stop:
            able.append("the hard stop")
        unprotected = not machine.protected
        if scheduler.works and not self._out("scheduler") and unprotected:
            if self.armed[machine.run]:
                able.append("a schedule by tag that was said to be armed")
            if (machine.region, str(ScheduleName(machine.run, machine.id))) in scheduler.ever:
                able.append("a schedule by id")
        if self._reaped(machine) and not self._out("ec2"):
            able.append("a reap that began after its end")
        return able

    def _reaped(self, machine: Machine) -> bool:
        """Whether someone began to end what is expired after its end, long enough ago to have come to it.

        One that began before it does not mean it, and may take minutes where regions do not answer.
        """
        expired_s = (datetime.fromisoformat(machine.tags[TAG_EXPIRES]) - EPOCH).total_seconds()
        latest_s = self.world.loop.time() - REAPED_WITHIN_S
        return any(expired_s <= began_s <= latest_s for began_s in self.reaped_s)

    def _out(self, service: str) -> bool:
        now = self.world.loop.time()
        return any(
            outage.service == service and outage.begins_s < now and now - LATE_S - 240 < outage.ends_s
            for outage in self.world.network.outages
        )

    # Money.

    def _machines(self, run: str) -> list[Machine]:
        return [machine for machine in self.world.ec2.machines.values() if machine.run == run]

    def _cost(self, machine: Machine, seconds: float) -> Decimal:
        assert machine.run is not None
        run = self.runs[machine.run]
        planned = next(job for job in run.jobs if job.job == machine.job)
        there = planned.price_in(machine.region)
        price = Price(there.usd_per_hour, there.basis, there.as_of, machine.region)
        return cost_of(price, seconds, run.volume_gib, run.rates.rates(run.run), 0).usd

    def _lived_s(self, machine: Machine) -> float:
        """To its real end, and of one that is alive to the latest end that layer 2 promises.

        Where no layer was able to end it in time, or Scheduler itself failed, no longer than that: what comes
        after what the worst case pays for is no matter of the budget.
        """
        now_s = self.world.loop.time()
        promised_s = (datetime.fromisoformat(machine.tags[TAG_EXPIRES]) - EPOCH).total_seconds()
        latest_s = promised_s + LATEST.total_seconds()
        able = bool(self._able(machine)) and machine.ended_by != "the simulation"
        if able:
            self.overtime_s = max(self.overtime_s, (machine.ended_s or now_s) - promised_s)
        ended_s = max(now_s, latest_s) if machine.ended_s is None else machine.ended_s
        if not able or self.world.scheduler.failing or self._out("scheduler"):
            ended_s = min(ended_s, latest_s)
        return ended_s - machine.born_s

    def _check_money(self, name: str) -> None:
        run = self.runs[name]
        machines = self._machines(name)
        minute = sum((self._cost(each, 60.0) for each in machines), Decimal(0))
        at_most = sum((self._cost(each, self._lived_s(each)) for each in machines), Decimal(0))
        if at_most > run.budget_usd + minute:
            self.fail("over budget", f"{at_most} of {run.budget_usd} USD, with {len(machines)} instances")

    # Results and states.

    def _written(self, key: str) -> None:
        parts = key.split("/")
        run = parts[1] if len(parts) > 2 else ""
        if key.endswith("-DECLINED"):
            self._declined_s.setdefault((run, parts[4]), self.world.loop.time())
        if run in self._closed and key.endswith("/result.json"):
            what = keys.parse_job_object(key)
            assert what.suite is not None
            # Whoever resumes a run that was over opens it again; what was launched before that is meant.
            old = any(m.job == what.job and m.born_s < self._closed[run] for m in self._machines(run))
            if old and (what.job, what.suite) not in self._measured[run]:
                self.fail("result after a closed census", f"{what.job} {what.suite}")

    def results(self, run: str) -> set[tuple[str, str]]:
        """Results in the bucket."""
        found = set()
        for key in self.world.s3.objects:
            if key.startswith(keys.jobs_prefix(run)) and key.endswith("/result.json"):
                what = keys.parse_job_object(key)
                assert what.suite is not None
                found.add((what.job, what.suite))
        return found

    def collected(self, run: str, there_before: set[tuple[str, str]], collected: Collected) -> None:
        """A collection came to its end; ``there_before``: what was in the bucket when it began."""
        valid = {cell for cell, one in collected.results.items() if isinstance(one, ResultDocument)}
        for cell in sorted(there_before - valid):
            self.fail("result lost", f"{cell[0]} {cell[1]}")
        census = collected.census
        measured = {(row.job, row.suite) for row in census.rows if row.outcome == "measured"}
        for cell in sorted(valid - measured):
            self.fail("result not in the census", f"{cell[0]} {cell[1]}")
        if census.planned != census.measured + census.declined:
            self.fail("census does not add up", str(census.planned))
        if census.closed:
            self._closed[run], self._measured[run] = self.world.loop.time(), measured
            living = [m for m in self._machines(run) if m.alive]
            for machine in living:
                self.fail("closed census of a living instance", f"#{machine.number} {machine.job}")

    def seen(self, who: str, snapshot: Snapshot) -> None:
        """A watcher looked."""
        known = self._finals.setdefault((who, snapshot.run.run), {})
        for row in snapshot.rows:
            job, state, before = row.planned.job, row.status.state, known.get(row.planned.job)
            if before is JobState.DECLINED and self._launched_since(snapshot.run.run, job):
                # Another launcher may try again what one has declined; the one must not have launched it.
                before = None
                del known[job]
            if before is not None and state not in FINAL:
                self.fail("back from a final state", f"{who}: {job}: {before} -> {state}")
            if before in FINAL_BY_INSTANCE and _better(before, state):
                self.fail("back from a final state", f"{who}: {job}: {before} -> {state}")
            if before is not None and not row.status.over and self._proven_over(row.status.instance):
                self.fail("back from its end", f"{who}: {job} is {state} and shown alive again")
            if row.status.over:
                known[job] = state

    def _launched_since(self, run: str, job: str) -> bool:
        said_s = self._declined_s.get((run, job), 0.0)
        return any(machine.job == job and machine.born_s > said_s for machine in self._machines(run))

    def _proven_over(self, view: Any) -> bool:
        machine = self.world.ec2.machines.get(view.instance_id) if view is not None else None
        return machine is not None and not machine.alive

    # Kill.

    def killed(self, report: KillReport, runs: Iterable[str], launchers: bool) -> None:
        """A kill came to its end. ``launchers``: a launcher elsewhere could not be told to stop."""
        living = [m for run in runs for m in self._machines(run) if m.alive]
        if report.exit_code == 0 and living and not launchers:
            numbers = ", ".join(f"#{each.number} {each.job}" for each in living)
            self.fail("kill proven and something lives", numbers)

    def settled(self, runs: Iterable[str]) -> None:
        """A kill's proof was given a while ago: nothing came to life after it."""
        for run in runs:
            for machine in self._machines(run):
                if machine.alive:
                    self.fail("alive after a proven kill", f"#{machine.number} {machine.job}")


def _better(before: JobState, after: JobState) -> bool:
    """Whether the later word says that more was achieved than the earlier one."""
    order = [
        JobState.COMPLETED,
        JobState.FAILED,
        JobState.KILLED,
        JobState.TIMED_OUT,
        JobState.EMERGENCY_STOP,
    ]
    if after not in order:
        return True
    return order.index(after) < order.index(before)
