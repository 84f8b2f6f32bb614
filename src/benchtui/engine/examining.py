"""What one job left, validated and looked at: of thousands of samples the few lines that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchtui.core.documents import JobDocument, ResultDocument, RunDocument
from benchtui.core.plausibility import Trace
from benchtui.core.plausibility.own import trace_of_result
from benchtui.core.result_summary import ResultSummary
from benchtui.engine.stored_results import read_result, read_system


@dataclass(frozen=True, slots=True)
class Case:
    """The files of one job."""

    job: JobDocument
    folder: Path  # of the job
    suites: tuple[str, ...]  # with a result.json there
    system: bool  # whether system.json is there
    raw_sha256: Mapping[str, str]  # by suite, of the raw output that is there
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Examined:
    """What came of it."""

    system: bool = False  # whether there is a valid system.json
    bad_system: str | None = None  # what is wrong with it
    results: dict[str, ResultSummary | str] = field(default_factory=dict)  # by suite; texts are problems
    traces: dict[str, Trace | None] = field(default_factory=dict)  # by suite, of valid results


def examine(case: Case, run: RunDocument) -> Examined:
    """Read and validate the files of a job.

    Raises:
        OSError: one of them cannot be read.
    """
    system = (
        read_system((case.folder / "system.json").read_bytes(), run.run, case.job.job)
        if case.system
        else None
    )
    told = Examined(
        system=system is not None and not isinstance(system, str),
        bad_system=system if isinstance(system, str) else None,
    )
    for suite in case.suites:
        body = (case.folder / suite / "result.json").read_bytes()
        result = read_result(body, run.run, case.job.job, suite)
        if not isinstance(result, ResultDocument):
            told.results[suite] = result
            continue
        told.results[suite] = ResultSummary.of(result)
        observed = None if isinstance(system, str) else system
        told.traces[suite] = trace_of_result(
            result, run, case.job, observed, case.raw_sha256.get(suite), case.read_at
        )
    return told
