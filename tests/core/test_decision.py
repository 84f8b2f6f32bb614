"""What to rent: frontier, cost of work, break-even prices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.compare import compare
from benchtui.core.decision import Choice, decide
from benchtui.core.instance_results import Basis
from tests.comparing import THREE_TYPES, metric, result, results


def choice(decision, name: str) -> Choice:
    return next(one for one in decision.choices if one.name == name)


def decided(rows=None, **options):
    return decide(compare(THREE_TYPES if rows is None else rows, **options))


def test_a_tb_moved_costs_the_hour_over_what_is_moved_in_it():
    work = choice(decided(), "c7g.large").work
    assert work.words == "TB moved"
    # 46.1 GB/s are 165.96 TB an hour.
    assert float(work.usd) == pytest.approx(0.0725 / (46.1 * 3.6), rel=1e-4)
    assert work.low < work.usd < work.high


def test_a_compile_costs_its_share_of_the_hour():
    rows = [
        result(
            "c7g.large",
            n,
            suite="compilation",
            metrics={"wall.lib.all": metric(100.0 + n, "s", higher=False)},
        )
        for n in (-1, 0, 1)
    ]
    work = choice(decided(rows), "c7g.large").work
    assert work.words == "compile"
    assert float(work.usd) == pytest.approx(0.0725 * 100 / 3600, rel=1e-4)


def test_operations_are_priced_by_10_to_the_15():
    rows = [
        result("c7g.large", n, suite="hpl", metrics={"hpl.all": metric(50.0, "GFLOP/s")}) for n in (1, 2, 3)
    ]
    work = choice(decided(rows), "c7g.large").work
    # At 50 GFLOP/s 10^15 operations take 20,000 s.
    assert float(work.usd) == pytest.approx(0.0725 * 20_000 / 3600)


def test_the_dearer_type_says_by_how_much_it_has_to_fall():
    found = choice(decided(baseline="c7g.large"), "c7i.large").break_even
    ratio = 30.1653 / 46.1
    assert float(found.usd_per_hour) == pytest.approx(ratio * 0.0725, rel=1e-3)
    assert (found.cheaper, found.dearer) == ("c7g.large", "c7i.large")
    assert found.discount == pytest.approx(1 - ratio * 0.0725 / 0.0893, rel=1e-3)
    assert found.discount_low < found.discount < found.discount_high


def test_the_cheaper_type_says_when_the_baseline_would_win():
    found = choice(decided(baseline="c7i.large"), "c7g.large").break_even
    assert (found.cheaper, found.dearer) == ("c7g.large", "c7i.large")
    # At that discount of the baseline both cost the same for the same work.
    assert 0.0893 * (1 - found.discount) * found_ratio("c7g.large", "c7i.large") == pytest.approx(
        0.0725, rel=1e-9
    )
    assert found.discount_low < found.discount < found.discount_high


def found_ratio(name: str, base: str) -> float:
    return compare(THREE_TYPES, baseline=base).row(name).cells[0].against.ratio


@given(st.floats(0.2, 5), st.floats(0.02, 1), st.floats(0.02, 1), st.booleans())
def test_at_the_break_even_price_work_costs_the_same(ratio, ours, theirs, higher):
    rows = []
    for name, level, usd in (("a.large", 10.0, theirs), ("b.large", 10.0 * ratio, ours)):
        for n, value in enumerate((level * 0.99, level, level * 1.01), 1):
            one = result(name, n, metrics={"wall": metric(value, "GB/s" if higher else "s", higher=higher)})
            rows.append(priced(one, usd))
    comparison = compare(rows, baseline="a.large")
    found = decide(comparison)
    flip, base = choice(found, "b.large").break_even, choice(found, "a.large").work
    there = [priced(one, float(flip.usd_per_hour)) if one.instance_type == "b.large" else one for one in rows]
    again = choice(decide(compare(there, baseline="a.large")), "b.large").work
    assert float(again.usd) == pytest.approx(float(base.usd), rel=1e-9)
    assert flip.low < flip.usd_per_hour < flip.high


def priced(one, usd: float):
    from dataclasses import replace

    return replace(one, price=replace(one.price, usd_per_hour=Decimal(repr(usd))))


def test_the_order_does_not_depend_on_what_the_comparison_is_normalised_by():
    assert decided(basis=Basis.DOLLAR, baseline="c7i.large") == decided(baseline="c7i.large")


def test_the_frontier_names_what_beats_a_type_and_whether_that_is_sure():
    rows = results(c7g_large=[46.1, 45.9, 46.3], c7i_large=[30.2, 29.8, 30.5], c7a_large=[45.0, 46.4, 46.6])
    decision = decided(rows)
    assert choice(decision, "c7g.large").on_front
    beaten = choice(decision, "c7i.large")
    assert (beaten.on_front, beaten.beaten_by, beaten.surely) == (False, "c7g.large", True)
    near = choice(decision, "c7a.large")
    assert (near.on_front, near.beaten_by, near.surely) == (False, "c7g.large", False)


def test_figures_per_physical_core_stand_beside():
    decision = decided()
    assert decision.core_unit == "GB/s per core"
    assert choice(decision, "c7i.large").per_core.estimate.value == pytest.approx(30.165, rel=1e-3)
    assert choice(decision, "c7g.large").per_core.estimate.value == pytest.approx(23.05, rel=1e-3)


def test_this_machine_has_no_price_figures_and_it_is_said():
    decision = decided(results(local_2cpu=[12.0, 12.1, 12.2]))
    assert decision.no_prices == "this machine is not rented: it has no price, and so no price figures"
    only = decision.choices[0]
    assert (only.usd_per_hour, only.work, only.break_even, only.on_front) == (None, None, None, False)


def test_a_latency_has_a_frontier_and_no_cost_of_work():
    from dataclasses import replace

    rows = [
        result(
            name,
            n,
            suite="cache",
            metrics={"dram": replace(metric(value + n, "ns", higher=False), normalises="none")},
        )
        for name, value in (("c7g.large", 100.0), ("c7i.large", 130.0))
        for n in (1, 2, 3)
    ]
    decision = decided(rows)
    assert decision.no_work == "not an amount of work"
    assert choice(decision, "c7g.large").on_front
    assert choice(decision, "c7i.large").break_even is None


def test_nothing_to_decide_between():
    assert decide(compare([])) is None
