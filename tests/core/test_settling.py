"""What one more dollar of measurement would settle."""

from __future__ import annotations

from decimal import Decimal

import pytest

from benchtui.core.compare import compare
from benchtui.core.settling import precision_plan, settlements
from benchtui.core.stats import Verdict
from benchtui.report.settling_text import (
    dollars,
    precision_lines,
    settlement_line,
)
from tests.comparing import result

EACH = Decimal("0.09")


def planned(name: str, *values: float, **changes):
    return [result(name, n, value, expected_usd=EACH, **changes) for n, value in enumerate(values, 1)]


NEAR = [*planned("c7g.large", 46.1, 45.2, 46.9), *planned("c7i.large", 43.9, 42.6, 44.5)]


def test_an_inconclusive_type_says_how_many_more_and_for_how_much():
    comparison = compare(NEAR, baseline="c7g.large")
    assert comparison.row("c7i.large").cells[0].against.verdict is Verdict.INCONCLUSIVE
    (found,) = settlements(comparison, 0)
    assert found.verdict is Verdict.WORSE
    assert found.usd == EACH * sum(count for _, count in found.more)
    assert found.power >= 0.8
    line = settlement_line(found)
    assert "would settle that c7i.large is worse than c7g.large" in line
    assert f"({dollars(found.usd)})" in line


def test_what_is_told_suffices_when_it_comes_as_foretold():
    comparison = compare(NEAR, baseline="c7g.large")
    (found,) = settlements(comparison, 0)
    more = dict(found.more)
    again = [
        one
        for name, values in (("c7g.large", (46.1, 45.2, 46.9)), ("c7i.large", (43.9, 42.6, 44.5)))
        for one in planned(name, *[values[n % 3] for n in range(3 + more.get(name, 0))])
    ]
    settled = compare(again, baseline="c7g.large").row("c7i.large").cells[0].against
    assert settled.verdict is Verdict.WORSE


def test_at_the_noise_floor_it_says_that_no_number_would():
    rows = [*planned("c7g.large", 46.0, 46.5, 45.5), *planned("c7i.large", 46.93, 47.4, 46.4)]
    (found,) = settlements(compare(rows, baseline="c7g.large"), 0)
    assert "100 more of each would not do" in settlement_line(found)
    assert (found.more, found.usd) == ((), None)


def test_a_rank_takes_three():
    (found,) = settlements(compare([*NEAR, *planned("c7a.large", 40.0)], baseline="c7i.large"), 0)[-1:]
    assert (found.name, found.more, found.usd) == ("c7a.large", (("c7a.large", 2),), EACH * 2)
    assert settlement_line(found) == "2 more c7a.large ($0.18) would give c7a.large a rank"


def test_what_has_a_verdict_needs_nothing():
    rows = [*planned("c7g.large", 46.1, 45.9, 46.3), *planned("c7i.large", 30.2, 29.8, 30.5)]
    assert settlements(compare(rows), 0) == ()


def test_on_this_machine_more_costs_no_money():
    (found,) = settlements(compare([result("local.2cpu", 1, 12.0, expected_usd=Decimal("0"))]), 0)
    assert found.usd is None
    assert "$" not in settlement_line(found)


def test_a_precision_tells_n_its_range_and_its_price():
    plan = precision_plan(compare(NEAR, baseline="c7g.large"), 0, 0.02)
    assert plan.needed.low <= plan.needed.n <= plan.needed.high
    assert plan.usd == EACH * sum(one.more for one in plan.types)
    lines = precision_lines(plan)
    assert lines[0].startswith(f"n = {plan.needed.n} per type for ±2 % of a ratio")
    assert "observed, 6 instances in 2 groups" in lines[1]


def test_a_single_instance_is_planned_for_with_an_assumed_spread():
    lines = precision_lines(precision_plan(compare(planned("c7g.large", 46.0)), 0, 0.05))
    assert "assumed, nothing was measured yet" in lines[1]


@pytest.mark.parametrize(
    ("usd", "text"), [("0.1801", "$0.19"), ("0.18", "$0.18"), ("0.00121", "$0.0013"), ("0", "$0.00")]
)
def test_a_price_is_never_understated(usd, text):
    assert dollars(Decimal(usd)) == text
