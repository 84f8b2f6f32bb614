"""One metric of every job, from the few lines that are held of each result: no document is read again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchtui.core.documents import Outcome
from benchtui.core.instance_results import InstanceResult, MetricKey, MetricMedian
from benchtui.engine.comparing import as_planned, declined_reasons

if TYPE_CHECKING:
    from benchtui.core.documents import RunDocument
    from benchtui.core.result_summary import ResultSummary
    from benchtui.engine.collector import Collected


def glance(run: RunDocument, collected: Collected, key: MetricKey) -> tuple[InstanceResult, ...]:
    """Every job of ``run`` that has measured ``key`` and counts, for a chart of it alone."""
    declined, summaries, found = declined_reasons(collected.census), collected.summaries, []
    for job in run.jobs:
        cell = (job.job, key.suite)
        summary = summaries.get(cell)
        if summary is None or isinstance(summary, str) or cell in declined:
            continue
        judgement = collected.judgements.get(cell)
        median = _median(summary, key.name, judgement.refusal(key.name) if judgement is not None else None)
        if summary.outcome is Outcome.MEASURED and summary.instance_type == job.instance_type and median:
            planned = as_planned(run, job, key.suite, summary.provider)
            found.append(replace(planned, verified=summary.verified, metrics={key.name: median}))
    return tuple(found)


def _median(summary: ResultSummary, name: str, doubt: str | None) -> MetricMedian | None:
    metric = summary.metrics.get(name)
    if metric is None or metric.middle is None:
        return None
    return MetricMedian(
        metric.middle,
        metric.unit,
        metric.higher_is_better,
        metric.repetitions,
        normalises=metric.normalises,
        headline=metric.headline,
        doubt=doubt,
    )
