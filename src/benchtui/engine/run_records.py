"""Runs with all that was collected of them, from the bucket or from a folder."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.core.document_fields import parse_document
from benchtui.core.documents import CensusDocument, ResultDocument, RunDocument
from benchtui.core.errors import BenchtuiError, UsageError
from benchtui.core.instance_results import nearest
from benchtui.core.plausibility import Judgement
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.core.run_records import Cell, RunMoney, RunRecord
from benchtui.core.spending import spending_of
from benchtui.engine.comparing import declined_reasons, instance_results, read_evidence, runs_on_disk
from benchtui.engine.snapshot import QUIET

if TYPE_CHECKING:
    from benchtui.engine.collector import Collected
    from benchtui.engine.snapshot import Snapshot
    from benchtui.engine.workspace import Workspace


async def gather_records(workspace: Workspace, runs: Iterable[str]) -> tuple[RunRecord, ...]:
    """Runs of the bucket; what is not here yet is downloaded.

    Raises:
        UsageError: there is no such run.
        BenchtuiError: the bucket does not answer, or this machine cannot store.
    """
    found: list[tuple[Collected, Snapshot]] = []
    for name in runs:
        watcher = await workspace.watcher(await workspace.load(name))
        snapshot = await watcher.poll()
        found.append((await workspace.collect(watcher, snapshot), snapshot))
    return await asyncio.to_thread(records_of, found)


def records_of(collected: Sequence[tuple[Collected, Snapshot]]) -> tuple[RunRecord, ...]:
    """Runs as they were collected, each result judged beside those of all.

    Raises:
        BenchtuiError: what was collected cannot be read any more.
    """
    evidence = [one.evidence or Evidence(snapshot.run, one.results) for one, snapshot in collected]
    judged: Sequence[Mapping[Cell, Judgement]]
    alone = len(collected) == 1 and collected[0][0].evidence is not None
    judged = [one.judgements for one, _ in collected] if alone else judge_runs(evidence)
    return tuple(
        _record(seen, one.census, judgements, one.folder, _money(snapshot))
        for (one, snapshot), seen, judgements in zip(collected, evidence, judged, strict=True)
    )


def read_records(folder: Path, runs: Sequence[str]) -> tuple[RunRecord, ...]:
    """Runs that were collected into ``folder``/<run>/ before. Needs no network.

    Raises:
        UsageError: a run is not there.
        InvalidDocumentError: its run.json or census.json is not one.
        BenchtuiError: a file cannot be read.
    """
    there = runs_on_disk(folder)
    for run in runs:
        if run not in there:
            raise UsageError(f"{folder} holds no run {run}", fix=nearest(run, there))
    evidence = [read_evidence(folder / run) for run in runs]
    return tuple(
        _record(one, _census(folder / one.run.run), judgements, folder / one.run.run, None)
        for one, judgements in zip(evidence, judge_runs(evidence), strict=True)
    )


def _record(
    evidence: Evidence,
    census: CensusDocument | None,
    judgements: Mapping[Cell, Judgement],
    folder: Path,
    money: RunMoney | None,
) -> RunRecord:
    run, results = evidence.run, evidence.results
    reasons = {} if census is None else declined_reasons(census)
    return RunRecord(
        run=run,
        rows=instance_results(run, results, reasons, judgements, evidence.systems),
        documents=results,
        systems=evidence.systems,
        census=census,
        judgements=judgements,
        sha256=_digests(run, results, folder),
        money=money,
    )


def _census(folder: Path) -> CensusDocument | None:
    path = folder / "census.json"
    try:
        with path.open("rb") as file:
            body = file.read(CensusDocument.max_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BenchtuiError(f"cannot read {path}: {error.strerror}", fix="check its permissions") from error
    return parse_document(CensusDocument, body, str(path))


def _digests(run: RunDocument, results: Mapping[Cell, ResultDocument | str], folder: Path) -> dict[Cell, str]:
    """SHA-256 of each result.json that was read; names of files come from checked ids alone."""
    found: dict[Cell, str] = {}
    for job in run.jobs:
        for suite in job.suites:
            if not isinstance(results.get((job.job, suite)), ResultDocument):
                continue
            try:
                with (folder / "jobs" / job.job / suite / "result.json").open("rb") as file:
                    found[job.job, suite] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                continue  # gone since: its digest is not known
    return found


def _money(snapshot: Snapshot) -> RunMoney:
    spending = spending_of(snapshot, over=snapshot.over(QUIET))
    by_job = {row.planned.job: row.spent_usd for row in snapshot.rows}
    return RunMoney(snapshot.taken_at, spending.spent_usd, spending.unaccounted, by_job, snapshot.armed)
