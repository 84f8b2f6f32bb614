"""One figure over several metrics."""

from __future__ import annotations

import pytest

from benchtui.core.compare import compare
from benchtui.core.instance_results import MetricKey
from benchtui.core.overall import overall
from benchtui.core.stats import Verdict
from benchtui.report.settling_text import overall_lines, sweep_lines
from tests.comparing import THREE_TYPES, metric, result


def two_metrics(name: str, factor: float, *, with_seconds: bool = True, n: int = 3, **changes):
    rows = []
    for number in range(1, n + 1):
        host = 1 + number / 100
        metrics = {"triad.all": metric(46.0 * factor * host)}
        if with_seconds:
            metrics["wall"] = metric(100.0 / factor / host, "s", higher=False)
        rows.append(result(name, number, metrics=metrics, **changes))
    return rows


def test_a_geometric_mean_covers_the_same_metrics_for_all_types_and_says_which():
    rows = [*two_metrics("c7g.large", 1.0), *two_metrics("c7i.large", 0.5), *two_metrics("c7a.large", 2.0)]
    found = overall(compare(rows, baseline="c7g.large"))
    assert set(found.metrics) == {"stream/triad.all", "stream/wall"}
    assert {row.name: round(row.ratio, 6) for row in found.rows} == {"c7i.large": 0.5, "c7a.large": 2.0}
    assert {row.name: row.verdict for row in found.rows} == {
        "c7i.large": Verdict.WORSE,
        "c7a.large": Verdict.BETTER,
    }


def test_a_metric_that_one_type_lacks_is_in_nobodys_mean():
    rows = [
        *two_metrics("c7g.large", 1.0),
        *two_metrics("c7i.large", 0.5),
        *two_metrics("c7a.large", 2.0, with_seconds=False),
    ]
    found = overall(compare(rows, baseline="c7g.large"))
    assert found.metrics == ("stream/triad.all",)
    assert found.left_out == (("stream/wall", "no ranked figure of c7a.large"),)
    assert overall_lines(found)[0] == "geometric mean over 1 of 2 metrics, above 1 is better:"


def test_the_unit_of_a_mean_is_the_instance():
    # Both metrics of an instance move together: as two instances each they would seem twice as sure.
    rows = [*two_metrics("c7g.large", 1.0), *two_metrics("c7i.large", 0.9)]
    found = overall(compare(rows, baseline="c7g.large")).rows[0]
    alone = compare(rows, keys=[MetricKey("stream", "triad.all")], baseline="c7g.large")
    assert (found.n, found.base_n) == (3, 3)
    assert found.interval.low == pytest.approx(alone.row("c7i.large").cells[0].against.interval.low)


def test_one_metric_has_no_mean():
    assert overall(compare(THREE_TYPES)) is None


def test_a_sweep_is_counted_by_type():
    rows = [*two_metrics("c7g.large", 1.0), *two_metrics("c7i.large", 0.5)]
    assert sweep_lines(compare(rows, baseline="c7g.large")) == [
        "other metrics, 1 comparisons, at most 5 % of the verdicts wrong:",
        "  c7i.large: 1 worse",
    ]
