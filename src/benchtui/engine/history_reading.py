"""Reads a run for the index: from the bucket, or from documents that a roll-up brought."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import ResultDocument, RunDocument, SystemDocument
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.indexed import IndexedCell, IndexedRun
from benchtui.core.keys import FINAL_BY_INSTANCE, JobState, KeyNotOurs
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.engine.comparing import instance_results
from benchtui.engine.together import together

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket, ListedObject

#: After a run's last word nothing comes for this long, late uploads and other clocks included.
QUIET = timedelta(minutes=15)
#: A run whose jobs have not all spoken a last word is read again for this long after it was planned.
OPEN_FOR = timedelta(days=14)
READS_AT_ONCE = 16
_LAST_WORDS = FINAL_BY_INSTANCE | {JobState.DECLINED}


def indexed(
    run: str, bodies: Mapping[str, bytes], *, closed: bool, seen: str = "", planned_at: datetime | None = None
) -> IndexedRun:
    """A run for the index, made of its documents; what is wrong with one is kept as the reason.

    Args:
        run: its id.
        bodies: run.json, and every system.json and result.json, by key.
        closed: whether nothing more can come.
        seen: what was listed.
        planned_at: of a run whose run.json cannot be read; None: as its id says.
    """
    key = keys.run_json_key(run)
    try:
        document = parse_document(RunDocument, bodies[key], key)
        if document.run != run:
            raise InvalidDocumentError(f"{key}: is of run {document.run}")
    except (InvalidDocumentError, KeyError) as error:
        why = error.what if isinstance(error, InvalidDocumentError) else "run.json is missing"
        at = planned_at or datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        return IndexedRun(run, at, "", "", "", 0, (), None, (), closed, seen, problem=why)
    results, systems = _documents(document, bodies)
    (judgements,) = judge_runs((Evidence(document, results, systems),))
    rows = instance_results(document, results, {}, judgements, systems)
    return IndexedRun(
        run=run,
        at=document.created_at.astimezone(UTC),
        name=document.name,
        mode=document.mode,
        version=document.benchtui_version,
        jobs=len(document.jobs),
        types=tuple(dict.fromkeys(job.instance_type for job in document.jobs)),
        worst_case_usd=document.worst_case_usd,
        cells=tuple(
            IndexedCell(
                row,
                _samples(results.get((row.job, row.suite))) if row.metrics else {},
                _sha256(bodies.get(keys.result_key(run, row.job, row.suite))),
            )
            for row in rows
        ),
        closed=closed,
        seen=seen,
        confirms=document.confirms,
    )


def _documents(
    run: RunDocument, bodies: Mapping[str, bytes]
) -> tuple[dict[tuple[str, str], ResultDocument | str], dict[str, SystemDocument]]:
    results: dict[tuple[str, str], ResultDocument | str] = {}
    systems: dict[str, SystemDocument] = {}
    for job in run.jobs:
        key = keys.system_key(run.run, job.job)
        bad = None
        if key in bodies:
            try:
                system = parse_document(SystemDocument, bodies[key], key)
                if (system.run, system.job) == (run.run, job.job):
                    systems[job.job] = system
                else:
                    bad = f"system.json not valid: {key} is of another job"
            except InvalidDocumentError as error:
                bad = f"system.json not valid: {error.what}"
        for suite in job.suites:
            key = keys.result_key(run.run, job.job, suite)
            if key in bodies:
                try:
                    results[job.job, suite] = bad or parse_document(ResultDocument, bodies[key], key)
                except InvalidDocumentError as error:
                    results[job.job, suite] = f"result not valid: {error.what}"
    return results, systems


def _samples(result: ResultDocument | str | None) -> dict[str, tuple[float, ...]]:
    if not isinstance(result, ResultDocument):
        return {}
    return {name: tuple(metric.counted) for name, metric in result.metrics.items() if metric.counted}


def _sha256(body: bytes | None) -> str | None:
    return None if body is None else hashlib.sha256(body).hexdigest()


@dataclass(frozen=True, slots=True)
class ListedRun:
    """What is there of a run."""

    documents: Mapping[str, ListedObject]  # system.json and result.json, by key
    ended: frozenset[str]  # jobs with a last word
    last: datetime | None  # when the last of those was written, S3's clock

    @property
    def seen(self) -> str:
        """What the listing came to, in one line: the same again has nothing new."""
        lines = [f"{key} {item.etag}" for key, item in sorted(self.documents.items())]
        return hashlib.sha256("\n".join([*lines, *sorted(self.ended)]).encode()).hexdigest()[:32]

    def closed(self, planned: frozenset[str], at: datetime, now: datetime) -> bool:
        """Whether nothing more can come.

        Args:
            planned: jobs that were to be launched.
            at: when the run was planned.
            now: the time.
        """
        if now - at > OPEN_FOR:
            return True
        return bool(planned) and planned <= self.ended and (self.last is None or now - self.last > QUIET)


async def list_run(bucket: Bucket, run: str) -> ListedRun:
    """What is there of a run, by two listings.

    Raises:
        CloudError: S3 could not be asked.
    """
    documents: dict[str, ListedObject] = {}
    async for item in bucket.list_keys(keys.jobs_prefix(run)):
        try:
            found = keys.parse_job_object(item.key)
        except KeyNotOurs:
            continue
        if found.kind in ("system", "result"):
            documents[item.key] = item
    ended, last = set(), None
    async for item in bucket.list_keys(keys.events_prefix(run)):
        try:
            _, sentinel = keys.parse_event(item.key)
        except KeyNotOurs:
            continue
        if sentinel.state in _LAST_WORDS:
            ended.add(sentinel.job)
            last = max(item.last_modified, last) if last else item.last_modified
    return ListedRun(documents, frozenset(ended), last)


async def read_bodies(bucket: Bucket, run: str, listed: Iterable[str]) -> dict[str, bytes]:
    """run.json and the documents that were listed; what is missing or larger than its kind is left out.

    Raises:
        CloudError: S3 could not be asked.
    """
    limit = asyncio.Semaphore(READS_AT_ONCE)

    async def one(key: str, most: int) -> tuple[str, bytes | None]:
        async with limit:
            try:
                return key, await bucket.get(key, most)
            except InvalidDocumentError:
                return key, None
            except CloudError as error:
                if error.failure.kind is not FailureKind.MISSING:
                    raise
                return key, None

    wanted = {keys.run_json_key(run): RunDocument.max_bytes} | {key: _limit_of(key) for key in listed}
    found = await together(*(one(key, most) for key, most in wanted.items()))
    return {key: body for key, body in found if body is not None}


def _limit_of(key: str) -> int:
    return ResultDocument.max_bytes if key.endswith("/result.json") else SystemDocument.max_bytes
