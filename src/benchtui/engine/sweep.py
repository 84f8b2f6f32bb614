"""Own instances in every enabled region: what is alive, what should not be, and where nobody answered."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from benchtui.core.errors import BenchtuiError
from benchtui.core.states import InstanceView

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock


@dataclass(frozen=True, slots=True)
class Sweep:
    """One look at the account. What could not be asked is in it, and is not an empty answer."""

    taken_at: datetime
    instances: tuple[InstanceView, ...]  # alive, oldest first
    regions: tuple[str, ...] = ()  # asked and answered
    unanswered: tuple[tuple[str, BenchtuiError], ...] = ()  # asked in vain
    regions_error: BenchtuiError | None = None  # why the enabled regions are not known

    @property
    def known(self) -> bool:
        """Whether every enabled region answered."""
        return self.regions_error is None and not self.unanswered

    @property
    def errors(self) -> tuple[BenchtuiError, ...]:
        """Everything that could not be asked."""
        first = (self.regions_error,) if self.regions_error else ()
        return (*first, *(error for _, error in self.unanswered))

    def of(self, run: str) -> tuple[InstanceView, ...]:
        """Live instances of a run."""
        return tuple(view for view in self.instances if view.run == run)

    def expired(self, now: datetime) -> tuple[InstanceView, ...]:
        """Instances alive after the time at which they should have been gone."""
        return tuple(view for view in self.instances if view.expired(now))

    def orphans(
        self, now: datetime, runs: Collection[str] | None = None
    ) -> tuple[tuple[InstanceView, str], ...]:
        """Instances that nobody looks after, oldest first, each with the reason.

        Args:
            now: the time, UTC.
            runs: those the bucket holds; None: not known, so that no instance is accused of having none.
        """
        found = []
        for view in self.instances:
            reason = _orphaned(view, now, runs)
            if reason is not None:
                found.append((view, reason))
        return tuple(found)


def _orphaned(view: InstanceView, now: datetime, runs: Collection[str] | None) -> str | None:
    if view.expired(now):
        return f"expired {view.expires_at:%Y-%m-%d %H:%MZ}"
    if view.run is None or view.job is None:
        return "no tag of a run and job"
    if view.expires_at is None:
        return "no tag of its end"
    if runs is not None and view.run not in runs:
        return "its run is not listed here"
    return None


async def sweep(cloud: Cloud, clock: Clock, known_regions: tuple[str, ...] = ()) -> Sweep:
    """Ask every enabled region for instances tagged LaunchedBy=AsyncBenchmarkLauncher.

    Args:
        cloud: the account.
        clock: the time.
        known_regions: regions to ask even if the enabled ones cannot be listed.

    What could not be asked stands in the sweep; no `CloudError` is raised.
    """
    from benchtui.aws.errors import CloudError
    from benchtui.aws.instances import describe_ours

    regions_error: BenchtuiError | None = None
    enabled: tuple[str, ...] = ()
    try:
        enabled = await cloud.enabled_regions()
    except CloudError as error:
        regions_error = error

    async def ask(region: str) -> tuple[InstanceView, ...] | CloudError:
        try:
            return await describe_ours(cloud, region)
        except CloudError as error:
            return error

    regions = tuple(dict.fromkeys((*known_regions, *enabled)))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ask(region)) for region in regions]
    alive: list[InstanceView] = []
    answered: list[str] = []
    unanswered: list[tuple[str, BenchtuiError]] = []
    for region, task in zip(regions, tasks, strict=True):
        answer = task.result()
        if isinstance(answer, CloudError):
            unanswered.append((region, answer))
        else:
            answered.append(region)
            alive += [view for view in answer if not view.ending]
    alive.sort(key=lambda view: (view.launched_at, view.instance_id))
    return Sweep(clock.now(), tuple(alive), tuple(sorted(answered)), tuple(unanswered), regions_error)
