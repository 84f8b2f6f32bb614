"""Turns of RunInstances: no faster in a region than EC2 lets it, and no slower."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from benchtui.core.pacing import Pace

if TYPE_CHECKING:
    from benchtui.engine.clock import Clock

#: A region in which nothing was accepted for so long does not move.
MOVES_S = 120.0
#: Shortest sleep: below the resolution of a clock time would stand still.
LEAST_SLEEP_S = 0.001


@dataclass(slots=True)
class _Region:
    pace: Pace
    queue: asyncio.Lock = field(default_factory=asyncio.Lock)  # first come, first served
    accepted_s: float | None = None


class Pacing:
    """The pace of one launch in each of its regions.

    Args:
        clock: the time. Where it is set back, time stands still for as long.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._regions: dict[str, _Region] = {}
        self._newest_s, self._ahead_s = 0.0, 0.0

    async def turn(self, region: str) -> None:
        """Wait until one request may be sent in ``region``; it counts as sent."""
        here = self._region(region)
        async with here.queue:
            while (wait_s := here.pace.wait_s(self._now_s())) > 0:
                await self.clock.sleep(max(LEAST_SLEEP_S, wait_s))
            here.pace = here.pace.sent(self._now_s())

    def taken(self, region: str) -> None:
        """A request was answered, or not, but was not refused for the rate."""
        here, now_s = self._region(region), self._now_s()
        here.pace, here.accepted_s = here.pace.taken(now_s), now_s

    def refused(self, region: str) -> None:
        """A request was refused for the rate."""
        here = self._region(region)
        here.pace = here.pace.refused(self._now_s())

    def moves(self, region: str) -> bool:
        """Whether something was accepted in ``region`` not long ago: then who waits comes to its turn."""
        accepted_s = self._region(region).accepted_s
        return accepted_s is not None and self._now_s() - accepted_s < MOVES_S

    def _region(self, region: str) -> _Region:
        if region not in self._regions:
            self._regions[region] = _Region(Pace.begun(self._now_s()))
        return self._regions[region]

    def _now_s(self) -> float:
        now_s = self.clock.now().timestamp() + self._ahead_s
        if now_s < self._newest_s:
            self._ahead_s += self._newest_s - now_s
            now_s = self._newest_s
        self._newest_s = now_s
        return now_s
