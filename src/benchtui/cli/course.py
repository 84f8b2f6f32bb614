"""How far a command has come with a run: what is known at any moment, for farewells and summaries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from benchtui.aws.failures import FailureKind
from benchtui.core.errors import ExitCode
from benchtui.engine.verdict import Ending, counted, counted_by_state, exit_code

if TYPE_CHECKING:
    from benchtui.core.documents import RunDocument
    from benchtui.core.plan import Plan
    from benchtui.core.result_summary import ResultSummary
    from benchtui.core.states import InstanceView
    from benchtui.engine.collector import Collected
    from benchtui.engine.launcher import Launched
    from benchtui.engine.snapshot import Snapshot

LISTED_INSTANCES = 12


@dataclass(slots=True, repr=False)  # asyncio writes out what a command's work returns when it ends
class Course:
    """Filled in as things happen; None is what has not happened."""

    flags: str = ""  # what the user's next command needs as well: --local, --bucket NAME, …
    plan: Plan | None = None
    run: RunDocument | None = None
    launched: Launched | None = None
    snapshot: Snapshot | None = None
    collected: Collected | None = None
    timed_out: bool = False
    stopped_by_budget: str | None = None  # what was spent, if the run was ended for that
    kill_unproven: bool = False  # it was, and something may be alive

    def alive(self) -> tuple[InstanceView, ...]:
        """Instances that run for all that is known: launched here or seen, and not seen ending."""
        views = dict.fromkeys(self.launched.instances.values()) if self.launched else {}
        found = {view.instance_id: view for view in views}
        for row in self.snapshot.rows if self.snapshot else ():
            if row.status.instance is not None:
                found[row.status.instance.instance_id] = row.status.instance
        return tuple(view for view in found.values() if not view.ending)

    def in_flight(self) -> int:
        """Jobs whose launch is not settled: an instance may exist of which nothing is known yet."""
        if self.launched is None or self.run is None:
            return 0
        done = self.launched
        settled = done.instances.keys() | done.declined.keys() | done.gone
        return sum(job.job not in settled for job in self.run.jobs)

    def keeps_running(self) -> list[str]:
        """What to tell a user who wants to leave; empty if nothing was launched."""
        if self.run is None:
            return []
        overdue = {row.status.job for row in self.snapshot.overdue} if self.snapshot else set()
        alive = sorted(self.alive(), key=lambda view: (view.job or "", view.instance_id))
        unsettled = self.in_flight()
        if not alive and not unsettled:
            return []
        lines = [
            f"ALARM {view.job} {view.instance_id} in {view.region} is alive and should not be: end it"
            for view in alive
            if view.job in overdue
        ]
        alive = [view for view in alive if view.job not in overdue]
        lines += ["still running, each ends by itself:"] if alive else []
        lines += [
            f"  {view.job or view.instance_type} {view.instance_id} in {view.region}, "
            f"at the latest {_until(view.expires_at)}"
            for view in alive[:LISTED_INSTANCES]
        ]
        if len(alive) > LISTED_INSTANCES:
            last = max((view.expires_at for view in alive if view.expires_at), default=None)
            lines.append(
                f"  and {len(alive) - LISTED_INSTANCES} more, all of them at the latest {_until(last)}"
            )
        if unsettled:
            lines.append(
                f"{unsettled} more jobs are being launched or wait for their turn; leaving launches no more"
            )
        return [*lines, *self.ways_on()]

    def ways_on(self) -> list[str]:
        """Commands that go on with the run."""
        assert self.run is not None
        words = (("watch:  ", "watch"), ("collect:", "collect"), ("end it: ", "kill"))
        return [f"  {word} benchtui {command} {self.run.run}{self.flags}" for word, command in words]

    def ending(self, interrupted: ExitCode | None = None) -> Ending:
        """The facts that decide the exit code."""
        cells = succeeded = 0
        if self.collected is not None:
            cells, succeeded = counted(self.collected.census)
        elif self.snapshot is not None:
            cells, succeeded = counted_by_state(self.snapshot)
        return Ending(
            cells=cells,
            succeeded=succeeded,
            may_exist=self._may_exist(),
            refusals=self._refusals(),
            overdue=len(self.snapshot.overdue) if self.snapshot else 0,
            ec2_settled=self.snapshot.ec2_settled if self.snapshot else interrupted is not None,
            timed_out=self.timed_out,
            over_budget=bool(self.stopped_by_budget or (self.launched and self.launched.over_budget)),
            unproven=self.kill_unproven,
            interrupted=interrupted,
        )

    def verdict(self, interrupted: ExitCode | None = None) -> ExitCode:
        """The exit code by what is known now."""
        return exit_code(self.ending(interrupted))

    def left_behind(self) -> ExitCode:
        """The exit code of a launch that is left to itself: what runs then was meant to.

        A launch of which it is not known what came of it is another matter: nobody looks after it.
        """
        assert self.run is not None and self.launched is not None
        done = self.launched
        cells = {job.job: len(job.suites) for job in self.run.jobs}
        return exit_code(
            replace(
                self.ending(),
                cells=sum(cells.values()) + len(self.run.declined),
                succeeded=sum(cells[job] for job in done.instances.keys() | done.gone),
                ec2_settled=not self.in_flight() and FailureKind.UNKNOWN not in self._refusals(),
            )
        )

    def summary(self, code: int, error: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fields of the ``summary`` event; what is not known is null."""
        census, snapshot, run = self.collected and self.collected.census, self.snapshot, self.run
        planned = self.plan.cells if self.plan else None
        if run is not None:
            planned = sum(len(job.suites) for job in run.jobs) + len(run.declined)
        worst = run.worst_case_usd if run else self.plan.worst_case_usd if self.plan else None
        return {
            "run": run.run if run else None,
            "planned": planned,
            "measured": census.measured if census else None,
            "declined": census.declined if census else None,
            "verified": sum(row.verified is True for row in census.rows) if census else None,
            "plausible": sum(row.plausibility is not None and not row.doubted for row in census.rows)
            if census
            else None,
            "closed": census.closed if census else None,
            "rows": self._rows(),
            "states": {state.value: count for state, count in snapshot.counts.items()} if snapshot else {},
            "spent_usd": str(snapshot.spent_usd) if snapshot else None,
            "over_budget": sorted(self.launched.over_budget) if self.launched else [],
            "stopped_by_budget": self.stopped_by_budget,
            "worst_case_usd": None if worst is None else str(worst),
            "still_alive": sorted(view.instance_id for view in self.alive()),
            "results": str(self.collected.folder) if self.collected else None,
            "error": error,
            "exit_code": int(code),
        }

    def _rows(self) -> list[dict[str, Any]]:
        if self.collected is None:
            return []
        summaries = self.collected.summaries
        return [
            row.model_dump(mode="json") | {"metrics": _metrics(summaries.get((row.job, row.suite)))}
            for row in self.collected.census.rows
        ]

    def _may_exist(self) -> bool:
        """Whether any instance was launched, for all that is known."""
        if self.launched is None:
            return self.run is not None
        done = self.launched
        unsure = FailureKind.UNKNOWN in self._refusals()
        return bool(done.instances or done.gone or self.in_flight() or unsure)

    def _refusals(self) -> frozenset[FailureKind]:
        if self.launched is None:
            return frozenset()
        return frozenset(failure.kind for failure in self.launched.failures.values())


def _metrics(result: ResultSummary | str | None) -> dict[str, Any]:
    """Best and median of the metrics that tell of the whole instance or most; of all where none does."""
    if result is None or isinstance(result, str):
        return {}
    return {
        name: {"best": metric.best, "median": metric.median, "unit": metric.unit}
        for name, metric in result.metrics.items()
    }


def _until(at: datetime | None) -> str:
    return "at a time unknown" if at is None else f"{at:%Y-%m-%d %H:%M:%SZ}"
