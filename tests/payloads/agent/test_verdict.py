"""From records to metrics, problems and verified."""

from __future__ import annotations

import json
from typing import Any

import pytest

from records import Records
from verdict import judge, summarise


def metric(
    unit: str,
    *,
    higher: bool,
    low: float | None = None,
    high: float | None = None,
    modes: list[str] | None = None,
) -> dict[str, Any]:
    """As payload.toml declares one."""
    return {
        "unit": unit,
        "higher_is_better": higher,
        "min": low,
        "max": high,
        "modes": modes,
        "normalises": "instance",
    }


DECLARED: dict[str, Any] = {
    "metrics": {
        "triad": metric("GB/s", higher=True, low=1, high=100),
        "latency": metric("ns", higher=False),
        "only.full": metric("s", higher=False, modes=["full"]),
    },
    "headlines": ["latency", "triad"],
    "checks": ["array", "size"],
    "checks_of": {},
}


def records(samples: dict[str, list[Any]], checks: dict[str, bool] | None = None) -> Records:
    """Records with these samples and checks."""
    found = Records()
    for name, values in samples.items():
        found.samples[name] = [value if isinstance(value, dict) else {"value": value} for value in values]
    for name, ok in (checks or {}).items():
        found.take(json.dumps({"check": name, "ok": ok}).encode())
    return found


GOOD = {"triad": [30.0, 32.0, 31.0], "latency": [90.0, 80.0]}
BOTH = {"array": True, "size": True}


def verdict(found: Records, declared: dict[str, Any] = DECLARED) -> tuple[bool | None, list[str]]:
    """verified and problems."""
    _, problems = summarise(declared, "quick", found)
    return judge(declared, found, problems), problems


def test_best_is_the_largest_or_the_smallest_as_declared() -> None:
    metrics, problems = summarise(DECLARED, "quick", records(GOOD))
    assert (metrics["triad"]["best"], metrics["triad"]["median"]) == (32.0, 31.0)
    assert (metrics["latency"]["best"], metrics["latency"]["median"]) == (80.0, 85.0)
    assert problems == []


def test_excluded_samples_are_kept_and_not_counted() -> None:
    found = records({**GOOD, "triad": [{"value": 99.0, "excluded": True}, 30.0]})
    metrics, _ = summarise(DECLARED, "quick", found)
    assert (metrics["triad"]["best"], len(metrics["triad"]["samples"])) == (30.0, 2)


def test_verified_when_all_checks_are_there_and_ok() -> None:
    assert verdict(records(GOOD, BOTH)) == (True, [])


def test_a_failed_check_is_false() -> None:
    assert verdict(records(GOOD, {**BOTH, "size": False}))[0] is False


def test_a_check_that_failed_once_has_failed() -> None:
    found = records(GOOD, BOTH)
    for ok in (False, True):
        found.take(json.dumps({"check": "array", "ok": ok}).encode())
    assert verdict(found)[0] is False
    assert [(check["ok"], check["times"]) for check in found.checks] == [(False, 3), (True, 1)]


def test_checks_of_metrics_are_asked_for_where_they_were_measured() -> None:
    declared = {**DECLARED, "checks": [], "checks_of": {"tri*": ["array"], "other": ["never"]}}
    assert verdict(records(GOOD, {"array": True}), declared) == (True, [])
    assert verdict(records(GOOD, {"own": True}), declared)[0] is None
    found = records({"latency": [90.0]}, {"own": True})
    found.decline("triad", "no memory")
    assert verdict(found, declared)[0] is None, "no check is asked of it, so nothing was verified"


def test_an_arm_has_metrics_and_checks_of_its_own() -> None:
    declared = {**DECLARED, "checks": [], "checks_of": {"tri*": ["array"]}}
    both = {**GOOD, "triad:clang": [34.0]}
    metrics, problems = summarise(declared, "quick", records(both))
    assert problems == []
    assert (metrics["triad:clang"]["unit"], metrics["triad:clang"]["headline"]) == ("GB/s", None)
    assert (metrics["triad"]["headline"], metrics["latency"]["headline"]) == (1, 0)
    assert verdict(records(both, {"array": True}), declared)[0] is None
    assert verdict(records(both, {"array": True, "array:clang": True}), declared)[0] is True
    assert verdict(records(both, {"array": True, "array:clang": False}), declared)[0] is False


def test_a_mode_is_asked_for_its_own_metrics() -> None:
    found = records(GOOD, BOTH)
    assert summarise(DECLARED, "quick", found)[1] == []
    assert summarise(DECLARED, "full", found)[1] == ["only.full: declared, but neither measured nor declined"]


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
