"""A plan in words and lines, for the Launch pane and for the question before a launch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from rich.text import Text

from benchtui.config.durations import format_duration
from benchtui.core.catalogue import Market
from benchtui.core.errors import BenchtuiError
from benchtui.core.money import usd_text
from benchtui.core.plan import DeclinedCell, Plan, PlannedJob
from benchtui.core.wave_words import wave_lines
from benchtui.engine.planning import Planned
from benchtui.tui.glyphs import BAD, FAINT, GOOD, WARN, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.table_layout import GAP, Column, arrange, fitted

MOST_JOBS = 200  # lines; what is beyond is counted
MOST_REASONS = 20
_COLUMNS = (
    Column("place", "#", 3, right=True, drop=6),
    Column("job", "JOB", 11, most=22),
    Column("suites", "SUITES", 8, most=20, drop=5),
    Column("cores", "CORES", 5, right=True, drop=4),
    Column("rate", "$/H", 8, right=True, drop=2),
    Column("time", "TIME", 7, right=True, drop=1),
    Column("expected", "EXP. $", 7, right=True, drop=3),
    Column("worst", "WORST $", 7, right=True),
)


@dataclass(frozen=True, slots=True)
class LivePlan:
    """The newest plan, and whether it is still the one of the form."""

    planned: Planned | None = None
    made_at: datetime | None = None
    outdated: bool = False  # the form has changed since
    planning: bool = False
    problem: BenchtuiError | None = None  # why there is no newer one
    wrong: int = 0  # fields that cannot be read

    def title(self, now: datetime, glyphs: Glyphs) -> str:
        """How old it is, and what becomes of it."""
        name = "Plan"
        if self.made_at is not None:
            name += f" of {format_duration(max(0, round((now - self.made_at).total_seconds())))} ago"
        if self.wrong:
            state = f"waits for {_count(self.wrong, 'field')}"
        elif self.planning:
            state = "planning..." if glyphs.ascii else "planning…"
        elif self.problem is not None:
            state = "not planned"
        else:
            state = "outdated" if self.outdated else ""
        return f" {glyphs.separator} ".join(filter(None, (name, state)))

    def text(self, width: int, glyphs: Glyphs) -> Text:
        """All of it, in lines of at most ``width`` cells where that is possible."""
        lines: list[Text] = []
        if self.problem is not None:
            lines += problem_lines(self.problem, glyphs)
        if self.planned is None:
            if not lines:
                lines.append(Text(self._emptiness(), style=FAINT))
            return _joined(lines)
        shown = plan_lines(self.planned.plan, width, glyphs)
        if self.outdated or self.problem is not None or self.wrong:
            if lines:
                lines += [Text(), Text("The last plan, no longer of this form:", style=FAINT)]
            for line in shown:
                line.stylize(FAINT)
        return _joined([*lines, *shown])

    def _emptiness(self) -> str:
        if self.wrong:
            return "The plan appears when the fields marked at the left can be read."
        return "Asking EC2 for types, zones and prices of this plan."


def plan_lines(plan: Plan, width: int, glyphs: Glyphs) -> list[Text]:
    """Sums and verdict first, then jobs in launch order, then what is declined and why, then notes."""
    lines = [*sums(plan, glyphs)]
    lines += [safe_text(line, 300) for line in wave_lines(plan)]
    lines += [Text(f"note: {note}", style=WARN, end="") for note in map(_clean, plan.notes)]
    if plan.jobs:
        lines += [Text(), *job_lines(plan, width, glyphs), basis_line(plan.jobs)]
    if plan.budget.jobs_covered and not plan.budget.fits:
        lines += [Text(), *over_budget_lines(plan, glyphs)]
    if plan.declined:
        lines += [Text(), *declined_lines(plan.declined, plan.cells, glyphs)]
    return lines


def sums(plan: Plan, glyphs: Glyphs) -> list[Text]:
    """Count, time, costs and the budget's verdict."""
    budget = plan.budget
    dash = f" {glyphs.separator} "
    market = () if plan.market is Market.ON_DEMAND else (plan.market.words,)
    where = ", ".join(plan.regions)
    parts = (_count(len(plan.jobs), "job"), where, *market, plan.mode, f"seed {plan.seed}")
    heading = safe_text(dash.join(parts), 120)
    time = format_duration(plan.longest_expected_seconds)
    expected = Text(f"expected    ${usd_text(plan.expected_usd)} in {time}")
    worst = Text("worst case  ")
    worst.append(f"${usd_text(plan.worst_case_usd)}", style="bold")
    worst.append(f" of ${usd_text(budget.budget_usd)} ")
    covers = f"covers {budget.jobs_covered} of {_count(budget.jobs, 'job')}"
    if budget.fits:
        worst.append(f"{glyphs.yes} fits", style=GOOD)
    elif budget.jobs_covered:
        worst.append(f"! it {covers}", style=WARN)
    else:
        worst.append(f"{glyphs.no} refused: it {covers}", style=BAD)
    return [heading, expected, worst]


