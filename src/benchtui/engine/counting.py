"""What is reckoned of a snapshot where the engine works, so that no screen does it while a key waits."""

from __future__ import annotations

from benchtui.core.spending import Tally
from benchtui.engine.slices import slices
from benchtui.engine.snapshot import QUIET, Snapshot
from benchtui.engine.updates import Spent


async def counted(snapshot: Snapshot) -> Spent:
    """Its money; and its counts, which it keeps, are made."""
    tally = Tally(snapshot, over=snapshot.over(QUIET))
    async for part in slices(snapshot.rows):
        for row in part:
            tally.add(row)
    _ = snapshot.counts, snapshot.standing, snapshot.amiss
    return Spent(snapshot, tally.spending())
