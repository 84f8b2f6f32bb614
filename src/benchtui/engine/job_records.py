"""Jobs as JSON: what ``--json`` prints and what is copied from a table. What is not known is null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic_core import to_jsonable_python

from benchtui.core.documents import Metric, ResultDocument
from benchtui.core.result_notes import failed_checks
from benchtui.engine.snapshot import JobRow

if TYPE_CHECKING:
    from benchtui.core.money import Cost
    from benchtui.core.plausibility import Judgement
    from benchtui.engine.detail import JobDetail, Said


def row_fields(row: JobRow) -> dict[str, Any]:
    """A job as a row of its run."""
    status, view = row.status, row.status.instance
    progress = status.progress
    return {
        "job": status.job,
        "instance_type": row.planned.instance_type,
        "region": row.region,
        "market": row.planned.market,
        "wave": row.planned.wave,
        "state": status.state.value,
        "reason": status.reason,
        "suite": status.suite,
        "progress": [progress.done, progress.total] if progress else None,
        "collected": list(status.collected),
        "finished": status.finished,
        "alarm": status.alarm,
        "heard_at": status.last_sentinel_at,
        "heartbeat_at": status.heartbeat_at,
        "spent_usd": row.spent_usd,
        "instance": None
        if view is None
        else {
            "id": view.instance_id,
            "state": view.state.value,
            "state_reason": view.state_reason,
            "region": view.region,
            "zone": view.zone,
            "launched_at": view.launched_at,
            "expires_at": view.expires_at,
        },
    }


def rows_json(rows: Sequence[JobRow]) -> str:
    """Jobs as ASCII JSON: one as an object, several as an array; money as strings, times in UTC."""
    records = [row_fields(row) for row in rows]
    shown = records[0] if len(records) == 1 else records
    return json.dumps(shown, default=to_jsonable_python, indent=2, allow_nan=False)


def detail_fields(detail: JobDetail) -> dict[str, Any]:
    """All that is known of a job."""
    return {
        "run": detail.run,
        "taken_at": detail.taken_at,
        **row_fields(detail.row),
        "reason": detail.reason,
        "launched_at": detail.launched_at,
        "ends_by": detail.ends_by,
        "hard_end": detail.hard_end,
        "layers": dict(detail.layers) or None,
        "tried": [each.model_dump(mode="json") for each in detail.tried],
        "sentinels": [_said(each) for each in detail.said],
        "missing_sentinels": list(detail.row.status.gaps),
        "system": detail.system.model_dump(mode="json", by_alias=True) if detail.system else None,
        "system_problem": detail.system_problem,
        "results": {
            suite: {**_result(result), **_judgement(detail.judgements.get(suite))}
            for suite, result in detail.results.items()
        },
        "cost": _cost(detail.cost),
        "log_chunks": detail.log_chunks,
    }


def _said(said: Said) -> dict[str, Any]:
    sentinel, progress = said.sentinel, said.sentinel.progress
    body = (
        said.body.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"tried"})
        if said.body
        else None
    )
    return {
        "at": sentinel.at,
        "seq": sentinel.seq,
        "state": sentinel.state.value,
        "suite": sentinel.suite,
        "progress": [progress.done, progress.total] if progress else None,
        "body": body,
        "problem": said.problem,
    }


def _result(result: ResultDocument | str) -> dict[str, Any]:
    if isinstance(result, str):
        return {"problem": result}
    return {
        "outcome": result.outcome.value,
        "reason": result.reason,
        "verified": result.verified,
        "failed_checks": list(failed_checks(result)),
        "declined_metrics": dict(result.declined_metrics),
        "metrics": {name: _metric(metric) for name, metric in result.metrics.items()},
    }


def _judgement(judgement: Judgement | None) -> dict[str, Any]:
    if judgement is None:
        return {"plausibility": None}
    return {
        "plausibility": judgement.numbers.value,
        "findings": [
            {"rule": one.rule, "about": one.about.value, "metric": one.metric, "reason": one.reason}
            for one in judgement.findings
        ],
        "untested": [{"rule": one.rule, "lacks": one.lacks} for one in judgement.untested],
    }


def _metric(metric: Metric) -> dict[str, Any]:
    return {"unit": metric.unit, "median": metric.median, "best": metric.best, "n": len(metric.samples)}


def _cost(cost: Cost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    items = [
        {
            "name": item.name,
            "quantity": item.quantity,
            "unit": item.unit,
            "usd_per_unit": item.usd_per_unit,
            "usd": item.usd,
            "basis": item.basis,
            "as_of": item.as_of,
        }
        for item in cost.items
    ]
    return {"usd": cost.usd, "estimate": True, "items": items}
