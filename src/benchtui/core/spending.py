"""What a run has spent, may still spend and will probably spend: from its jobs, their prices and the time.

Everything is computed from launch and end times, so that whoever looks later, or from another machine,
sees the same curve. Sums are exact; every amount is an estimate (core.money says of what).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from benchtui.core.catalogue import Price
from benchtui.core.keys import JobState
from benchtui.core.money import (
    ESTIMATED_MONTH_SECONDS,
    MINIMUM_BILLED_SECONDS,
    SECONDS_PER_HOUR,
    Rates,
    billed_seconds,
    cost_of,
    reached,
    rounded_up,
)
from benchtui.core.states import InstanceView, JobStatus

if TYPE_CHECKING:
    from benchtui.core.documents import JobDocument, PriceDocument, RunDocument

ZERO = Decimal(0)
#: Points of a curve; the moments at which instances were launched come beside them while they are fewer.
STEPS = 60


class Row(Protocol):
    """One job, planned and as it stands (engine.snapshot.JobRow)."""

    @property
    def planned(self) -> JobDocument:
        """The plan."""
        ...

    @property
    def status(self) -> JobStatus:
        """The state."""
        ...

    @property
    def spent_usd(self) -> Decimal | None:
        """So far, est.; None: nothing is known of an instance."""
        ...

    @property
    def launched_at(self) -> datetime | None:
        """Of its instance."""
        ...

    @property
    def ended_at(self) -> datetime | None:
        """End of its bill, est."""
        ...


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
class SpendPoint:
    """Spent in all by a moment, USD, est."""

    at: datetime
    usd: Decimal


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
        return _series(self.rows, self.at, self.spent_usd)

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
    run, now = snapshot.run, snapshot.as_of or snapshot.taken_at
    meter = _Meter(run)
    rows = tuple(snapshot.rows)
    alive = [row for row in rows if _alive(row)]
    held = {row.status.job: _held(row, over) for row in rows}
    ends = [at for row in rows if (at := _expected_end(row, now, over)) is not None]
    ends_at = max(ends, default=None)
    spent = sum((row.spent_usd for row in rows if row.spent_usd is not None), ZERO)
    projected = spent + sum((_still_to_come(row, meter, now, over) for row in rows), ZERO)
    latest = [row.status.instance.expires_at for row in alive if row.status.instance]
    return Spending(
        run=run.run,
        at=now,
        spent_usd=spent,
        unaccounted=sum(row.spent_usd is None and row.status.state not in _NO_INSTANCE for row in rows),
        held_usd=sum(held.values(), ZERO),
        worst_case_usd=run.worst_case_usd,
        cap_usd=run.budget_usd,
        burn_usd_per_hour=sum((meter.hourly(_price(row)) for row in alive), ZERO),
        live=len(alive),
        ends_at=ends_at,
        ends_latest=max((at for at in latest if at), default=None) if all(latest) else None,
        projected_usd=projected,
        by_type=_by_type(rows, held),
        bases=_bases(run),
        projection=(SpendPoint(now, spent), SpendPoint(ends_at, projected)) if ends_at else (),
        rows=rows,
    )


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


def _still_to_come(row: Row, meter: _Meter, now: datetime, over: bool) -> Decimal:
    """What a job is expected to cost from now on."""
    end = _expected_end(row, now, over)
    if end is None:
        return ZERO
    if not _alive(row):
        return row.planned.expected_usd
    view = row.status.instance
    assert view is not None
    price = _price(row)
    return meter.usd(price, end - view.launched_at) - meter.usd(price, now - view.launched_at)


def _by_type(rows: Sequence[Row], held: dict[str, Decimal]) -> tuple[TypeSpending, ...]:
    found = []
    by_name: dict[str, list[Row]] = {}
    for row, name in zip(rows, _names(rows), strict=True):
        by_name.setdefault(name, []).append(row)
    for name, mine in by_name.items():
        spent = [row.spent_usd for row in mine if row.spent_usd is not None]
        found.append(
            TypeSpending(
                instance_type=name,
                jobs=len(mine),
                live=sum(map(_alive, mine)),
                usd_per_hour=_price(mine[0]).usd_per_hour,
                spent_usd=sum(spent, ZERO) if spent else None,
                held_usd=sum((held[row.status.job] for row in mine), ZERO),
                worst_case_usd=sum((row.planned.worst_case_usd for row in mine), ZERO),
            )
        )
    return tuple(sorted(found, key=lambda part: (-(part.spent_usd or ZERO), part.instance_type)))


def _names(rows: Sequence[Row]) -> list[str]:
    """Type of each job, with its region where the type has prices of several."""
    places = [(row.planned.instance_type, _price(row).region) for row in rows]
    regions: dict[str, set[str]] = {}
    for name, region in places:
        regions.setdefault(name, set()).add(region)
    return [f"{name} {region}" if len(regions[name]) > 1 else name for name, region in places]


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


def _series(rows: Sequence[Row], now: datetime, spent: Decimal) -> tuple[SpendPoint, ...]:
    """The curve: a step of the least that is billed at each launch, evenly from then to each end."""
    changes: list[tuple[datetime, Decimal, Decimal]] = []  # when, USD at once, USD a second from then on
    for row in rows:
        if row.launched_at is None or row.spent_usd is None or row.launched_at > now:
            continue
        until = min(row.ended_at or now, now)
        rate = row.spent_usd / billed_seconds(max(0.0, (until - row.launched_at).total_seconds()))
        paid_until = row.launched_at + timedelta(seconds=MINIMUM_BILLED_SECONDS)
        changes.append((row.launched_at, rate * MINIMUM_BILLED_SECONDS, ZERO))
        if until > paid_until:
            changes += [(paid_until, ZERO, rate), (until, ZERO, -rate)]
    if not changes:
        return ()
    changes.sort()
    first = changes[0][0]
    times = {first + (now - first) / STEPS * n for n in range(STEPS)}
    launches = {at for at, step, _ in changes if step}
    if len(launches) < STEPS:
        times |= launches
    points = [SpendPoint(at, rounded_up(usd)) for at, usd in _walk(changes, sorted(times)) if at < now]
    return (*points, SpendPoint(now, spent))


def _walk(
    changes: Sequence[tuple[datetime, Decimal, Decimal]], times: Sequence[datetime]
) -> Iterator[tuple[datetime, Decimal]]:
    """The value of a curve of ``changes`` at each of ``times``; both in order."""
    usd, slope, at, done = ZERO, ZERO, times[0], 0
    for moment in times:
        while done < len(changes) and changes[done][0] <= moment:
            when, step, bend = changes[done]
            usd += slope * _seconds(when - at) + step
            slope, at, done = slope + bend, when, done + 1
        usd += slope * _seconds(moment - at)
        at = moment
        yield moment, usd


def _seconds(span: timedelta) -> Decimal:
    return Decimal(str(span.total_seconds()))
