"""What a run has spent over time, from the jobs' launches, ends and sums: the same whoever looks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from benchtui.core.money import MINIMUM_BILLED_SECONDS, billed_seconds, rounded_up
from benchtui.core.states import JobStatus

if TYPE_CHECKING:
    from benchtui.core.documents import JobDocument

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


@dataclass(frozen=True, slots=True)
class SpendPoint:
    """Spent in all by a moment, USD, est."""

    at: datetime
    usd: Decimal


def series(rows: Sequence[Row], now: datetime, spent: Decimal) -> tuple[SpendPoint, ...]:
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
