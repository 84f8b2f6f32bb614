"""The one number per job that a table has room for."""

from __future__ import annotations

import pytest

from benchtui.core.documents import ResultDocument
from benchtui.engine.headline import digits, headline

from .fleet import RUN, after, planned, run_of

JOBS = [planned("c7g.large-1"), planned("c7g.large-2")]
RUN_DOCUMENT = run_of(JOBS)  # of stream and hpl, in this order


def result(
    job: str, suite: str, metrics: dict[str, list[float]], verified: bool | None = True
) -> ResultDocument:
    return ResultDocument.model_validate(
        {
            "run": RUN,
            "job": job,
            "suite": suite,
            "mode": "quick",
            "outcome": "measured" if metrics else "declined",
            "provider": "ec2",
            "instance_id": "i-1",
            "instance_type": "c7g.large",
            "started_at": after(0),
            "finished_at": after(1),
            "verified": verified,
            "metrics": {
                name: {"unit": "GB/s", "higher_is_better": True, "samples": [{"value": v} for v in values]}
                for name, values in metrics.items()
            },
        }
    )


def by_cell(*results: ResultDocument) -> dict[tuple[str, str], ResultDocument | str]:
    return {(each.job, each.suite): each for each in results}


def test_without_results_there_is_none():
    assert headline(RUN_DOCUMENT, None) is None
    assert headline(RUN_DOCUMENT, {}) is None
    assert headline(RUN_DOCUMENT, {("c7g.large-1", "stream"): "not JSON"}) is None
    assert headline(RUN_DOCUMENT, by_cell(result("c7g.large-1", "stream", {}))) is None


def test_it_is_the_first_suite_of_the_plan_that_has_a_result():
    hpl = result("c7g.large-2", "hpl", {"gflops.all": [80.0]})
    found = headline(RUN_DOCUMENT, by_cell(hpl))
    assert found is not None
    assert (found.metric, found.title) == ("gflops.all", "GFLOPS GB/s")
    stream = result("c7g.large-1", "stream", {"triad.all": [46.0]})
    found = headline(RUN_DOCUMENT, by_cell(hpl, stream))
    assert found is not None
    assert found.title == "TRIAD GB/s"
    assert set(found.by_job) == {"c7g.large-1"}


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["copy.all", "triad.all"], "triad.all"),
        (["copy.one", "copy.all"], "copy.all"),
        (["latency.4KiB", "latency.8KiB"], "latency.4KiB"),
    ],
)
def test_triad_of_all_threads_goes_before_others(names: list[str], chosen: str):
    stream = result("c7g.large-1", "stream", {name: [1.0] for name in names})
    found = headline(RUN_DOCUMENT, by_cell(stream))
    assert found is not None
    assert found.metric == chosen


def test_the_value_is_the_median_and_the_spread_half_the_interquartile_range():
    stream = result("c7g.large-1", "stream", {"triad.all": [10.0, 11.0, 12.0, 13.0, 30.0]}, verified=False)
    found = headline(RUN_DOCUMENT, by_cell(stream))
    assert found is not None
    measured = found.by_job["c7g.large-1"]
    assert (measured.value, measured.spread, measured.verified) == (12.0, 1.0, False)


def test_few_repetitions_have_no_spread():
    found = headline(
        RUN_DOCUMENT, by_cell(result("c7g.large-1", "stream", {"triad.all": [10.0, 12.0, 14.0]}))
    )
    assert found is not None
    assert found.by_job["c7g.large-1"].spread is None


@pytest.mark.parametrize(
    ("value", "like", "shown"),
    [
        (46.12, None, "46.1"),
        (1234.5, None, "1234"),
        (4.567, None, "4.57"),
        (0.012345, None, "0.0123"),
        (-46.12, None, "-46.1"),
        (0.1234, 46.1, "0.1"),
        (12.3, 1234.5, "12"),
    ],
)
def test_numbers_have_the_digits_that_there_is_room_for(value: float, like: float | None, shown: str):
    assert digits(value, like) == shown
