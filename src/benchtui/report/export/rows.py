"""Measurements as flat rows, each with where it is from: the columns of CSV, JSON Lines and Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from benchtui.core import stats
from benchtui.core.documents import Metric, Outcome, ResultDocument, SystemDocument
from benchtui.core.instance_results import InstanceResult
from benchtui.core.keys import job_parts
from benchtui.core.run_records import RunRecord

#: What an instance says of itself and every result says again.
_BOTH = ("region", "zone", "instance_id", "image_id", "cpu_model")


class Origin(BaseModel):
    """Where a row is from. What is not known is null, in CSV an empty field."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    run: str
    """Id of the run."""
    run_created_at: datetime
    """When it was planned, UTC."""
    benchtui_version: str
    """Of the program that planned it."""
    job: str
    """Instance type and replicate."""
    replicate: int
    """Number of the instance among those of its type."""
    instance_type: str
    """As observed; a local machine is never shown under a type of EC2."""
    provider: str
    """aws or local."""
    region: str | None = None
    """Region the instance was in."""
    zone: str | None = None
    """Availability zone."""
    instance_id: str | None = None
    """Id of the instance."""
    image_id: str | None = None
    """AMI."""
    arch: str | None = None
    """x86_64 or arm64."""
    vcpus: int | None = None
    """vCPUs of the type."""
    cores: int | None = None
    """Physical cores of the type."""
    cpu_model: str | None = None
    """As the instance observed it."""
    cpu_vendor: str | None = None
    """As the instance observed it."""
    kernel: str | None = None
    """Release of the kernel."""
    microcode: str | None = None
    """Revision of the microcode."""
    os: str | None = None
    """Name of the system."""
    compiler: str | None = None
    """That built the suite."""
    price_usd_per_hour: Decimal | None = None
    """On demand, when the run was planned; null for a machine that is not rented."""
    price_basis: str | None = None
    """Where the price is from."""
    price_as_of: datetime | None = None
    """When it was looked up, UTC."""
    suite: str
    """Name of the suite."""
    suite_version: str | None = None
    """Results of different versions are not comparable."""
    mode: str
    """quick or full."""
    started_at: datetime | None = None
    """Of the suite on this instance, UTC."""
    finished_at: datetime | None = None
    """Of the suite on this instance, UTC."""
    source_sha256: str | None = None
    """Of the suite's source."""
    binary_sha256: str | None = None
    """Of what was run."""
    raw_sha256: str | None = None
    """Of the archive of its raw output."""
    result_sha256: str | None = None
    """Of the result.json this row was read from."""


class MeasurementRow(Origin):
    """One metric of one instance, or the reason why there is none."""

    outcome: str
    """measured or declined."""
    reason: str | None = None
    """Why it was declined."""
    metric: str | None = None
    """Name of the metric; null where a whole suite was declined."""
    unit: str | None = None
    """Of value, least and greatest."""
    higher_is_better: bool | None = None
    """Direction."""
    normalises: str | None = None
    """Whose figure it is: instance, thread or none."""
    value: float | None = None
    """Median of the repetitions that count."""
    least: float | None = None
    """Of the repetitions that count."""
    greatest: float | None = None
    """Of the repetitions that count."""
    samples: int | None = Field(default=None, ge=0)
    """Repetitions that count."""
    warm_ups: int | None = Field(default=None, ge=0)
    """Repetitions that do not."""
    verified: bool | None = None
    """Whether every declared check ran and passed; null: not checked. Only true is ranked."""
    plausible: bool | None = None
    """Whether nothing speaks against it; null: not judged."""
    doubt: str | None = None
    """What speaks against it."""


class SampleRow(Origin):
    """One repetition of one metric on one instance."""

    metric: str
    """Name of the metric."""
    unit: str
    """Of value."""
    higher_is_better: bool
    """Direction."""
    sample: int
    """Place among the samples of this metric on this instance, from 0."""
    value: float
    """As measured."""
    seconds: float | None = None
    """How long it was timed."""
    warm_up: bool
    """Does not count."""
    command: str | None = None
    """The suite's command it came from."""
    repetition: int | None = None
    """Which repetition of that command."""
    disturbed: str | None = None
    """What else happened on its CPUs meanwhile."""
    verified: bool | None = None
    """As in the measurements."""


