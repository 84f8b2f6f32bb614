"""`benchtui verify`: re-hash what is stored of a run, make its results again, judge again, and compare."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from benchtui.core import keys, verification
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import (
    CensusDocument,
    JobDocument,
    Outcome,
    ResultDocument,
    RunDocument,
    SystemDocument,
)
from benchtui.core.errors import BenchtuiError, InvalidDocumentError
from benchtui.core.keys import LAUNCHER_SEQ, JobState
from benchtui.core.plausibility import Judgement, Plausibility
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.core.recount import recount
from benchtui.core.seals import seal_of
from benchtui.core.verification import Findings, Mismatch, Spoken, Unchecked
from benchtui.engine.remaking import Bundle, packaged_bundle, read_bundle, remake
from benchtui.engine.stored_run import CENSUS, StoredRun, read_all

#: Kinds of objects that instances and launchers write as JSON, by the folder they lie in.
_JSON_FOLDERS = ("events/", "heartbeats/", "reservations/", "control/")
_IDENTITY = ("provider", "instance_id", "instance_type", "image_id", "cpu_model", "region", "zone")
_SAID_BY_LAUNCH = ("instance_id", "instance_type", "image_id", "region", "zone")
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Verification:
    """What came of it."""

    run: str
    origin: str
    objects: int
    mismatches: tuple[Mismatch, ...]
    unchecked: tuple[Unchecked, ...]
    checked: Mapping[str, int]
    fingerprint: str
    cells: int = 0  # planned
    measured: int = 0
    verified: int = 0
    plausible: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.mismatches


@dataclass(slots=True)
class _Course:
    """What is known so far."""

    run: RunDocument | None = None
    sealed: bool = False
    bundle: Bundle | None = None
    digests: dict[str, str] = field(default_factory=dict)  # by name
    spoken: dict[str, list[Spoken]] = field(default_factory=dict)  # by job
    results: dict[tuple[str, str], ResultDocument | str] = field(default_factory=dict)
    systems: dict[str, SystemDocument] = field(default_factory=dict)
    raw_sha256: dict[tuple[str, str], str] = field(default_factory=dict)


async def verify(
    stored: StoredRun, now: datetime, expect: str | None = None, progress: Progress = lambda _: None
) -> Verification:
    """Check a stored run against itself, and against what follows from its raw output.

    Args:
        stored: the run.
        now: the time, UTC: no result is from later.
        expect: the fingerprint it should have; None: any.
        progress: told what is looked at.

    Raises:
        UsageError: there is no such run.
        BenchtuiError: something cannot be read, so nothing is known of it.
    """
    return await _Verifier(stored, now, progress).verify(expect)


class _Verifier:
    def __init__(self, stored: StoredRun, now: datetime, progress: Progress) -> None:
        self.stored, self.now, self.progress = stored, now, progress
        self.found, self.course = Findings(), _Course()
        self.prefix = keys.run_prefix(stored.run)

    async def verify(self, expect: str | None) -> Verification:
        names = await self.stored.names()
        self.progress(f"{len(names)} objects of {self.stored.run} in {self.stored.origin}")
        await self._read_run(names)
        await self._listen(names)
        census = await self._census(names)
        await self._read_bundle()
        for job in sorted({name.split("/")[1] for name in names if name.startswith("jobs/")}):
            await self._job(job, tuple(name for name in names if name.startswith(f"jobs/{job}/")))
        self._follow_chains()
        self._account(census)
        print_ = verification.fingerprint(self.course.digests)
        if expect is not None and expect != print_:
            self.found.differs("the run", "fingerprint", print_, expect)
        return self._verification(names, print_)

    # ---- the run itself, and what is said of it

    async def _get(self, names: tuple[str, ...]) -> dict[str, bytes]:
        """Objects with their digests noted; one that is too large is a mismatch and not among them."""
        bodies: dict[str, bytes] = {}
        for name, body in (await read_all(self.stored, names)).items():
            if isinstance(body, str):
                self.found.differs(name, "size", body, "an object of its kind")
                self.course.digests[name] = "too large"
            else:
                bodies[name] = body
                self.course.digests[name] = verification.sha256(body)
        return bodies

    async def _read_run(self, names: tuple[str, ...]) -> None:
        if "run.json" not in names:
            self.found.differs("run.json", "object", "missing", "the plan of the run")
            return
        body = (await self._get(("run.json",))).get("run.json", b"")
        self.course.sealed = b'"seal"' in body
        verification.check_seal(
            self.stored.run, self.prefix + "run.json", body, self.found, required=self.course.sealed
        )
        try:
            run = parse_document(RunDocument, body, "run.json")
        except InvalidDocumentError as error:
            self.found.differs("run.json", "content", error.what, "the plan of the run")
            return
        if run.run != self.stored.run:
            self.found.differs("run.json", "run", run.run, self.stored.run)
            return
        self.course.run = run

    async def _listen(self, names: tuple[str, ...]) -> None:
        """Sentinels, heartbeats, the book and the mark of a kill: their seals, and what the sentinels say."""
        bodies = await self._get(tuple(name for name in names if name.startswith(_JSON_FOLDERS)))
        events = {self.prefix + name: body for name, body in bodies.items() if name.startswith("events/")}
        self.course.spoken = verification.hear(self.stored.run, events, self.found)
        said = [one for job in self.course.spoken.values() for one in job]
        self.course.sealed = self.course.sealed or any(one.body and one.body.run_seal for one in said)
        unsealable = {one.name for one in said if verification.is_bootstrap(one)}
        for name, body in bodies.items():
            if name in unsealable:
                self.found.cannot(name, verification.BOOTSTRAP)
            else:
                self._check_seal(name, body)
        if not events:
            self.found.cannot("events/", "no sentinels are here; benchtui collect RUN --complete brings them")

    def _check_seal(self, name: str, body: bytes) -> None:
        key = self.prefix + name
        self.course.sealed = self.course.sealed or seal_of(body) is not None
        verification.check_seal(self.stored.run, key, body, self.found, required=self.course.sealed)

    async def _read_bundle(self) -> None:
        run = self.course.run
        if run is None:
            return
        name = keys.payload_key(run.bundle_sha256)
        content = await self.stored.bundle(run.bundle_sha256)
        if content is None:
            suites = frozenset(suite for job in run.jobs for suite in job.suites)
            # In its place this benchtui's own suites, where a result was made of the very same sources.
            self.course.bundle = await asyncio.to_thread(packaged_bundle, suites)
            self.found.cannot(
                name, "the payload bundle is not here; benchtui collect RUN --complete brings it"
            )
            return
        digest = verification.sha256(content)
        self.found.count("payload bundle")
        if digest != run.bundle_sha256:
            self.found.differs(name, "sha256", digest, f"{run.bundle_sha256}, says run.json")
            return
        try:
            self.course.bundle = await asyncio.to_thread(read_bundle, content)
        except BenchtuiError as error:
            self.found.cannot(name, error.what)

    # ---- a job

    async def _job(self, job: str, names: tuple[str, ...]) -> None:
        self.progress(job)
        bodies = await self._get(names)
        system = f"jobs/{job}/system.json"
        for name, body in bodies.items():
            if name.endswith(".json"):
                self._check_seal(name, body)
        if system in bodies:
            self._system(job, system, bodies[system])
        planned = self._planned(job)
        if self.course.run is not None and planned is None:
            self.found.differs(f"jobs/{job}/", "job", job, "run.json plans no such job")
        suites = {name.split("/")[2] for name in names if name.endswith(("/result.json", "/raw.tar.gz"))}
        for suite in sorted(suites):
            if planned is not None and suite not in planned.suites:
                self.found.differs(f"jobs/{job}/{suite}/", "suite", suite, "run.json plans no such suite")
            result, raw = (bodies.get(f"jobs/{job}/{suite}/{end}") for end in ("result.json", "raw.tar.gz"))
            await self._suite(job, suite, result, raw)

    def _planned(self, job: str) -> JobDocument | None:
        run = self.course.run
        return next((one for one in run.jobs if one.job == job), None) if run is not None else None

    def _system(self, job: str, name: str, body: bytes) -> None:
        try:
            system = parse_document(SystemDocument, body, name)
        except InvalidDocumentError as error:
            self.found.differs(name, "content", error.what, "a system description")
            return
        if (system.run, system.job) != (self.stored.run, job):
            self.found.differs(name, "job", f"{system.run} {system.job}", f"{self.stored.run} {job}")
        else:
            self.course.systems[job] = system

    async def _suite(self, job: str, suite: str, body: bytes | None, raw: bytes | None) -> None:
        name = f"jobs/{job}/{suite}/result.json"
        raw_name = f"jobs/{job}/{suite}/raw.tar.gz"
        if raw is not None:
            self.course.raw_sha256[job, suite] = self.course.digests[raw_name]
        if body is None:
            self.found.cannot(name, "there is no result beside its raw output")
            return
        try:
            result = parse_document(ResultDocument, body, name)
            content: dict[str, Any] = json.loads(body)
        except InvalidDocumentError as error:
            self.found.differs(name, "content", error.what, "a result")
            self.course.results[job, suite] = f"result not valid: {error.what}"
            return
        self.course.results[job, suite] = result
        self._identity(name, job, suite, result)
        if raw is None:
            self.found.cannot(name, "its raw output is not here, so it cannot be made again")
            return
        self.found.count("raw output")
        if result.raw_sha256 != self.course.digests[raw_name]:
            told = result.raw_sha256 or "none"
            self.found.differs(raw_name, "sha256", self.course.digests[raw_name], f"{told}, says result.json")
        await self._make_again(name, suite, content, raw)

    async def _make_again(self, name: str, suite: str, content: dict[str, Any], raw: bytes) -> None:
        bundle, run = self.course.bundle, self.course.run
        declared = bundle.declared.get(suite) if bundle is not None else None
        if bundle is None or declared is None or run is None:
            self.found.cannot(name, "the suite's declaration is not known, so it cannot be made again")
            return
        build = content.get("build")
        source = build.get("source_sha256") if isinstance(build, dict) else None
        if source != bundle.sources.get(suite) and bundle.sha256 != run.bundle_sha256:
            self.found.cannot(name, "its suite is another here, and the bundle it ran is not")
            return
        if source is not None and source != bundle.sources.get(suite):
            self.found.differs(name, "build.source_sha256", source, bundle.sources.get(suite, "none"))
        version = content.get("suite_version")
        if version != declared.get("version"):
            self.found.differs(name, "suite_version", version, declared.get("version"))
        try:
            again = await remake(raw, declared, run.mode)
        except BenchtuiError as error:
            self.found.cannot(name, error.what)
            return
        verification.check_result(name, content, again, self.found)

    def _identity(self, name: str, job: str, suite: str, result: ResultDocument) -> None:
        """What a result says of itself, beside its key, the plan, its instance and its launch."""
        if (result.run, result.job, result.suite) != (self.stored.run, job, suite):
            said = f"{result.run} {result.job} {result.suite}"
            self.found.differs(name, "cell", said, f"{self.stored.run} {job} {suite}")
        run = self.course.run
        if run is not None and result.mode != run.mode:
            self.found.differs(name, "mode", result.mode, f"{run.mode}, says run.json")
        system = self.course.systems.get(job)
        for what in _IDENTITY if system is not None else ():
            mine, its = getattr(result, what), getattr(system, what)
            if mine != its:
                self.found.differs(name, what, mine, f"{its}, says system.json")
        for one in self.course.spoken.get(job, ()):
            if one.body is None or one.sentinel.state not in (JobState.LAUNCHED, JobState.BOOTED):
                continue
            for what in _SAID_BY_LAUNCH:
                mine, its = getattr(result, what), getattr(one.body, what)
                if its is not None and mine != its:
                    self.found.differs(name, what, mine, f"{its}, says {one.name}")

    # ---- all of it together

    def _follow_chains(self) -> None:
        seal = self.course.run.seal if self.course.run is not None else None
        planned = {one.job for one in self.course.run.jobs} if self.course.run is not None else set()
        jobs = {name.split("/")[1] for name in self.course.digests if name.startswith("jobs/")}
        for job, said in self.course.spoken.items():
            if planned and job not in planned:
                self.found.differs(said[0].name, "job", job, "run.json plans no such job")
        if not self.course.spoken:
            return
        for job in sorted(jobs | self.course.spoken.keys()):
            digests = {
                name: digest
                for name, digest in self.course.digests.items()
                if name.startswith(f"jobs/{job}/")
            }
            said = self.course.spoken.get(job, [])
            if self.course.sealed:
                verification.check_chain(seal, job, said, digests, self.found)
            else:
                self.found.cannot("the chain of sentinels", verification.OLDER)
            for one in said:
                self._delivered(one, job)

    def _delivered(self, one: Spoken, job: str) -> None:
        """A sentinel that says a suite's result was written."""
        if one.sentinel.state is JobState.COLLECTED and one.sentinel.seq != LAUNCHER_SEQ:
            name = f"jobs/{job}/{one.sentinel.suite}/result.json"
            if one.sentinel.suite is not None and name not in self.course.digests:
                told = any(mismatch.object == name for mismatch in self.found.mismatches)
                if not told:
                    self.found.differs(name, "object", "missing", f"written, says {one.name}")

    async def _census(self, names: tuple[str, ...]) -> CensusDocument | None:
        """The census that whoever collected the run took; a bucket holds none."""
        if CENSUS not in names:
            return None
        body = (await read_all(self.stored, (CENSUS,)))[CENSUS]
        if isinstance(body, str):
            self.found.differs(CENSUS, "size", body, "a census")
            return None
        self._check_seal(CENSUS, body)
        try:
            return parse_document(CensusDocument, body, CENSUS)
        except InvalidDocumentError as error:
            self.found.differs(CENSUS, "content", error.what, "a census")
            return None

    def _account(self, census: CensusDocument | None) -> None:
        """Judge the results again, and compare with the census where there is one."""
        run = self.course.run
        if self.course.sealed and run is not None and run.seal is None:
            self.found.differs("run.json", "seal", "none", "every object of this run carries one")
        if run is None or census is None:
            return
        if not census.closed:
            self.found.cannot(CENSUS, "it was taken before the run was over")
            return
        recount(run, census, self.course.results, self._judge(census.taken_at), self.found, CENSUS)

    def _judge(self, at: datetime) -> Mapping[tuple[str, str], Judgement]:
        assert self.course.run is not None
        evidence = Evidence(
            self.course.run, self.course.results, self.course.systems, self.course.raw_sha256, at
        )
        return judge_runs((evidence,))[0]

    def _verification(self, names: tuple[str, ...], print_: str) -> Verification:
        run = self.course.run
        results = [one for one in self.course.results.values() if isinstance(one, ResultDocument)]
        judged = self._judge(self.now) if run is not None else {}
        return Verification(
            run=self.stored.run,
            origin=self.stored.origin,
            objects=len(names),
            mismatches=tuple(self.found.mismatches),
            unchecked=tuple(self.found.unchecked),
            checked=dict(self.found.checked),
            fingerprint=print_,
            cells=sum(len(job.suites) for job in run.jobs) + len(run.declined) if run is not None else 0,
            measured=sum(one.outcome is Outcome.MEASURED for one in results),
            verified=sum(one.verified is True for one in results),
            plausible=sum(
                one.numbers is Plausibility.PLAUSIBLE and not one.findings for one in judged.values()
            ),
        )
