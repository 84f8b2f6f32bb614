"""Launches the jobs of a run: each recorded before its request, and settled before it is asked for again.

A client token makes a repetition safe for one zone and one attempt only. So whatever is asked for under
another token is looked up by its tags first, whoever launched it: this process, or one before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, Failure, FailureKind
from benchtui.aws.instances import describe_run, find_by_token, run_instance
from benchtui.core import keys
from benchtui.core.documents import JobDocument, RunDocument, SentinelBody, to_json
from benchtui.core.keys import LAUNCHER_SEQ, JobState, Sentinel
from benchtui.core.seals import sealed
from benchtui.core.states import InstanceView
from benchtui.core.tokens import client_token
from benchtui.engine.events import Emit, Event
from benchtui.engine.latecomers import end_latecomer
from benchtui.engine.launch_request import Placement, launch_request
from benchtui.engine.ledger import Ledger
from benchtui.engine.reservations import Hold
from benchtui.engine.reserving import NotReserved

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock
    from benchtui.engine.deadman import Deadman
    from benchtui.engine.reserving import Reserving

#: How often an ambiguous answer is looked up before the same request, with the same token, is sent again.
SETTLE_TRIES = 4
#: Between two looks at what another launcher makes of a job that it has reserved.
OTHERS_SECONDS = 5
WORTH_ANOTHER_TRY = frozenset({FailureKind.CAPACITY, FailureKind.QUOTA, FailureKind.THROTTLED})


@dataclass(frozen=True, slots=True)
class LaunchLimits:
    """Bounds of a launch."""

    concurrency: int
    tries: int
    boot_allowance: timedelta


@dataclass(slots=True)
class Launched:
    """Outcome of a launch so far."""

    instances: dict[str, InstanceView] = field(default_factory=dict)  # by job
    declined: dict[str, str] = field(default_factory=dict)  # job: reason
    failures: dict[str, Failure] = field(default_factory=dict)  # job: what led to it
    gone: set[str] = field(default_factory=set)  # launched before, and ended
    over_budget: set[str] = field(default_factory=set)  # of those declined
    stopped: str | None = None  # why the launch ended early, if it did


class _Gone(Exception):
    """The job's instance was launched before and has ended: there is nothing to launch."""


class _Stopped(Exception):
    """Nothing more is to be requested for the job; says why."""


