"""The money of several runs side by side: the one that is followed, and those the sweep finds alive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from benchtui.core.documents import RunDocument
from benchtui.core.spending import Spending, hourly_usd, spent_by
from benchtui.core.states import InstanceView

if TYPE_CHECKING:
    from benchtui.engine.runs import RunListing
    from benchtui.engine.sweep import Sweep


@dataclass(frozen=True, slots=True)
class RunMoney:
    """One run's money, USD, est.; None: not known here."""

    run: str | None  # None: instances that carry no run
    live: int
    spent_usd: Decimal | None
    at_least: bool  # spent of the live instances alone: what others had cost is not known here
    held_usd: Decimal | None
    worst_case_usd: Decimal | None
    cap_usd: Decimal | None
    burn_usd_per_hour: Decimal | None
    ends_at: datetime | None  # projected; of a run that is not followed: its hard end


@dataclass(frozen=True, slots=True)
class Total:
    """The sum over runs; ``complete`` where nothing that is in it was unknown."""

    live: int
    spent_usd: Decimal
    held_usd: Decimal
    burn_usd_per_hour: Decimal
    complete: bool


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A live instance that does not belong to the run that is followed, or should be gone."""

    view: InstanceView
    orphaned: str | None  # why nobody looks after it; None: its run does
    spent_usd: Decimal | None  # None: its price is not known here


def by_run(
    followed: Spending | None,
    sweep: Sweep | None,
    listings: Sequence[RunListing] | None,
    now: datetime,
) -> tuple[RunMoney, ...]:
    """The run that is followed first, then every other with live instances, oldest first."""
    rows = [] if followed is None else [_of(followed)]
    documents = documents_of(listings)
    others: dict[str | None, list[InstanceView]] = {}
    for view in sweep.instances if sweep is not None else ():
        if followed is None or view.run != followed.run:
            others.setdefault(view.run, []).append(view)
    rows += [_alive(run, views, documents.get(run or ""), now) for run, views in others.items()]
    return tuple(rows)


def total(rows: Iterable[RunMoney]) -> Total:
    """The sum of what is known."""
    live, complete = 0, True
    spent = held = burn = Decimal(0)
    for row in rows:
        complete = complete and not row.at_least and row.held_usd is not None
        live += row.live
        spent += row.spent_usd or 0
        held += row.held_usd or 0
        burn += row.burn_usd_per_hour or 0
    return Total(live, spent, held, burn, complete)


def elsewhere(
    run: str | None, sweep: Sweep, listings: Sequence[RunListing] | None, now: datetime
) -> tuple[Elsewhere, ...]:
    """Live instances beside those of ``run``, and those of it that should be gone; oldest first."""
    documents = documents_of(listings)
    runs = None if listings is None else {listing.run for listing in listings} | ({run} if run else set())
    reasons = {view.instance_id: reason for view, reason in sweep.orphans(now, runs)}
    return tuple(
        Elsewhere(
            view,
            reasons.get(view.instance_id),
            spent_by(documents.get(view.run or ""), view, now),
        )
        for view in sweep.instances
        if view.run is None or view.run != run or view.instance_id in reasons
    )


def documents_of(listings: Sequence[RunListing] | None) -> dict[str, RunDocument]:
    """run.json by run, of those that could be read."""
    return {each.run: each.document for each in listings or () if each.document is not None}


def _of(spending: Spending) -> RunMoney:
    return RunMoney(
        run=spending.run,
        live=spending.live,
        spent_usd=spending.spent_usd,
        at_least=bool(spending.unaccounted),
        held_usd=spending.held_usd,
        worst_case_usd=spending.worst_case_usd,
        cap_usd=spending.cap_usd,
        burn_usd_per_hour=spending.burn_usd_per_hour,
        ends_at=spending.ends_at,
    )


def _alive(
    run: str | None, views: Sequence[InstanceView], document: RunDocument | None, now: datetime
) -> RunMoney:
    """What the live instances of a run tell without its sentinels."""
    spent = [usd for view in views if (usd := spent_by(document, view, now)) is not None]
    burn = [usd for view in views if (usd := hourly_usd(document, view)) is not None]
    ends = [view.expires_at for view in views if view.expires_at is not None]
    return RunMoney(
        run=run,
        live=len(views),
        spent_usd=sum(spent, Decimal(0)) if spent else None,
        at_least=True,
        held_usd=None,
        worst_case_usd=document.worst_case_usd if document else None,
        cap_usd=document.budget_usd if document else None,
        burn_usd_per_hour=sum(burn, Decimal(0)) if len(burn) == len(views) else None,
        ends_at=max(ends) if len(ends) == len(views) else None,
    )
