"""How far back a listing of sentinels reaches: as far as it may cost.

Sentinels sort by the clock of who wrote them. One whose clock is behind, or that was long under way, appears
before what was heard already; so a listing reaches back by an overlap, and now and then to the beginning. In
a large run either is many requests. A page is the least that a listing costs, so while the overlap fits it
is listed at every poll. Beyond that it is listed when something is missing (a gap in a job's numbers, an
instance that ended) and else so seldom that looking back is a tenth of the requests; so is the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchtui.core import keys

#: Keys of a page of ListObjectsV2, at most.
PAGE = 1000
FULL_LIST_EVERY = timedelta(minutes=5)
#: Looking back may take one request in so many.
SPARING = 10
#: What every poll reaches back, for clocks that were set by the same source and answers that took their time.
NARROW = timedelta(seconds=2)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reach:
    """From when on a listing tells; None: from the beginning."""

    start: datetime | None
    wide: bool = True

    def after(self, run: str) -> str | None:
        """StartAfter of the listing."""
        return None if self.start is None else keys.events_after(run, self.start)


class Cursor:
    """Where the next listing of one run's sentinels begins.

    Args:
        overlap: how far clocks may differ.
        poll: time between two listings.
    """

    def __init__(self, overlap: timedelta, poll: timedelta) -> None:
        self.overlap, self.poll = overlap, poll
        self.newest = EPOCH  # stamp
        self._window = 0  # sentinels in the overlap, as far as is known
        self._missing = False
        self._full_at: datetime | None = None  # of the next full listing
        self._wide_at: datetime | None = None

    def seen(self, at: datetime, *, missing: bool) -> None:
        """A sentinel was heard; ``missing``: it shows that one before it was not."""
        self.newest = max(self.newest, at)
        self._missing = self._missing or missing

    def reach(self, now: datetime, *, look_back: bool) -> Reach:
        """How far to reach now; ``look_back``: something has happened that what is late may explain."""
        if self._full_at is None or now >= self._full_at:
            return Reach(None)
        due = self._wide_at is None or now >= self._wide_at
        if look_back or self._missing or self._window < PAGE or due:
            return Reach(self.newest - self.overlap)
        return Reach(self.newest - min(NARROW, self.overlap), wide=False)

    def overlapping(self, run: str, found: Iterable[str]) -> set[str]:
        """Keys that lie in the overlap as it is now."""
        after = keys.events_after(run, self.newest - self.overlap)
        return {key for key in found if key > after}

    def listed(self, reach: Reach, now: datetime, *, count: int, new: int, window: int) -> None:
        """A listing has come to its end.

        Args:
            reach: how far it reached.
            now: when it began.
            count: keys it brought.
            new: those that were not known.
            window: keys in the overlap, of a listing that reached so far.
        """
        pause = SPARING * max(1, math.ceil(count / PAGE)) * self.poll
        if reach.start is None:
            self._full_at = now + max(FULL_LIST_EVERY, pause)
            pause = SPARING * max(1, math.ceil(window / PAGE)) * self.poll
        if reach.wide:
            self._window, self._wide_at, self._missing = window, now + pause, False
        else:
            self._window += new
