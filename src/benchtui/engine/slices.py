"""Long work over all jobs, done in slices: whoever waits for a key or for a kill has a turn in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

#: Jobs that are gone through at a stretch, which takes some ten milliseconds.
SLICE = 500
#: Pause between two slices. Only a thread that sleeps leaves the interpreter to another one for good.
PAUSE_S = 0.003

T = TypeVar("T")


async def slices(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """``items`` in order, at most `SLICE` at a time, with a pause between; none where there is one slice."""
    for begin in range(0, len(items), SLICE):
        if begin:
            await asyncio.sleep(PAUSE_S)
        yield items[begin : begin + SLICE]
