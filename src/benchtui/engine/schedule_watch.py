"""What a reader of a run sees of its schedules: asked of Scheduler itself, from whatever machine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.aws.schedules import get_schedule, list_schedules
from benchtui.core.deadlines import ScheduleName

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

#: A schedule changes only when someone changes it.
ASK_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """The schedules of a run in one region, as last answered."""

    region: str
    asked_at: datetime
    at: datetime | None = None  # UTC: when the run's own fires; None: it is not there, or disabled
    instances: frozenset[str] = frozenset()  # ids that have a schedule of their own
    error: str | None = None  # why the last question was not answered; the rest is older then


class ScheduleWatch:
    """Looks again once a minute, in the regions where something is alive."""

    def __init__(self, cloud: Cloud, run: str, clock: Clock) -> None:
        self.cloud, self.run, self.clock = cloud, run, clock
        self.views: dict[str, ScheduleView] = {}

    async def look(self, regions: Collection[str]) -> None:
        """Ask what is due to be asked of ``regions``; never raises for an answer that did not come."""
        now = self.clock.now()
        for region in regions:
            seen = self.views.get(region)
            if seen is None or abs(now - seen.asked_at) >= ASK_EVERY:
                self.views[region] = await self._ask(region, now, seen)

    async def _ask(self, region: str, now: datetime, seen: ScheduleView | None) -> ScheduleView:
        try:
            listed = await list_schedules(self.cloud, region, self.run)
            enabled = [each.name.instance_id for each in listed if each.enabled]
            own = await get_schedule(self.cloud, region, ScheduleName(self.run)) if None in enabled else None
        except CloudError as error:
            why = f"{error.failure.operation}: {error.failure.code}: {error.failure.message}"
            return replace(seen or ScheduleView(region, now), asked_at=now, error=why)
        return ScheduleView(region, now, own.at if own else None, frozenset(i for i in enabled if i))
