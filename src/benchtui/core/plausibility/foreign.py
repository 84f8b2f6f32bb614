"""Stored results of other origin as claims.

The form is that of ``tests/fixtures/seed-results.jsonl``: results of the public repository
scttfrdmn/aws-instance-benchmarks, reduced to what was measured or claimed. None of them is a benchtui
result, and none may ever be shown as one: they are judged, nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from benchtui.core.plausibility.claim import Claim, Observation, Quantity, hpl_operations, level_of
from benchtui.core.plausibility.naming import cpu_in_words

#: The first commit of that repository ("Initial commit: Project structure and seed data", 85401ef).
FIRST_COMMIT = datetime(2025, 6, 26, 6, 57, 26, tzinfo=UTC)
#: Records that hold what several suites found.
SUMMARIES = frozenset({"published-summary"})
#: Parts of a record that describe a machine or a setting, and are no figures of a suite.
_DESCRIPTIONS = frozenset({"numa", "metadata"})
_LATENCIES = frozenset({"access_time", "latency"})
_VALUES = ("bandwidth", "score", "gflops", "access_time", "latency")


def claim_of(row: Mapping[str, Any]) -> Claim:
    """One line of such a file as a claim."""
    performance = {
        name: block
        for name, block in _mapping(row.get("performance")).items()
        if name not in _DESCRIPTIONS and isinstance(block, Mapping)
    }
    suite = str(row.get("benchmark") or "unknown")
    repeated = _mapping(row.get("reproducibility"))
    words = row.get("architecture_claimed")
    return Claim(
        name=str(row.get("source")),
        instance_type=str(row.get("instance_type")),
        suite=suite,
        quantities=tuple(one for name, block in performance.items() for one in _quantities(name, block)),
        cpu_claimed=cpu_in_words(words),
        cpu_said=words,
        flags=row.get("flags_claimed"),
        image=row.get("image_claimed"),
        suites_held=None if suite in SUMMARIES else frozenset(performance),
        iterations=_whole(row.get("iterations")),
        runs=_whole(repeated.get("runs")),
        confidence=_number(repeated.get("confidence")),
        started=_date(row.get("started")),
        finished=_date(row.get("finished")),
        seconds=_number(row.get("duration_seconds")),
        includes_boot=True,
        not_before=FIRST_COMMIT,
        not_before_why="the repository began at",
        checksums={name: str(digest) for name, digest in _mapping(row.get("checksums")).items()},
    )


def _quantities(suite: str, block: Mapping[str, Any]) -> Iterator[Quantity]:
    """Figures of one suite: its own, or one for each part of it."""
    parts = {name: part for name, part in block.items() if isinstance(part, Mapping)}
    if not parts:
        yield from _figures(suite, block)
    for name, part in parts.items():
        yield from _figures(f"{suite}.{name}", part)


def _figures(name: str, part: Mapping[str, Any]) -> Iterator[Quantity]:
    """The figures of one part; a unit for several is written ``cycles|GB/s``."""
    units = str(part.get("unit") or "").split("|")
    found = [key for key in _VALUES if _number(part.get(key)) is not None]
    for at, key in enumerate(found):
        value = _number(part[key])
        assert value is not None
        # Several units come in no order of their own: bandwidths are those by the second.
        fitting = [unit for unit in units if ("/s" in unit.lower()) == (key == "bandwidth")]
        unit = fitting[0] if len(units) > 1 and fitting else units[min(at, len(units) - 1)]
        yield Quantity(
            name if len(found) == 1 else f"{name}.{key}",
            unit,
            value,
            dispersion=_dispersion(part, key),
            aggregate=_aggregate(part, value),
            level=level_of(name),
            latency=key in _LATENCIES,
            suite=name.partition(".")[0],
        )


def _dispersion(part: Mapping[str, Any], key: str) -> float | None:
    own = _number(part.get(f"{key}_std_dev"))
    return _number(part.get("std_dev")) if own is None else own


def _aggregate(part: Mapping[str, Any], value: float) -> Observation | None:
    """Work and time that a record states beside a rate."""
    seconds = _number(part.get("execution_time"))
    work = _number(part.get("iterations"))
    size = _number(part.get("matrix_size"))
    if size is not None:
        work = hpl_operations(size)
    return None if seconds is None and work is None else Observation(value, seconds, work)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _date(value: object) -> datetime | None:
    try:
        date = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if date is None else date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
