"""What a run has spent, may still spend and will probably spend: from its jobs, their prices and the time.

Everything is computed from launch and end times, so that whoever looks later, or from another machine,
sees the same curve. Sums are exact; every amount is an estimate (core.money says of what).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from benchtui.core.catalogue import Price
from benchtui.core.keys import JobState
from benchtui.core.money import (
    ESTIMATED_MONTH_SECONDS,
    SECONDS_PER_HOUR,
    Rates,
    billed_seconds,
    cost_of,
    reached,
    rounded_up,
)
from benchtui.core.spend_curve import Row, SpendPoint, series
from benchtui.core.states import InstanceView

if TYPE_CHECKING:
    from benchtui.core.documents import JobDocument, PriceDocument, RunDocument

ZERO = Decimal(0)


class RunAtOneMoment(Protocol):
    """A run with its jobs (engine.snapshot.Snapshot)."""

    @property
    def run(self) -> RunDocument:
        """run.json."""
        ...

    @property
    def taken_at(self) -> datetime:
        """When it was looked at."""
        ...

    @property
    def as_of(self) -> datetime | None:
        """When its sources last answered together."""
        ...

    @property
    def rows(self) -> Sequence[Row]:
        """Its jobs."""
        ...


@dataclass(frozen=True, slots=True)
class TypeSpending:
    """One instance type's part."""

    instance_type: str
    jobs: int
    live: int
    usd_per_hour: Decimal  # the instance alone, at launch
    spent_usd: Decimal | None  # None: nothing is known of any of its instances
    held_usd: Decimal
    worst_case_usd: Decimal


@dataclass(frozen=True, slots=True)
class PriceBasis:
    """Where prices are from and how old the oldest of them is."""

    basis: str
    as_of: datetime
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spending:
    """A run's money at one moment. All amounts are USD and estimates."""

    run: str
    at: datetime
    spent_usd: Decimal  # of the instances that are known of
    unaccounted: int  # jobs that had an instance of which nothing is known any more
    held_usd: Decimal  # worst case of jobs that are not over, less what they have spent
    worst_case_usd: Decimal  # as it was planned
    cap_usd: Decimal  # the budget
    burn_usd_per_hour: Decimal  # of what is alive: instance, volume, public address
    live: int
    ends_at: datetime | None  # projected; None: nothing is alive or to come
    ends_latest: datetime | None  # when the last live instance is ended in any case; None: not known
    projected_usd: Decimal  # spent in all by then
    by_type: tuple[TypeSpending, ...]
    bases: tuple[PriceBasis, ...]
    projection: tuple[SpendPoint, ...]  # from now to the projected end
    rows: tuple[Row, ...] = field(repr=False)  # what all of it is of

    @property
    def series(self) -> tuple[SpendPoint, ...]:
        """The curve from the first launch to now; made when it is asked for, for it takes longest."""
        return series(self.rows, self.at, self.spent_usd)

    @property
    def at_most_usd(self) -> Decimal:
        """Spent and held: what it can still come to."""
        return self.spent_usd + self.held_usd

    @property
    def percent_reached(self) -> int:
        """The highest of 0, 50, 80 and 100 % of the cap that is spent."""
        return reached(self.spent_usd, self.cap_usd)

    @property
    def headroom_usd(self) -> Decimal:
        """What the cap leaves beyond the worst that can still come; negative: it does not hold."""
        return self.cap_usd - self.at_most_usd


def spending_of(snapshot: RunAtOneMoment, *, over: bool = False) -> Spending:
    """The money of a run.

    Args:
        snapshot: the run at one moment.
        over: nothing more of it will be launched (Snapshot.over), so that nothing is held for jobs that
            were planned and never came to be.
    """
    tally = Tally(snapshot, over=over)
    for row in snapshot.rows:
        tally.add(row)
    return tally.spending()


