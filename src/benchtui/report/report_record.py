"""A report as plain values: embedded in the page, and what ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from benchtui.core.run_records import RunRecord
from benchtui.report.comparison_record import comparison_fields
from benchtui.report.subject import Subject

SCHEMA = "benchtui.report/1"


def report_fields(subject: Subject) -> dict[str, Any]:
    """Runs with their cells, and the comparison of every metric; unknown is null, money is a string."""
    found = plain(
        {
            "schema": SCHEMA,
            "made_at": subject.at,
            "benchtui_version": subject.version,
            "runs": [_run(record) for record in subject.records],
            "comparison": comparison_fields(subject.comparison) if subject.comparison.columns else None,
            "per_dollar": comparison_fields(subject.per_dollar) if subject.per_dollar.columns else None,
        }
    )
    assert isinstance(found, dict)
    return found


def _run(record: RunRecord) -> dict[str, Any]:
    run, money, census = record.run, record.money, record.census
    return {
        "run": run.run,
        "name": run.name,
        "created_at": run.created_at,
        "benchtui_version": run.benchtui_version,
        "mode": run.mode,
        "seed": run.seed,
        "regions": run.regions,
        "bundle_sha256": run.bundle_sha256,
        "closed": None if census is None else census.closed,
        "spent_usd": None if money is None else money.spent_usd,
        "spent_as_of": None if money is None else money.at,
        "worst_case_usd": run.worst_case_usd,
        "cells": [
            {
                "job": row.job,
                "suite": row.suite,
                "instance_type": row.instance_type,
                "measured": row.metrics is not None,
                "reason": row.problem,
                "verified": row.verified,
                "usd_per_hour": None if row.price is None or row.local else row.price.usd_per_hour,
                "price_basis": None if row.price is None else row.price.basis,
                "price_as_of": None if row.price is None else row.price.as_of,
                **_observed(record, row.job, row.suite),
            }
            for row in record.rows
        ],
    }


def _observed(record: RunRecord, job: str, suite: str) -> dict[str, Any]:
    """What the instance of a cell said of itself, and the hashes."""
    document, system = record.document(job, suite), record.systems.get(job)
    judgement = record.judgements.get((job, suite))
    return {
        "instance_id": document.instance_id if document else None,
        "region": document.region if document else None,
        "zone": document.zone if document else None,
        "image_id": document.image_id if document else None,
        "cpu_model": document.cpu_model if document else None,
        "kernel": system.kernel if system else None,
        "microcode": system.microcode if system else None,
        "findings": list(judgement.told) if judgement else [],
        "result_sha256": record.sha256.get((job, suite)),
        "raw_sha256": document.raw_sha256 if document else None,
    }


def plain(value: Any) -> Any:
    """Values that JSON has: money as strings, times as ISO 8601."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