def over_budget_lines(plan: Plan, glyphs: Glyphs) -> list[Text]:
    """Which jobs a launch would decline for the budget, and the way out."""
    budget = plan.budget
    few = ", ".join(budget.declined[:4])
    more = f" and {len(budget.declined) - 4} more" if len(budget.declined) > 4 else ""
    count = f"{len(budget.declined)} of {_count(budget.jobs, 'job')}"
    return [
        Text(f"budget      a launch declines {count}", style=WARN),
        Text(f"{glyphs.no} too little of ${usd_text(budget.budget_usd)} is left for them", style=WARN),
        safe_text(f"  {few}{more}", 300, FAINT),
        Text("  fix: raise Budget $, or lower Replicates or Max runtime"),
    ]


def job_lines(plan: Plan, width: int, glyphs: Glyphs) -> list[Text]:
    """Jobs in launch order; the worst case of those that the budget does not cover stands out."""
    jobs, uncovered = plan.jobs, set(plan.budget.declined)
    placed = arrange(_COLUMNS, width)
    dots = "." if glyphs.ascii else "…"

    def line(cells: dict[str, Text]) -> Text:
        row = Text(no_wrap=True, end="")
        for number, place in enumerate(placed):
            row.append_text(
                fitted(cells[place.column.key], place.width, right=place.column.right, ellipsis=dots)
            )
            if number < len(placed) - 1:
                row.append(" " * GAP)
        return row

    header = line({column.key: Text(column.title) for column in _COLUMNS})
    header.stylize("bold")
    lines = [header]
    for place, job in enumerate(jobs[:MOST_JOBS], start=1):
        smt = "" if job.threads_per_core == 1 else f"{'x' if glyphs.ascii else '×'}{job.threads_per_core}"
        lines.append(
            line(
                {
                    "place": Text(str(place), style=FAINT),
                    "job": safe_text(job.job, 60),
                    "suites": safe_text(" ".join(job.suites), 120),
                    "cores": Text(f"{job.cores}{smt}"),
                    "rate": Text(f"{job.price.usd_per_hour:f}"),
                    "time": Text(format_duration(job.expected_seconds)),
                    "expected": Text(usd_text(job.expected_usd)),
                    "worst": Text(usd_text(job.worst_case_usd), style=WARN if job.job in uncovered else ""),
                }
            )
        )
    if len(jobs) > MOST_JOBS:
        lines.append(Text(f"and {len(jobs) - MOST_JOBS} more: benchtui plan lists all", style=FAINT))
    return lines


def basis_line(jobs: Iterable[PlannedJob]) -> Text:
    """Where the prices come from."""
    origins = dict.fromkeys(f"{job.price.basis} of {job.price.as_of:%Y-%m-%d}" for job in jobs)
    return safe_text(f"est.; prices: {', '.join(origins)}", 200, FAINT)


