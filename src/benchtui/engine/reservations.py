"""A run's book of money in the bucket: read as it stands, and written one entry at a time.

An entry is written under the number after the last one that was read, with If-None-Match. Who finds that
number taken reads on and decides again, so what was decided is always decided from the whole book. An entry
that cannot be read, of a newer version or missing, lets nothing be reserved: what is not known may be money.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from benchtui.core import keys
from benchtui.core.budget import (
    LEASE,
    RENEW_BEFORE,
    Book,
    Entry,
    EntryKind,
    Holding,
    ReservationDocument,
    with_entries,
)
from benchtui.core.document_fields import parse_document, to_json
from benchtui.core.documents import JobDocument, RunDocument
from benchtui.core.errors import BenchtuiError, BudgetError, InvalidDocumentError
from benchtui.core.keys import KeyNotOurs
from benchtui.core.money import usd_text
from benchtui.core.seals import sealed
from benchtui.engine.together import together

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket, ListedObject
    from benchtui.engine.clock import Clock

#: Bodies asked for at the same time.
AT_ONCE = 16
#: Entries that are listed by one request, at most.
PAGE = 1000
#: Of others writing the same number first; each time somebody's entry came into the book.
MOST_CONTESTS = 1_000

#: In the place of an instance's id where there was one, or may have been, and EC2 does not list it.
NOT_LISTED = "not listed any more"

#: What other runs of the account have spent and hold today, USD.
Elsewhere = Callable[[], Awaitable[Decimal]]


class Hold(StrEnum):
    """Whose the right to launch a job is."""

    MINE = "mine"  # reserved here, now or before
    TAKEN_OVER = "taken over"  # reserved by a launcher that is gone: it may have launched it
    OTHERS = "other's"  # another launcher is at it
    ENDED = "ended"  # its instance was seen ending, or may have ended so long ago that EC2 forgot it


@dataclass(frozen=True, slots=True)
class DailyCap:
    """What all runs of a bucket may come to on one UTC day."""

    usd: Decimal
    elsewhere: Elsewhere


class BookReader:
    """Follows a run's book; what has been read is not asked for again, for it does not change.

    Args:
        bucket: where it lies.
        run: the run's id.
    """

    def __init__(self, bucket: Bucket, run: str) -> None:
        self.bucket, self.run = bucket, run
        self.book = Book()
        self.entries: list[Entry] = []

    async def read(self) -> Book:
        """The book as it stands now: one LIST, and one GET for each entry that is new.

        Raises:
            CloudError: S3 could not be asked.
            InvalidDocumentError: an entry is missing or cannot be understood.
        """
        while not await self.read_on(PAGE):
            pass
        return self.book

    async def read_on(self, most: int) -> bool:
        """Read at most ``most`` more entries; whether the book is as it stands now.

        Raises:
            CloudError, InvalidDocumentError: see `read`.
        """
        after = keys.reservation_key(self.run, self.book.entries) if self.book.entries else None
        page = await self.bucket.list_page(
            keys.reservations_prefix(self.run), start_after=after, max_keys=min(most, PAGE)
        )
        limit = asyncio.Semaphore(AT_ONCE)
        entries = await together(*(self._entry(item, limit) for item in page.objects))
        # Another reading of this process may have been faster.
        self._add([entry for entry in entries if entry.number > self.book.entries])
        return page.next_token is None

    def add_own(self, entry: Entry) -> None:
        """An entry that was written just now as the next one."""
        if entry.number > self.book.entries:
            self._add([entry])

    def _add(self, entries: list[Entry]) -> None:
        try:
            self.book = with_entries(self.book, entries)
        except ValueError as error:
            raise InvalidDocumentError(f"{keys.reservations_prefix(self.run)}: {error}") from error
        self.entries += entries

    async def _entry(self, item: ListedObject, limit: asyncio.Semaphore) -> Entry:
        try:
            _, number = keys.parse_reservation(item.key)
        except KeyNotOurs as error:
            raise InvalidDocumentError(f"in the run's book: {error}") from error
        async with limit:
            body = await self.bucket.get(item.key, ReservationDocument.max_bytes)
        said = parse_document(ReservationDocument, body, item.key)
        if said.run != self.run:
            raise InvalidDocumentError(f"{item.key}: is of run {said.run}")
        return Entry(number, item.last_modified, said)


class Reservations:
    """Holds money for the jobs of one run, for one launcher.

    Args:
        bucket: where the book lies.
        run: with its budget and the worst case of each job.
        clock: the time.
        launcher: who this is; None: somebody new.
        gone: launchers that are known to be no more, so that what they held is free to be taken over.
        asked: jobs that one of those has asked EC2 for.
        daily: cap over all runs of the bucket; None: there is none.
    """

    def __init__(
        self,
        bucket: Bucket,
        run: RunDocument,
        clock: Clock,
        *,
        launcher: str | None = None,
        gone: Collection[str] = (),
        asked: Collection[str] = (),
        daily: DailyCap | None = None,
    ) -> None:
        self.bucket, self.run, self.clock, self.daily = bucket, run, clock, daily
        self.launcher = launcher or secrets.token_hex(8)
        self.gone, self.asked = frozenset(gone), frozenset(asked)
        self._reader = BookReader(bucket, run.run)
        self._since: dict[str, datetime] = {}  # own holdings: S3's time just before the entry was written
        self._day_open: set[str] = set()  # held, and not yet known to be within the day's cap
        self._one_at_a_time = asyncio.Lock()

    @property
    def book(self) -> Book:
        """As last read."""
        return self._reader.book

    async def read(self) -> Book:
        """The book as it stands.

        Raises:
            CloudError: S3 could not be asked.
            InvalidDocumentError: an entry is missing or cannot be understood.
        """
        async with self._one_at_a_time:
            return await self._reader.read()

    async def hold(self, job: JobDocument) -> Hold:
        """Hold the worst case of ``job`` before a request for its instance; whose it is then.

        To be asked before every request: where the money is held already and the lease is young it costs
        nothing. After TAKEN_OVER look for an instance, and ask again if there is none.

        Raises:
            BudgetError: spent and held leave less than that; nothing is held.
            CloudError: S3 did not say that it is held.
            InvalidDocumentError: the book cannot be understood.
        """
        async with self._one_at_a_time:
            since = self._since.get(job.job)
            if since is not None and self._now() - since < LEASE - RENEW_BEFORE:
                held = Hold.MINE
            else:
                if not self._plain(job):
                    await self._reader.read()
                held = await self._settled(job)
                if since is None and held in (Hold.MINE, Hold.TAKEN_OVER):
                    self._day_open.add(job.job)
            if held is Hold.MINE and job.job in self._day_open:
                await self._within_the_day(job)
            return held

    def _plain(self, job: JobDocument) -> bool:
        """Whether the book as last read says that the job is to be reserved, and that it fits.

        Then it need not be read before it is written: the number after the last one is free only if nothing
        was added meanwhile.
        """
        book = self.book
        known = job.job in book.held or job.job in book.ended
        return book.entries > 0 and not known and book.fits(job.worst_case_usd, self.run.budget_usd)

    async def _settled(self, job: JobDocument) -> Hold:
        """Decide from the book and write; again from the start where another entry came first."""
        for _ in range(MOST_CONTESTS):
            holding = self.book.held.get(job.job)
            if holding is None:
                if job.job in self.book.ended:
                    return Hold.ENDED
                self._check(job)
                kind, outcome = EntryKind.RESERVED, Hold.MINE
            elif holding.launcher == self.launcher:
                kind, outcome = EntryKind.TAKEN, Hold.MINE  # for longer
            elif holding.launcher not in self.gone and holding.leased(self._now()):
                self._since.pop(job.job, None)
                return Hold.OTHERS
            elif holding.forgotten(self._now()) and not self._never_asked(job, holding):
                if await self._append(self._counted(job, holding)):
                    return Hold.ENDED
                continue
            else:
                kind, outcome = EntryKind.TAKEN, Hold.TAKEN_OVER
            before = self._now()
            if await self._append(self._document(job, kind)):
                self._since[job.job] = before
                return outcome
        raise BudgetError(f"{job.job}: others kept writing into the book of {self.run.run} first")

    def _never_asked(self, job: JobDocument, holding: Holding) -> bool:
        """Whether, by this machine's ledger, nobody who has held the money has asked EC2 for an instance."""
        return holding.holders <= self.gone | {self.launcher} and job.job not in self.asked

    def _counted(self, job: JobDocument, holding: Holding) -> ReservationDocument:
        """It may have had an instance that EC2 has forgotten: as if it had cost all that it could."""
        reason = "it may have been launched so long ago that EC2 lists it no more: the worst case is counted"
        known = {"usd": holding.usd, "instance_id": NOT_LISTED, "reason": reason}
        return self._document(job, EntryKind.RELEASED, **known)

    def _check(self, job: JobDocument) -> None:
        """Refuse what does not fit.

        Raises:
            BudgetError: says what is spent, held, wanted and allowed.
        """
        book, budget = self.book, self.run.budget_usd
        if not book.fits(job.worst_case_usd, budget):
            left = usd_text(max(Decimal(0), book.left_usd(budget)))
            raise BudgetError(
                f"{usd_text(book.paid_usd)} USD spent and {usd_text(book.held_usd)} USD held leave {left} of "
                f"{usd_text(budget)} USD, and the worst case is {usd_text(job.worst_case_usd)} USD",
                fix=f"when others have ended: benchtui run --resume {self.run.run}; or raise [safety] "
                "budget_usd for a new run",
            )

    async def _within_the_day(self, job: JobDocument) -> None:
        """Give back what was just reserved where all runs of the day would come to more than allowed.

        Others' books are read after this one was written: of two runs that reserve at the same time at
        least one sees the other. Both may, and both give back: never too much, sometimes too little.

        Raises:
            BudgetError: it would be too much.
            CloudError: S3 did not say.
            InvalidDocumentError: another run's book cannot be understood.
        """
        if self.daily is not None:
            try:
                await self._check_day(self.daily)
            except BenchtuiError as error:
                await self._give_back(job, f"the day's cap: {error.what}")
                raise
        self._day_open.discard(job.job)

    async def _check_day(self, cap: DailyCap) -> None:
        elsewhere, own = await cap.elsewhere(), self.book.committed_usd
        if own + elsewhere > cap.usd:
            raise BudgetError(
                f"the day's cap of {usd_text(cap.usd)} USD: this run would come to {usd_text(own)}, and "
                f"others of today hold or have spent {usd_text(elsewhere)} USD",
                fix="run it tomorrow (UTC), or raise [safety] daily_budget_usd",
            )

    async def give_back(self, job: JobDocument, reason: str) -> None:
        """Release what is held here for a job of which no instance was launched, beyond doubt.

        Raises:
            CloudError: S3 did not say that it is released; it stays held then.
            InvalidDocumentError: the book cannot be understood.
        """
        async with self._one_at_a_time:
            await self._give_back(job, reason)

    async def _give_back(self, job: JobDocument, reason: str) -> None:
        while (holding := self.book.held.get(job.job)) is not None and holding.launcher == self.launcher:
            if await self._append(self._document(job, EntryKind.RELEASED, usd=Decimal(0), reason=reason)):
                break
        self._since.pop(job.job, None)

    async def release(
        self,
        job: JobDocument,
        usd: Decimal,
        *,
        reason: str,
        instance_id: str | None,
        launched_at: datetime | None = None,
        ended_at: datetime | None = None,
    ) -> bool:
        """Put what a job has cost in the place of its worst case, whoever held it; whether it was held.

        Args:
            usd: actual cost, est.
            instance_id: the instance that was seen ending; None: there is none and will be none.

        Raises:
            CloudError: S3 did not say that it is released.
            InvalidDocumentError: the book cannot be understood.
        """
        async with self._one_at_a_time:
            await self._reader.read()
            while job.job in self.book.held:
                said = self._document(
                    job,
                    EntryKind.RELEASED,
                    usd=usd,
                    reason=reason,
                    instance_id=instance_id,
                    launched_at=launched_at,
                    ended_at=ended_at,
                )
                if await self._append(said):
                    return True
            return False

    def _document(self, job: JobDocument, kind: EntryKind, **fields: Any) -> ReservationDocument:
        return ReservationDocument(
            run=self.run.run,
            entry=kind,
            job=job.job,
            launcher=self.launcher,
            at=self.clock.now(),
            basis=job.price.basis,
            as_of=job.price.as_of.date(),
            **{"usd": job.worst_case_usd, **fields},
        )

    async def _append(self, said: ReservationDocument) -> bool:
        """Write the next entry; False if somebody else's is there, which is read then."""
        number = self.book.entries + 1
        written_at = self._now()
        key = keys.reservation_key(self.run.run, number)
        if await self.bucket.put_once(key, sealed(key, to_json(said))):
            self._reader.add_own(Entry(number, written_at, said))
            return True
        # It can be this very one: a request whose answer was lost is repeated.
        await self._reader.read()
        if self.book.entries < number:
            raise InvalidDocumentError(f"{key}: is there and is not listed")
        return self._reader.entries[number - 1].said == said

    def _now(self) -> datetime:
        return self.bucket.server_now(self.clock.now())
