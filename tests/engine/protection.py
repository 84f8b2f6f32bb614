"""A run of which every layer is armed, and what each of them can be without."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from benchtui.core.budget import Book, Holding
from benchtui.core.documents import RunDocument
from benchtui.core.drills import DrillDocument, Loss, LossRecord, ReapDocument
from benchtui.engine.book_watch import BookView
from benchtui.engine.proofs import Proofs
from benchtui.engine.snapshot import JobRow, Snapshot
from benchtui.engine.sweep import Sweep
from tests.engine import fleet

REGION = "us-west-2"
JOBS = ("c7g.large-1", "c7g.large-2")


def drilled(layer: int | None = 2, **changes: Any) -> DrillDocument:
    """A drill that lost an instance to the schedule alone; ``layer`` ended it."""
    lost = LossRecord(
        loss=Loss.SCHEDULE_ONLY,
        job="t4g.nano-1",
        instance_id="i-0123456789abcdef0",
        layer=layer,
        by="a schedule",
        seconds=300,
        due_seconds=330,
    )
    fields: dict[str, Any] = {
        "run": fleet.RUN,
        "region": REGION,
        "instance_type": "t4g.nano",
        "begun_at": fleet.after(-86_400),
        "ended_at": fleet.after(-86_000),
        "worst_case_usd": Decimal("0.009"),
        "losses": (lost,),
    }
    return DrillDocument(**(fields | changes))


def proofs(*drills: DrillDocument) -> Proofs:
    return Proofs(fleet.after(55), drills, ReapDocument(at=fleet.after(-600), regions=(REGION,), ended=0))


def swept(at: float = 50) -> Sweep:
    return Sweep(fleet.after(at), (), (REGION,))


def denied() -> RunDocument:
    """The run, as its launcher wrote it where it might not make schedules."""
    said = "not armed: CreateSchedule: AccessDeniedException: no"
    return fleet.run_of([fleet.planned(job) for job in JOBS], schedules={REGION: said})


def rows() -> Sequence[JobRow]:
    return [fleet.row(fleet.running(job)) for job in JOBS]


def protected(**changes: Any) -> Snapshot:
    """Two instances with all that ends them."""
    at, usd = fleet.after(0), Decimal("0.38")
    held = {job: Holding(job, usd, "a launcher", at, at, frozenset({"a launcher"})) for job in JOBS}
    fields: dict[str, Any] = {
        "armed": {job: fleet.mechanisms() for job in JOBS},
        "proofs": proofs(drilled()),
        "book": BookView(fleet.after(55), Book(entries=2, held=held)),
    }
    return fleet.snapshot(rows(), **(fields | changes))
