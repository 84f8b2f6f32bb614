"""The bill of a run, job by job: what each instance has cost by observed times, and what was held for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from benchtui.core.money import Item

if TYPE_CHECKING:
    from benchtui.engine.snapshot import Snapshot
    from benchtui.engine.watcher import Watcher


@dataclass(frozen=True, slots=True)
class BillLine:
    """One job's money, USD, est.; None: not known, or there is none."""

    job: str
    instance_id: str | None
    launched_at: datetime | None
    ended_at: datetime | None  # of its bill; None: it has not ended, or nobody saw it
    items: tuple[Item, ...]  # empty: its times are not known any more
    spent_usd: Decimal | None
    reserved_usd: Decimal | None  # held before its launch; None: nothing ever was
    held_usd: Decimal | None  # still held
    released_usd: Decimal | None  # what took the place of the reservation


@dataclass(frozen=True, slots=True)
class Bill:
    """A run's bill."""

    lines: tuple[BillLine, ...]
    reserved_known: bool  # the book was read
    problem: str | None  # why it could not be read, or not lately


def bill(watcher: Watcher, snapshot: Snapshot) -> Bill:
    """The bill as it stands in ``snapshot``, which ``watcher`` has taken."""
    view = snapshot.book
    book = view.book if view is not None else None
    lines = []
    for row in snapshot.rows:
        where = row.status.instance.region if row.status.instance is not None else None
        job, cost = row.planned.job, watcher.cost(row.status, row.planned.price_in(where))
        holding = book.held.get(job) if book is not None else None
        lines.append(
            BillLine(
                job=job,
                instance_id=row.status.instance.instance_id if row.status.instance else None,
                launched_at=row.launched_at,
                ended_at=row.ended_at,
                items=cost.items if cost is not None else (),
                spent_usd=row.spent_usd,
                reserved_usd=book.reserved.get(job) if book is not None else None,
                held_usd=holding.usd if holding is not None else None,
                released_usd=book.paid.get(job) if book is not None else None,
            )
        )
    return Bill(tuple(lines), book is not None, view.error if view is not None else None)
