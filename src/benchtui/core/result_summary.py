"""The few lines of a result that lists of thousands are made of."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median, quantiles

from benchtui.core.documents import Metric, Outcome, ResultDocument

#: Fewer repetitions tell nothing of their spread.
FEWEST_FOR_SPREAD = 4


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric without its samples.

    ``value`` is the median as it is stated, else that of the repetitions; ``spread`` half of their
    interquartile range, None where there are too few; ``middle`` is the median of the repetitions
    themselves, on which comparisons stand.
    """

    unit: str
    higher_is_better: bool
    normalises: str
    repetitions: int
    middle: float | None
    best: float | None
    median: float | None
    headline: int | None  # its rank among those that tell most
    spread: float | None

    @property
    def value(self) -> float | None:
        """What a table shows."""
        return self.median if self.median is not None else self.middle

    @classmethod
    def of(cls, metric: Metric) -> MetricSummary:
        """Of a whole one."""
        counted = metric.counted
        spread = None
        if len(counted) >= FEWEST_FOR_SPREAD:
            low, _, high = quantiles(counted, n=4, method="inclusive")
            spread = (high - low) / 2
        return cls(
            unit=sys.intern(metric.unit),
            higher_is_better=metric.higher_is_better,
            normalises=metric.normalises,
            repetitions=len(counted),
            middle=median(counted) if counted else None,
            best=metric.best,
            median=metric.median,
            headline=metric.headline,
            spread=spread,
        )


@dataclass(frozen=True, slots=True)
class ResultSummary:
    """A result without its samples, checks and facts."""

    outcome: Outcome
    reason: str | None
    instance_type: str
    provider: str  # of the instance
    verified: bool | None
    metrics: Mapping[str, MetricSummary]  # those that tell most, see `telling`; all where none does

    @classmethod
    def of(cls, result: ResultDocument) -> ResultSummary:
        """Of a whole one."""
        names = [name for name, one in result.metrics.items() if telling(name, one)] or list(result.metrics)
        metrics = {sys.intern(name): MetricSummary.of(result.metrics[name]) for name in names}
        kind = sys.intern(result.instance_type)
        provider = sys.intern(result.provider)
        return cls(result.outcome, result.reason, kind, provider, result.verified, metrics)


def telling(name: str, metric: Metric) -> bool:
    """Whether a metric tells of the whole instance, or is one of those that tell most."""
    return name.endswith(".all") or metric.headline is not None