class Tally:
    """Adds up a run's money job by job: of ten thousand of them that takes long enough to pause in between.

    Args:
        snapshot: the run at one moment; each of its rows has to be added once.
        over: see `spending_of`.
    """

    def __init__(self, snapshot: RunAtOneMoment, *, over: bool = False) -> None:
        self._snapshot, self._over = snapshot, over
        self._now = snapshot.as_of or snapshot.taken_at
        self._meter = _Meter(snapshot.run)
        self._unaccounted = 0
        self._to_come = self._burn = ZERO
        self._ends_at: datetime | None = None
        self._latest: datetime | None = None
        self._endless = False  # an instance is alive and nothing says when it is ended in any case
        self._parts: dict[tuple[str, str], _Part] = {}  # by type and region

    def add(self, row: Row) -> None:
        """One job."""
        price, alive, spent = _price(row), _alive(row), row.spent_usd
        kind = (row.planned.instance_type, price.region)
        part = self._parts.get(kind)
        if part is None:
            part = self._parts[kind] = _Part(price.usd_per_hour)
        part.jobs += 1
        part.worst_case_usd += row.planned.worst_case_usd
        part.held_usd += _held(row, self._over)
        if spent is not None:
            part.known = True
            part.spent_usd += spent
        elif row.status.state not in _NO_INSTANCE:
            self._unaccounted += 1
        if alive:
            part.live += 1
            self._burn += self._meter.hourly(price)
            self._is_alive(row)
        end = _expected_end(row, self._now, self._over)
        if end is not None:
            self._ends_at = end if self._ends_at is None else max(self._ends_at, end)
            self._to_come += _still_to_come(row, price, self._meter, self._now, end)

    def _is_alive(self, row: Row) -> None:
        at = row.status.instance.expires_at if row.status.instance is not None else None
        if at is None:
            self._endless = True
        elif self._latest is None or at > self._latest:
            self._latest = at

    def spending(self) -> Spending:
        """All that was added."""
        run, now, parts = self._snapshot.run, self._now, self._parts.values()
        spent = sum((part.spent_usd for part in parts), ZERO)
        projected, ends_at = spent + self._to_come, self._ends_at
        return Spending(
            run=run.run,
            at=now,
            spent_usd=spent,
            unaccounted=self._unaccounted,
            held_usd=sum((part.held_usd for part in parts), ZERO),
            worst_case_usd=run.worst_case_usd,
            cap_usd=run.budget_usd,
            burn_usd_per_hour=self._burn,
            live=sum(part.live for part in parts),
            ends_at=ends_at,
            ends_latest=None if self._endless else self._latest,
            projected_usd=projected,
            by_type=_by_type(self._parts),
            bases=_bases(run),
            projection=(SpendPoint(now, spent), SpendPoint(ends_at, projected)) if ends_at else (),
            rows=tuple(self._snapshot.rows),
        )


@dataclass(slots=True)
class _Part:
    """Sums of one type in one region."""

    usd_per_hour: Decimal
    known: bool = False  # of any of its instances something is
    jobs: int = 0
    live: int = 0
    spent_usd: Decimal = ZERO
    held_usd: Decimal = ZERO
    worst_case_usd: Decimal = ZERO


class _Meter:
    """What instances of a run cost; most of its jobs cost the same, and each price is reckoned once."""

    def __init__(self, run: RunDocument) -> None:
        self.run, self.rates = run, run.rates.rates(run.run)
        self._costs: dict[tuple[Decimal, int], Decimal] = {}
        self._hourly: dict[Decimal, Decimal] = {}

    def usd(self, price: PriceDocument, span: timedelta) -> Decimal:
        """Of an instance that has run for ``span``, without its writes to S3."""
        seconds = billed_seconds(max(0.0, span.total_seconds()))
        key = (price.usd_per_hour, seconds)
        if key not in self._costs:
            self._costs[key] = cost_of(_at_launch(price), seconds, self.run.volume_gib, self.rates, 0).usd
        return self._costs[key]

    def hourly(self, price: PriceDocument) -> Decimal:
        """Of a live instance."""
        if price.usd_per_hour not in self._hourly:
            self._hourly[price.usd_per_hour] = _hourly(price, self.run, self.rates)
        return self._hourly[price.usd_per_hour]


_NO_INSTANCE = frozenset({JobState.PLANNED, JobState.DECLINED})


def hourly_usd(document: RunDocument | None, view: InstanceView) -> Decimal | None:
    """What a live instance costs an hour: itself, its volume and its public address; None: not known.

    Args:
        document: run.json of its run, where the prices are; None: not at hand.
        view: the instance.
    """
    price = None if document is None else _price_of(document, view)
    if document is None or price is None:
        return None
    return _hourly(price, document, document.rates.rates(document.run))