def measurement_rows(records: Sequence[RunRecord]) -> Iterator[MeasurementRow]:
    """Every planned cell: its metrics, those it declined, or why it has none."""
    for record in records:
        for row in record.rows:
            document = record.document(row.job, row.suite)
            if row.metrics is None or document is None:
                reason = row.problem or "not measured"
                origin = _origin(record, row, document)
                yield MeasurementRow(**origin, outcome=Outcome.DECLINED, reason=reason)
                continue
            origin = _origin(record, row, document)
            for name, metric in document.metrics.items():
                yield MeasurementRow(**origin, **_measured(record, row, name, metric))
            for name, reason in document.declined_metrics.items():
                yield MeasurementRow(**origin, outcome=Outcome.DECLINED, metric=name, reason=reason)


def sample_rows(records: Sequence[RunRecord]) -> Iterator[SampleRow]:
    """Every repetition, warm-ups included, of every cell that counts as measured."""
    for record in records:
        for row in record.rows:
            document = record.document(row.job, row.suite)
            if row.metrics is None or document is None:
                continue
            origin = _origin(record, row, document)
            for name, metric in document.metrics.items():
                for at, sample in enumerate(metric.samples):
                    # Not validated again: what it holds was when its document was read, and there are many.
                    yield SampleRow.model_construct(
                        **origin,
                        metric=name,
                        unit=metric.unit,
                        higher_is_better=metric.higher_is_better,
                        sample=at,
                        value=sample.value,
                        seconds=sample.seconds,
                        warm_up=sample.excluded,
                        command=sample.run,
                        repetition=sample.repetition,
                        disturbed=sample.disturbed,
                        verified=document.verified,
                    )


def _measured(record: RunRecord, row: InstanceResult, name: str, metric: Metric) -> dict[str, Any]:
    """The fields of a metric."""
    counted = metric.counted
    if not counted:
        return {"outcome": Outcome.DECLINED, "metric": name, "reason": "no repetition counts"}
    judged = (row.job, row.suite) in record.judgements
    doubt = row.metrics[name].doubt if row.metrics and name in row.metrics else None
    return {
        "outcome": Outcome.MEASURED,
        "metric": name,
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "normalises": metric.normalises,
        "value": stats.median(counted),
        "least": min(counted),
        "greatest": max(counted),
        "samples": len(counted),
        "warm_ups": len(metric.samples) - len(counted),
        "verified": row.verified,
        "plausible": (doubt is None) if judged else None,
        "doubt": doubt,
    }


def _origin(record: RunRecord, row: InstanceResult, document: ResultDocument | None) -> dict[str, Any]:
    """The fields that say where a row is from."""
    run, system = record.run, record.systems.get(row.job)
    price = None if row.local else row.price
    fields: dict[str, Any] = {
        "run": run.run,
        "run_created_at": run.created_at,
        "benchtui_version": run.benchtui_version,
        "job": row.job,
        "replicate": job_parts(row.job)[1],
        "instance_type": row.instance_type,
        "provider": row.provider,
        "arch": row.arch or None,
        "vcpus": row.vcpus,
        "cores": row.cores,
        "price_usd_per_hour": price.usd_per_hour if price else None,
        "price_basis": price.basis if price else None,
        "price_as_of": price.as_of if price else None,
        "suite": row.suite,
        "suite_version": row.version,
        "mode": row.mode,
        "result_sha256": record.sha256.get((row.job, row.suite)),
    }
    return fields | _observed(system) | _of_document(document)


def _observed(system: SystemDocument | None) -> dict[str, Any]:
    names = (*_BOTH, "cpu_vendor", "kernel", "microcode", "os")
    return {} if system is None else {name: getattr(system, name) for name in names}


def _of_document(document: ResultDocument | None) -> dict[str, Any]:
    if document is None:
        return {}
    names = (*_BOTH, "started_at", "finished_at", "raw_sha256")
    said = {name: getattr(document, name) for name in names}
    known = {name: value for name, value in said.items() if value is not None}
    build = document.build
    return known | {
        "compiler": build.compiler,
        "source_sha256": build.source_sha256,
        "binary_sha256": build.binary_sha256,
    }
