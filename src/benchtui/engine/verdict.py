"""The exit code a run deserves: one pure decision, so that every command and every test means the same."""

from __future__ import annotations

from dataclasses import dataclass

from benchtui.aws.failures import FailureKind
from benchtui.core.documents import CensusDocument, Outcome
from benchtui.core.errors import ExitCode
from benchtui.core.keys import FINAL, JobState
from benchtui.engine.snapshot import Snapshot

_REFUSED = frozenset({FailureKind.DENIED, FailureKind.QUOTA})


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of a run when a command lets go of it."""

    cells: int  # that count: planned, of jobs that have ended if the run goes on
    succeeded: int  # of them: measured, and verified and plausible where results were read
    may_exist: bool = True  # whether any instance was launched, for all that is known
    refusals: frozenset[FailureKind] = frozenset()  # why launches failed
    overdue: int = 0  # instances alive that should have ended
    ec2_settled: bool = True  # EC2 answered at the end, or had shown every instance ending
    over_budget: bool = False  # the budget declined a job or ended the run
    unproven: bool = False  # the run was ended for its budget, and something may be alive
    timed_out: bool = False
    interrupted: ExitCode | None = None  # INTERRUPTED or TERMINATED: the user let go


def exit_code(ending: Ending) -> ExitCode:
    """The exit code.

    Instances that may still be running outrank all else. A user who lets go knows they are: the signal
    says so, unless something is alive that should have ended.
    """
    if ending.may_exist and ending.overdue:
        return ExitCode.MAY_STILL_RUN
    if ending.interrupted is not None:
        return ending.interrupted
    if ending.may_exist and (ending.unproven or not ending.ec2_settled):
        return ExitCode.MAY_STILL_RUN
    if ending.over_budget:
        return ExitCode.BUDGET
    if ending.timed_out:
        return ExitCode.TIMEOUT
    if not ending.may_exist and ending.refusals & _REFUSED:
        return ExitCode.DENIED
    return ExitCode.OK if ending.succeeded == ending.cells else ExitCode.BENCHMARK_FAILED


def counted(census: CensusDocument) -> tuple[int, int]:
    """Cells that count, and the good ones: measured, verified, nothing against them.

    While a run goes on only what has ended counts.
    """
    ended = [
        row for row in census.rows if census.closed or row.outcome is Outcome.MEASURED or row.state in FINAL
    ]
    good = sum(row.outcome is Outcome.MEASURED and row.verified is True and not row.doubted for row in ended)
    return len(ended), good


def counted_by_state(snapshot: Snapshot) -> tuple[int, int]:
    """Planned cells and those of jobs that say they completed: all that is known without the results."""
    cells = sum(len(row.planned.suites) for row in snapshot.rows) + len(snapshot.run.declined)
    completed = sum(
        len(row.planned.suites) for row in snapshot.rows if row.status.state is JobState.COMPLETED
    )
    return cells, completed
