"""A run without any cloud: documents, statuses and snapshots made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zlib import crc32

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure, FailureKind
from benchtui.core.deadlines import run_deadline
from benchtui.core.documents import JobDocument, PriceDocument, RatesDocument, RunDocument
from benchtui.core.keys import JobState, Progress, job_parts
from benchtui.core.states import Ec2State, InstanceView, JobStatus
from benchtui.engine.schedule_watch import ScheduleView
from benchtui.engine.snapshot import JobRow, Snapshot, Source

T0 = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
#: Every mechanism of payloads/agent/main.py.
MECHANISMS = ("panic", "boot-guard", "softdog", "timer", "hard-stop", "locked", "shutdown", "agent-guard")
RUN = "20261124-135100-k3f7"


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def planned(job: str, **changes: Any) -> JobDocument:
    instance_type, _ = job_parts(job)
    fields = {
        "job": job,
        "instance_type": instance_type,
        "suites": ("stream", "hpl"),
        "region": "us-west-2",
        "arch": "arm64" if "g." in instance_type else "x86_64",
        "vcpus": 2,
        "cores": 2,
        "threads_per_core": 1,
        "price": PriceDocument(
            usd_per_hour=Decimal("0.0725"), basis="list price", as_of=T0, region="us-west-2"
        ),
        "expected_seconds": 300,
        "expected_usd": Decimal("0.01"),
        "worst_case_usd": Decimal("0.38"),
    }
    return JobDocument.model_validate(fields | changes)


def run_of(jobs: Sequence[JobDocument], **changes: Any) -> RunDocument:
    fields = {
        "run": RUN,
        "name": "fleet",
        "benchtui_version": "0",
        "created_at": T0,
        "mode": "quick",
        "seed": 1,
        "regions": ("us-west-2",),
        "bundle_sha256": "0" * 64,
        "max_runtime_s": 14400,
        "emergency_grace_s": 3600,
        "boot_allowance_s": 600,
        "heartbeat_s": 30,
        "never_started_s": 600,
        "volume_gib": 8,
        "rates": RatesDocument(
            ebs_gb_month=Decimal("0.08"), ipv4_hour=Decimal("0.005"), s3_write_1000=Decimal("0.005")
        ),
        "budget_usd": Decimal(5),
        "worst_case_usd": Decimal("1.52"),
        "jobs": tuple(jobs),
    }
    return RunDocument.model_validate(fields | changes)


def instance(job: str, state: Ec2State = Ec2State.RUNNING, **changes: Any) -> InstanceView:
    fields: dict[str, Any] = {
        "instance_id": f"i-0ab12cd34{crc32(job.encode()):08x}",
        "instance_type": job_parts(job)[0],
        "region": "us-west-2",
        "zone": "us-west-2a",
        "state": state,
        "launched_at": T0,
        "job": job,
        "run": RUN,
        "expires_at": after(18660),
    }
    return InstanceView(**(fields | changes))


def running(job: str, done: int = 3, of: int = 5, **changes: Any) -> JobStatus:
    fields: dict[str, Any] = {
        "job": job,
        "state": JobState.RUNNING,
        "suite": "stream",
        "progress": Progress(done, of),
        "instance": instance(job),
        "booted_at": after(20),
        "last_sentinel_at": after(50),
        "heartbeat_at": after(57),
    }
    return JobStatus(**(fields | changes))


def row(status: JobStatus, spent: str | None = "0.0077", **changes: Any) -> JobRow:
    return JobRow(planned(status.job, **changes), status, None if spent is None else Decimal(spent))


def scheduled(rows: Sequence[JobRow], **changes: Any) -> ScheduleView:
    """Every schedule that the launcher of these jobs makes is there."""
    ids = frozenset(each.status.instance.instance_id for each in rows if each.status.instance)
    view = ScheduleView("us-west-2", after(0), run_deadline(after(18660)), ids)
    return replace(view, **changes)


def mechanisms(*without: str) -> dict[str, str]:
    """What a BOOTED says: everything is armed but ``without``."""
    return {name: "not armed" if name in without else "armed" for name in MECHANISMS}


def snapshot(rows: Sequence[JobRow], at: float = 60, **changes: Any) -> Snapshot:
    now = after(at)
    sources = tuple(
        Source(name, timedelta(seconds=5), answered_at=now - timedelta(seconds=2))
        for name in ("S3", "EC2 us-west-2")
    )
    fields: dict[str, Any] = {
        "run": run_of([each.planned for each in rows]),
        "taken_at": now,
        "as_of": now,
        "rows": tuple(rows),
        "sources": sources,
        "schedules": {"us-west-2": scheduled(rows)},
        "armed": {each.planned.job: mechanisms() for each in rows if each.status.booted_at},
        "spent_usd": sum((each.spent_usd for each in rows if each.spent_usd), Decimal(0)),
    }
    return Snapshot(**(fields | changes))


class NoAnswer:
    """An AWS of which no service answers."""

    async def pages(self, *_: Any, **__: Any) -> list[Any]:
        raise CloudError(Failure(FailureKind.UNKNOWN, "Timeout", "no answer", "us-west-2"))
