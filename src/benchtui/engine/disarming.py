"""Takes a run's schedules away once nothing is left for them to end.

What is removed too early protects nobody, what is left ends nothing and deletes itself when it has fired. So
a schedule goes only when EC2 showed its instances ending; one that is young and whose instance EC2 does not
show stays: EC2 may not show it yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError
from benchtui.aws.instances import describe_run
from benchtui.aws.schedules import ListedSchedule, list_schedules, remove_schedule

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

#: By then EC2 shows every instance it has launched.
VISIBLE = timedelta(minutes=10)
#: Whoever makes or moves a run's schedule launches within this time, or moves it again.
ABOUT_TO_LAUNCH = timedelta(minutes=2)
AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Disarmed:
    """What became of the schedules of a run, or of all runs, in one region."""

    region: str
    removed: int = 0
    kept: int = 0  # still needed, or perhaps, or not removed for what went wrong
    why: str | None = None  # why some that are not needed are still there

    @property
    def done(self) -> bool:
        """Whether none is left."""
        return self.kept == 0 and self.why is None


async def disarm(cloud: Cloud, clock: Clock, region: str, run: str | None, *, settled: bool) -> Disarmed:
    """Remove the schedules of ``run`` that have nothing to end any more.

    Args:
        cloud, clock: the account and the time.
        region: where.
        run: whose; None: of every run.
        settled: whoever asks knows that nothing of the run is being launched any more; else a run's schedule
            that was set just now stays: a launch may be about to begin, from whatever machine.

    Failures are in the answer, none is raised.
    """
    try:
        listed = await list_schedules(cloud, region, run)
    except CloudError as error:
        return Disarmed(region, why=_said(error))
    removed = kept = 0
    why: str | None = None
    for name in sorted({each.name.run for each in listed}):
        of_run = [each for each in listed if each.name.run == name]
        try:
            needless = await _needless(cloud, clock, region, name, of_run, settled)
        except CloudError as error:
            kept, why = kept + len(of_run), _said(error)
            continue
        failures = await _remove(cloud, region, needless)
        removed, kept = removed + len(needless) - len(failures), kept + len(of_run) - len(needless)
        kept += len(failures)
        why = why or next(iter(failures), None)
    return Disarmed(region, removed, kept, why)


async def _needless(
    cloud: Cloud,
    clock: Clock,
    region: str,
    run: str,
    listed: list[ListedSchedule],
    settled: bool,
) -> list[ListedSchedule]:
    """Those of a run's schedules that have nothing to end.

    Raises:
        CloudError: EC2 did not say what is alive.
    """
    views = await describe_run(cloud, region, run)
    ending = {view.instance_id for view in views if view.ending}
    alive = len(ending) < len(views)
    grown = clock.now() - VISIBLE

    def idle(each: ListedSchedule) -> bool:
        target = each.name.instance_id
        if target in ending:
            return True
        shown = any(view.instance_id == target for view in views)
        return not shown and each.created_at < grown

    own = [each for each in listed if each.name.instance_id is not None]
    needless = [each for each in own if idle(each)]
    if alive or len(needless) < len(own):
        return needless  # the run's own stays as long as any of them
    set_before = clock.now() - ABOUT_TO_LAUNCH
    of_run = [each for each in listed if each.name.instance_id is None]
    return [*needless, *(each for each in of_run if settled or each.modified_at < set_before)]


async def _remove(cloud: Cloud, region: str, schedules: Iterable[ListedSchedule]) -> list[str]:
    """Remove them, the run's own last; what went wrong."""
    limit = asyncio.Semaphore(AT_ONCE)
    failures: list[str] = []

    async def one(each: ListedSchedule) -> None:
        async with limit:
            try:
                await remove_schedule(cloud, region, each.name)
            except CloudError as error:
                failures.append(_said(error))

    for by_id in (True, False):
        async with asyncio.TaskGroup() as group:
            for each in schedules:
                if (each.name.instance_id is not None) is by_id:
                    group.create_task(one(each))
    return failures


def _said(error: CloudError) -> str:
    return f"{error.failure.operation}: {error.failure.code}: {error.failure.message}"
