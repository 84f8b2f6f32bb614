"""One account through one set of credentials: whose it is, its bucket, what runs there, and ending it.

What it needs is imported where it is needed: a kill begins with asking EC2, and what comes after that can
wait until the question is on its way.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from benchtui.aws.session import TRIES, Cloud, Identity
from benchtui.core.text import clean_line
from benchtui.engine.events import Emit, Event
from benchtui.engine.kill_region import KillLimits
from benchtui.engine.kill_scope import KillProgress, KillReport, KillScope, KillSurvey
from benchtui.engine.killswitch import DEFAULT_LIMITS, kill

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.config.access import Access
    from benchtui.core.documents import RunDocument
    from benchtui.engine.clock import Clock
    from benchtui.engine.run_schedules import RunSchedules
    from benchtui.engine.sweep import Sweep


class Connection:
    """Opens what it needs when it is first needed and closes it at the end.

    Args:
        access: which account, where in it, and which bucket.
        clock: the time.
        rng: chance of retries; never of anything secret.
        emit: told of everything that happens.
    """

    def __init__(self, access: Access, clock: Clock, rng: random.Random, emit: Emit) -> None:
        self.access, self.clock, self.rng, self.emit = access, clock, rng, emit
        self.cloud = self._connect()
        self._identity: Identity | None = None

    def _connect(self, tries: int = TRIES) -> Cloud:
        return Cloud(
            self.access.profile, self.access.regions, random=self.rng, sleep=self.clock.sleep, tries=tries
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.cloud.close()

    @cached_property
    def schedules(self) -> RunSchedules:
        """Layer 2 of the runs of this account."""
        from benchtui.engine.run_schedules import RunSchedules

        return RunSchedules(self.cloud, self.identity, self.clock, self.emit)

    async def identity(self) -> Identity:
        """Whose account it is; asked once.

        Raises:
            CloudError: it is not known.
        """
        if self._identity is None:
            self._identity = await self.cloud.identity()
        return self._identity

    async def bucket_name(self) -> str:
        """Name of the bucket: as configured, else derived from the account.

        Raises:
            CloudError: the account is not known.
        """
        if self.access.bucket:
            return self.access.bucket
        return f"benchtui-{(await self.identity()).account}-{self.access.regions[0]}"

    async def bucket(self) -> Bucket:
        """The bucket."""
        from benchtui.aws.objects import Bucket

        return Bucket(self.cloud, await self.bucket_name())

    async def load(self, run: str) -> RunDocument:
        """A run of the bucket, whoever launched it.

        Raises:
            UsageError: there is no such run.
        """
        from benchtui.engine.runs import load_run

        return await load_run(await self.bucket(), run)

    def _why_killed(self, scope: KillScope) -> str | None:
        """Why, for those who read ``control/kill``; None: somebody asked for it."""
        return None

    async def kill(
        self,
        scope: KillScope,
        limits: KillLimits = DEFAULT_LIMITS,
        progress: Callable[[KillProgress], None] = lambda _: None,
    ) -> KillReport:
        """End every instance of ``scope`` in every enabled region and prove it; needs no bucket.

        Args:
            scope: which instances.
            limits: times.
            progress: told of each change.
        """
        report = await kill(
            self.cloud,
            self.bucket,
            scope,
            self.clock,
            about(self.emit, command=scope.command),
            known_regions=self.access.regions,
            limits=limits,
            progress=progress,
            reason=self._why_killed(scope),
        )
        try:
            await self.schedules.after_kill(report)
        except Exception as defect:  # the proof stands, and what is left of schedules deletes itself
            text = f"schedules are left, which delete themselves: {type(defect).__name__}: {defect}"
            with contextlib.suppress(Exception):
                self.emit(Event("note", self.clock.now(), {"text": clean_line(text)}))
        self._killed(report)
        return report

    def _killed(self, report: KillReport) -> None:
        """Told of every kill that has come to its end."""

    async def survey(
        self, scope: KillScope, told: Callable[[KillSurvey], None] = lambda _: None
    ) -> KillSurvey:
        """What a kill of ``scope`` would end now; ``told`` hears of each region as it answers."""
        from benchtui.engine.survey import survey

        return await survey(self.cloud, self.bucket, scope, self.clock, self.access.regions, told)

    async def sweep(self) -> Sweep:
        """Own live instances in every enabled region."""
        from benchtui.engine.sweep import sweep

        return await sweep(self.cloud, self.clock, self.access.regions)


def about(emit: Emit, **fields: str) -> Emit:
    """Tells ``emit``, with ``fields`` in every event: several runs and kills are told of in one stream."""

    def tell(event: Event) -> None:
        emit(Event(event.type, event.at, {**fields, **event.fields}))

    return tell
