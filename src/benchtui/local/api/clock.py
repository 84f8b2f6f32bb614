"""Time as the local cloud tells it; tests and drills may set it forward instead of waiting."""

from __future__ import annotations

import datetime as dt
import time


class Clock:
    """Wall time plus an offset that only grows."""

    def __init__(self) -> None:
        self.offset_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset_s

    def utc(self) -> dt.datetime:
        """Naive UTC, as moto keeps its times."""
        return dt.datetime.fromtimestamp(self.now(), tz=dt.UTC).replace(tzinfo=None)

    def advance(self, seconds: float) -> None:
        """Jump forward; ValueError for a negative jump."""
        if seconds < 0:
            raise ValueError("the clock of the local cloud only goes forward")
        self.offset_s += seconds
