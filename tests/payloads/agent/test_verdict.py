"""From records to metrics, problems and verified."""

from __future__ import annotations

from typing import Any

import pytest

from records import Records
from verdict import judge, summarise

DECLARED: dict[str, Any] = {
    "metrics": {
        "triad": {"unit": "GB/s", "higher_is_better": True, "min": 1, "max": 100},
        "latency": {"unit": "ns", "higher_is_better": False, "min": None, "max": None},
    },
    "checks": ["array", "size"],
}


def records(samples: dict[str, list[Any]], checks: dict[str, bool] | None = None) -> Records:
    """Records with these samples and checks."""
    found = Records()
    for name, values in samples.items():
        found.samples[name] = [value if isinstance(value, dict) else {"value": value} for value in values]
    found.checks = [{"name": name, "ok": ok} for name, ok in (checks or {}).items()]
    return found


GOOD = {"triad": [30.0, 32.0, 31.0], "latency": [90.0, 80.0]}
BOTH = {"array": True, "size": True}


def verdict(found: Records, declared: dict[str, Any] = DECLARED) -> tuple[bool | None, list[str]]:
    """verified and problems."""
    _, problems = summarise(declared, found)
    return judge(declared, found, problems), problems


def test_best_is_the_largest_or_the_smallest_as_declared() -> None:
    metrics, problems = summarise(DECLARED, records(GOOD))
    assert (metrics["triad"]["best"], metrics["triad"]["median"]) == (32.0, 31.0)
    assert (metrics["latency"]["best"], metrics["latency"]["median"]) == (80.0, 85.0)
    assert problems == []


def test_excluded_samples_are_kept_and_not_counted() -> None:
    found = records({**GOOD, "triad": [{"value": 99.0, "excluded": True}, 30.0]})
    metrics, _ = summarise(DECLARED, found)
    assert (metrics["triad"]["best"], len(metrics["triad"]["samples"])) == (30.0, 2)


def test_verified_when_all_checks_are_there_and_ok() -> None:
    assert verdict(records(GOOD, BOTH)) == (True, [])


def test_a_failed_check_is_false() -> None:
    assert verdict(records(GOOD, {**BOTH, "size": False}))[0] is False


def test_a_check_that_failed_once_has_failed() -> None:
    found = records(GOOD, BOTH)
    found.checks = [{"name": "array", "ok": False}, *found.checks]
    assert verdict(found)[0] is False


def test_no_check_is_not_checked() -> None:
    assert verdict(records(GOOD))[0] is None


def test_a_missing_check_is_not_checked_and_named() -> None:
    verified, problems = verdict(records(GOOD, {"array": True}))
    assert (verified, problems) == (None, ["check size: declared, but not reported"])


def test_a_suite_without_declared_checks_is_never_verified() -> None:
    assert verdict(records(GOOD, {"own": True}), {**DECLARED, "checks": []})[0] is None


@pytest.mark.parametrize("value", [0.5, 101.0])
def test_an_implausible_sample_is_not_verified(value: float) -> None:
    verified, problems = verdict(records({**GOOD, "triad": [30.0, value]}, BOTH))
    assert verified is False
    assert problems == [f"triad: 1 of 2 samples outside 1 to 100 GB/s, the first is {value:g}"]


def test_an_undeclared_metric_is_not_verified() -> None:
    verified, problems = verdict(records({**GOOD, "bonus": [1.0]}, BOTH))
    assert verified is False
    assert "bonus: a metric that payload.toml does not declare" in problems


def test_a_declared_metric_that_never_came_is_a_problem_unless_declined() -> None:
    found = records({"triad": [30.0]}, BOTH)
    assert verdict(found) == (False, ["latency: declared, but neither measured nor declined"])
    found.declined["latency"] = "no timer"
    assert verdict(found) == (True, [])
