"""What a suite's records amount to: metrics with their summary, what is wrong with them, verified or not."""

from __future__ import annotations

import fnmatch
import math
import statistics
from typing import Any, Dict, List, Optional, Tuple

from records import Records

UNDECLARED: Dict[str, Any] = {"unit": "?", "higher_is_better": True, "normalises": "none"}


def summarise(declared: Dict[str, Any], mode: str, records: Records) -> Tuple[Dict[str, Any], List[str]]:
    """Metrics of the result and what is wrong with them: undeclared, or outside their bounds."""
    metrics, problems = {}, list(records.problems)
    headlines: List[str] = declared["headlines"]
    for name, samples in records.samples.items():
        metric = declared["metrics"].get(_base(name))
        if metric is None:
            problems.append("{}: a metric that payload.toml does not declare".format(name))
            metric = UNDECLARED
        counted = [sample["value"] for sample in samples if not sample.get("excluded")]
        low, high = metric.get("min"), metric.get("max")
        outside = [
            value
            for value in counted
            if (low is not None and value < low) or (high is not None and value > high)
        ]
        if outside:
            problems.append(
                "{}: {} of {} samples outside {} to {} {}, the first is {:g}".format(
                    name, len(outside), len(counted), _bound(low), _bound(high), metric["unit"], outside[0]
                )
            )
        best = (max if metric["higher_is_better"] else min)(counted) if counted else None
        metrics[name] = {
            "unit": metric["unit"],
            "higher_is_better": metric["higher_is_better"],
            "normalises": metric["normalises"],
            "headline": headlines.index(name) if name in headlines else None,
            "samples": samples,
            "best": best,
            "median": statistics.median(counted) if counted else None,
        }
    for name, metric in declared["metrics"].items():
        if metric["modes"] is not None and mode not in metric["modes"]:
            continue
        if name not in records.samples and name not in records.declined:
            problems.append("{}: declared, but neither measured nor declined".format(name))
    return metrics, problems


def no_sample(metrics: Dict[str, Any], records: Records) -> Optional[str]:
    """Why a suite that came to its end counts as not measured; None if it was."""
    if any(metric["best"] is not None for metric in metrics.values()):
        return None
    declined = "; ".join("{}: {}".format(*item) for item in records.declined.items())
    return declined[:1500] or "it reported no sample"


def _bound(value: Optional[float]) -> str:
    return "-" if value is None or not math.isfinite(value) else "{:g}".format(value)


def required(declared: Dict[str, Any], records: Records) -> List[str]:
    """Checks that must have been made: those of every result, and those of the metrics that were measured.

    An arm's checks have its name behind them, as its metrics have.
    """
    wanted = dict.fromkeys(declared["checks"])
    for metric in records.samples:
        base = _base(metric)
        for pattern, checks in declared["checks_of"].items():
            if fnmatch.fnmatchcase(base, pattern):
                wanted.update(dict.fromkeys(check + metric[len(base) :] for check in checks))
    return list(wanted)


def _base(metric: str) -> str:
    """A metric's name without its arm."""
    return metric.partition(":")[0]


def judge(declared: Dict[str, Any], records: Records, problems: List[str]) -> Optional[bool]:
    """``verified``: None if no check ran or one is missing; False if one failed or a number is wrong."""
    wanted = required(declared, records)
    reported: Dict[str, bool] = {}
    for check in records.checks:
        reported[check["name"]] = reported.get(check["name"], True) and check["ok"]
    if not all(reported.values()):
        return False
    missing = [name for name in wanted if name not in reported]
    problems.extend("check {}: declared, but not reported".format(name) for name in missing if reported)
    if not wanted or not reported or missing:
        return None
    return not problems
