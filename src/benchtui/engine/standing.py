"""How the living instances of a run stand with what ends them, counted region by region."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchtui.engine.snapshot import JobRow, Snapshot

ARMED = "armed"  # as an instance says it of a mechanism


@dataclass(slots=True)
class Standing:
    """Counts over the living instances of one region."""

    alive: int = 0
    booted: int = 0
    told: int = 0  # have said what is armed on them
    armed: int = 0  # of those: at least one mechanism is
    without: Counter[str] = field(default_factory=Counter)  # mechanisms that are not armed
    by_id: int = 0  # have a schedule of their own
    tagged: int = 0  # carry run, job and end
    held: int = 0  # money is held for them
    latest: datetime | None = None  # the last of their ends

    def add(self, row: JobRow, snapshot: Snapshot) -> None:
        """One living instance."""
        view = row.status.instance
        assert view is not None
        self.alive += 1
        self.booted += row.status.booted_at is not None
        mechanisms = snapshot.armed.get(row.planned.job)
        if mechanisms:
            self.told += 1
            self.armed += ARMED in mechanisms.values()
            self.without.update(name for name, state in mechanisms.items() if state != ARMED)
        schedule = snapshot.schedules.get(view.region)
        self.by_id += schedule is not None and view.instance_id in schedule.instances
        self.tagged += None not in (view.run, view.job, view.expires_at)
        book = snapshot.book.book if snapshot.book is not None else None
        self.held += book is not None and row.planned.job in book.held
        if view.expires_at is not None and (self.latest is None or view.expires_at > self.latest):
            self.latest = view.expires_at


def standing_of(snapshot: Snapshot) -> dict[str, Standing]:
    """By region of the run; there is one for each, with or without instances."""
    found = {region: Standing() for region in snapshot.run.regions}
    for row in snapshot.alive:
        standing = found.get(row.region)
        if standing is not None:
            standing.add(row, snapshot)
    return found
