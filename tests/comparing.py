"""Results of made-up instances, for tests of comparisons, their charts, their command and their pane."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchtui.core.catalogue import Price
from benchtui.core.document_fields import to_json
from benchtui.core.documents import CensusDocument, CensusRow, ResultDocument, RunDocument
from benchtui.core.instance_results import InstanceResult, MetricMedian
from tests.engine import fleet

PLANNED_AT = datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)
RUN = "20261124-021533-k3f7"
#: vCPUs, physical cores, USD per hour
SHAPES = {
    "c7g.large": (2, 2, "0.0725"),
    "c7i.large": (2, 1, "0.0893"),
    "c7a.large": (2, 2, "0.1026"),
    "local.2cpu": (2, 2, "0"),
}


def metric(median: float, unit: str = "GB/s", *, higher: bool = True) -> MetricMedian:
    """A median of ten repetitions."""
    return MetricMedian(median, unit, higher, 10)


def result(
    instance_type: str, replicate: int = 1, triad: float | None = 46.1, **changes: Any
) -> InstanceResult:
    """One verified stream result; ``changes`` are fields."""
    vcpus, cores, usd = SHAPES.get(instance_type, (2, 2, "0.1"))
    local = instance_type.startswith("local.")
    fields: dict[str, Any] = {
        "run": RUN,
        "job": f"{instance_type}-{replicate}",
        "instance_type": instance_type,
        "suite": "stream",
        "arch": "x86_64",
        "vcpus": vcpus,
        "cores": cores,
        "price": Price(Decimal(usd), "pricing-api", PLANNED_AT, "us-west-2"),
        "provider": "local" if local else "aws",
        "planned_at": PLANNED_AT,
        "mode": "quick",
        "version": "1",
        "zone": "us-west-2a",
        "cpu_model": "AMD EPYC" if local else None,
        "verified": True,
        "metrics": None if triad is None else {"triad.all": metric(triad)},
        "problem": "not launched: no capacity" if triad is None else None,
    }
    return InstanceResult(**(fields | changes))


def results(**triads: Sequence[float]) -> list[InstanceResult]:
    """Results by type; the name of a type is written with _ for its dot: ``c7g_large=[46.1, 45.9]``."""
    return [
        result(name.replace("_", "."), replicate, value)
        for name, values in triads.items()
        for replicate, value in enumerate(values, 1)
    ]


THREE_TYPES = results(c7g_large=[46.1, 45.9, 46.3], c7i_large=[30.2, 29.8, 30.5], c7a_large=[21.7, 22.0])


def run_of(*jobs: str, **changes: Any) -> RunDocument:
    """A run with these jobs."""
    return fleet.run_of([fleet.planned(job, suites=("stream",)) for job in jobs], **changes)


def document(run: RunDocument, on: str, **changes: Any) -> ResultDocument:
    """A measured result of stream: a warm-up and three repetitions."""
    samples = [{"value": 1.0, "excluded": True}, {"value": 45.0}, {"value": 46.0}, {"value": 47.5}]
    fields = {
        "run": run.run,
        "job": on,
        "suite": "stream",
        "suite_version": "1",
        "mode": "quick",
        "outcome": "measured",
        "provider": "aws",
        "instance_id": f"i-{on}",
        "instance_type": on.rpartition("-")[0],
        "zone": "us-west-2a",
        "started_at": run.created_at + timedelta(minutes=2),
        "finished_at": run.created_at + timedelta(minutes=3),
        "metrics": {
            "triad.all": {"unit": "GB/s", "higher_is_better": True, "samples": samples, "median": 46.5}
        },
        "verified": True,
        "raw_sha256": hashlib.sha256(f"{run.run} {on}".encode()).hexdigest(),
    }
    return ResultDocument.model_validate(fields | changes)


def census_of(run: RunDocument, *rows: CensusRow) -> CensusDocument:
    return CensusDocument(
        run=run.run, taken_at=run.created_at, closed=True, planned=len(rows), measured=0, declined=len(rows),
        rows=rows, sources={"s3": "ok", "ec2": "ok"},
    )  # fmt: skip


def on_disk(folder: Path, run: RunDocument, *results: ResultDocument) -> Path:
    """Results as they lie after a collect."""
    (folder / run.run).mkdir(parents=True)
    (folder / run.run / "run.json").write_bytes(to_json(run))
    for result in results:
        path = folder / run.run / "jobs" / result.job / result.suite / "result.json"
        path.parent.mkdir(parents=True)
        path.write_bytes(to_json(result))
    return folder
