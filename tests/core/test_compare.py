"""Types side by side: what counts, what is only shown, and what is said of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.compare import Cell, compare
from benchtui.core.errors import UsageError
from benchtui.core.instance_results import (
    Basis,
    MetricKey,
    find_metric,
    metric_keys,
    normalise,
    shown_type,
    unit_per,
)
from benchtui.core.stats import Verdict
from tests.comparing import PLANNED_AT, THREE_TYPES, metric, result, results

TRIAD = MetricKey("stream", "triad.all")


def cell(comparison, name: str) -> Cell:
    return comparison.row(name).cells[0]


def test_values_are_geometric_means_of_instance_medians_with_their_count():
    comparison = compare(results(c7g_large=[40.0, 90.0]))
    assert cell(comparison, "c7g.large").estimate.value == pytest.approx(60)
    assert cell(comparison, "c7g.large").n == 2


def test_a_clearly_faster_type_is_better_and_the_slower_one_worse():
    there = compare(THREE_TYPES, baseline="c7i.large")
    assert cell(there, "c7g.large").against.verdict is Verdict.BETTER
    assert cell(there, "c7g.large").against.ratio == pytest.approx(46.1 / 30.166, rel=1e-3)
    assert cell(compare(THREE_TYPES, baseline="c7g.large"), "c7i.large").against.verdict is Verdict.WORSE


def test_where_lower_is_better_the_smaller_figure_is_better_and_comes_first():
    seconds = [
        result(name, n, metrics={"build": metric(value, "s", higher=False)}, suite="compilation")
        for name, values in (("c7g.large", (100, 101, 99)), ("c7a.large", (60, 61, 59)))
        for n, value in enumerate(values, 1)
    ]
    comparison = compare(seconds, baseline="c7g.large")
    assert cell(comparison, "c7a.large").against.verdict is Verdict.BETTER
    assert [row.name for row in comparison.in_order(0)] == ["c7a.large", "c7g.large"]


def test_fewer_than_three_instances_are_shown_and_not_ranked():
    comparison = compare(THREE_TYPES, baseline="c7i.large")
    shown = cell(comparison, "c7a.large")
    assert shown.estimate is not None
    assert not shown.ranked
    assert shown.not_ranked == "2 instances, 3 needed"
    assert shown.against is None


def test_what_is_not_ranked_comes_last_whatever_its_figure():
    comparison = compare(results(c7g_large=[10, 10.1, 10.2], c7a_large=[99.0], c7i_large=[20, 20.1, 20.3]))
    assert [row.name for row in comparison.in_order(0)] == ["c7i.large", "c7g.large", "c7a.large"]


def test_a_baseline_that_is_not_ranked_gives_no_verdict_and_says_why():
    comparison = compare(THREE_TYPES, baseline="c7a.large")
    ours = cell(comparison, "c7g.large")
    assert ours.ranked
    assert ours.against is None
    assert ours.no_verdict == "the baseline c7a.large is not ranked: 2 instances, 3 needed"


@pytest.mark.parametrize(("verified", "reason"), [(False, "checks failed"), (None, "not verified")])
def test_results_that_are_not_verified_are_shown_and_not_ranked(verified, reason):
    comparison = compare([result("c7g.large", n, verified=verified) for n in (1, 2, 3)])
    assert cell(comparison, "c7g.large").estimate is not None
    assert cell(comparison, "c7g.large").not_ranked == reason


def test_beside_verified_results_the_others_do_not_count():
    mixed = [*results(c7g_large=[46.0, 46.1, 46.2]), result("c7g.large", 4, 900.0, verified=False)]
    found = cell(compare(mixed), "c7g.large")
    assert found.n == 3
    assert found.unverified == 1
    assert found.estimate.value < 47


def test_two_verified_of_four_are_not_enough():
    mixed = [result("c7g.large", n, verified=True if n < 3 else None) for n in (1, 2, 3, 4)]
    assert cell(compare(mixed), "c7g.large").not_ranked == "2 instances of 4 verified, 3 needed"


def test_an_outlier_is_labelled_and_counted():
    found = cell(compare(results(c7g_large=[46.0, 46.1, 45.9, 46.2, 23.0])), "c7g.large")
    assert found.outliers == ("c7g.large-5",)
    assert found.n == 5


def test_a_type_without_results_says_why():
    comparison = compare([*THREE_TYPES, result("c8g.large", 1, None)])
    assert cell(comparison, "c8g.large").estimate is None
    assert cell(comparison, "c8g.large").missing == "not launched: no capacity"
    assert comparison.in_order(0)[-1].name == "c8g.large"


def test_another_mode_or_version_is_left_out_and_said():
    other = [result("c7g.large", 9, 99.0, mode="full"), result("c7i.large", 9, 99.0, version="2")]
    comparison = compare([*THREE_TYPES, *other])
    assert cell(comparison, "c7g.large").n == 3
    assert comparison.notes == (
        "stream/triad.all: 1 left out, mode full is not quick",
        "stream/triad.all: 1 left out, suite version 2 is not 1",
    )


def test_of_two_recipes_with_as_many_instances_the_newer_one_counts():
    later = result("c7g.large", 2, 20.0, version="2", planned_at=PLANNED_AT + timedelta(days=1))
    comparison = compare([result("c7g.large", 1, 10.0), later])
    assert comparison.columns[0].version == "2"
    assert cell(comparison, "c7g.large").estimate.value == pytest.approx(20)


def test_instances_of_several_runs_are_all_replicates():
    runs = [result("c7g.large", 1, 46.0, run=f"20261124-02153{n}-k3f7") for n in range(3)]
    assert cell(compare(runs), "c7g.large").ranked


@pytest.mark.parametrize(
    ("basis", "expected", "unit"),
    [
        (Basis.INSTANCE, 30.0, "GB/s"),
        (Basis.VCPU, 15.0, "GB/s per vCPU"),
        (Basis.CORE, 30.0, "GB/s per core"),  # c7i.large is one core with two threads
        (Basis.DOLLAR, 30.0 / 0.0893, "GB/s per $/h"),
    ],
)
def test_normalisation(basis, expected, unit):
    comparison = compare(results(c7i_large=[30.0]), basis=basis)
    assert cell(comparison, "c7i.large").estimate.value == pytest.approx(expected)
    assert comparison.columns[0].unit == unit


def test_what_is_better_when_lower_is_multiplied_by_the_size():
    seconds = metric(100.0, "s", higher=False)
    assert normalise(seconds, result("c7i.large"), Basis.VCPU) == pytest.approx(200)
    assert unit_per("s", Basis.VCPU, higher_is_better=False) == "s × vCPU"


@given(st.floats(0.1, 1e6), st.booleans(), st.sampled_from(list(Basis)))
def test_a_larger_instance_of_the_same_figure_is_never_better(value, higher, basis):
    small = normalise(metric(value, higher=higher), result("c7i.large"), basis)
    large = normalise(metric(value, higher=higher), result("c7i.large", vcpus=4, cores=2), basis)
    assert isinstance(small, float)
    assert isinstance(large, float)
    assert large <= small if higher else large >= small


def test_per_dollar_this_machine_is_unknown_with_its_reason():
    found = cell(compare(results(local_2cpu=[12.0, 13.0, 14.0]), basis=Basis.DOLLAR), "local.2cpu")
    assert found.estimate is None
    assert found.missing == "this machine is not rented"
    assert found.n == 3


def test_a_figure_that_is_not_positive_has_no_ratio():
    assert cell(compare(results(c7g_large=[0.0, 1.0, 2.0])), "c7g.large").missing.startswith(
        "a value is not positive"
    )


def test_a_local_result_never_has_the_name_of_an_ec2_type():
    assert shown_type("local", "c7g.large", 2) == "local.2cpu"
    assert shown_type("local", "local.1cpu", 1) == "local.1cpu"
    assert shown_type("aws", "c7g.large", 2) == "c7g.large"


def test_the_baseline_is_the_first_ranked_type_unless_chosen():
    assert compare(THREE_TYPES).baseline == "c7g.large"
    assert compare(results(c7g_large=[1.0], c7i_large=[1.0, 1.1])).baseline == "c7g.large"
    assert compare([]).baseline is None


def test_an_unknown_baseline_names_the_nearest():
    with pytest.raises(UsageError) as error:
        compare(THREE_TYPES, baseline="c7h.large")
    assert "did you mean c7" in (error.value.fix or "")


def test_the_telling_metric_of_a_suite_comes_first():
    one = result(
        "c7g.large",
        metrics={
            "copy.one": metric(1),
            "copy.all": metric(2),
            "triad.one": metric(3),
            "triad.all": metric(4),
        },
    )
    assert [key.name for key in metric_keys([one])] == ["triad.all", "triad.one", "copy.all", "copy.one"]


def test_a_metric_is_found_by_its_name_or_with_its_suite():
    keys = [TRIAD, MetricKey("hpl", "gflops"), MetricKey("mine", "gflops")]
    assert find_metric("triad.all", keys) == TRIAD
    assert find_metric("hpl/gflops", keys) == MetricKey("hpl", "gflops")
    with pytest.raises(UsageError) as several:
        find_metric("gflops", keys)
    assert several.value.fix == "say which: hpl/gflops or mine/gflops"
    with pytest.raises(UsageError) as none:
        find_metric("traid.all", keys)
    assert "did you mean stream/triad.all?" in (none.value.fix or "")


def test_nothing_compares_to_nothing():
    comparison = compare([])
    assert comparison.rows == comparison.columns == ()