class Launcher:
    """Launches one run. A failure of one job never stops the others."""

    def __init__(
        self,
        cloud: Cloud,
        bucket: Bucket,
        run: RunDocument,
        placement: Placement,
        limits: LaunchLimits,
        ledger: Ledger,
        clock: Clock,
        rng: random.Random,
        emit: Emit,
        deadman: Deadman | None = None,
        reserving: Reserving | None = None,
    ) -> None:
        self.deadman, self.reserving = deadman, reserving
        self.cloud, self.bucket, self.run, self.placement = cloud, bucket, run, placement
        self.limits, self.ledger, self.clock, self.rng, self.emit = limits, ledger, clock, rng, emit
        self.launched = Launched()
        self._stop, self._settled = asyncio.Event(), False
        #: Jobs that may have an instance of an unanswered request, of this process or an earlier one.
        self._unsettled: set[str] = set()
        self._skipped: dict[str, str] = {}  # by job: why it is not to be launched any more
        self._defect: Exception | None = None  # the first failure that is not EC2's

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
        """Launch ``jobs`` in their order, a bounded number at a time.

        Raises:
            OSError: the ledger cannot be written; nothing was launched without its line.
        """
        limit = asyncio.Semaphore(self.limits.concurrency)
        lines = await asyncio.to_thread(lambda: list(self.ledger.lines()))
        self._unsettled = {str(line.get("job")) for line in lines if line.get("event") == "launching"}

        async def one(job: JobDocument) -> None:
            try:
                await self._launch_job(job)
            except Exception as defect:
                # The others must settle: to cut a request off is to lose what it launched.
                self._defect = self._defect or defect
                self.stop(f"{type(defect).__name__}: {defect}")
            finally:
                limit.release()

        async with asyncio.TaskGroup() as group:
            for job in jobs:
                await limit.acquire()
                if self._stop.is_set() or await self._killed():
                    limit.release()
                    break
                group.create_task(one(job))
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
            view = await self._place(job)
        except CloudError as error:
            self._decline(job, _reason(error.failure), error.failure)
            await self._not_launched(job)
            return
        except NotReserved as refused:
            if refused.over_budget:
                self.launched.over_budget.add(job.job)
            self._decline(job, refused.reason, refused.failure, refused.fix)
            await self._write_declined(job)
            return
        except _Stopped as stopped:
            self._decline(job, str(stopped), None)
            await self._not_launched(job)
            return
        except _Gone:
            self.launched.gone.add(job.job)
            self._say("note", job=job.job, text="was launched before and has ended; not launched again")
            return
        self.launched.instances[job.job] = view
        self._record("launched", job, instance_id=view.instance_id, zone=view.zone)
        self._say("launched", job=job.job, instance_id=view.instance_id, zone=view.zone, region=view.region)
        if await self._killed():  # meanwhile: the kill may have looked before it was there
            self._say("note", job=job.job, text=await end_latecomer(self.cloud, self.clock, view))
        await self._write_launched(job, view)

    async def _place(self, job: JobDocument) -> InstanceView:
        """An instance for the job, in the zone EC2 chooses, else in each zone that offers the type in turn.

        Raises:
            CloudError: the failure after the configured tries, or of the look-up before one.
            NotReserved: its worst case is not held.
            _Gone: it ran already.
            _Stopped: nothing more is to be launched.
        """
        zones: tuple[str | None, ...] = (None,)
        if self.placement.subnet is None:
            zones += self.placement.zones.get(job.instance_type, ())
        refused: CloudError | None = None
        for attempt in range(1, self.limits.tries + 1):
            for zone in zones:
                try:
                    if refused is not None or job.job in self._unsettled:
                        earlier = await self._earlier(job)
                        if earlier is not None:
                            return earlier
                    others = await self._reserve(job)
                    if others is not None:
                        return others
                    if self.deadman is not None:
                        await self.deadman.cover(job.region)
                    await self._check_wanted(job)
                    return await self._request(job, attempt, zone)
                except CloudError as error:
                    kind = error.failure.kind
                    if kind not in WORTH_ANOTHER_TRY:
                        raise
                    refused = error
                    self._say("retry", job=job.job, zone=zone, attempt=attempt, reason=_reason(error.failure))
                    if kind is not FailureKind.CAPACITY:
                        break  # a quota and a rate count in every zone alike
            if self._stop.is_set():
                break
            if attempt < self.limits.tries:
                await self.clock.sleep(self.rng.uniform(1, 3 * 2**attempt))
        assert refused is not None
        raise refused

    async def _reserve(self, job: JobDocument) -> InstanceView | None:
        """Hold the job's worst case; its instance, if another launcher has launched it meanwhile.

        Raises:
            CloudError: EC2 did not say what another launcher has launched.
            NotReserved: it is not held.
            _Gone: it ran already.
            _Stopped: nothing more is to be launched.
        """
        if self.reserving is None:
            return None
        while (held := await self.reserving.hold(job)) is not Hold.MINE:
            if held is Hold.ENDED:
                raise _Gone
            self._unsettled.add(job.job)
            view = await self._earlier(job)
            if view is not None:
                return view
            if held is Hold.OTHERS:
                await self._check_wanted(job)
                await self.clock.sleep(OTHERS_SECONDS)
        return None

    async def _check_wanted(self, job: JobDocument) -> None:
        """Asked right before every request: a kill must not be overtaken by one.

        Raises:
            _Stopped: the launch was stopped, or this job is not wanted any more.
        """
        await self._killed()
        if self._stop.is_set():
            raise _Stopped(self.launched.stopped or "not launched")
        if job.job in self._skipped:
            raise _Stopped(self._skipped[job.job])

    async def _request(self, job: JobDocument, attempt: int, zone: str | None) -> InstanceView:
        """One request under one client token, repeated only after it was looked up."""
        token = client_token(self.run.run, job.job, attempt, job.region, zone, job.instance_type)
        ends_at = self.bucket.server_now(self.clock.now()) + self.limits.boot_allowance
        where = (self.bucket.name, self.cloud.bucket_region)
        # Once: the parameters of one token must not change.
        request = launch_request(self.run, job, self.placement, where, token, zone, ends_at)
        await asyncio.to_thread(
            self._record, "launching", job, attempt=attempt, region=job.region, zone=zone, token=token
        )
        self._say("launching", job=job.job, attempt=attempt, zone=zone)
        for _ in range(self.limits.tries):
            try:
                return await run_instance(self.cloud, request)  # which retries throttles
            except CloudError as error:
                ambiguous = error
                if error.failure.kind is FailureKind.GONE:
                    raise _Gone from error
                mismatch = error.failure.code == "IdempotentParameterMismatch"
                if error.failure.kind is not FailureKind.UNKNOWN and not mismatch:
                    raise
                self._unsettled.add(job.job)
                self._say(
                    "note", job=job.job, text=f"no clear answer, looking it up: {error.failure.message}"
                )
            with contextlib.suppress(CloudError):
                view = await self._look_up(job, token)
                if view is not None:
                    return view
            # Not found: the same token makes a repetition safe even if the first request is still under way.
            await self._check_wanted(job)
            if self.reserving is not None and await self.reserving.hold(job) is not Hold.MINE:
                raise _Stopped("another launcher took the job over while EC2 did not answer")
        raise ambiguous

    async def _earlier(self, job: JobDocument) -> InstanceView | None:
        """The job's instance under whatever token; to be asked for before another token is used.

        Raises:
            CloudError: EC2 did not say; nothing may be launched then.
            _Gone: it ran already.
        """
        view = await self._look_up(job, tries=SETTLE_TRIES if job.job in self._unsettled else 1)
        self._unsettled.discard(job.job)
        return view

    async def _look_up(
        self, job: JobDocument, token: str | None = None, tries: int = SETTLE_TRIES
    ) -> InstanceView | None:
        """The instance that a request for the job launched: by ``token``, then by tag, in any state.

        Raises:
            CloudError: the last try was not answered.
            _Gone: it has ended.
        """
        unanswered: CloudError | None = None
        for attempt in range(tries):
            await self.clock.sleep(self.rng.uniform(0.5, 1.0) * 2**attempt)
            try:
                found = await find_by_token(self.cloud, job.region, token) if token else ()
                if not found:
                    views = await describe_run(self.cloud, job.region, self.run.run)
                    found = tuple(view for view in views if view.job == job.job)
            except CloudError as error:
                self._say("note", job=job.job, text=f"the look-up failed: {error.failure.message}")
                unanswered = error
                continue
            unanswered = None
            if found:
                if all(view.ending for view in found):
                    raise _Gone
                return next(view for view in found if not view.ending)
        if unanswered is not None:
            raise unanswered
        return None

    async def _write_launched(self, job: JobDocument, view: InstanceView) -> None:
        armed = {} if self.deadman is None else {"schedule": await self.deadman.guard(view)}
        body = SentinelBody(
            layers=armed,
            instance_id=view.instance_id,
            instance_type=view.instance_type,
            region=view.region,
            zone=view.zone,
            image_id=view.image_id,
            usd_per_hour=job.price.usd_per_hour,
            run_seal=self.run.seal,
        )
        await self._write(job, JobState.LAUNCHED, body)

    async def _not_launched(self, job: JobDocument) -> None:
        """Give back what is held for it, unless a request is unsettled: then there may be an instance."""
        if self.reserving is not None and job.job not in self._unsettled:
            await self.reserving.give_back(job, self.launched.declined[job.job])
        await self._write_declined(job)

    async def _write_declined(self, job: JobDocument) -> None:
        body = SentinelBody(reason=self.launched.declined[job.job], run_seal=self.run.seal)
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


def _reason(failure: Failure) -> str:
    """A census reason: kind first, so that a reader can sort by it."""
    return f"{failure.kind.value}: {failure.code}: {failure.message}"
