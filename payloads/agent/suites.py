"""Build and run one suite, and make its result.json of what it printed."""

from __future__ import annotations

import hashlib
import os
import re
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Optional

from job import Job
from process import Ended, Stop, run
from readings import clock_mhz, compiler_version, steal_seconds, usable_cpus, usable_memory_bytes
from records import Output, Records
from results import RawFiles
from system import Observed
from verdict import judge, summarise

PLACEHOLDER = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
STDERR_LOG_LINES = 40  # of each command's standard error in the log; all of it is in raw.tar.gz


@dataclass(frozen=True)
class SuiteResult:
    """A suite's result document and its raw files."""

    document: Dict[str, Any]
    raw: RawFiles

    @property
    def reason(self) -> Optional[str]:
        """Why it was not measured; None if it was."""
        reason: Optional[str] = self.document["reason"]
        return reason


class SuiteFailed(Exception):
    """The suite did not come to its end."""


class SuiteRun:
    """One suite on this instance, in one mode."""

    def __init__(
        self,
        name: str,
        declared: Dict[str, Any],
        mode: str,
        folder: str,
        stop: Stop,
        say: Callable[[str], None],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.name, self.declared, self.folder = name, declared, folder
        self._mode = declared["modes"][mode]
        self._stop, self._say, self._on_progress = stop, say, on_progress
        self._run_index = 0
        self.raw = RawFiles()
        self.records = Records(self._progress)
        self.build: Dict[str, Any] = {"commands": [], "source_sha256": declared.get("source_sha256")}

    def prepare(self) -> None:
        """Run the build commands and hash the binary.

        Raises:
            SuiteFailed: one of them failed, or there is no binary afterwards.
        """
        build = self.declared["build"]
        ends = time.monotonic() + build["timeout_seconds"]
        for argv in build["commands"]:
            self._build(self._fill(argv), ends - time.monotonic())
        binary = build.get("binary")
        if binary:
            try:
                self.build["binary_sha256"] = _sha256_of(os.path.join(self.folder, binary))
            except OSError as error:
                raise SuiteFailed("build left no binary {}: {}".format(binary, error.strerror)) from error

    def _build(self, argv: List[str], timeout_s: float) -> None:
        shown = " ".join(argv)
        self.build["commands"].append(argv)
        self.build["compiler"] = self.build.get("compiler") or compiler_version(argv[0])
        self._say("build: " + shown)
        self.raw.add("build.log", "$ {}\n".format(shown).encode())
        tail = Tail(lambda chunk: self.raw.add("build.log", chunk))
        ended = run(argv, self.folder, self._environment({}), timeout_s, self._stop, tail.take, tail.take)
        self._log_tail(tail)
        if not ended.ok:
            raise SuiteFailed("build: {} {}{}".format(argv[0], ended, _last_words(ended, tail)))

    def measure(self) -> None:
        """Run the suite's commands in order, in the mode's time limit.

        Raises:
            SuiteFailed: one failed, ran out of time or printed what is no record.
        """
        clocks, stolen_before, load = clock_mhz(), steal_seconds(), os.getloadavg()[0]
        ends = time.monotonic() + self._mode["timeout_seconds"]
        try:
            for index, declared in enumerate(self.declared["runs"]):
                self._run_index = index
                self._one_run(declared, ends)
        finally:
            stolen = steal_seconds()
            if stolen is not None and stolen_before is not None:
                stolen = round(stolen - stolen_before, 2)
            self.records.facts["observed"] = {
                "clock_mhz_before": clocks,
                "clock_mhz_after": clock_mhz(),
                "steal_seconds": stolen,
                "load_before": round(load, 2),
            }

    def _one_run(self, declared: Dict[str, Any], ends: float) -> None:
        name, argv = declared["name"], self._fill(declared["argv"])
        self._say("run {}: {}".format(name, " ".join(argv)))
        self.records.start_run(name)
        output = Output(self.records, lambda chunk: self.raw.add(name + ".stdout", chunk))
        tail = Tail(lambda chunk: self.raw.add(name + ".stderr", chunk))
        ended = run(
            argv,
            self.folder,
            self._environment(declared.get("env", {})),
            ends - time.monotonic(),
            self._stop,
            output.feed,
            tail.take,
        )
        self._log_tail(tail)
        self._say("run {}: {}, {:.1f} s".format(name, ended, ended.seconds))
        if ended.cut == "timeout":
            raise SuiteFailed(
                "run {} exceeded the time limit of {:g} s".format(name, self._mode["timeout_seconds"])
            )
        if ended.cut not in (None, "stop"):
            raise SuiteFailed("garbage on standard output: {}".format(ended.cut))
        if not ended.ok:
            raise SuiteFailed("run {} {}{}".format(name, ended, _last_words(ended, tail)))
        garbage = output.end()
        if garbage is not None:
            raise SuiteFailed("garbage on standard output: " + garbage)

    def _progress(self, done: int, total: int) -> None:
        """Progress over all runs, each taken as equally long."""
        runs = len(self.declared["runs"])
        if total and total * runs <= 999_999:
            self._on_progress(self._run_index * total + done, total * runs)

    def _fill(self, argv: List[str]) -> List[str]:
        params = self._mode["params"]
        return [PLACEHOLDER.sub(lambda found: str(params[found.group(1)]), word) for word in argv]

    def _environment(self, own: Dict[str, str]) -> Dict[str, str]:
        """A clean environment: nothing of the agent's, so that no setting of an image reaches a number."""
        clean = {
            "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
            "LC_ALL": "C",
            "HOME": self.folder,
            "BENCHTUI_CPUS": str(usable_cpus()),
        }
        memory = usable_memory_bytes()
        if memory is not None:
            clean["BENCHTUI_MEMORY_BYTES"] = str(memory)
        params = self._mode["params"]
        for name, value in own.items():
            clean[name] = PLACEHOLDER.sub(lambda found: str(params[found.group(1)]), value)
        return clean

    def _log_tail(self, tail: "Tail") -> None:
        for line in tail.lines()[-STDERR_LOG_LINES:]:
            self._say("  " + line)


class Tail:
    """The end of a stream, for the log and for the reason of a failure; ``keep`` gets all of it."""

    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep
        self._kept = b""

    def take(self, chunk: bytes) -> None:
        """Add bytes, forget old ones."""
        self._keep(chunk)
        self._kept = (self._kept + chunk)[-8192:]

    def lines(self) -> List[str]:
        """The last lines, at most 8 KiB."""
        return self._kept.decode("utf-8", "replace").splitlines()


def _last_words(ended: Ended, tail: Tail) -> str:
    """What a failed command said last; a compiler's error is worth more than its exit code."""
    if ended.cut is not None:
        return ""
    lines = [line.strip() for line in tail.lines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()] or lines
    return ": " + telling[-1][:300] if telling else ""


def _sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def document(
    job: Job,
    observed: Observed,
    suite: SuiteRun,
    started: datetime,
    failure: Optional[str],
) -> SuiteResult:
    """The suite's result. Without its end there are no metrics: what it printed is in the raw files."""
    records = suite.records
    metrics, problems = summarise(suite.declared, records)
    if failure is None and not any(metric["best"] is not None for metric in metrics.values()):
        declined = "; ".join("{}: {}".format(*item) for item in records.declined.items())
        failure = declined[:1500] or "it reported no sample"
    verified = judge(suite.declared, records, problems)
    body = {
        "schema": "benchtui.result/1",
        "run": job.run,
        "job": job.job,
        "suite": suite.name,
        "suite_version": suite.declared["version"],
        "mode": job.mode,
        "outcome": "measured" if failure is None else "declined",
        "reason": failure,
        **observed.__dict__,
        "started_at": started.isoformat(),
        "finished_at": datetime.now(timezone.utc).isoformat(),
        "metrics": metrics if failure is None else {},
        "declined_metrics": records.declined,
        "checks": records.checks,
        "facts": records.facts,
        "problems": problems,
        "build": suite.build,
        "verified": verified if failure is None else None,
    }
    return SuiteResult(body, suite.raw)


def run_suite(job: Job, observed: Observed, suite: SuiteRun, on_built: Callable[[], None]) -> SuiteResult:
    """Build and run a suite; whatever goes wrong is in the result, nothing is raised."""
    started = datetime.now(timezone.utc)
    failure = None
    try:
        suite.prepare()
        on_built()
        suite.measure()
    except SuiteFailed as error:
        failure = str(error)
    except Exception as error:  # a suite's trouble must not keep the next one from running
        failure = "the agent failed on it: {!r}".format(error)
    return document(job, observed, suite, started, failure)
