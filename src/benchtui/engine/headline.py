"""The one number per job that a table of jobs has room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from benchtui.core.documents import Metric, ResultDocument, RunDocument
from benchtui.core.instance_results import NO_RANK, WHOLE_INSTANCE
from benchtui.core.plausibility import Judgement
from benchtui.core.result_summary import MetricSummary, ResultSummary


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric on one instance.

    ``value`` is the median of the repetitions, ``spread`` half of their interquartile range; None: there are
    too few of them. It is the spread inside one instance and tells nothing of another one.
    """

    value: float
    spread: float | None
    verified: bool | None
    doubt: str | None = None  # why it is not plausible


@dataclass(frozen=True, slots=True)
class Headline:
    """One metric over the jobs of a run."""

    metric: str
    unit: str
    by_job: Mapping[str, Measured] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """``TRIAD GB/s`` of ``triad.all``."""
        return f"{self.metric.partition('.')[0].upper()} {self.unit}".strip()


def headline(
    run: RunDocument,
    results: Mapping[tuple[str, str], ResultSummary | ResultDocument | str] | None,
    judgements: Mapping[tuple[str, str], Judgement] | None = None,
) -> Headline | None:
    """The metric that tells most, of the first suite of the plan with a result.

    Args:
        run: the plan.
        results: by job and suite; texts are problems and are passed over. None: nothing is collected yet.
        judgements: whether they are plausible; None: nobody judged them.
    """
    if not results:
        return None
    for suite in dict.fromkeys(suite for job in run.jobs for suite in job.suites):
        found = {
            job.job: result
            for job in run.jobs
            if (result := _summary(results.get((job.job, suite)))) is not None and result.metrics
        }
        names = leading_first(metric for result in found.values() for metric in result.metrics.items())
        if names:
            name = names[0]
            first = next(result.metrics[name] for result in found.values() if name in result.metrics)
            measured = {
                job: Measured(
                    value,
                    result.metrics[name].spread,
                    result.verified,
                    _doubt(judgements, (job, suite), name),
                )
                for job, result in found.items()
                if name in result.metrics and (value := result.metrics[name].value) is not None
            }
            return Headline(name, first.unit, measured)
    return None


def leading_first(metrics: Iterable[tuple[str, Metric | MetricSummary]]) -> list[str]:
    """Metrics with the one a table has room for first: by the rank their suite gives them.

    Without ranks: triad of all threads, then any of all threads.
    """
    ranks: dict[str, int] = {}
    for name, metric in metrics:
        rank = NO_RANK if metric.headline is None else metric.headline
        ranks[name] = min(rank, ranks.get(name, NO_RANK))
    return sorted(
        ranks, key=lambda name: (ranks[name], name != "triad.all", not name.endswith(WHOLE_INSTANCE))
    )


def _summary(result: ResultSummary | ResultDocument | str | None) -> ResultSummary | None:
    if isinstance(result, ResultDocument):
        return ResultSummary.of(result)
    return None if isinstance(result, str) else result


def _doubt(
    judgements: Mapping[tuple[str, str], Judgement] | None, cell: tuple[str, str], metric: str
) -> str | None:
    judgement = (judgements or {}).get(cell)
    return judgement.refusal(metric) if judgement is not None else None


def digits(value: float, like: float | None = None) -> str:
    """Three to four significant digits; with ``like`` as many decimals as that number would have."""
    size = abs(value if like is None else like)
    if size >= 1000:
        return f"{value:.0f}"
    if size >= 1:
        return f"{value:.1f}" if size >= 10 else f"{value:.2f}"
    return f"{value:.3g}"
