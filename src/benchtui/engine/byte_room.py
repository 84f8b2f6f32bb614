"""A bound on what is held in memory at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteRoom:
    """Room for so many bytes; who wants more than all of it waits until it is empty.

    Args:
        size: bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._taken = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, wanted: int) -> AsyncIterator[None]:
        """Hold room for ``wanted`` bytes."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._taken or self._taken + wanted <= self.size)
            self._taken += wanted
        try:
            yield
        finally:
            async with self._changed:
                self._taken -= wanted
                self._changed.notify_all()
