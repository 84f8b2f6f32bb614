"""Speeds predicted from a measured peak and a measured bandwidth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.compare import compare
from benchtui.core.instance_results import MetricKey
from benchtui.core.roofline import Bound, roofline
from benchtui.core.stats import Interval
from tests.comparing import metric, result, results


def both(peak: dict[str, float], triad: dict[str, float]):
    rows = []
    for name, top in peak.items():
        for n, off in enumerate((-0.01, 0.0, 0.01), 1):
            rows.append(
                result(
                    name, n, suite="mixed_precision",
                    metrics={"peak.fp64.all": metric(top * (1 + off), "GFLOP/s")},
                )
            )  # fmt: skip
            if name in triad:
                rows.append(result(name, n, triad[name] * (1 + off)))
    return rows


def test_a_prediction_is_the_lower_of_the_two_roofs_with_an_interval():
    rows = both({"c7g.large": 60.0, "c7i.large": 90.0}, {"c7g.large": 46.0, "c7i.large": 30.0})
    low, high = (roofline(rows, intensity, 0.95) for intensity in (0.5, 4.0))
    names = [one.name for one in low.predictions]
    assert names == ["c7g.large", "c7i.large"]
    first = low.predictions[0]
    assert first.gflops == pytest.approx(23.0, rel=1e-3)
    assert (first.bound, first.n) == (Bound.MEMORY, 3)
    assert first.interval.low < first.gflops < first.interval.high
    assert first.ridge == pytest.approx(60 / 46, rel=1e-3)
    assert float(first.usd) == pytest.approx(0.0725 * 1e15 / (first.gflops * 1e9 * 3600))
    top = high.predictions[0]
    assert (top.name, top.bound) == ("c7i.large", Bound.COMPUTE)
    assert top.gflops == pytest.approx(90.0, rel=1e-3)


def test_the_interval_of_a_prediction_leaves_room_for_two_measurements():
    rows = both({"c7g.large": 60.0}, {"c7g.large": 46.0})
    triad = compare(rows, keys=[MetricKey("stream", "triad.all")]).rows[0].cells[0].estimate.interval
    found = roofline(rows, 0.1, 0.95).predictions[0].interval
    assert found.low < 0.1 * triad.low < 0.1 * triad.high < found.high


def test_near_the_ridge_nobody_can_tell_what_binds():
    found = roofline(both({"c7g.large": 60.0}, {"c7g.large": 46.0}), 60 / 46, 0.95).predictions[0]
    assert found.bound is Bound.EITHER


def test_without_a_bandwidth_nothing_is_predicted():
    rows = [*both({"c7g.large": 60.0, "c7i.large": 90.0}, {"c7g.large": 46.0})]
    last = roofline(rows, 1.0, 0.95).predictions[-1]
    assert (last.name, last.gflops, last.reason) == ("c7i.large", None, "stream/triad.all: not measured")


def test_hpl_stands_in_for_a_peak_that_was_not_measured():
    rows = [
        *results(c7g_large=[46, 46.1, 45.9]),
        *(
            result("c7g.large", n, suite="hpl", metrics={"hpl.all": metric(50.0 + n, "GFLOP/s")})
            for n in (1, 2, 3)
        ),
    ]
    assert roofline(rows, 10.0, 0.95).peak == MetricKey("hpl", "hpl.all")


@pytest.mark.parametrize("intensity", [0.0, -1.0, float("nan")])
def test_an_intensity_is_positive(intensity):
    with pytest.raises(ValueError, match="more than 0"):
        roofline([], intensity, 0.95)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_more_operations_per_byte_are_never_slower(one, other):
    rows = both({"c7g.large": 60.0}, {"c7g.large": 46.0})
    slow, fast = (roofline(rows, each, 0.95).predictions[0] for each in sorted((one, other)))
    assert slow.gflops <= fast.gflops * (1 + 1e-12)
    assert isinstance(slow.interval, Interval)


def test_a_bandwidth_in_another_unit_predicts_nothing():
    rows = [one for one in both({"c7g.large": 60.0}, {"c7g.large": 46.0}) if one.suite != "stream"]
    rows += [result("c7g.large", n, metrics={"triad.all": metric(46.0, "MB/s")}) for n in (1, 2, 3)]
    (found,) = roofline(rows, 1.0, 0.95).predictions
    assert found.reason == "stream/triad.all is in MB/s, not GB/s"
