"""What a reader of a run sees of its book of money, from whatever machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.core.budget import Book
from benchtui.core.errors import BenchtuiError
from benchtui.engine.reservations import BookReader

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.engine.clock import Clock


@dataclass(frozen=True, slots=True)
class BookView:
    """A run's book as last answered."""

    asked_at: datetime
    book: Book | None = None  # None: never read
    error: str | None = None  # why the last reading failed; the book is older then


#: Entries of one look: a large run's are read in several, so that nothing else is held up by it.
MOST_A_LOOK = 1000


class BookWatch:
    """Reads the book again once a period; it is shown when it was read to its end.

    Args:
        bucket: where it lies.
        run: the run's id.
        clock: the time.
        period: between two readings.
    """

    def __init__(self, bucket: Bucket, run: str, clock: Clock, period: timedelta) -> None:
        self.clock, self.period = clock, period
        self.view: BookView | None = None
        self._reader = BookReader(bucket, run)

    async def look(self) -> None:
        """Read it if it is due; never raises for an answer that did not come."""
        now, seen = self.clock.now(), self.view
        if seen is not None and abs(now - seen.asked_at) < self.period and seen.error is None:
            return
        before = seen or BookView(now)
        try:
            if await self._reader.read_on(MOST_A_LOOK):
                self.view = BookView(now, self._reader.book)
            else:
                read = f"{self._reader.book.entries} entries are read, and there are more"
                self.view = replace(before, asked_at=now, error=read)
        except BenchtuiError as problem:
            self.view = replace(before, asked_at=now, error=problem.what)

    async def read_whole(self) -> None:
        """Read it to its end; never raises for an answer that did not come."""
        now = self.clock.now()
        try:
            self.view = BookView(now, await self._reader.read())
        except BenchtuiError as problem:
            self.view = replace(self.view or BookView(now), asked_at=now, error=problem.what)
