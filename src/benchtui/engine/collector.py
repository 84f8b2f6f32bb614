"""Brings a run's results to this machine, independent of who launched it.

Everything is validated before it counts. What is downloaded once is not downloaded again, files
appear whole or not at all, and no name of a file comes from anything but a parsed key.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.documents import (
    CensusDocument,
    ResultDocument,
    RunDocument,
    SentinelBody,
    SystemDocument,
    parse_document,
    to_json,
)
from benchtui.core.errors import BenchtuiError, InvalidDocumentError, foremost
from benchtui.core.keys import FINAL_BY_INSTANCE, JobObject, JobState, KeyNotOurs
from benchtui.core.plausibility import Judgement
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.core.seals import right_seal, sealed
from benchtui.engine.census import ResultOrProblem, take_census
from benchtui.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket, ListedObject
    from benchtui.engine.clock import Clock
    from benchtui.engine.watcher import Watcher

MAX_RAW_BYTES = 64 << 20
MAX_LOG_BYTES = 4 << 20
#: Of a payload bundle; its 20 MiB of files are less, compressed.
MAX_BUNDLE_BYTES = 32 << 20
DOWNLOADS_AT_ONCE = 16
#: Folders of a run whose objects nobody needs to read its results, but to verify them.
BESIDE = ("events/", "heartbeats/", "reservations/", "control/")


@dataclass(frozen=True, slots=True)
class Collected:
    """A census with the results it stands on."""

    census: CensusDocument
    results: Mapping[tuple[str, str], ResultOrProblem]
    folder: Path
    downloaded: int
    kept: int  # objects already here from an earlier time
    evidence: Evidence | None = None  # what the results were judged by; None: they were not
    judgements: Mapping[tuple[str, str], Judgement] = field(default_factory=dict)


@dataclass(slots=True)
class _Haul:
    results: dict[tuple[str, str], ResultOrProblem] = field(default_factory=dict)
    systems: dict[str, SystemDocument] = field(default_factory=dict)
    raw_sha256: dict[tuple[str, str], str] = field(default_factory=dict)
    bad_systems: dict[str, str] = field(default_factory=dict)  # job: what is wrong with its system.json
    downloaded: int = 0
    kept: int = 0

    def valid(self) -> dict[tuple[str, str], ResultOrProblem]:
        """The results; a bad system.json takes those of its job with it: nobody knows what they ran on."""
        return {
            cell: f"system.json not valid: {self.bad_systems[cell[0]]}"
            if cell[0] in self.bad_systems
            else result
            for cell, result in self.results.items()
        }


class Collector:
    """Collects one run into ``folder``/<run>/."""

    def __init__(self, bucket: Bucket, run: RunDocument, folder: Path, clock: Clock) -> None:
        self.bucket, self.run, self.clock = bucket, run, clock
        self.folder = folder / run.run

    async def collect(self, watcher: Watcher, snapshot: Snapshot, *, over: bool) -> Collected:
        """Download and validate what the bucket holds of the run, and take the census.

        Args:
            watcher: has heard the run's sentinels.
            snapshot: the run as it stands.
            over: whether nothing more can come; the census is closed only then.

        Raises:
            BenchtuiError: the bucket cannot be listed, or this machine cannot store.
        """
        planned = {(job.job, suite) for job in self.run.jobs for suite in job.suites}
        jobs = {job.job for job in self.run.jobs}
        haul, limit = _Haul(), asyncio.Semaphore(DOWNLOADS_AT_ONCE)
        await self._keep_plan()
        try:
            async with asyncio.TaskGroup() as group:
                async for item in self.bucket.list_keys(keys.jobs_prefix(self.run.run)):
                    what = _ours(item.key)
                    if (
                        what is not None
                        and what.job in jobs
                        and (what.suite is None or (what.job, what.suite) in planned)
                    ):
                        group.create_task(self._fetch(item, what, haul, limit))
        except ExceptionGroup as errors:
            raise foremost(errors) from errors
        results, now = haul.valid(), self.clock.now()
        # Every row there is, each time: what a late result says of an earlier one counts as well.
        evidence = Evidence(self.run, results, haul.systems, haul.raw_sha256, now)
        (judgements,) = await asyncio.to_thread(judge_runs, (evidence,))
        census = take_census(
            self.run,
            {row.planned.job: row.status for row in snapshot.rows},
            results,
            await self._last_words(watcher, snapshot, haul),
            taken_at=now,
            over=over,
            sources=_sources(snapshot),
            judgements=judgements,
        )
        key = keys.run_prefix(self.run.run) + "census.json"
        _write(self.folder / "census.json", sealed(key, to_json(census)))
        return Collected(
            census, results, self.folder, haul.downloaded, haul.kept, evidence=evidence, judgements=judgements
        )

    async def _keep_plan(self) -> None:
        """run.json byte for byte as the bucket holds it, so that its seal holds here, too."""
        path, key = self.folder / "run.json", keys.run_json_key(self.run.run)
        kept = await asyncio.to_thread(_read_kept, path)
        if kept is not None and self.run.seal is not None and right_seal(key, kept) == self.run.seal:
            return
        try:
            body = await self.bucket.get(key, RunDocument.max_bytes)
        except CloudError as error:
            if error.failure.kind is not FailureKind.MISSING:
                raise
            body = to_json(self.run)
        await asyncio.to_thread(_write, path, body)

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
                if item is not None and await asyncio.to_thread(_kept, path, item) is not None:
                    return
                await asyncio.to_thread(_write, path, await self.bucket.get(key, most))
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
        self, item: ListedObject, what: JobObject, haul: _Haul, limit: asyncio.Semaphore
    ) -> None:
        """One object: from the folder if it is there unchanged, else from the bucket; then validate it."""
        path = self.folder / "jobs" / what.job / _file(what)
        async with limit:
            body = await asyncio.to_thread(_kept, path, item)
            if body is not None:
                haul.kept += 1
            else:
                body = await self._download(item, what, haul)
                if body is None:
                    return
                haul.downloaded += 1
                await asyncio.to_thread(_write, path, body)
        if what.kind == "result" and what.suite is not None:
            haul.results[what.job, what.suite] = _validated_result(body, item.key, what)
        elif what.kind == "raw" and what.suite is not None:
            digest = await asyncio.to_thread(hashlib.sha256, body)
            haul.raw_sha256[what.job, what.suite] = digest.hexdigest()
        elif what.kind == "system":
            system = _validated_system(body, item.key, what)
            if isinstance(system, str):
                haul.bad_systems[what.job] = system
            else:
                haul.systems[what.job] = system

    async def _download(self, item: ListedObject, what: JobObject, haul: _Haul) -> bytes | None:
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
                haul.results[what.job, what.suite] = error.what
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


def _validated_result(body: bytes, key: str, what: JobObject) -> ResultOrProblem:
    try:
        result = parse_document(ResultDocument, body, key)
    except InvalidDocumentError as error:
        return f"result not valid: {error.what}"
    if (result.run, result.job, result.suite) != (what.run, what.job, what.suite):
        return f"result not valid: {key} says it is of {result.run} {result.job} {result.suite}"
    return result


def _validated_system(body: bytes, key: str, what: JobObject) -> SystemDocument | str:
    try:
        system = parse_document(SystemDocument, body, key)
    except InvalidDocumentError as error:
        return error.what
    return system if (system.run, system.job) == (what.run, what.job) else f"{key} is of another job"


def _sources(snapshot: Snapshot) -> dict[str, str]:
    """Whether S3 and EC2 answered, in words."""
    said: dict[str, str] = {}
    for source in snapshot.sources:
        name = "s3" if source.name == "S3" else "ec2"
        problem = source.error or (None if source.answered_at else "not asked yet")
        if said.get(name, "ok") == "ok":
            said[name] = f"{source.name}: {problem}" if problem else "ok"
    return said


def _kept(path: Path, item: ListedObject) -> bytes | None:
    """The file from an earlier time, if it is still what the bucket holds.

    Raises:
        BenchtuiError: it is there and cannot be read.
    """
    body = _read_kept(path)
    if body is None:
        return None
    # The ETag of a single PUT without KMS is the MD5 of its bytes; anything else is fetched again.
    same = hashlib.md5(body, usedforsecurity=False).hexdigest() == item.etag.strip('"')
    return body if same else None


def _read_kept(path: Path) -> bytes | None:
    """A file from an earlier time; None if there is none.

    Raises:
        BenchtuiError: it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BenchtuiError(
            f"cannot read {path}: {error.strerror}", fix="set [output] results_dir to a folder of your own"
        ) from error


def _write(path: Path, body: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        BenchtuiError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(body)
        temporary.replace(path)
    except OSError as error:
        raise BenchtuiError(
            f"cannot write {path}: {error.strerror}", fix="set [output] results_dir to a folder with room"
        ) from error
