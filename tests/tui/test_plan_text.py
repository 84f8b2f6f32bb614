"""A plan in words: sums, jobs, reasons, ages."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from rich.cells import cell_len

from benchtui.config.form import edited
from benchtui.config.schema import Config
from benchtui.core.catalogue import VcpuLimit
from benchtui.core.errors import BenchtuiError
from benchtui.core.waves import waves_of
from benchtui.engine.planning import Planned
from benchtui.tui.glyphs import Glyphs
from benchtui.tui.plan_text import MOST_JOBS, LivePlan, question_lines
from tests.engine.fleet import after
from tests.tui.hostile_text import HOSTILE, harmless
from tests.tui.launching import plan_of

UNICODE, ASCII = Glyphs(), Glyphs(ascii=True)


def planned(types: str = "c7g.large, c7i.large", replicates: int = 3, **texts: str) -> Planned:
    changes = {"plan.types": types, "plan.replicates": str(replicates), "safety.max_runtime": "1h"}
    config = edited(Config(), changes | {key.replace("__", "."): text for key, text in texts.items()})
    assert isinstance(config, Config), config
    return plan_of(config, 7)


def lines(live: LivePlan, width: int = 60, glyphs: Glyphs = UNICODE) -> list[str]:
    return [line.rstrip() for line in live.text(width, glyphs).plain.split("\n")]


@pytest.mark.parametrize(
    ("live", "title"),
    [
        (LivePlan(), "Plan"),
        (LivePlan(planning=True), "Plan · planning…"),
        (LivePlan(made_at=after(0)), "Plan of 1m5s ago"),
        (LivePlan(made_at=after(0), outdated=True), "Plan of 1m5s ago · outdated"),
        (LivePlan(made_at=after(0), outdated=True, planning=True), "Plan of 1m5s ago · planning…"),
        (LivePlan(made_at=after(0), problem=BenchtuiError("no")), "Plan of 1m5s ago · not planned"),
        (LivePlan(wrong=2, planning=True), "Plan · waits for 2 fields"),
        (LivePlan(made_at=after(90)), "Plan of 0s ago"),  # a clock that was put back
    ],
)
def test_the_title_says_how_old_it_is_and_what_becomes_of_it(live: LivePlan, title: str) -> None:
    assert live.title(after(65), UNICODE) == title


def test_jobs_stand_in_launch_order_below_the_sums() -> None:
    plan = planned()
    shown = lines(LivePlan(plan), width=120)
    assert shown[0] == "6 jobs · us-east-1 · quick · seed 7"
    header = next(number for number, line in enumerate(shown) if "JOB" in line)
    names = [line.split()[1] for line in shown[header + 1 : header + 7]]
    assert names == [job.job for job in plan.plan.jobs]


def test_a_worst_case_above_the_budget_says_how_far_it_reaches_and_what_a_launch_declines() -> None:
    plan = planned(safety__budget_usd="0.45")
    shown = lines(LivePlan(plan))
    assert "worst case  $1.23 of $0.45 ! it covers 2 of 6 jobs" in shown
    at = shown.index("budget      a launch declines 4 of 6 jobs")
    assert shown[at + 1] == "✗ too little of $0.45 is left for them"
    assert shown[at + 2].strip() == ", ".join(job.job for job in plan.plan.jobs[2:])
    assert shown[at + 3].startswith("  fix: raise Budget $")


def test_a_budget_that_covers_nothing_refuses_the_plan() -> None:
    shown = lines(LivePlan(planned(safety__budget_usd="0.1")))
    assert "worst case  $1.23 of $0.10 ✗ refused: it covers 0 of 6 jobs" in shown
    assert not any("a launch declines" in line for line in shown)


def test_the_question_before_a_launch_is_about_what_the_budget_covers() -> None:
    plan = planned(safety__budget_usd="0.45")
    asked = [line.plain for line in question_lines(plan, timedelta(2), timedelta(1), after(0))]
    assert asked[0] == "Launch 2 of 6 instances in us-east-1: c7i.large x1, c7g.large x1"
    assert "worst case  $0.45 of $0.45 budget" in asked
    assert "budget      declines 4 jobs for which too little is left" in asked


@pytest.mark.parametrize("width", [20, 38, 56, 120])
def test_no_line_of_the_table_is_wider_than_the_pane(width: int) -> None:
    table = [line for line in lines(LivePlan(planned()), width) if "large-" in line or "JOB" in line]
    assert len(table) == 7
    assert all(cell_len(line) <= width for line in table)


def test_more_jobs_than_can_be_read_are_counted() -> None:
    shown = lines(LivePlan(planned("c7g.large, c7i.large, c7a.large", 100)))
    assert f"and {300 - MOST_JOBS} more: benchtui plan lists all" in shown


def test_cells_declined_for_one_reason_are_said_once() -> None:
    shown = lines(LivePlan(planned("c7g.large, p9.huge", 9)), 200)
    assert "declined    9 of 18 cells" in shown
    assert "✗ the Pricing API has no price for p9.huge in us-east-1" in shown
    assert "  p9.huge-1/stream, p9.huge-2/stream, p9.huge-3/stream, p9.huge-4/stream and 5 more" in shown
    assert sum("fix:" in line for line in shown) == 1


def test_a_plan_that_is_no_longer_of_the_form_is_dim_and_so_are_its_colours() -> None:
    text = LivePlan(planned(), outdated=True).text(60, UNICODE)
    assert sum(str(span.style) == "dim" for span in text.spans) >= 8


def test_ascii_has_nothing_else() -> None:
    live = LivePlan(planned("c7i.large, p9.huge", 1), problem=BenchtuiError("no", "do"), planning=True)
    shown = "\n".join(lines(live, 120, ASCII)) + live.title(after(0), ASCII)
    assert shown.isascii(), [sign for sign in shown if not sign.isascii()]


def test_the_question_says_the_day_where_it_is_another() -> None:
    asked = question_lines(planned(), timedelta(hours=14), timedelta(hours=1), after(0))
    assert "ends by     15:00:00Z by itself, hard stop 11-25 04:00:00Z" in [line.plain for line in asked]


def test_waves_stand_below_the_sums_and_the_question_counts_them() -> None:
    plan = planned()
    limit = VcpuLimit("us-east-1", "L-1216C47A", "Running On-Demand Standard (A, C) instances", 4, 0)
    limits = {("us-east-1", name): limit for name in ("c7g.large", "c7i.large")}
    waves = waves_of(plan.plan.jobs, limits)
    plan = replace(plan, plan=replace(plan.plan, limits=limits, waves=waves))
    shown = lines(LivePlan(plan), width=120)
    at = shown.index("vCPU quota of us-east-1: 4, 0 in use; 3 waves")
    assert shown[at + 1 : at + 4] == [f"  wave {number}: 2 jobs 4 vCPU" for number in (1, 2, 3)]
    assert shown[at + 4].startswith("for one wave: aws service-quotas request-service-quota-increase")
    asked = [line.plain for line in question_lines(plan, timedelta(hours=2), timedelta(hours=1), after(0))]
    assert "ends by     3 waves, the last by 20:00:00Z at the latest" in asked


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_are_letters_only(text: str) -> None:
    plan = planned("c7g.large, no.such")
    jobs: list[Any] = [
        replace(job, job=text, suites=(text,), price=replace(job.price, basis=text)) for job in plan.plan.jobs
    ]
    declined = [replace(cell, reason=text, fix=text, job=text) for cell in plan.plan.declined]
    hostile = replace(
        plan,
        plan=replace(plan.plan, jobs=tuple(jobs), declined=tuple(declined), notes=(text,), regions=(text,)),
    )
    live = LivePlan(hostile, after(0), problem=BenchtuiError(text, text))
    shown = live.text(60, UNICODE)
    asked = question_lines(hostile, timedelta(1), timedelta(1), after(0))
    assert harmless(shown.plain + "".join(line.plain for line in asked))
    assert len(shown.plain) < 20_000
