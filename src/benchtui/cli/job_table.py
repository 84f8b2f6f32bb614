"""Jobs and results of a run as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Glyphs, add, age, new_table, usd
from benchtui.core.documents import CensusRow, Outcome, ResultDocument
from benchtui.core.keys import FINAL, JobState
from benchtui.engine.snapshot import JobRow, Snapshot

if TYPE_CHECKING:
    from benchtui.core.states import InstanceView
    from benchtui.engine.collector import Collected

#: The one metric a table without -v shows, where a suite reports it; else the first of all threads.
_HEADLINE = "triad.all"
#: EC2's state reasons in words; any other is shown as EC2 spells it.
_ENDED_BY = {
    "Client.InstanceInitiatedShutdown": "by its own power-off",
    "Client.UserInitiatedShutdown": "by request",
}
_STYLE = {
    JobState.COMPLETED: GOOD,
    JobState.FAILED: BAD,
    JobState.TIMED_OUT: BAD,
    JobState.EMERGENCY_STOP: BAD,
    JobState.KILLED: WARN,
    JobState.LOST: BAD,
    JobState.NEVER_STARTED: BAD,
    JobState.DECLINED: WARN,
    JobState.PLANNED: FAINT,
}


def jobs_table(
    snapshot: Snapshot, now: datetime, glyphs: Glyphs, at_most: int | None = None
) -> RenderableType:
    """One line per job; alarms below. Where not all fit, those that go on come first."""
    rows = list(snapshot.rows)
    hidden = 0
    if at_most is not None and len(rows) > at_most:
        rows.sort(key=lambda row: row.status.state in FINAL)
        hidden = len(rows) - at_most
        rows = rows[:at_most]
    table = new_table("job", "state", "suite", "instance", "EC2", "heard", "spent USD", right=("spent USD",))
    for row in rows:
        status = row.status
        add(
            table,
            row.planned.job,
            Text(status.state.value, style=_STYLE.get(status.state, "")),
            _suite(row, glyphs),
            glyphs.or_unknown(status.instance and status.instance.instance_id),
            _ec2(status.instance, glyphs),
            age(_heard(row), now),
            usd(row.spent_usd) if row.spent_usd is not None else glyphs.unknown,
        )
    alarms = [
        Text(f"ALARM {row.planned.job}: {row.status.alarm}", style=BAD)
        for row in snapshot.rows
        if row.status.alarm
    ]
    more = [Text(f"and {hidden} more jobs", style=FAINT)] if hidden else []
    return Group(table, *more, *alarms)


def _suite(row: JobRow, glyphs: Glyphs) -> str:
    status = row.status
    if status.suite is None:
        return glyphs.unknown
    if status.state is JobState.RUNNING and status.progress is not None:
        return f"{status.suite} {status.progress.done}/{status.progress.total}"
    return status.suite


def _heard(row: JobRow) -> datetime | None:
    heard = [at for at in (row.status.last_sentinel_at, row.status.heartbeat_at) if at is not None]
    return max(heard, default=None)


def _ec2(view: InstanceView | None, glyphs: Glyphs) -> str:
    """State of the instance, and what ended it."""
    if view is None:
        return glyphs.unknown
    if not view.ending or not view.state_reason:
        return view.state.value
    return f"{view.state.value}, {_ENDED_BY.get(view.state_reason, view.state_reason)}"


def results_table(
    collected: Collected, snapshot: Snapshot, glyphs: Glyphs, *, all_metrics: bool
) -> RenderableType:
    """One line per planned cell, measured or not, and the census that accounts for all of them."""
    numbers = ("best", "median", "spent USD")
    table = new_table(
        "job", "state", "suite", "metric", "best", "median", "unit", "verified", "spent USD", "instance",
        right=numbers,
    )  # fmt: skip
    by_job = {row.planned.job: row for row in snapshot.rows}
    shown: set[str] = set()
    for row in collected.census.rows:
        job = by_job.get(row.job)
        first = row.job not in shown
        shown.add(row.job)
        result = collected.results.get((row.job, row.suite))
        measured = row.outcome is Outcome.MEASURED and isinstance(result, ResultDocument)
        lines = _metric_lines(result, glyphs, all_metrics) if isinstance(result, ResultDocument) else []
        if not measured or not lines:
            lines = [(glyphs.unknown, glyphs.unknown, glyphs.unknown, "")]
        for number, (metric, best, median, unit) in enumerate(lines):
            lead = first and number == 0
            add(
                table,
                row.job if number == 0 else "",
                Text(row.state, style=_style(row.state)) if number == 0 else "",
                row.suite if number == 0 else "",
                metric,
                best,
                median,
                unit,
                (glyphs.verified(row.verified) if measured else glyphs.unknown) if number == 0 else "",
                glyphs.or_unknown(usd(job.spent_usd) if job and job.spent_usd is not None else None)
                if lead
                else "",
                _ec2(job.status.instance if job else None, glyphs) if lead else "",
            )
    return Group(table, Text(), *_census(collected))


def _style(state: str) -> str:
    return next((style for known, style in _STYLE.items() if known.value == state), "")


def _metric_lines(
    result: ResultDocument, glyphs: Glyphs, all_metrics: bool
) -> list[tuple[str, str, str, str]]:
    names = sorted(result.metrics, key=lambda name: (name != _HEADLINE, not name.endswith(".all")))
    if not all_metrics:
        names = names[:1]
    lines = []
    for name in names:
        metric = result.metrics[name]
        lines.append((name, _number(metric.best, glyphs), _number(metric.median, glyphs), metric.unit))
    return lines


def _number(value: float | None, glyphs: Glyphs) -> str:
    """Four significant digits; the sign for unknown where there is no number."""
    if value is None:
        return glyphs.unknown
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.4g}"


def _census(collected: Collected) -> Sequence[Text]:
    census = collected.census
    verified = sum(row.verified is True for row in census.rows)
    state = "closed" if census.closed else "open, the run may still go on"
    lines = [
        Text(
            f"census {state}: {census.planned} planned = {census.measured} measured ({verified} verified) + "
            f"{census.declined} declined"
        )
    ]
    by_reason: dict[str, list[CensusRow]] = {}
    for row in census.rows:
        if row.reason is not None:
            by_reason.setdefault(row.reason, []).append(row)
    for reason, rows in by_reason.items():
        cells = ", ".join(f"{row.job} {row.suite}" for row in rows)
        lines.append(Text(f"  declined: {cells}: {reason}", style=WARN))
    lines += [
        Text(f"  {name} could not be asked: {said}", style=BAD)
        for name, said in census.sources.items()
        if said != "ok"
    ]
    return lines
