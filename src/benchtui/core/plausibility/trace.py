"""What is kept of a claim once it was looked at by itself: enough to hold all others against it.

A result has hundreds of samples, and a run thousands of results. Their numbers are kept packed, 8 bytes each.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchtui.core.plausibility.claim import Claim, Quantity
from benchtui.core.plausibility.judgement import Finding, Untested

NOT_STATED = math.nan


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one suite that vary from one instance to the next.

    Attributes:
        names: of the metrics.
        values: by metric, the one figure that stands for its samples; nan: not stated.
        ends: by metric, where its part of ``samples`` ends.
        samples: the distinct ones of each metric, one metric after the other.
    """

    names: tuple[str, ...]
    values: array[float]
    ends: array[int]
    samples: array[float]

    @classmethod
    def of(cls, quantities: Sequence[Quantity]) -> Figures:
        """Those of ``quantities`` that may differ from one instance to the next."""
        last = {one.name: one for one in quantities if one.measured}
        ends, samples = array("L"), array("d")
        for one in last.values():
            samples.extend(dict.fromkeys(each.value for each in one.samples))
            ends.append(len(samples))
        values = array("d", (NOT_STATED if one.value is None else one.value for one in last.values()))
        return cls(tuple(map(sys.intern, last)), values, ends, samples)

    @property
    def vector(self) -> dict[str, float]:
        """The values that are positive and finite, by metric."""
        pairs = zip(self.names, self.values, strict=True)
        return {name: value for name, value in pairs if 0 < value < math.inf}

    @property
    def sampled(self) -> Iterator[tuple[str, array[float]]]:
        """Metrics that list samples, with the distinct ones."""
        begin = 0
        for name, end in zip(self.names, self.ends, strict=True):
            if end > begin:
                yield name, self.samples[begin:end]
            begin = end

    def __reduce__(self) -> tuple[object, ...]:
        return _figures, (self.names, self.values, self.ends, self.samples)


def _figures(names: tuple[str, ...], *packed: array) -> Figures:  # type: ignore[type-arg]
    """Out of another process, where each name is a text of its own."""
    return Figures(tuple(map(sys.intern, names)), *packed)


@dataclass(frozen=True, slots=True)
class Trace:
    """A claim that was looked at by itself."""

    name: str
    instance_type: str
    suite: str
    run: str | None
    instance_id: str | None
    raw_sha256: str | None
    timed: bool
    said: tuple[Finding | Untested, ...]  # by the rules that look at one claim alone
    figures: Mapping[str, Figures]  # by suite
    peaks: tuple[tuple[int | None, float], ...]  # threads, flop/s: double-precision multiply-adds alone
    held: tuple[Quantity, ...]  # figures that such a peak bounds


def trace_of(
    claim: Claim,
    said: tuple[Finding | Untested, ...],
    peaks: tuple[tuple[int | None, float], ...],
    held: tuple[Quantity, ...],
) -> Trace:
    """What is kept of ``claim``, with what was said of it alone."""
    by_suite: dict[str, list[Quantity]] = {}
    for one in claim.quantities:
        by_suite.setdefault(one.suite or claim.suite, []).append(one)
    return Trace(
        name=claim.name,
        instance_type=claim.instance_type,
        suite=claim.suite,
        run=claim.run,
        instance_id=claim.instance_id,
        raw_sha256=(claim.checksums or {}).get("raw_sha256"),
        timed=claim.timed,
        said=said,
        figures={suite: Figures.of(quantities) for suite, quantities in by_suite.items()},
        peaks=peaks,
        held=held,
    )
