"""What is told of stored results: variation within an instance, and the share of billed time."""

from __future__ import annotations

from typing import Any

import pytest
from bench.billed_share import InstanceTime, SuiteTime, by_instance, by_mode
from bench.variation import coefficient, over_instances, per_instance, variations


def document(samples: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "run": "20261124-120000-abcd",
        "job": "local.2cpu-1",
        "suite": "stream",
        "metrics": {"triad.all": {"unit": "GB/s", "samples": samples}},
    }


def test_a_repetition_counts_once_by_the_median_of_its_samples_without_warm_ups() -> None:
    samples: list[dict[str, Any]] = [
        {"value": 1.0, "repetition": 0, "excluded": True},
        {"value": 10.0, "repetition": 0},
        {"value": 12.0, "repetition": 0},
        {"value": 99.0, "repetition": 0},
        {"value": 20.0, "repetition": 1, "disturbed": "others took 30 %"},
        {"value": 12.0, "repetition": 2},
    ]
    (found,) = variations(document(samples))
    assert found.medians == (12.0, 20.0, 12.0)
    assert found.calm == (12.0, 12.0)
    assert found.calm_coefficient == 0.0


def test_the_coefficient_is_the_standard_deviation_by_the_mean() -> None:
    assert coefficient([9.0, 10.0, 11.0]) == pytest.approx(0.1)
    assert coefficient([1.0]) is None
    assert coefficient([-1.0, 1.0]) is None


def test_one_bad_moment_and_a_restless_kernel_are_told_apart() -> None:
    one_moment = [
        {"value": value + 0.1 * step, "repetition": n}
        for n, value in enumerate((10.0, 10.0, 30.0, 10.0))
        for step in range(3)
    ]
    (found,) = variations(document(one_moment))
    assert (found.coefficient, found.close_coefficient) == (pytest.approx(0.662, abs=1e-3), 0.0)
    assert found.within == pytest.approx(0.1 / 10.1)
    restless = [{"value": value, "repetition": n} for n in range(3) for value in (5.0, 10.0, 15.0)]
    (found,) = variations(document(restless))
    assert (found.coefficient, found.within) == (0.0, 0.5)
    (found,) = variations(document(restless[:6]))
    assert found.close_coefficient is None


def test_what_is_above_the_limit_is_marked_and_alone_where_only_that_is_asked_for() -> None:
    steady = [{"value": value, "repetition": n} for n, value in enumerate((10.0, 10.1, 10.0))]
    shaky = [{"value": value, "repetition": n} for n, value in enumerate((10.0, 13.0, 10.0))]
    found = [each for samples in (steady, shaky) for each in variations(document(samples))]
    assert len(per_instance(found, only_marked=True).splitlines()) == 3
    assert len(per_instance(found, only_marked=False).splitlines()) == 4
    assert "triad.all" in over_instances(found)


def test_what_no_part_accounts_for_is_launch_upload_and_last_words() -> None:
    instance = InstanceTime("run job", "full", billed=1000.0, setup=60.0)
    instance.suites = [SuiteTime("stream", 700.0, 20.0, 10.0), SuiteTime("cache", 200.0, 0.0, 5.0)]
    assert instance.rest == pytest.approx(5.0)
    assert instance.not_measuring == pytest.approx(0.1)
    assert "**10.0%**" in by_instance([instance])
    assert by_mode([instance]).startswith("full: 10.0% of 1000 billed seconds on 1 instances")