def declined_lines(declined: tuple[DeclinedCell, ...], cells: int, glyphs: Glyphs) -> list[Text]:
    """What will not be launched, by reason, each with the way out."""
    by_reason: dict[tuple[str, str | None], list[str]] = {}
    for cell in declined:
        by_reason.setdefault((cell.reason, cell.fix), []).append(f"{cell.job}/{cell.suite}")
    lines = [Text(f"declined    {len(declined)} of {_count(cells, 'cell')}", style=WARN)]
    for (reason, fix), names in list(by_reason.items())[:MOST_REASONS]:
        lines.append(safe_text(f"{glyphs.no} {reason}", 300, WARN))
        few = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        lines.append(safe_text(f"  {few}", 300, FAINT))
        if fix:
            lines.append(safe_text(f"  fix: {fix}", 300))
    if len(by_reason) > MOST_REASONS:
        lines.append(Text(f"and {len(by_reason) - MOST_REASONS} more reasons: benchtui plan", style=FAINT))
    return lines


def problem_lines(problem: BenchtuiError, glyphs: Glyphs) -> list[Text]:
    """What happened and what to do."""
    lines = [safe_text(f"{glyphs.no} {line.strip()}", 500, BAD) for line in problem.what.split("\n")]
    if problem.fix:
        lines.append(safe_text(f"fix: {problem.fix}", 500))
    return lines


def question_lines(planned: Planned, longest: timedelta, gentle: timedelta, now: datetime) -> list[Text]:
    """What a launch would do, for the question before it.

    Args:
        planned: what would be launched.
        longest: from launch to the hard end of an instance.
        gentle: from launch to the time its own timer ends it.
        now: when it would be launched, UTC.
    """
    plan, jobs = planned.plan, planned.plan.covered
    counts: dict[str, int] = {}
    for job in jobs:
        counts[job.instance_type] = counts.get(job.instance_type, 0) + 1
    types = ", ".join(f"{name} x{count}" for name, count in counts.items())
    suites = " ".join(dict.fromkeys(suite for job in jobs for suite in job.suites))
    waves = plan.waves_in_a_row
    together = max((job.expected_seconds for job in jobs), default=0)
    time = format_duration(plan.longest_expected_seconds if waves > 1 else together)
    where = ", ".join(plan.regions)
    number = "" if plan.budget.fits else f"{len(jobs)} of "
    lines = [
        safe_text(f"Launch {number}{_count(len(plan.jobs), 'instance')} in {where}: {types}", 2000),
        safe_text(f"suites      {suites} ({plan.mode}), order by seed {plan.seed}", 300),
        Text(f"expected    ${usd_text(sum((job.expected_usd for job in jobs), Decimal(0)))} in {time}"),
        Text.assemble(
            "worst case  ",
            (f"${usd_text(plan.budget.at_most_usd)}", "bold"),
            f" of ${usd_text(plan.budget.budget_usd)} budget",
        ),
        Text(f"ends by     {_at(now + gentle, now)} by itself, hard stop {_at(now + longest, now)}"),
    ]
    if waves > 1:
        lines[-1] = Text(
            f"ends by     {waves} waves, the last by {_at(now + waves * longest, now)} at the latest"
        )
        lines += [safe_text(line, 300) for line in wave_lines(plan)]
    if not plan.budget.fits:
        uncovered = _count(len(plan.budget.declined), "job")
        lines.append(Text(f"budget      declines {uncovered} for which too little is left", style=WARN))
    if plan.declined:
        lines.append(Text(f"declined    {len(plan.declined)} of {_count(plan.cells, 'cell')}", style=WARN))
    for line in lines:
        line.no_wrap = False
    return lines


def _at(when: datetime, now: datetime) -> str:
    day = "" if when.date() == now.date() else f"{when:%m-%d} "
    return f"{day}{when:%H:%M:%SZ}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _clean(text: str) -> str:
    return safe_text(text).plain


def _joined(lines: Iterable[Text]) -> Text:
    shown = Text("\n").join(lines)
    shown.no_wrap = False
    return shown
