"""The census of a run: every planned cell with its outcome and, if it was not measured, the reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from benchtui.core.documents import (
    CensusDocument,
    CensusRow,
    JobDocument,
    Outcome,
    ResultDocument,
    RunDocument,
    SentinelBody,
)
from benchtui.core.keys import FINAL_BY_INSTANCE, JobState
from benchtui.core.plausibility import Judgement
from benchtui.core.result_summary import ResultSummary
from benchtui.core.states import RECLAIMED, JobStatus

ResultOrProblem = ResultDocument | str


def take_census(
    run: RunDocument,
    statuses: Mapping[str, JobStatus],
    results: Mapping[tuple[str, str], ResultSummary | ResultOrProblem],
    last_words: Mapping[str, SentinelBody],
    *,
    taken_at: datetime,
    over: bool,
    sources: Mapping[str, str],
    judgements: Mapping[tuple[str, str], Judgement] | None = None,
) -> CensusDocument:
    """Account for every planned cell.

    Args:
        run: the plan.
        statuses: state of each job.
        results: by (job, suite): the validated result, or why the object there is none.
        last_words: body of each job's final or DECLINED sentinel, where it could be read.
        taken_at: time of the census.
        over: whether nothing more can come.
        sources: "ok" or an error for s3 and ec2.
        judgements: of the measured results; None: nobody judged them.
    """
    judged = judgements or {}
    rows = [
        _row(job, suite, statuses[job.job], results, last_words, judged.get((job.job, suite)))
        for job in run.jobs
        for suite in job.suites
    ]
    rows += [
        CensusRow(
            job=cell.job,
            suite=cell.suite,
            outcome=Outcome.DECLINED,
            reason=cell.reason,
            state=JobState.DECLINED,
        )
        for cell in run.declined
    ]
    measured = sum(row.outcome is Outcome.MEASURED for row in rows)
    return CensusDocument(
        run=run.run,
        taken_at=taken_at,
        closed=over and all(said == "ok" for said in sources.values()),
        planned=len(rows),
        measured=measured,
        declined=len(rows) - measured,
        rows=tuple(rows),
        sources=dict(sources),  # type: ignore[arg-type]
    )


def _row(
    job: JobDocument,
    suite: str,
    status: JobStatus,
    results: Mapping[tuple[str, str], ResultSummary | ResultOrProblem],
    last_words: Mapping[str, SentinelBody],
    judgement: Judgement | None,
) -> CensusRow:
    result = results.get((job.job, suite))
    reason = _reason(job, suite, status, result, last_words.get(job.job))
    return CensusRow(
        job=job.job,
        suite=suite,
        outcome=Outcome.MEASURED if reason is None else Outcome.DECLINED,
        reason=reason,
        state=status.state,
        verified=None if result is None or isinstance(result, str) else result.verified,
        plausibility=judgement.numbers if judgement is not None else None,
        findings=judgement.told if judgement is not None else (),
        instance_id=status.instance.instance_id if status.instance else None,
        instance_state=status.instance.state if status.instance else None,
    )


def _reason(
    job: JobDocument,
    suite: str,
    status: JobStatus,
    result: ResultSummary | ResultOrProblem | None,
    last_word: SentinelBody | None,
) -> str | None:
    """Why the cell counts as not measured; None if it was."""
    if result is not None and not isinstance(result, str):
        if result.instance_type != job.instance_type:
            return f"ran on {result.instance_type}, planned was {job.instance_type}"
        if result.outcome is Outcome.DECLINED:
            return result.reason or "declined by the instance without a reason"
        return None
    if isinstance(result, str):
        return result
    said = last_word.outcomes.get(suite) if last_word else None
    if said is not None and said.reason:
        return said.reason
    return _reason_of_state(status, last_word)


def _reason_of_state(status: JobStatus, last_word: SentinelBody | None) -> str:
    spoken = last_word.reason if last_word else None
    told = next((each for each in (spoken, status.reason) if each and each.startswith(RECLAIMED)), None)
    if told is not None:
        return told
    if status.state in FINAL_BY_INSTANCE:
        return (
            f"{status.state}: {spoken}" if spoken else f"{status.state}, and there is no result of this suite"
        )
    if status.state is JobState.DECLINED:
        return spoken or "declined at launch; its sentinel could not be read"
    if status.state in (JobState.LOST, JobState.NEVER_STARTED):
        return f"{status.state}: {status.reason}" if status.reason else str(status.state)
    if status.state is JobState.PLANNED:
        return "not launched"
    return f"not finished: {status.state}"
