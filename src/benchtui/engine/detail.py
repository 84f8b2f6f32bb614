"""All that is known of one job: its words with times and bodies, its observations, results and cost."""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.document_fields import Document, parse_document
from benchtui.core.documents import ResultDocument, RunDocument, SentinelBody, SystemDocument, Tried
from benchtui.core.errors import InvalidDocumentError, UsageError, foremost
from benchtui.core.keys import FINAL_BY_INSTANCE, JobObject, JobState, KeyNotOurs, Sentinel
from benchtui.core.money import Cost
from benchtui.core.plausibility import Judgement
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.engine.job_fields import ends_by
from benchtui.engine.job_log import LogLine, LogTail, read_log
from benchtui.engine.snapshot import JobRow

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.engine.watcher import Watcher

__all__ = ["JobDetail", "LogLine", "LogTail", "Said", "read_detail", "read_log"]

READS_AT_ONCE = 8
#: Sentinels with a body worth reading, the newest of them; progress has none.
MAX_BODIES = 60
_TELLING = FINAL_BY_INSTANCE | {JobState.LAUNCHED, JobState.DECLINED, JobState.BOOTED, JobState.COLLECTED}

D = TypeVar("D", bound=Document)


@dataclass(frozen=True, slots=True)
class Said:
    """One sentinel with what its body adds."""

    sentinel: Sentinel
    body: SentinelBody | None = None  # None: it has none worth reading, or `problem`
    problem: str | None = None  # why the body could not be read


@dataclass(frozen=True, slots=True)
class JobDetail:
    """One job at one moment."""

    run: str
    row: JobRow
    taken_at: datetime
    said: tuple[Said, ...] = ()  # in order of sequence, the launcher's first
    layers: Mapping[str, str] = field(default_factory=dict)  # mechanism: armed or why not; empty: not known
    system: SystemDocument | None = None
    system_problem: str | None = None
    results: Mapping[str, ResultDocument | str] = field(default_factory=dict)  # suite: result, or its problem
    judgements: Mapping[str, Judgement] = field(default_factory=dict)  # suite: of what was measured
    cost: Cost | None = None  # None: no instance is known
    launched_at: datetime | None = None
    ends_by: datetime | None = None  # by its own timer; None: no living instance
    hard_end: datetime | None = None  # at the latest, whatever happens on it
    log_chunks: int = 0

    @property
    def tried(self) -> tuple[Tried, ...]:
        """Where it could not be launched before, in order, and what EC2 said there."""
        return tuple(one for said in self.said if said.body is not None for one in said.body.tried)

    @property
    def reason(self) -> str | None:
        """Why the job is in its state: the reader's conclusion, else the last reason it gave itself."""
        given = (said.body.reason for said in reversed(self.said) if said.body is not None)
        return self.row.status.reason or next((reason for reason in given if reason), None)


async def read_detail(
    bucket: Bucket,
    watcher: Watcher,
    job: str,
    before: JobDetail | None = None,
    beside: Evidence | None = None,
) -> JobDetail:
    """What the bucket and the watcher know of ``job``.

    Args:
        bucket: of the run.
        watcher: has polled at least once.
        job: its id.
        before: an earlier answer: objects are written once, so what it holds is not read again.
        beside: results of the run that were collected, to judge those of the job by; None: they are judged
            alone, and say what that leaves open.

    Raises:
        UsageError: the run has no such job.
        CloudError: the bucket does not answer.
    """
    run, snapshot = watcher.run.run, watcher.snapshot()
    row = next((row for row in snapshot.rows if row.planned.job == job), None)
    if row is None:
        raise UsageError(f"the run {run} has no job {job!r}", fix=f"benchtui status {run} lists its jobs")
    there = [item async for item in _objects(bucket, run, job)]
    reader = _Reader(bucket, run, job, before)
    suites = tuple(item.suite for item in there if item.kind == "result" and item.suite)
    try:
        async with asyncio.TaskGroup() as group:
            words = group.create_task(reader.said(watcher.sentinels(job)))
            results = group.create_task(reader.results(suites))
            system = group.create_task(reader.system(any(item.kind == "system" for item in there)))
    except ExceptionGroup as errors:
        raise foremost(errors) from errors
    said, (observed, problem) = words.result(), system.result()
    view = row.status.instance
    alive = view is not None and not view.ending
    return JobDetail(
        run=run,
        row=row,
        taken_at=snapshot.taken_at,
        said=said,
        layers={name: state for each in said if each.body for name, state in each.body.layers.items()},
        system=observed,
        system_problem=problem,
        results=results.result(),
        judgements=_judged(watcher.run, job, results.result(), observed, beside),
        cost=watcher.cost(row.status, row.planned.price_in(view.region if view else None)),
        launched_at=view.launched_at if view else None,
        ends_by=ends_by(row, watcher.run),
        hard_end=view.expires_at if view and alive else None,
        log_chunks=sum(item.kind == "log" for item in there),
    )


