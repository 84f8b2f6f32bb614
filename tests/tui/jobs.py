"""Answers of the engine about jobs: details, logs and results made by hand."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

from benchtui.core.catalogue import Price
from benchtui.core.documents import ResultDocument, SentinelBody, SystemDocument
from benchtui.core.keys import JobState, Progress, Sentinel
from benchtui.core.money import LIST_RATES, cost_of
from benchtui.core.result_summary import ResultSummary
from benchtui.engine.detail import JobDetail, LogTail, Said
from benchtui.engine.job_log import parse_lines
from benchtui.engine.snapshot import JobRow, Snapshot
from tests.engine import fleet
from tests.tui import scripted

ARMED = ("panic", "boot-guard", "timer", "hard-stop", "shutdown", "agent-guard")


def measured(job: str, triad: float, *, repetitions: int = 5, verified: bool | None = True) -> ResultDocument:
    """A result of stream."""
    return ResultDocument.model_validate(
        {
            "run": fleet.RUN,
            "job": job,
            "suite": "stream",
            "mode": "quick",
            "outcome": "measured",
            "provider": "ec2",
            "instance_id": f"i-{job}",
            "instance_type": job.rpartition("-")[0],
            "started_at": fleet.after(30),
            "finished_at": fleet.after(50),
            "verified": verified,
            "raw_sha256": hashlib.sha256(job.encode()).hexdigest(),
            "metrics": {
                "triad.all": {
                    "unit": "GB/s",
                    "higher_is_better": True,
                    "median": triad,
                    "best": triad + 0.4,
                    "samples": [{"value": triad + number / 10} for number in range(repetitions)],
                }
            },
        }
    )


def collected(*results: ResultDocument) -> Any:
    """What was collected, as far as a pane looks at it."""
    found = {(result.job, result.suite): result for result in results}
    return SimpleNamespace(
        results=found,
        summaries={cell: ResultSummary.of(result) for cell, result in found.items()},
        census=SimpleNamespace(run=fleet.RUN, rows=()),
        judgements={},
    )


def detail_of(snapshot: Snapshot, job: str, *, reason: str | None = None) -> JobDetail:
    """All that is known of a job that has measured stream."""
    row: JobRow = next(row for row in snapshot.rows if row.planned.job == job)
    states = JobState
    said = (
        Said(Sentinel(fleet.after(2), job, 0, states.LAUNCHED), SentinelBody(instance_id="i-0ab")),
        Said(
            Sentinel(fleet.after(20), job, 1, states.BOOTED),
            SentinelBody(layers={**dict.fromkeys(ARMED, "armed"), "softdog": "not armed"}),
        ),
        Said(Sentinel(fleet.after(30), job, 2, states.RUNNING, "stream", Progress(3, 5))),
        Said(Sentinel(fleet.after(55), job, 3, states.COLLECTED, "stream"), SentinelBody(reason=reason)),
    )
    system = SystemDocument(
        run=fleet.RUN,
        job=job,
        provider="ec2",
        instance_id="i-0ab",
        instance_type="c7g.large",
        zone="us-west-2a",
        cpu_model=reason or "AWS Graviton3",
        arch="arm64",
        physical_cores=2,
        usable_cpus=2,
        memory_bytes=4 << 30,
        kernel="6.1.0-26-cloud-arm64",
        os="Debian 12",
        image_id="ami-1",
        observed={"thp": "madvise", "smt": "notsupported"},
    )
    price = Price(row.planned.price.usd_per_hour, "list price", fleet.T0, "us-west-2")
    body = said[1].body
    assert body is not None
    return JobDetail(
        run=fleet.RUN,
        row=row,
        taken_at=fleet.after(60),
        said=said,
        layers=body.layers,
        system=system,
        results={"stream": measured(job, 46.1)},
        cost=cost_of(price, 60, 8, LIST_RATES, 20),
        launched_at=fleet.T0,
        ends_by=fleet.after(14420),
        hard_end=fleet.after(18660),
        log_chunks=1,
    )


def log_of(job: str, after: int, text: str | None = None) -> LogTail:
    """One chunk, and nothing after it."""
    if after:
        return LogTail(job, next=after)
    lines = [f"14:00:{number:02d}.120Z repetition {number}: triad 46.{number} GB/s" for number in range(40)]
    return LogTail(job, parse_lines((text or "\n".join(lines)).encode("utf-8", "replace")), next=1)


async def settled(pilot: Any) -> None:
    """A job under the cursor is asked for at one flush and shown at the next."""
    await scripted.settled(pilot, flushes=2)