def spent_by(document: RunDocument | None, view: InstanceView, at: datetime) -> Decimal | None:
    """What an instance has cost by ``at``, without its writes to S3; None: its price is not known.

    Args:
        document: run.json of its run; None: not at hand.
        view: the instance, alive.
        at: the time, UTC.
    """
    price = None if document is None else _price_of(document, view)
    if document is None or price is None:
        return None
    seconds = max(0.0, (at - view.launched_at).total_seconds())
    rates = document.rates.rates(document.run)
    return cost_of(_at_launch(price), seconds, document.volume_gib, rates, 0).usd


def _price_of(document: RunDocument, view: InstanceView) -> PriceDocument | None:
    """Of the job with the instance's type and region: a tag alone does not say what is billed."""
    return next(
        (
            job.price_in(view.region)
            for job in document.jobs
            if job.instance_type == view.instance_type and view.region in job.places
        ),
        None,
    )


def _at_launch(price: PriceDocument) -> Price:
    return Price(price.usd_per_hour, price.basis, price.as_of, price.region)


def _hourly(price: PriceDocument, run: RunDocument, rates: Rates) -> Decimal:
    volume = rates.ebs_gb_month.usd * run.volume_gib * SECONDS_PER_HOUR / ESTIMATED_MONTH_SECONDS
    return price.usd_per_hour + rounded_up(volume) + rates.ipv4_hour.usd


def _price(row: Row) -> PriceDocument:
    """Of a job where its instance is."""
    return row.planned.price_in(row.status.instance.region if row.status.instance is not None else None)


def _alive(row: Row) -> bool:
    return row.status.instance is not None and not row.status.instance.ending


def _held(row: Row, over: bool) -> Decimal:
    """Worst case of a job that can still cost something, less what it has spent."""
    if row.status.over or (over and not _alive(row)):
        return ZERO
    return max(ZERO, row.planned.worst_case_usd - (row.spent_usd or ZERO))


def _expected_end(row: Row, now: datetime, over: bool) -> datetime | None:
    """When a job is expected to be over; None: it is, or will never begin.

    One that is alive beyond what was expected of it is taken to live until it is ended in any case.
    """
    expected = timedelta(seconds=row.planned.expected_seconds)
    if _alive(row):
        view = row.status.instance
        assert view is not None
        end = view.launched_at + expected
        return end if end > now else max(now, view.expires_at or now)
    if over or row.status.over or row.status.state is not JobState.PLANNED:
        return None
    return now + expected


def _still_to_come(row: Row, price: PriceDocument, meter: _Meter, now: datetime, end: datetime) -> Decimal:
    """What a job is expected to cost from now to its expected ``end``."""
    if not _alive(row):
        return row.planned.expected_usd
    view = row.status.instance
    assert view is not None
    return meter.usd(price, end - view.launched_at) - meter.usd(price, now - view.launched_at)


def _by_type(parts: dict[tuple[str, str], _Part]) -> tuple[TypeSpending, ...]:
    """With its region where a type has prices of several."""
    regions = Counter(name for name, _ in parts)
    found = [
        TypeSpending(
            instance_type=f"{name} {region}" if regions[name] > 1 else name,
            jobs=part.jobs,
            live=part.live,
            usd_per_hour=part.usd_per_hour,
            spent_usd=part.spent_usd if part.known else None,
            held_usd=part.held_usd,
            worst_case_usd=part.worst_case_usd,
        )
        for (name, region), part in parts.items()
    ]
    return tuple(sorted(found, key=lambda part: (-(part.spent_usd or ZERO), part.instance_type)))


def _bases(run: RunDocument) -> tuple[PriceBasis, ...]:
    found: dict[str, list[JobDocument]] = {}
    for job in run.jobs:
        found.setdefault(job.price.basis, []).append(job)
    return tuple(
        PriceBasis(
            basis=basis,
            as_of=min(job.price.as_of for job in jobs),
            types=tuple(dict.fromkeys(job.instance_type for job in jobs)),
        )
        for basis, jobs in found.items()
    )
