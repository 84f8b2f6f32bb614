"""The run that a client looks at, and whether there is more of it than was collected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchtui.core.documents import RunDocument
    from benchtui.engine.collector import Collected
    from benchtui.engine.snapshot import Snapshot
    from benchtui.engine.watcher import Watcher

#: What was told of results: job and suite of one that came in, a job and no suite where it is over.
Results = frozenset[tuple[str, str]]


@dataclass(slots=True)
class Followed:
    """The run that is looked at."""

    run: RunDocument
    watcher: Watcher
    snapshot: Snapshot | None = None
    collected_for: Results = frozenset()
    collected: Collected | None = None  # the newest
    task: asyncio.Task[None] | None = None

    def news(self, snapshot: Snapshot) -> Results:
        """All results that ``snapshot`` tells of, if there are others than when it was last collected."""
        came = {(row.status.job, suite) for row in snapshot.rows for suite in row.status.collected}
        over = {(row.status.job, "") for row in snapshot.rows if row.status.over}
        there = frozenset(came | over)
        return there if there != self.collected_for else frozenset()
