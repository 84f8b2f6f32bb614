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
from benchtui.core.result_summary import ResultSummary
from benchtui.engine.headline import leading_first
from benchtui.engine.job_fields import heard_at
from benchtui.engine.snapshot import JobRow, Snapshot

if TYPE_CHECKING:
    from benchtui.engine.collector import Collected

#: EC2's state reasons in words; any other is shown as EC2 spells it.
_ENDED_BY = {
    "Client.InstanceInitiatedShutdown": "by own power-off",
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
    """One line per job, how instances ended, alarms. Where not all jobs fit, those that go on come first."""
    rows = list(snapshot.rows)
    hidden = 0
    if at_most is not None and len(rows) > at_most:
        rows.sort(key=lambda row: row.status.state in FINAL)
        hidden = len(rows) - at_most
        rows = rows[:at_most]
    costs = any(row.spent_usd for row in snapshot.rows)
    places = ("region",) if len(snapshot.run.regions) > 1 else ()
    columns = ["job", *places, "state", "suite", "instance", "EC2", "heard"]
    columns += ["spent USD"] if costs else []
    table = new_table(*columns, right=("spent USD",))
    for row in rows:
        status = row.status
        add(
            table,
            row.planned.job,
            *((row.region,) if places else ()),
            Text(status.state.value, style=_style(status.state.value)),
            _suite(row, glyphs),
            glyphs.or_unknown(status.instance and status.instance.instance_id),
            glyphs.or_unknown(status.instance and status.instance.state.value),
            age(heard_at(row), now),
            *((_spent(row, glyphs),) if costs else ()),
        )
    more = [Text(f"and {hidden} more jobs", style=FAINT)] if hidden else []
    return Group(table, *more, *_ends(snapshot), *_reasons(snapshot), *_alarms(snapshot))


def _suite(row: JobRow, glyphs: Glyphs) -> str:
    status = row.status
    if status.suite is None:
        return glyphs.unknown
    if status.state is JobState.RUNNING and status.progress is not None:
        return f"{status.suite} {status.progress.done}/{status.progress.total}"
    return status.suite


def _spent(row: JobRow | None, glyphs: Glyphs) -> str:
    return glyphs.unknown if row is None or row.spent_usd is None else usd(row.spent_usd)


def _ends(snapshot: Snapshot) -> list[Text]:
    """How instances ended, counted by what EC2 says."""
    counts: dict[tuple[str, str], int] = {}
    for row in snapshot.rows:
        view = row.status.instance
        if view is not None and view.ending:
            end = view.state.value, view.state_reason or "no reason given"
            counts[end] = counts.get(end, 0) + 1
    return [
        Text(f"{count} {'instance' if count == 1 else 'instances'} {state}{_by(reason)}")
        for (state, reason), count in counts.items()
    ]


def _by(reason: str) -> str:
    words = _ENDED_BY.get(reason)
    return f" {words} ({reason})" if words else f" ({reason})"


def _reasons(snapshot: Snapshot) -> list[Text]:
    """Why jobs are in a state that does not explain itself."""
    return [
        Text(f"{row.planned.job} {row.status.state.value}: {row.status.reason}", style=WARN)
        for row in snapshot.rows
        if row.status.reason
    ]


def _alarms(snapshot: Snapshot) -> list[Text]:
    return [
        Text(f"ALARM {row.planned.job}: {row.status.alarm}", style=BAD)
        for row in snapshot.rows
        if row.status.alarm
    ]


def results_table(
    collected: Collected, snapshot: Snapshot, glyphs: Glyphs, *, all_metrics: bool
) -> RenderableType:
    """One line per planned cell, measured or not, and the census that accounts for all of them.

    A column that would say the same in every row is left out and said beside the table instead.
    """
    summaries = collected.summaries
    census, by_job = collected.census, {row.planned.job: row for row in snapshot.rows}
    suites = list(dict.fromkeys(row.suite for row in census.rows))
    several = len(suites) > 1
    costs = any(row.spent_usd for row in snapshot.rows)
    columns = ["job", "state", *(("suite",) if several else ()), "metric", "best", "median", "unit"]
    columns += ["verified", *(("spent USD",) if costs else ()), "EC2"]
    table = new_table(*columns, right=("best", "median", "spent USD"))
    shown: set[str] = set()
    for row in census.rows:
        job = by_job.get(row.job)
        first = row.job not in shown
        shown.add(row.job)
        result = (collected.results if all_metrics else summaries).get((row.job, row.suite))
        measured = row.outcome is Outcome.MEASURED and result is not None and not isinstance(result, str)
        lines = (
            [] if result is None or isinstance(result, str) else _metric_lines(result, glyphs, all_metrics)
        )
        if not measured or not lines:
            lines = [(glyphs.unknown, glyphs.unknown, glyphs.unknown, "")]
        view = job.status.instance if job else None
        lead: list[object] = [row.job, Text(row.state, style=_style(row.state))]
        lead += [row.suite] if several else []
        tail: list[object] = [_trusted(row, glyphs) if measured else glyphs.unknown]
        tail += [_spent(job, glyphs) if first else ""] if costs else []
        tail += [glyphs.or_unknown(view and view.state.value) if first else ""]
        add(table, *lead, *lines[0], *tail)
        for line in lines[1:]:
            add(table, *("" for _ in lead), *line, *("" for _ in tail))
    same = [] if several else [Text(f"suite {suite}") for suite in suites]
    return Group(*same, table, Text(), *_ends(snapshot), *_census(collected), *_alarms(snapshot))


def _trusted(row: CensusRow, glyphs: Glyphs) -> Text:
    """Whether its checks passed, and the rules of plausibility if they say no."""
    said = glyphs.verified(row.verified)
    if row.doubted:
        word = "its record breaks rules" if row.plausibility == "plausible" else row.plausibility
        said.append(f", {word}", style=BAD)
    return said


def _style(state: str) -> str:
    return next((style for known, style in _STYLE.items() if known.value == state), "")


def _metric_lines(
    result: ResultSummary | ResultDocument, glyphs: Glyphs, all_metrics: bool
) -> list[tuple[str, str, str, str]]:
    names = leading_first(result.metrics.items())
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
    doubted = [row for row in census.rows if row.outcome is Outcome.MEASURED and row.doubted]
    against = f", {len(doubted)} not plausible" if doubted else ""
    state = "closed" if census.closed else "open, the run may still go on"
    lines = [
        Text(
            f"census {state}: {census.planned} planned = {census.measured} measured "
            f"({verified} verified{against}) + {census.declined} declined"
        )
    ]
    for row in doubted:
        reasons = row.findings or ("nothing says how long anything took",)
        lines += [Text(f"  {row.plausibility}: {row.job} {row.suite}: {one}", style=BAD) for one in reasons]
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
