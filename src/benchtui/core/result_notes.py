"""What a result says beside its figures: which checks failed, what was declined, how often it was repeated.

Everything is what the instance wrote. Facts have no schema: what is not of the expected shape is left out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchtui.core.documents import Check, ResultDocument

#: Names that are written out where one reason holds for many.
NAMES = 4
#: Of the verdict on the neighbourhood (payloads/agent/disturbance.py), what is told when it is so.
VERDICTS = ("noisy_neighbour", "throttled", "preempted")


def failed_checks(result: ResultDocument) -> tuple[str, ...]:
    """One line per check that failed, in the order they were made: its name, a value and its limit."""
    failed: dict[str, list[Check]] = {}
    for check in result.checks:
        if not check.ok:
            failed.setdefault(check.name, []).append(check)
    return tuple(_failed(name, checks) for name, checks in failed.items())


def _failed(name: str, checks: list[Check]) -> str:
    first = checks[0]
    said = f"{name}: {first.value}" if first.value is not None else name
    if first.limit is not None:
        said += f", limit {first.limit}"
    return said + (f" (failed {len(checks)} times)" if len(checks) > 1 else "")


def declined_metrics(result: ResultDocument) -> tuple[str, ...]:
    """One line per reason for which metrics were declined: the reason and the metrics."""
    by_reason: dict[str, list[str]] = {}
    for metric, reason in result.declined_metrics.items():
        by_reason.setdefault(reason, []).append(metric)
    return tuple(f"{reason}: {_some(names)}" for reason, names in by_reason.items())


def _some(names: list[str]) -> str:
    more = len(names) - NAMES
    return " ".join(names[:NAMES]) + (f" and {more} more" if more > 0 else "")


def repeated(result: ResultDocument) -> str | None:
    """How many repetitions of how many runs there were, why they ended, and what disturbed them; None: no
    repetition is told of."""
    samples = [sample for metric in result.metrics.values() for sample in metric.samples]
    all_of = {(each.run, each.repetition) for each in samples if each.repetition is not None}
    if not all_of:
        return None
    disturbed = {(each.run, each.repetition): each.disturbed for each in samples if each.disturbed}
    runs = len({run for run, _ in all_of})
    said = f"{_count(len(all_of), 'repetition')} of {_count(runs, 'run')}"
    stops = Counter(_stops(result))
    if stops:
        said += " (ended: " + ", ".join(f"{word} {times}" for word, times in stops.most_common()) + ")"
    if disturbed:
        reason, _ = Counter(disturbed.values()).most_common(1)[0]
        said += f", {len(disturbed)} disturbed, most often: {reason}"
    verdict = result.facts.get("disturbance")
    found = [word for word in VERDICTS if isinstance(verdict, dict) and verdict.get(word) is True]
    return said + "".join(f", {word.replace('_', ' ')}" for word in found)


def _stops(result: ResultDocument) -> Iterator[str]:
    """First word of each run's reason to end: precise, budget, share, once …"""
    for name, told in result.facts.items():
        if name.startswith("repetitions."):
            stopped: Any = told.get("stopped") if isinstance(told, dict) else None
            if isinstance(stopped, str):
                yield stopped.partition(":")[0][:20]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
