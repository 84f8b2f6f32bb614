"""Replicates that a plan needs, before anything is launched."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from benchtui.core.plan_precision import plan_precision
from benchtui.report.settling_text import plan_precision_lines
from tests.comparing import result
from tests.core.test_plan import matrix, resolved


def measured(*values: float, run: str, **changes):
    return [result("c7g.large", n, value, run=run, **changes) for n, value in enumerate(values, 1)]


def plan_of():
    return resolved(matrix(types=("c7g.large", "c7i.large")))


NOW = measured(46.0, 46.5, 45.5, run="20261124-021533-k3f7")


def test_without_results_the_spread_is_assumed_and_said():
    found = plan_precision(plan_of(), [], 0.02)
    assert [one.metric for one in found.metrics] == [None]
    assert (
        found.usd == sum(({job.instance_type: job.expected_usd for job in plan_of().jobs}).values()) * found.n
    )
    lines = plan_precision_lines(found)
    assert lines[0].startswith(f"n = {found.n} per type for ±2 % of a ratio, $")
    assert "assumed, nothing was measured yet" in lines[1]


def test_results_of_the_same_types_suites_and_mode_tell_the_spread():
    plan = plan_of()
    alike = [replace(one, mode=plan.mode) for one in NOW]
    found = plan_precision(plan, alike, 0.02)
    assert [one.metric for one in found.metrics] == ["stream/triad.all"]
    assert found.metrics[0].spread.observed
    other = [replace(one, mode="another") for one in NOW]
    assert not plan_precision(plan, other, 0.02).metrics[0].spread.observed


def test_a_change_from_run_to_run_is_no_spread():
    plan = plan_of()
    later = measured(56.0, 56.5, 55.5, run="20261125-021533-k3f7")
    both = [replace(one, mode=plan.mode) for one in [*NOW, *later]]
    alone = [replace(one, mode=plan.mode) for one in NOW]
    there, here = (plan_precision(plan, rows, 0.02).metrics[0].spread for rows in (both, alone))
    assert there.value == pytest.approx(here.value, rel=0.15)
    assert there.groups == 2


def test_a_precision_that_takes_too_many_has_no_price():
    found = plan_precision(plan_of(), [], 0.0005)
    assert (found.n, found.usd) == (None, None)
    assert plan_precision_lines(found)[0].startswith("n > 100 per type for ±0.05 % of a ratio (planned")
    assert isinstance(plan_precision(plan_of(), [], 0.05).usd, Decimal)
