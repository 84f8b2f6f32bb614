"""From the results of runs, collected or on disk, to what a comparison works on."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchtui.core import stats
from benchtui.core.catalogue import Price
from benchtui.core.document_fields import Document, parse_document
from benchtui.core.documents import (
    CensusDocument,
    JobDocument,
    Metric,
    Outcome,
    PriceDocument,
    ResultDocument,
    RunDocument,
    SystemDocument,
)
from benchtui.core.errors import BenchtuiError, InvalidDocumentError, UsageError
from benchtui.core.fingerprint import Fingerprint
from benchtui.core.instance_results import InstanceResult, MetricMedian, nearest, shown_type
from benchtui.core.keys import KeyNotOurs, check_run, job_parts
from benchtui.core.plausibility import Judgement
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.engine.census import ResultOrProblem

if TYPE_CHECKING:
    from benchtui.engine.collector import Collected
    from benchtui.engine.workspace import Workspace

Cell = tuple[str, str]  # job, suite
D = TypeVar("D", bound=Document)


def results_of(run: RunDocument, collected: Collected) -> tuple[InstanceResult, ...]:
    """Every planned cell of a run as far as it was collected, judged beside the others of the run."""
    return instance_results(run, collected.results, declined_reasons(collected.census), collected.judgements)


def results_of_all(runs: Sequence[tuple[RunDocument, Collected]]) -> tuple[InstanceResult, ...]:
    """Cells of several runs, each result judged beside those of all: copies cross from one to another."""
    if len(runs) == 1:
        return results_of(*runs[0])
    judged = judge_runs([collected.evidence or Evidence(run, collected.results) for run, collected in runs])
    return tuple(
        row
        for (run, collected), judgements in zip(runs, judged, strict=True)
        for row in instance_results(run, collected.results, declined_reasons(collected.census), judgements)
    )


def instance_results(
    run: RunDocument,
    results: Mapping[Cell, ResultOrProblem],
    declined: Mapping[Cell, str],
    judgements: Mapping[Cell, Judgement] | None = None,
    systems: Mapping[str, SystemDocument] | None = None,
) -> tuple[InstanceResult, ...]:
    """Every planned cell of a run, measured or with the reason why not.

    Args:
        run: the plan.
        results: by job and suite, or what is wrong with what is there.
        declined: reasons of cells that do not count, as the census has them.
        judgements: whether what was measured is plausible; None: judged by the results alone.
        systems: by job, what its instance observed about itself.
    """
    if judgements is None:
        (judgements,) = judge_runs((Evidence(run, results),))
    planned = [
        _measured(
            run,
            job,
            suite,
            results.get((job.job, suite)),
            declined.get((job.job, suite)),
            judgements.get((job.job, suite)),
            (systems or {}).get(job.job),
        )
        for job in run.jobs
        for suite in job.suites
    ]
    return tuple(planned + [_never_launched(run, cell.job, cell.suite, cell.reason) for cell in run.declined])


async def gather(workspace: Workspace, runs: Iterable[str]) -> tuple[InstanceResult, ...]:
    """Results of runs of the bucket; what is not here yet is downloaded.

    Raises:
        UsageError: there is no such run.
        BenchtuiError: the bucket does not answer, or this machine cannot store.
    """
    found: list[tuple[RunDocument, Collected]] = []
    for name in runs:
        run = await workspace.load(name)
        watcher = await workspace.watcher(run)
        found.append((run, await workspace.collect(watcher, await watcher.poll())))
    return await asyncio.to_thread(results_of_all, found)


def runs_on_disk(folder: Path) -> tuple[str, ...]:
    """Runs whose results lie in ``folder``, oldest first.

    Raises:
        UsageError: the folder cannot be read.
    """
    try:
        names = [path.name for path in folder.iterdir() if (path / "run.json").is_file()]
    except OSError as error:
        raise UsageError(
            f"cannot read {folder}: {error.strerror}", fix="`benchtui collect RUN` makes it"
        ) from error
    return tuple(sorted(name for name in names if _is_run(name)))


def read_results(folder: Path, runs: Sequence[str]) -> tuple[InstanceResult, ...]:
    """Results that were collected into ``folder``/<run>/ before. Needs no network.

    Raises:
        UsageError: a run is not there.
        InvalidDocumentError: its run.json or census.json is not one.
    """
    evidence: list[Evidence] = []
    declined: list[Mapping[Cell, str]] = []
    for run in runs:
        if run not in runs_on_disk(folder):
            raise UsageError(f"{folder} holds no run {run}", fix=nearest(run, runs_on_disk(folder)))
        evidence.append(read_evidence(folder / run))
        census = _read(CensusDocument, folder / run / "census.json")
        declined.append({} if census is None else declined_reasons(census))
    return tuple(
        row
        for one, reasons, judgements in zip(evidence, declined, judge_runs(evidence), strict=True)
        for row in instance_results(one.run, one.results, reasons, judgements, one.systems)
    )


def latest_on_disk(folder: Path, most: int) -> tuple[InstanceResult, ...]:
    """Results of the latest runs in ``folder``; none where there is no such folder or it cannot be read."""
    try:
        return read_results(folder, runs_on_disk(folder)[-most:])
    except BenchtuiError:
        return ()


def read_evidence(folder: Path) -> Evidence:
    """The results of one run that were collected into ``folder``, with what they are judged by.

    Raises:
        InvalidDocumentError: its run.json is not one.
        BenchtuiError: a file cannot be read.
    """
    run = _read(RunDocument, folder / "run.json")
    if run is None:
        raise InvalidDocumentError(f"{folder / 'run.json'} is not there")
    results: dict[Cell, ResultOrProblem] = {}
    systems: dict[str, SystemDocument] = {}
    raw_sha256: dict[Cell, str] = {}
    for job in run.jobs:
        # Both names were checked when run.json was: they cannot lead out of the folder.
        of_job = folder / "jobs" / job.job
        try:
            system = _read(SystemDocument, of_job / "system.json")
        except InvalidDocumentError:
            system = None  # the census has declined its cells
        if system is not None:
            systems[job.job] = system
        for suite in job.suites:
            try:
                result = _read(ResultDocument, of_job / suite / "result.json")
            except InvalidDocumentError as error:
                results[job.job, suite] = f"result not valid: {error.what}"
                continue
            if result is not None:
                results[job.job, suite] = result
                digest = _digest(of_job / suite / "raw.tar.gz")
                if digest is not None:
                    raw_sha256[job.job, suite] = digest
    return Evidence(run, results, systems, raw_sha256)


def collected_before(folder: Path) -> Evidence | None:
    """What was collected of a run before; None if that cannot be read."""
    try:
        return read_evidence(folder)
    except BenchtuiError:
        return None


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None if there is none."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BenchtuiError(f"cannot read {path}: {error.strerror}", fix="check its permissions") from error


def _read(model: type[D], path: Path) -> D | None:
    """A document of the folder; None if there is none."""
    try:
        with path.open("rb") as file:
            body = file.read(model.max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BenchtuiError(f"cannot read {path}: {error.strerror}", fix="check its permissions") from error
    return parse_document(model, body, str(path))


def declined_reasons(census: CensusDocument) -> dict[Cell, str]:
    """Why each cell that does not count does not, as a census has it."""
    return {
        (row.job, row.suite): row.reason or "not measured"
        for row in census.rows
        if row.outcome is Outcome.DECLINED
    }


def _is_run(name: str) -> bool:
    try:
        check_run(name)
    except KeyNotOurs:
        return False
    return True


def _measured(
    run: RunDocument,
    job: JobDocument,
    suite: str,
    result: ResultOrProblem | None,
    declined: str | None,
    judgement: Judgement | None,
    system: SystemDocument | None,
) -> InstanceResult:
    problem = declined or _problem(run, job, suite, result)
    if problem is not None or not isinstance(result, ResultDocument):
        return replace(as_planned(run, job, suite, _provider(job.instance_type)), problem=problem)
    return replace(
        as_planned(run, job, suite, result.provider),
        price=_price(job.price_in(result.region)),
        mode=result.mode,
        version=str(result.suite_version) if result.suite_version is not None else None,
        zone=result.zone,
        region=result.region or job.region,
        cpu_model=result.cpu_model,
        verified=result.verified,
        metrics=_medians(result.metrics, judgement),
        fingerprint=fingerprint_of(result, system),
    )


def as_planned(run: RunDocument, job: JobDocument, suite: str, provider: str) -> InstanceResult:
    """A cell without figures: what is known of it before anything was measured."""
    return InstanceResult(
        run=run.run,
        job=job.job,
        instance_type=shown_type(provider, job.instance_type, job.vcpus),
        suite=suite,
        arch=job.arch,
        vcpus=job.vcpus,
        cores=job.cores,
        price=_price(job.price),
        provider=provider,
        planned_at=run.created_at,
        mode=run.mode,
        region=job.region,
        market=job.market,
        expected_usd=job.expected_usd,
    )


def fingerprint_of(result: ResultDocument, system: SystemDocument | None) -> Fingerprint:
    """What a result was measured under, as far as its instance told."""
    return Fingerprint(
        kernel=system.kernel if system else None,
        image=result.image_id or (system.image_id if system else None),
        microcode=system.microcode if system else None,
        compiler=result.build.compiler,
        region=result.region or (system.region if system else None),
        cpu=result.cpu_model or (system.cpu_model if system else None),
        clock_mhz=_clock_mhz(result),
    )


def _clock_mhz(result: ResultDocument) -> float | None:
    """The greatest clock that was seen beside the repetitions; None if none was measured."""
    fact = result.facts.get("disturbance")
    clocks = fact.get("clock_mhz") if isinstance(fact, Mapping) else None
    greatest = clocks.get("greatest") if isinstance(clocks, Mapping) else None
    if isinstance(greatest, bool) or not isinstance(greatest, int | float):
        return None
    return float(greatest) if math.isfinite(greatest) and greatest > 0 else None


def _price(price: PriceDocument) -> Price:
    return Price(price.usd_per_hour, price.basis, price.as_of, price.region, price.max_usd_per_hour)


def _problem(run: RunDocument, job: JobDocument, suite: str, result: ResultOrProblem | None) -> str | None:
    """Why a cell has no figures; None if it has."""
    if result is None:
        return "no result"
    if isinstance(result, str):
        return result
    if (result.run, result.job, result.suite) != (run.run, job.job, suite):
        return f"result not valid: it says it is of {result.run} {result.job} {result.suite}"
    if result.instance_type != job.instance_type:
        return f"ran on {result.instance_type}, planned was {job.instance_type}"
    if result.outcome is Outcome.DECLINED:
        return result.reason or "declined by the instance without a reason"
    return None


def _medians(metrics: Mapping[str, Metric], judgement: Judgement | None) -> dict[str, MetricMedian]:
    """Medians of the samples themselves; what a result says its median is does not count."""
    found: dict[str, MetricMedian] = {}
    for name, metric in metrics.items():
        counted = metric.counted
        if counted:
            middle = stats.median(counted)
            found[name] = MetricMedian(
                middle,
                metric.unit,
                metric.higher_is_better,
                len(counted),
                normalises=metric.normalises,
                headline=metric.headline,
                doubt=judgement.refusal(name) if judgement is not None else None,
            )
    return found


def _never_launched(run: RunDocument, job: str, suite: str, reason: str) -> InstanceResult:
    """A cell that was declined before anything was known of its type."""
    instance_type, _ = job_parts(job)
    return InstanceResult(
        run=run.run,
        job=job,
        instance_type=instance_type,
        suite=suite,
        arch="",
        vcpus=None,
        cores=None,
        price=None,
        provider=_provider(instance_type),
        planned_at=run.created_at,
        mode=run.mode,
        problem=reason,
    )


def _provider(instance_type: str) -> str:
    """Where an instance without a result would have run."""
    return "local" if instance_type.startswith("local.") else "aws"