def _judged(
    run: RunDocument,
    job: str,
    results: Mapping[str, ResultDocument | str],
    system: SystemDocument | None,
    beside: Evidence | None,
) -> dict[str, Judgement]:
    """The job's results, judged beside what else was collected of the run."""
    known = beside or Evidence(run, {})
    # What lies in files is not read for it: of others' results the traces are enough.
    evidence = replace(
        known,
        results=ChainMap({(job, suite): result for suite, result in results.items()}, known.results),  # type: ignore[arg-type]
        systems=ChainMap({job: system} if system is not None else {}, known.systems),  # type: ignore[arg-type]
        traces={cell: trace for cell, trace in known.traces.items() if cell[0] != job},
    )
    (judgements,) = judge_runs((evidence,))
    return {suite: judgement for (of, suite), judgement in judgements.items() if of == job}


async def _objects(bucket: Bucket, run: str, job: str) -> AsyncIterator[JobObject]:
    async for item in bucket.list_keys(keys.job_prefix(run, job)):
        try:
            yield keys.parse_job_object(item.key)
        except KeyNotOurs:
            continue


class _Reader:
    """Reads bodies, a few at a time, and none that an earlier answer holds."""

    def __init__(self, bucket: Bucket, run: str, job: str, before: JobDetail | None) -> None:
        self.bucket, self.run, self.job, self.before = bucket, run, job, before
        self._slots = asyncio.Semaphore(READS_AT_ONCE)

    async def said(self, sentinels: tuple[Sentinel, ...]) -> tuple[Said, ...]:
        """The sentinels with their bodies."""
        held = {each.sentinel: each for each in self.before.said} if self.before else {}
        telling = [s for s in sentinels if s.state in _TELLING][-MAX_BODIES:]
        wanted = [s for s in telling if s not in held or (held[s].body is None)]
        read = dict(zip(wanted, await asyncio.gather(*map(self._said, wanted)), strict=True))
        return tuple(read.get(s) or held.get(s) or Said(s) for s in sentinels)

    async def _said(self, sentinel: Sentinel) -> Said:
        body, problem = await self._document(SentinelBody, sentinel.key(self.run))
        return Said(sentinel, body, problem)

    async def results(self, suites: tuple[str, ...]) -> dict[str, ResultDocument | str]:
        """The results that are there, by suite."""
        held = self.before.results if self.before else {}
        found = await asyncio.gather(*(self._result(suite, held.get(suite)) for suite in suites))
        return dict(zip(suites, found, strict=True))

    async def _result(self, suite: str, held: ResultDocument | str | None) -> ResultDocument | str:
        if isinstance(held, ResultDocument):
            return held
        key = keys.result_key(self.run, self.job, suite)
        result, problem = await self._document(ResultDocument, key)
        if result is None:
            return problem or "gone again"
        if (result.run, result.job, result.suite) != (self.run, self.job, suite):
            return f"{key}: says it is of {result.run} {result.job} {result.suite}"
        return result

    async def system(self, there: bool) -> tuple[SystemDocument | None, str | None]:
        """What the instance observed about itself, and why that cannot be read."""
        if self.before is not None and self.before.system is not None:
            return self.before.system, None
        if not there:
            return None, None
        key = keys.system_key(self.run, self.job)
        system, problem = await self._document(SystemDocument, key)
        if system is not None and (system.run, system.job) != (self.run, self.job):
            return None, f"{key}: is of another job"
        return system, problem

    async def _document(self, model: type[D], key: str) -> tuple[D | None, str | None]:
        """A document, or why it cannot be read; neither if it is not there."""
        async with self._slots:
            try:
                return parse_document(model, await self.bucket.get(key, model.max_bytes), key), None
            except InvalidDocumentError as error:
                return None, error.what
            except CloudError as error:
                if error.failure.kind is not FailureKind.MISSING:
                    raise
                return None, None
