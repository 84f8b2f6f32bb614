"""The chart beside the jobs stands on the same figures as a comparison, without reading a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchtui.core.documents import CensusRow, Outcome
from benchtui.core.instance_results import MetricKey
from benchtui.engine.collector import Collected
from benchtui.engine.comparing import results_of
from benchtui.engine.glance import glance
from benchtui.report.comparison import triad_by_type
from tests.comparing import census_of, document
from tests.engine import fleet

TRIAD = MetricKey("stream", "triad.all")


def measured(run, job, *values, **more):
    samples = [{"value": value} for value in values]
    metric = {"unit": "GB/s", "higher_is_better": True, "samples": samples, "median": 99.0}
    return document(run, job, metrics={"triad.all": metric}, **more)


@pytest.fixture
def run():
    return fleet.run_of([fleet.planned(f"{name}.large-{n}") for name in ("c7g", "c7i") for n in (1, 2, 3)])


@pytest.fixture
def collected(run, tmp_path: Path) -> Collected:
    results = {
        ("c7g.large-1", "stream"): measured(run, "c7g.large-1", 46.0, 48.0, 40.0),
        ("c7g.large-2", "stream"): measured(run, "c7g.large-2", 45.0),
        ("c7g.large-3", "stream"): "result not valid: not JSON",
        ("c7i.large-1", "stream"): measured(run, "c7i.large-1", 30.0, verified=False),
        ("c7i.large-2", "stream"): measured(run, "c7i.large-2", 31.0, instance_type="c7a.large"),
    }
    return Collected(census_of(run), results, tmp_path, 0, 0)


def test_it_draws_what_a_comparison_draws(run, collected):
    assert triad_by_type(glance(run, collected, TRIAD)) == triad_by_type(results_of(run, collected))


def test_its_figures_are_medians_of_the_repetitions_and_not_what_a_result_says_its_median_is(run, collected):
    found = {one.job: one.metrics["triad.all"].median for one in glance(run, collected, TRIAD)}
    assert found == {"c7g.large-1": 46.0, "c7g.large-2": 45.0, "c7i.large-1": 30.0}


def test_what_was_measured_on_this_machine_is_named_so(run, tmp_path):
    results = {("c7g.large-1", "stream"): measured(run, "c7g.large-1", 46.0, provider="local")}
    (one,) = glance(run, Collected(census_of(run), results, tmp_path, 0, 0), TRIAD)
    assert one.local
    assert one.instance_type.startswith("local.")


def test_a_cell_that_the_census_declines_does_not_count(run, collected, tmp_path):
    lost = CensusRow(job="c7g.large-1", suite="stream", outcome=Outcome.DECLINED, reason="lost", state="LOST")
    declined = Collected(census_of(run, lost), collected.results, tmp_path, 0, 0)
    assert "c7g.large-1" not in {one.job for one in glance(run, declined, TRIAD)}
