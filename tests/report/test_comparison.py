"""Charts of a comparison: what stands in them, and why something does not."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.catalogue import Price
from benchtui.core.compare import compare
from benchtui.core.instance_results import Basis, MetricKey
from benchtui.report.chart_specs import BarChart, EmptyChart, LineChart, ScatterChart
from benchtui.report.comparison import KINDS, chart, history, ladder, pareto, rung, triad_by_type
from benchtui.report.comparison_record import comparison_fields
from tests.comparing import PLANNED_AT, THREE_TYPES, metric, result, results

TRIAD = MetricKey("stream", "triad.all")


def priced(name: str, usd: str, value: float, instances: int = 3):
    """A type of any price, measured alike on each of its instances."""
    price = Price(Decimal(usd), "pricing-api", PLANNED_AT, "us-west-2")
    return [result(name, n, value, price=price) for n in range(1, instances + 1)]


def test_bars_stand_in_order_and_say_why_one_is_not_ranked():
    bars = chart("bars", THREE_TYPES, compare(THREE_TYPES), 0)
    assert isinstance(bars, BarChart)
    assert [bar.label for bar in bars.bars] == ["c7g.large", "c7i.large", "c7a.large"]
    assert [bar.ranked for bar in bars.bars] == [True, True, False]
    assert bars.bars[2].note == "not ranked: 2 instances, 3 needed"
    assert bars.bars[0].low < bars.bars[0].value < bars.bars[0].high


def test_a_type_without_a_figure_keeps_its_place_in_the_bars():
    bars = chart("bars", THREE_TYPES, compare([*THREE_TYPES, result("c8g.large", 1, None)]), 0)
    assert isinstance(bars, BarChart)
    assert (bars.bars[-1].label, bars.bars[-1].value, bars.bars[-1].n) == ("c8g.large", None, 0)


def test_the_frontier_is_made_of_the_types_no_other_beats():
    rows = [
        *priced("cheap", "0.05", 20),
        *priced("good", "0.08", 40),
        *priced("bad", "0.09", 30),
        *priced("best", "0.2", 50),
    ]
    spec = pareto(compare(rows), 0)
    assert isinstance(spec, ScatterChart)
    assert [point.label for point in spec.points if point.frontier] == ["cheap", "good", "best"]


def test_a_type_that_is_not_ranked_is_never_on_the_frontier():
    spec = pareto(compare([*priced("good", "0.08", 40), *priced("fast", "0.04", 99, instances=2)]), 0)
    assert isinstance(spec, ScatterChart)
    assert [(point.label, point.frontier, point.note) for point in spec.points] == [
        ("fast", False, "not ranked"),
        ("good", True, ""),
    ]


def test_where_lower_is_better_the_frontier_is_the_lower_one():
    rows = [
        result(name, n, metrics={"build": metric(seconds, "s", higher=False)}, price=price)
        for name, seconds, usd in (("slow", 99.0, "0.05"), ("fast", 50.0, "0.08"), ("bad", 70.0, "0.09"))
        for price in [Price(Decimal(usd), "pricing-api", PLANNED_AT, "us-west-2")]
        for n in (1, 2, 3)
    ]
    spec = pareto(compare(rows), 0)
    assert isinstance(spec, ScatterChart)
    assert {point.label for point in spec.points if point.frontier} == {"slow", "fast"}


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=8), st.booleans())
def test_the_frontier_is_exactly_what_nothing_dominates(pairs, higher):
    rows = [
        result(
            f"t{at}", n, price=Price(Decimal(usd), "b", PLANNED_AT, "r"),
            metrics={"m": metric(float(value), higher=higher)},
        )
        for at, (usd, value) in enumerate(pairs)
        for n in (1, 2, 3)
    ]  # fmt: skip
    spec = pareto(compare(rows), 0)
    assert isinstance(spec, ScatterChart)
    sign = 1 if higher else -1
    places = {f"t{at}": (usd, sign * value) for at, (usd, value) in enumerate(pairs)}
    expected = {
        name
        for name, (usd, value) in places.items()
        if not any(
            other_usd <= usd and other >= value and (other_usd, other) != (usd, value)
            for other_usd, other in places.values()
        )
    }
    assert {point.label for point in spec.points if point.frontier} == expected


def test_this_machine_has_no_place_on_a_price_axis():
    spec = pareto(compare(results(local_2cpu=[1.0, 2.0, 3.0])), 0)
    assert isinstance(spec, EmptyChart)
    assert "this machine is not rented" in spec.reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("latency.32KiB", ("latency", 32768)),
        ("latency.32K", ("latency", 32768)),
        ("read.one.4MiB", ("read.one", 4 << 20)),
        ("latency.64B", ("latency", 64)),
        ("latency.64", ("latency", 64)),
        ("latency.0B", None),
        ("triad.all", None),
        ("latency.4TiB", None),
    ],
)
def test_rungs_of_a_ladder_are_known_by_their_name(name, expected):
    assert rung(MetricKey("cache", name)) == expected


def ladders():
    """Two types, latencies at three sizes, and a bandwidth at one."""
    return [
        result(
            name, n, suite="cache",
            metrics={
                "latency.4KiB": metric(1.0 * factor, "ns", higher=False),
                "latency.1MiB": metric(4.0 * factor, "ns", higher=False),
                "latency.32KiB": metric(1.1 * factor, "ns", higher=False),
                "read.4KiB": metric(200 / factor),
            },
        )
        for name, factor in (("c7g.large", 1.0), ("c7i.large", 1.3))
        for n in (1, 2, 3)
    ]  # fmt: skip


def test_a_ladder_is_a_line_per_type_over_the_sizes_in_order():
    spec = ladder(ladders(), TRIAD)
    assert isinstance(spec, LineChart)
    assert (spec.log_x, spec.log_y, spec.y_label) == (True, True, "ns")
    assert [series.label for series in spec.series] == ["c7g.large", "c7i.large"]
    assert [x for x, _ in spec.series[0].points] == [4096, 32768, 1 << 20]
    assert [tick.label for tick in spec.x_ticks] == ["32K", "1M"]


def test_the_ladder_of_the_chosen_metric_is_shown():
    spec = ladder(ladders(), MetricKey("cache", "read.4KiB"))
    assert isinstance(spec, LineChart)
    assert spec.title == "cache read by size"
    assert spec.y_label == "GB/s"


def test_without_a_ladder_it_says_what_would_make_one():
    spec = ladder(THREE_TYPES, TRIAD)
    assert isinstance(spec, EmptyChart)
    assert "[plan] suites" in spec.reason


def the_day_before(replicate: int = 1, **changes):
    """A result of an earlier run."""
    at = PLANNED_AT - timedelta(days=1)
    return result("c7g.large", replicate, 40.0, run="20261123-021533-k3f7", planned_at=at, **changes)


def test_history_is_a_line_per_type_over_the_runs():
    earlier = [
        result("c7g.large", n, 40.0, run="20261123-021533-k3f7", planned_at=PLANNED_AT - timedelta(days=1))
        for n in (1, 2)
    ]
    rows = [*THREE_TYPES, *earlier]
    spec = history(rows, compare(THREE_TYPES), 0)
    assert isinstance(spec, LineChart)
    line = next(series for series in spec.series if series.label == "c7g.large")
    assert [round(y, 1) for _, y in line.points] == [40.0, 46.1]
    assert [tick.label for tick in spec.x_ticks] == ["11-23 02:15", "11-24 02:15"]


def test_another_version_of_a_suite_is_no_history():
    earlier = [
        result(
            "c7g.large",
            1,
            40.0,
            run="20261123-021533-k3f7",
            version="0",
            planned_at=PLANNED_AT - timedelta(days=1),
        )
    ]
    spec = history([*THREE_TYPES, *earlier], compare(THREE_TYPES), 0)
    assert isinstance(spec, LineChart)
    assert all(len(series.points) == 1 for series in spec.series)


def test_one_run_is_no_history():
    assert isinstance(history(THREE_TYPES, compare(THREE_TYPES), 0), EmptyChart)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_compare_is_an_empty_chart_of_every_kind(kind):
    assert isinstance(chart(kind, [], compare([]), 0), EmptyChart)


def test_triad_by_type_for_a_glance():
    spec = triad_by_type(THREE_TYPES)
    assert isinstance(spec, BarChart)
    assert spec.bars[0].label == "c7g.large"
    assert isinstance(triad_by_type([]), EmptyChart)
    assert isinstance(triad_by_type([result("c7g.large", 1, None)]), EmptyChart)


def test_the_record_says_null_for_what_is_not_known_and_money_as_a_string():
    found = comparison_fields(compare([*THREE_TYPES, *results(local_2cpu=[12.0])], basis=Basis.DOLLAR))
    types = {row["type"]: row for row in found["types"]}
    assert types["c7g.large"]["usd_per_hour"] == "0.0725"
    assert types["c7g.large"]["price_basis"] == ["pricing-api"]
    local = types["local.2cpu"]
    assert (local["usd_per_hour"], local["price_basis"], local["price_as_of"]) == (None, [], None)
    assert local["cells"][0]["value"] is None
    assert local["cells"][0]["verdict"] is None
    assert local["cells"][0]["reason"] == "this machine is not rented"


def test_the_record_of_nothing_is_empty():
    found = comparison_fields(compare([]))
    assert (found["types"], found["metrics"], found["sentence"]) == ([], [], None)
