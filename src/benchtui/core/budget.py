"""A run's budget: a book of numbered entries that holds the worst case of a job before it is launched.

Entry ``n`` is written once, by whoever is first, and only by who has read every entry before it. So the
entries have one order that all readers share, and whether a reservation fits is decided before it is written,
from the same entries for everyone: two launchers cannot both take the last of the money. Nothing here does
input or output or knows a clock; all amounts are US dollars, Decimal, and estimates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from benchtui.core.document_fields import Document, JobId, Line, LongLine, Moment, RunId, Usd

ZERO = Decimal(0)
#: So long a reservation is its launcher's own to launch, by S3's clock, and no longer unless it is renewed:
#: then another launcher may take it over.
LEASE = timedelta(minutes=10)
#: What is left of a lease before it is renewed: longer than what lies between two looks at it, a request with
#: its repetitions (aws.session: 5 tries of at most 90 s).
RENEW_BEFORE = timedelta(minutes=8)
#: EC2 lists an instance for about an hour after its end (EC2 user guide, "Terminate"). Who looks within this
#: time after the money was reserved sees whether there was one; later there may have been.
LISTED = timedelta(minutes=45)
MAX_ENTRY_BYTES = 16 << 10
REASON = "budget"  # first word of a census reason


class EntryKind(StrEnum):
    """What an entry of the book does."""

    RESERVED = "reserved"  # the worst case of a job is held for its launch
    TAKEN = "taken"  # another launcher, or the same one for longer, has the right to launch it
    RELEASED = "released"  # its instance was seen ending, or there is none: what it has cost takes its place


class ReservationDocument(Document):
    """One entry of a run's book, as it lies in the bucket."""

    kind: ClassVar[str] = "benchtui.reservation"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = MAX_ENTRY_BYTES

    schema_: Line = Field(alias="schema", default="benchtui.reservation/1")
    run: RunId
    entry: EntryKind
    job: JobId
    usd: Usd  # reserved, taken: held; released: what it has cost
    launcher: Annotated[Line, Field(min_length=1)]  # who wrote it; random
    at: Moment  # the writer's clock
    reason: LongLine | None = None
    basis: LongLine | None = None  # of the price it was reckoned with
    as_of: date | None = None
    instance_id: Line | None = None  # released: the instance that was seen ending; None: there never was one
    launched_at: Moment | None = None
    ended_at: Moment | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry with its place in the book and the time on S3's clock."""

    number: int
    written_at: datetime
    said: ReservationDocument


@dataclass(frozen=True, slots=True)
class Holding:
    """The worst case of a job that may be launched, or is."""

    job: str
    usd: Decimal
    launcher: str
    since: datetime  # S3's clock; of the newest entry that gives its launcher the right
    begun: datetime  # S3's clock; of the entry that reserved it
    holders: frozenset[str]  # every launcher that has had the right since then

    def forgotten(self, now: datetime) -> bool:
        """Whether EC2 may have forgotten by ``now``, S3's clock, an instance that was launched for it."""
        return now - self.begun >= LISTED

    def leased(self, now: datetime) -> bool:
        """Whether it is its launcher's alone at ``now``, S3's clock."""
        return now - self.since < LEASE


@dataclass(frozen=True, slots=True)
class Book:
    """What the entries come to."""

    entries: int = 0  # number of the last one
    held: Mapping[str, Holding] = field(default_factory=dict)  # by job
    paid: Mapping[str, Decimal] = field(default_factory=dict)  # by job: what its ended instances have cost
    reserved: Mapping[str, Decimal] = field(default_factory=dict)  # by job: what was held for it, the most
    ended: frozenset[str] = frozenset()  # jobs that had an instance, which was seen ending

    @property
    def held_usd(self) -> Decimal:
        """Held for what may still cost."""
        return sum((each.usd for each in self.held.values()), ZERO)

    @property
    def paid_usd(self) -> Decimal:
        """Cost of what has ended."""
        return sum(self.paid.values(), ZERO)

    @property
    def committed_usd(self) -> Decimal:
        """Spent and held: what the run can come to by what is launched and reserved."""
        return self.held_usd + self.paid_usd

    def left_usd(self, budget_usd: Decimal) -> Decimal:
        """What of the budget is neither spent nor held; negative: more is."""
        return budget_usd - self.committed_usd

    def fits(self, usd: Decimal, budget_usd: Decimal) -> bool:
        """Whether ``usd`` more may be held."""
        return usd <= self.left_usd(budget_usd)


def with_entries(book: Book, entries: Iterable[Entry]) -> Book:
    """The book with the next entries in it, in their order.

    An entry that makes no sense by those before it (a second reservation of a job that is held, a release
    of one that is not) never makes less money count: of two amounts the larger one does.

    Raises:
        ValueError: one is not the next one.
    """
    number = book.entries
    held, paid, reserved, ended = dict(book.held), dict(book.paid), dict(book.reserved), set(book.ended)
    for entry in entries:
        if entry.number != number + 1:
            raise ValueError(f"entry {entry.number} does not follow entry {number}")
        number, said, job = entry.number, entry.said, entry.said.job
        if said.entry is EntryKind.RELEASED:
            if held.pop(job, None) is not None or said.usd:
                paid[job] = paid.get(job, ZERO) + said.usd
            if said.instance_id is not None:
                ended.add(job)
            continue
        before = held.get(job)
        usd = said.usd if before is None else max(before.usd, said.usd)
        begun = entry.written_at if before is None else before.begun
        holders = frozenset() if before is None else before.holders
        held[job] = Holding(job, usd, said.launcher, entry.written_at, begun, holders | {said.launcher})
        reserved[job] = max(reserved.get(job, ZERO), usd)
    return Book(number, held, paid, reserved, frozenset(ended))


def book_of(entries: Iterable[Entry]) -> Book:
    """The book of ``entries``, in whatever order they come.

    Raises:
        ValueError: one is missing, or there twice.
    """
    return with_entries(Book(), sorted(entries, key=lambda each: each.number))
