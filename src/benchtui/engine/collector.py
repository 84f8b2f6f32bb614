"""Brings a run's results to this machine, independent of who launched it.

Everything is validated before it counts. What is downloaded once is not downloaded again, files
appear whole or not at all, and no name of a file comes from anything but a parsed key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.document_fields import parse_document, to_json
from benchtui.core.documents import (
    CensusDocument,
    JobDocument,
    ResultDocument,
    RunDocument,
    SentinelBody,
    SystemDocument,
)
from benchtui.core.errors import BenchtuiError, InvalidDocumentError, foremost
from benchtui.core.keys import FINAL_BY_INSTANCE, JobObject, JobState, KeyNotOurs
from benchtui.core.plausibility import Judgement, Trace
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.core.result_summary import ResultSummary
from benchtui.core.seals import right_seal, sealed
from benchtui.engine.byte_room import ByteRoom
from benchtui.engine.census import ResultOrProblem, take_census
from benchtui.engine.examiner import Examiner
from benchtui.engine.examining import Case, Examined
from benchtui.engine.kept_files import kept, kept_digest, read_kept, stored_digest, write_whole
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.stored_results import StoredResults, StoredSystems

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket, ListedObject
    from benchtui.engine.clock import Clock
    from benchtui.engine.watcher import Watcher

MAX_RAW_BYTES = 64 << 20
MAX_LOG_BYTES = 4 << 20
#: Of a payload bundle; its 20 MiB of files are less, compressed.
MAX_BUNDLE_BYTES = 32 << 20
DOWNLOADS_AT_ONCE = 16
#: Jobs of which something is being downloaded or looked at.
JOBS_AT_ONCE = 16
#: Of bodies that are held at the same time, unless a single one is larger.
BYTES_AT_ONCE = 64 << 20
#: Folders of a run whose objects nobody needs to read its results, but to verify them.
BESIDE = ("events/", "heartbeats/", "reservations/", "control/")


@dataclass(frozen=True, slots=True, repr=False)
class Collected:
    """A census with the results it stands on."""

    census: CensusDocument
    results: Mapping[tuple[str, str], ResultOrProblem]
    folder: Path
    downloaded: int
    kept: int  # objects already here from an earlier time
    evidence: Evidence | None = None  # what the results were judged by; None: they were not
    judgements: Mapping[tuple[str, str], Judgement] = field(default_factory=dict)

    @property
    def summaries(self) -> Mapping[tuple[str, str], ResultSummary | str]:
        """The results without their samples; texts are problems."""
        if isinstance(self.results, StoredResults):
            return self.results.summaries
        return {
            cell: ResultSummary.of(one) if isinstance(one, ResultDocument) else one
            for cell, one in self.results.items()
        }


class _Haul:
    """What has been brought, as far as it is kept in mind: bodies are in the folder."""

    def __init__(self, run: str, folder: Path) -> None:
        self.results, self.systems = StoredResults(run, folder), StoredSystems(run, folder)
        self.traces: dict[tuple[str, str], Trace | None] = {}
        self.raw_sha256: dict[tuple[str, str], str] = {}
        self.downloaded = self.kept = 0

    def add(self, job: str, told: Examined) -> None:
        """A job was examined. A bad system.json takes its results with it: nobody knows what they ran on."""
        if told.system:
            self.systems.jobs[job] = None
        for suite, result in told.results.items():
            bad = told.bad_system
            self.results.summaries[job, suite] = f"system.json not valid: {bad}" if bad else result
            if suite in told.traces and not bad:
                self.traces[job, suite] = told.traces[suite]


@dataclass(slots=True)
class _Job:
    """The objects that were listed of one job."""

    name: str
    objects: list[tuple[ListedObject, JobObject]] = field(default_factory=list)


class Collector:
    """Collects one run into ``folder``/<run>/."""

    def __init__(self, bucket: Bucket, run: RunDocument, folder: Path, clock: Clock) -> None:
        self.bucket, self.run, self.clock = bucket, run, clock
        self.folder = folder / run.run
        self._room = ByteRoom(BYTES_AT_ONCE)
        self._slots = asyncio.Semaphore(DOWNLOADS_AT_ONCE)

    async def collect(self, watcher: Watcher, snapshot: Snapshot, *, over: bool) -> Collected:
        """Download and validate what the bucket holds of the run, and take the census.

        Job by job: of each a few lines are kept in mind, however long its results are.

        Args:
            watcher: has heard the run's sentinels.
            snapshot: the run as it stands.
            over: whether nothing more can come; the census is closed only then.

        Raises:
            BenchtuiError: the bucket cannot be listed, or this machine cannot store.
        """
        haul = _Haul(self.run.run, self.folder)
        await self._keep_plan()
        cells = sum(len(job.suites) for job in self.run.jobs)
        try:
            async with Examiner(self.run, cells) as examiner:
                await self._bring_all(haul, examiner)
        except ExceptionGroup as errors:
            raise foremost(errors) from errors
        results, now = haul.results, self.clock.now()
        # Every row there is, each time: what a late result says of an earlier one counts as well.
        evidence = Evidence(self.run, results, haul.systems, haul.raw_sha256, now, haul.traces)
        (judgements,) = await asyncio.to_thread(judge_runs, (evidence,))
        census = take_census(
            self.run,
            {row.planned.job: row.status for row in snapshot.rows},
            results.summaries,
            await self._last_words(watcher, snapshot, haul),
            taken_at=now,
            over=over,
            sources=_sources(snapshot),
            judgements=judgements,
        )
        key = keys.run_prefix(self.run.run) + "census.json"
        write_whole(self.folder / "census.json", sealed(key, to_json(census)))
        return Collected(
            census, results, self.folder, haul.downloaded, haul.kept, evidence=evidence, judgements=judgements
        )

    async def _bring_all(self, haul: _Haul, examiner: Examiner) -> None:
        """Jobs in the order of their keys, a few at a time."""
        planned = {job.job: job for job in self.run.jobs}
        jobs_at_once = asyncio.Semaphore(JOBS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            async for job in self._listed(planned):
                await jobs_at_once.acquire()
                task = group.create_task(self._bring(planned[job.name], job, haul, examiner))
                task.add_done_callback(lambda _: jobs_at_once.release())

    async def _listed(self, planned: Mapping[str, JobDocument]) -> AsyncIterator[_Job]:
        """What the bucket holds of each planned job; the keys of one follow each other."""
        job: _Job | None = None
        async for item in self.bucket.list_keys(keys.jobs_prefix(self.run.run)):
            what = _ours(item.key)
            if what is None or what.job not in planned:
                continue
            if what.suite is not None and what.suite not in planned[what.job].suites:
                continue
            if job is None or job.name != what.job:
                if job is not None:
                    yield job
                job = _Job(what.job)
            job.objects.append((item, what))
        if job is not None:
            yield job

    async def _bring(self, planned: JobDocument, job: _Job, haul: _Haul, examiner: Examiner) -> None:
        """One job's objects into the folder, then a look at them."""
        folder = self.folder / "jobs" / job.name
        raw: dict[str, str] = {}
        refused: dict[str, str] = {}  # suite: why its result was not brought
        there: dict[str, None] = {}
        system = False

        async def one(item: ListedObject, what: JobObject) -> None:
            nonlocal system
            digest = await self._fetch(item, what, haul, refused)
            if digest is None:
                return
            if what.kind == "result" and what.suite is not None:
                there[what.suite] = None
            elif what.kind == "raw" and what.suite is not None:
                raw[what.suite] = digest
            elif what.kind == "system":
                system = True

        async with asyncio.TaskGroup() as group:
            for item, what in job.objects:
                group.create_task(one(item, what))
        suites = tuple(suite for suite in planned.suites if suite in there)
        told = Examined()
        if suites or system:
            case = Case(planned, folder, suites, system, raw, self.clock.now())
            told = await self._examined(examiner, case)
        told.results.update(refused)
        haul.add(job.name, told)
        haul.raw_sha256.update({(job.name, suite): digest for suite, digest in raw.items()})

    async def _examined(self, examiner: Examiner, case: Case) -> Examined:
        """Raises BenchtuiError: a file that was just written cannot be read."""
        try:
            return await examiner.examine(case)
        except OSError as error:
            raise BenchtuiError(
                f"cannot read {case.folder}: {error.strerror}",
                fix="set [output] results_dir to a folder of your own",
            ) from error

    async def _keep_plan(self) -> None:
        """run.json byte for byte as the bucket holds it, so that its seal holds here, too."""
        path, key = self.folder / "run.json", keys.run_json_key(self.run.run)
        kept = await asyncio.to_thread(read_kept, path)
        if kept is not None and self.run.seal is not None and right_seal(key, kept) == self.run.seal:
            return
        try:
            body = await self.bucket.get(key, RunDocument.max_bytes)
        except CloudError as error:
            if error.failure.kind is not FailureKind.MISSING:
                raise
            body = to_json(self.run)
        await asyncio.to_thread(write_whole, path, body)

    async def complete(self) -> int:
        """Bring what `collect` leaves out, too: sentinels, heartbeats, the book, the payload bundle.

        With it everything can be verified without the bucket.

        Returns:
            how many objects were downloaded.

        Raises:
            BenchtuiError: the bucket does not answer, or this machine cannot store.
        """
        prefix, limit, brought = keys.run_prefix(self.run.run), asyncio.Semaphore(DOWNLOADS_AT_ONCE), [0]

        async def bring(key: str, path: Path, item: ListedObject | None, most: int) -> None:
            async with limit:
                if item is not None and await asyncio.to_thread(kept, path, item) is not None:
                    return
                await asyncio.to_thread(write_whole, path, await self.bucket.get(key, most))
                brought[0] += 1

        try:
            async with asyncio.TaskGroup() as group:
                async for item in self.bucket.list_keys(prefix):
                    name = item.key.removeprefix(prefix)
                    if name.startswith(BESIDE) and _plain(name):
                        group.create_task(bring(item.key, self.folder / name, item, SentinelBody.max_bytes))
                bundle = keys.payload_key(self.run.bundle_sha256)
                if not (self.folder / bundle).is_file():
                    group.create_task(bring(bundle, self.folder / bundle, None, MAX_BUNDLE_BYTES))
        except ExceptionGroup as errors:
            raise foremost(errors) from errors
        return brought[0]

    async def _fetch(
        self, item: ListedObject, what: JobObject, haul: _Haul, refused: dict[str, str]
    ) -> str | None:
        """One object: left in the folder if it is there unchanged, else from the bucket.

        Returns:
            the SHA-256 of a raw output, of others an empty text; None: it was not brought.
        """
        path = self.folder / "jobs" / what.job / _file(what)
        raw = what.kind == "raw"
        async with self._slots, self._room.of(item.size):
            digest = await asyncio.to_thread(kept_digest, path, item, raw=raw)
            if digest is not None:
                haul.kept += 1
                return digest
            body = await self._download(item, what, refused)
            if body is None:
                return None
            haul.downloaded += 1
            return await asyncio.to_thread(stored_digest, path, body, raw=raw)

    async def _download(self, item: ListedObject, what: JobObject, refused: dict[str, str]) -> bytes | None:
        limits = {
            "result": ResultDocument.max_bytes,
            "system": SystemDocument.max_bytes,
            "raw": MAX_RAW_BYTES,
            "log": MAX_LOG_BYTES,
        }
        try:
            return await self.bucket.get(item.key, limits[what.kind])
        except InvalidDocumentError as error:
            if what.kind == "result" and what.suite is not None:
                refused[what.suite] = error.what
            return None

    async def _last_words(
        self, watcher: Watcher, snapshot: Snapshot, haul: _Haul
    ) -> Mapping[str, SentinelBody]:
        """Bodies of the sentinels that say why cells were not measured, for the jobs that lack a result."""
        words: dict[str, SentinelBody] = {}
        for row in snapshot.rows:
            job = row.planned.job
            if all((job, suite) in haul.results for suite in row.planned.suites):
                continue
            wanted = FINAL_BY_INSTANCE if row.status.state in FINAL_BY_INSTANCE else {JobState.DECLINED}
            for sentinel in watcher.sentinels(job):
                if sentinel.state in wanted:
                    body = await self._sentinel_body(sentinel.key(self.run.run))
                    if body is not None:
                        words[job] = body
        return words

    async def _sentinel_body(self, key: str) -> SentinelBody | None:
        try:
            return parse_document(SentinelBody, await self.bucket.get(key, SentinelBody.max_bytes), key)
        except InvalidDocumentError:
            return None
        except CloudError as error:
            if error.failure.kind is not FailureKind.MISSING:
                raise
            return None


def _plain(name: str) -> bool:
    """Whether a key's rest may be a path below a folder."""
    return all(part not in ("", ".", "..") and part.isprintable() for part in name.split("/"))


def _ours(key: str) -> JobObject | None:
    try:
        return keys.parse_job_object(key)
    except KeyNotOurs:
        return None


def _file(what: JobObject) -> str:
    """Path below the job's folder; made of parsed parts only."""
    if what.kind == "system":
        return "system.json"
    if what.kind == "log":
        return f"log/{what.chunk:04d}.txt"
    return f"{what.suite}/{'raw.tar.gz' if what.kind == 'raw' else 'result.json'}"


def _sources(snapshot: Snapshot) -> dict[str, str]:
    """Whether S3 and EC2 answered, in words."""
    said: dict[str, str] = {}
    for source in snapshot.sources:
        name = "s3" if source.name == "S3" else "ec2"
        problem = source.error or (None if source.answered_at else "not asked yet")
        if said.get(name, "ok") == "ok":
            said[name] = f"{source.name}: {problem}" if problem else "ok"
    return said
