"""What is told of a result beside its figures."""

from __future__ import annotations

from typing import Any

import pytest

from benchtui.core.documents import ResultDocument
from benchtui.core.result_notes import declined_metrics, failed_checks, repeated


def result(**changes: Any) -> ResultDocument:
    content = {
        "run": "20261124-120000-abcd",
        "job": "local.2cpu-1",
        "suite": "stream",
        "mode": "quick",
        "outcome": "measured",
        "provider": "local",
        "instance_id": "i-0123456789abcdef0",
        "instance_type": "local.2cpu",
        "started_at": "2026-11-24T12:00:00Z",
        "finished_at": "2026-11-24T12:01:00Z",
    }
    return ResultDocument.model_validate({**content, **changes})


def metric(*samples: dict[str, Any]) -> dict[str, Any]:
    return {"unit": "GB/s", "higher_is_better": True, "samples": samples}


def test_each_check_that_failed_is_told_once_with_value_and_limit() -> None:
    checks = [
        {"name": "team.all", "ok": True, "value": 2, "limit": 2},
        {"name": "team.all", "ok": False, "value": 1, "limit": 2},
        {"name": "team.all", "ok": False, "value": 0, "limit": 2},
        {"name": "elements.one", "ok": False},
    ]
    assert failed_checks(result(checks=checks)) == (
        "team.all: 1, limit 2 (failed 2 times)",
        "elements.one",
    )
    assert failed_checks(result()) == ()


def test_declined_metrics_are_told_by_reason() -> None:
    many = {f"peak.fp16.{n}": "no avx512_fp16" for n in range(6)}
    assert declined_metrics(result(declined_metrics={**many, "transfer.median": "one CPU"})) == (
        "no avx512_fp16: peak.fp16.0 peak.fp16.1 peak.fp16.2 peak.fp16.3 and 2 more",
        "one CPU: transfer.median",
    )


def test_repetitions_are_counted_over_all_metrics_with_what_disturbed_them() -> None:
    sample = {"value": 1.0, "run": "all", "repetition": 0}
    found = result(
        metrics={
            "copy.all": metric(
                sample, {**sample, "repetition": 1, "disturbed": "others used 9% of the CPUs"}
            ),
            "triad.all": metric(sample, {**sample, "run": "one"}),
        },
        facts={
            "repetitions.all": {"stopped": "budget: another would have ended too late"},
            "repetitions.one": {"stopped": "budget"},
            "disturbance": {"noisy_neighbour": True, "throttled": False},
        },
    )
    assert repeated(found) == (
        "3 repetitions of 2 runs (ended: budget 2), 1 disturbed, most often: others used 9% of the CPUs,"
        " noisy neighbour"
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"repetitions.all": 3},
        {"repetitions.all": {"stopped": {}}},
        {"disturbance": "x"},
        {"repetitions.": None},
    ],
)
def test_facts_of_another_shape_are_left_out(facts: dict[str, Any]) -> None:
    found = result(metrics={"copy.all": metric({"value": 1.0, "run": "all", "repetition": 0})}, facts=facts)
    assert repeated(found) == "1 repetition of 1 run"


def test_a_result_of_before_there_were_repetitions_says_nothing_of_them() -> None:
    assert repeated(result(metrics={"copy.all": metric({"value": 1.0})})) is None
