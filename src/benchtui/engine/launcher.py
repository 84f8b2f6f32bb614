"""Launches the jobs of a run: each recorded before its request, and settled before it is asked for again.

Regions and quotas are launched beside each other, the jobs of each in the plan's order. How one instance is
found is in `placing`, how jobs wait for vCPUs in `vcpu_room`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, Failure
from benchtui.core import keys
from benchtui.core.document_fields import to_json
from benchtui.core.documents import JobDocument, RunDocument, SentinelBody
from benchtui.core.errors import BenchtuiError
from benchtui.core.keys import LAUNCHER_SEQ, JobState, Sentinel
from benchtui.core.seals import sealed
from benchtui.core.states import InstanceView
from benchtui.engine.availability import Availability
from benchtui.engine.events import Emit, Event
from benchtui.engine.latecomers import end_latecomer
from benchtui.engine.ledger import Ledger
from benchtui.engine.placements import Placements
from benchtui.engine.placing import Gone, LaunchLimits, Placing, Stopped, reason_of
from benchtui.engine.reserving import NotReserved
from benchtui.engine.vcpu_room import LimitsByType, VcpuRoom

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock
    from benchtui.engine.deadman import Deadman
    from benchtui.engine.reserving import Reserving

__all__ = ["LaunchLimits", "Launched", "Launcher"]

#: Between two tries of a job while the credentials have expired, and how long somebody may take to sign in.
SIGN_IN_SECONDS = 15.0
SIGN_IN_PATIENCE = timedelta(hours=12)


@dataclass(slots=True)
class Launched:
    """Outcome of a launch so far."""

    instances: dict[str, InstanceView] = field(default_factory=dict)  # by job
    declined: dict[str, str] = field(default_factory=dict)  # job: reason
    failures: dict[str, Failure] = field(default_factory=dict)  # job: what led to it
    gone: set[str] = field(default_factory=set)  # launched before, and ended
    over_budget: set[str] = field(default_factory=set)  # of those declined
    stopped: str | None = None  # why the launch ended early, if it did


class Launcher:
    """Launches one run. A failure of one job, or of one region, never stops the others."""

    def __init__(
        self,
        cloud: Cloud,
        bucket: Bucket,
        run: RunDocument,
        placements: Placements,
        limits: LaunchLimits,
        ledger: Ledger,
        clock: Clock,
        rng: random.Random,
        emit: Emit,
        deadman: Deadman | None = None,
        reserving: Reserving | None = None,
        quotas: LimitsByType | None = None,
        availability: Availability | None = None,
    ) -> None:
        self.deadman, self.reserving = deadman, reserving
        self.cloud, self.bucket, self.run = cloud, bucket, run
        self.limits, self.ledger, self.clock, self.emit = limits, ledger, clock, emit
        self.launched = Launched()
        self._stop, self._settled = asyncio.Event(), False
        self._skipped: dict[str, str] = {}  # by job: why it is not to be launched any more
        self._signed_out = False  # it was told that launching waits for new credentials
        self._defect: Exception | None = None  # the first failure that is not EC2's
        self.room = VcpuRoom(cloud, run, quotas or {}, clock, self._say)
        self.placing = Placing(
            cloud,
            bucket,
            run,
            placements,
            limits,
            clock,
            rng,
            wanted=self._check_wanted,
            say=self._say,
            record=self._record,
            room=self.room,
            availability=availability or Availability(None, ""),
            deadman=deadman,
            reserving=reserving,
        )

    @property
    def settled(self) -> bool:
        """Whether every job of the launch is launched, declined or gone."""
        return self._settled

    def stop(self, why: str) -> None:
        """Launch nothing more. What is being launched is still settled."""
        if self.launched.stopped is None:
            self.launched.stopped = why
        self._stop.set()

    def skip(self, jobs: Iterable[str], why: str) -> None:
        """Launch none of ``jobs`` that is not launched yet; the others go on."""
        for job in jobs:
            self._skipped.setdefault(job, why)

    async def launch(self, jobs: tuple[JobDocument, ...]) -> Launched:
        """Launch ``jobs``: of each region and quota in their order, a bounded number at a time.

        Raises:
            OSError: the ledger cannot be written; nothing was launched without its line.
        """
        lines = await asyncio.to_thread(lambda: list(self.ledger.lines()))
        self.placing.unsettled |= {str(line.get("job")) for line in lines if line.get("event") == "launching"}
        queues: dict[tuple[str, str], list[JobDocument]] = {}
        for job in jobs:
            queues.setdefault(self.room.queue_of(job), []).append(job)
        slots = {region: asyncio.Semaphore(self.limits.concurrency) for region, _ in queues}
        async with asyncio.TaskGroup() as group:
            for (region, _), queue in queues.items():
                group.create_task(self._feed(queue, slots[region], group))
        self._settled = True
        if self.deadman is not None:
            await self.deadman.settle()
        if self._defect is not None:
            raise self._defect
        for job in jobs:
            done = self.launched
            if job.job not in done.instances and job.job not in done.declined and job.job not in done.gone:
                self._decline(job, self.launched.stopped or "not launched", None)
                await self._write_declined(job)
        return self.launched

    async def _feed(
        self, queue: list[JobDocument], slots: asyncio.Semaphore, group: asyncio.TaskGroup
    ) -> None:
        """Begin the jobs of one region and quota, each as soon as there is room for it."""

        async def one(job: JobDocument) -> None:
            try:
                await self._launch_job(job)
            except Exception as defect:
                self._fail(defect)
            finally:
                slots.release()

        for job in queue:
            try:
                await self.room.enter(job, self._check_wanted)
            except Stopped as stopped:
                if self._stop.is_set():
                    return
                self._decline(job, str(stopped), None)
                await self._write_declined(job)
                continue
            except Exception as defect:
                self._fail(defect)
                return
            await slots.acquire()
            if self._stop.is_set() or await self._killed():
                slots.release()
                return
            group.create_task(one(job))

    def _fail(self, defect: Exception) -> None:
        # The others must settle: to cut a request off is to lose what it launched.
        self._defect = self._defect or defect
        self.stop(f"{type(defect).__name__}: {defect}")

    async def _killed(self) -> bool:
        """Whether someone wrote ``control/kill``. A bucket that does not answer is no order to stop."""
        try:
            killed = await self.bucket.exists(keys.kill_key(self.run.run))
        except CloudError:
            return False
        if killed:
            self.stop("the run was killed")
        return killed

    async def _launch_job(self, job: JobDocument) -> None:
        """Launch one job or decline it with the reason."""
        try:
            view = await self._placed(job)
        except BenchtuiError as error:
            failure = error.failure if isinstance(error, CloudError) else None
            self._decline(job, reason_of(error), failure, None if failure is not None else error.fix)
            await self._not_launched(job)
            return
        except NotReserved as refused:
            if refused.over_budget:
                self.launched.over_budget.add(job.job)
            self._decline(job, refused.reason, refused.failure, refused.fix)
            await self._write_declined(job)
            return
        except Stopped as stopped:
            self._decline(job, str(stopped), None)
            await self._not_launched(job)
            return
        except Gone:
            self.room.leave(job)
            self.launched.gone.add(job.job)
            self._say("note", job=job.job, text="was launched before and has ended; not launched again")
            return
        self.room.launched(job, view)
        self.launched.instances[job.job] = view
        self._record("launched", job, instance_id=view.instance_id, zone=view.zone)
        self._say("launched", job=job.job, instance_id=view.instance_id, zone=view.zone, region=view.region)
        if await self._killed():  # meanwhile: the kill may have looked before it was there
            self._say("note", job=job.job, text=await end_latecomer(self.cloud, self.clock, view))
        await self._write_launched(job, view)

    async def _placed(self, job: JobDocument) -> InstanceView:
        """As `Placing.place`; where the credentials have expired meanwhile it waits for new ones.

        A request that was refused for that was not read, so the job is begun anew; what an earlier one of
        it may have launched is looked up as ever.
        """
        until = self.clock.now() + SIGN_IN_PATIENCE
        while True:
            try:
                view = await self.placing.place(job)
            except (CloudError, NotReserved) as error:
                if error.failure is None or not error.failure.signed_out or self.clock.now() >= until:
                    raise
                self._tell_signed_out(job, error.failure)
            else:
                self._signed_out = False
                return view
            await self.clock.sleep(SIGN_IN_SECONDS)
            await self._check_wanted(job)

    def _tell_signed_out(self, job: JobDocument, failure: Failure) -> None:
        """Once for all jobs that wait."""
        if not self._signed_out:
            self._signed_out = True
            text = f"launching waits: {failure.code}: {failure.message}; {CloudError(failure).fix}"
            self._say("note", job=job.job, text=text)

    async def _check_wanted(self, job: JobDocument) -> None:
        """Asked right before every request: a kill must not be overtaken by one.

        Raises:
            Stopped: the launch was stopped, or this job is not wanted any more.
        """
        await self._killed()
        if self._stop.is_set():
            raise Stopped(self.launched.stopped or "not launched")
        if job.job in self._skipped:
            raise Stopped(self._skipped[job.job])

    async def _write_launched(self, job: JobDocument, view: InstanceView) -> None:
        armed = {} if self.deadman is None else {"schedule": await self.deadman.guard(view)}
        body = SentinelBody(
            layers=armed,
            instance_id=view.instance_id,
            instance_type=view.instance_type,
            region=view.region,
            zone=view.zone,
            image_id=view.image_id,
            usd_per_hour=job.price_in(view.region).usd_per_hour,
            market=job.market,
            tried=self.placing.tried(job.job),
            run_seal=self.run.seal,
        )
        await self._write(job, JobState.LAUNCHED, body)

    async def _not_launched(self, job: JobDocument) -> None:
        """Give back what is held for it, unless a request is unsettled: then there may be an instance."""
        if self.reserving is not None and job.job not in self.placing.unsettled:
            await self.reserving.give_back(job, self.launched.declined[job.job])
        await self._write_declined(job)

    async def _write_declined(self, job: JobDocument) -> None:
        body = SentinelBody(
            reason=self.launched.declined[job.job],
            tried=self.placing.tried(job.job),
            run_seal=self.run.seal,
        )
        await self._write(job, JobState.DECLINED, body)

    async def _write(self, job: JobDocument, state: JobState, body: SentinelBody) -> None:
        """A sentinel of the launcher. If it cannot be written the tags still tell the same."""
        key = Sentinel(self.clock.now(), job.job, LAUNCHER_SEQ, state).key(self.run.run)
        try:
            await self.bucket.put_once(key, sealed(key, to_json(body)))  # which retries
        except CloudError as error:
            self._say("note", job=job.job, text=f"{state} could not be written: {error.failure.message}")

    def _decline(
        self, job: JobDocument, reason: str, failure: Failure | None, fix: str | None = None
    ) -> None:
        self.room.leave(job)
        self.launched.declined[job.job] = reason
        if failure is not None:
            self.launched.failures[job.job] = failure
        self._record("declined", job, reason=reason)
        if fix is None and failure is not None:
            fix = CloudError(failure).fix
        self._say("declined", job=job.job, reason=reason, fix=fix)

    def _record(self, event: str, job: JobDocument, **fields: object) -> None:
        self.ledger.append(
            {"v": 1, "at": self.clock.now().isoformat(), "event": event, "job": job.job, **fields}
        )

    def _say(self, kind: str, **fields: object) -> None:
        self.emit(Event(kind, self.clock.now(), {"run": self.run.run, **fields}))
