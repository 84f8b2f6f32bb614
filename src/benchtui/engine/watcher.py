"""Reads a run from the bucket and from EC2, and from nothing else.

One LIST a poll for sentinels, one each heartbeat period for heartbeats, one DescribeInstances per
region each EC2 period, of thousands of instances less often. A request that fails makes its source
older; it never changes a job's state:
rows are folded only from answers that belong together (EC2 first, then the sentinels, so that a
final sentinel written before an instance went away is always seen with it).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, Failure, FailureKind
from benchtui.aws.instances import PAGE, describe_run
from benchtui.core import keys
from benchtui.core.catalogue import Price
from benchtui.core.documents import JobDocument, PriceDocument, RunDocument
from benchtui.core.keys import JobState, KeyNotOurs, Sentinel
from benchtui.core.money import Cost, cost_of
from benchtui.core.said import Said
from benchtui.core.states import Ec2Answer, InstanceView, JobStatus, Limits, fold
from benchtui.core.text import clean_line
from benchtui.engine.book_watch import BookWatch
from benchtui.engine.boot_watch import BootWatch
from benchtui.engine.cursor import Cursor
from benchtui.engine.events import Emit, Event
from benchtui.engine.job_changes import changes
from benchtui.engine.proofs import ProofWatch
from benchtui.engine.schedule_watch import ScheduleWatch
from benchtui.engine.shown import Shown
from benchtui.engine.slices import slices
from benchtui.engine.snapshot import JobRow, Snapshot
from benchtui.engine.sources import Sources

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import Clock

#: How long one of several regions may take to list the run's instances.
REGION_PATIENCE_S = 10.0
#: From an agent's last word to the end of its bill, at most: it powers the machine off at once.
POWER_OFF = timedelta(minutes=1)
#: Time from one answer of DescribeInstances to the next, on the average.
PER_ANSWER = timedelta(seconds=5)
NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True)
class Periods:
    """How often each source is asked, and how far the cursor lags behind."""

    poll: timedelta = timedelta(seconds=5)
    ec2: timedelta = timedelta(seconds=10)
    heartbeat: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(seconds=120)


@dataclass(slots=True)
class _Heard:
    """Answers collected so far: what has come in, and what of it has been folded."""

    said: dict[str, Said] = field(default_factory=dict)  # by job
    foreign: set[str] = field(default_factory=set)  # keys that are not ours, said once
    views: dict[str, tuple[InstanceView, ...]] = field(default_factory=dict)  # by region, folded
    fresh_views: dict[str, tuple[InstanceView, ...]] = field(default_factory=dict)  # not folded yet
    listed_at: dict[str, datetime] = field(default_factory=dict)  # by region: when EC2 said that, S3's clock
    heartbeats: dict[str, datetime] = field(default_factory=dict)
    heartbeats_at: datetime | None = None
    ended: dict[str, datetime] = field(default_factory=dict)  # instance id: first seen ending
    alive_at: dict[str, datetime] = field(default_factory=dict)  # instance id: last seen alive
    killed: bool = False  # control/kill is there


class Watcher:
    """Follows one run. Any number of them, on any machine, see the same."""

    def __init__(
        self, cloud: Cloud, bucket: Bucket, run: RunDocument, clock: Clock, emit: Emit, periods: Periods
    ) -> None:
        self.cloud, self.bucket, self.run, self.clock, self.emit = cloud, bucket, run, clock, emit
        self.periods = periods
        self.limits = Limits(
            heartbeat=timedelta(seconds=run.heartbeat_s), never_started=timedelta(seconds=run.never_started_s)
        )
        self._rates = run.rates.rates(run.run)
        self._heard = _Heard()
        self._cursor = Cursor(periods.overlap, periods.poll)
        self._recent: set[str] = set()  # keys of the last listings: what comes again is not parsed again
        asked = {"S3": periods.poll} | {f"EC2 {region}": periods.ec2 for region in run.regions}
        self._sources = Sources(asked, clock, emit)
        self._asked: dict[str, datetime] = {}
        self._statuses: dict[str, JobStatus] = {}
        self._rows: tuple[JobRow, ...] = tuple(
            JobRow(job, JobStatus(job.job, JobState.PLANNED)) for job in run.jobs
        )
        self._known: dict[str, tuple[object, ...]] = {}  # by job: what its row was made of
        self._as_of: datetime | None = None
        self._schedules = ScheduleWatch(cloud, run.run, clock)
        self._boots = BootWatch(bucket, run.run)
        self._proofs = ProofWatch(bucket, clock)
        self._shown = {region: Shown() for region in run.regions}
        self._book = BookWatch(bucket, run.run, clock, periods.heartbeat)

    async def poll(self) -> Snapshot:
        """Ask what is due and fold what was answered.

        Never raises for an answer that did not come; the snapshot's sources tell.
        """
        await self._book.look()
        first, began = self._as_of is None, self.clock.now()
        await self._ask_all()
        if first and abs(self.clock.now() - began) > self.periods.ec2:
            # To hear all that a large run has said takes long, and what EC2 answered before is old by then.
            await self._ask_all()
        return self.snapshot()

    async def _ask_all(self) -> None:
        """EC2 before the sentinels, so that whatever an instance said before it went is heard."""
        now = self.clock.now()
        period = self._sources.period
        due = [each for each in self.run.regions if self._due(f"EC2 {each}", period(f"EC2 {each}"), now)]
        if len(due) == 1 == len(self.run.regions):
            await self._ask_ec2(due[0])
        elif due:
            await asyncio.gather(*map(self._ask_one_of_several, due))
        if self._due("heartbeats", self.periods.heartbeat, now):
            await self._ask_heartbeats()
        if not self._heard.killed and self._mark_matters(now):
            await self._ask_mark()
        if await self._ask_sentinels():
            await self._fold()
        alive = [row for row in self._rows if row.alive]
        await self._schedules.look({row.status.instance.region for row in alive if row.status.instance})
        if alive:
            await self._boots.look(self._booted(row.planned.job for row in alive))
            await self._proofs.look()

    async def with_whole_book(self) -> Snapshot:
        """The run as last heard, with its book read to the end, which of a large run takes long."""
        await self._book.read_whole()
        if self._as_of is not None:
            await self._fold()
        return self.snapshot()

    def _booted(self, jobs: Iterable[str]) -> Iterable[Sentinel]:
        """The first BOOTED of each of ``jobs`` that has one."""
        for job in jobs:
            said = self._heard.said.get(job)
            if said is not None and said.boot is not None:
                yield said.boot

    def snapshot(self) -> Snapshot:
        """The run as last heard, without asking again."""
        activity = [
            at for status in self._statuses.values() for at in (status.last_sentinel_at, status.heartbeat_at)
        ]
        return Snapshot(
            run=self.run,
            taken_at=self.clock.now(),
            as_of=self._as_of,
            rows=self._rows,
            sources=self._sources.all,
            killed=self._heard.killed,
            spent_usd=sum((row.spent_usd for row in self._rows if row.spent_usd is not None), Decimal(0)),
            schedules=dict(self._schedules.views),
            armed=dict(self._boots.armed),
            proofs=self._proofs.seen,
            book=self._book.view,
            idle_since=max((at for at in (*activity, self.run.created_at) if at is not None), default=None),
        )

    def sentinels(self, job: str) -> tuple[Sentinel, ...]:
        """What was heard of a job, in order of sequence."""
        return self._heard.said.get(job, NOTHING_SAID).in_order

    def _due(self, name: str, period: timedelta, now: datetime) -> bool:
        asked = self._asked.get(name)
        # Either way: a clock that was set back would silence the question for as long.
        if asked is not None and abs(now - asked) < period:
            return False
        self._asked[name] = now
        return True

    async def _ask_one_of_several(self, region: str) -> None:
        """A region that does not answer in time must not make what is known of the others old."""
        try:
            async with asyncio.timeout(REGION_PATIENCE_S):
                await self._ask_ec2(region)
        except TimeoutError:
            said = f"no answer within {REGION_PATIENCE_S:g} s"
            failure = Failure(FailureKind.UNKNOWN, "TimeoutError", said, region, "DescribeInstances")
            self._sources.failed(f"EC2 {region}", CloudError(failure))

    async def _ask_ec2(self, region: str) -> None:
        name, at = f"EC2 {region}", self._s3_now()
        try:
            views = await describe_run(self.cloud, region, self.run.run)
        except CloudError as error:
            self._sources.failed(name, error)
            return
        self._sources.answered(name)
        self._heard.listed_at[region] = at
        shown = self._heard.fresh_views[region] = self._shown[region].merged(views, at)
        # A large run is listed less often: each thousand of its instances is an answer of its own.
        self._sources.asked_every(name, max(self.periods.ec2, PER_ANSWER * (len(shown) // PAGE)))

    async def _ask_heartbeats(self) -> None:
        found: dict[str, datetime] = {}
        try:
            async for item in self.bucket.list_keys(keys.heartbeats_prefix(self.run.run)):
                try:
                    found[keys.parse_heartbeat(item.key)] = item.last_modified
                except KeyNotOurs:
                    self._foreign(item.key)
        except CloudError as error:
            self._asked.pop("heartbeats", None)
            self._sources.failed("S3", error)
            return
        self._sources.answered("S3")
        self._heard.heartbeats, self._heard.heartbeats_at = found, self._s3_now()

    def _mark_matters(self, now: datetime) -> bool:
        """Once a heartbeat period, and when an instance has newly gone: was it killed?"""
        return self._due("mark", self.periods.heartbeat, now) or self._newly_gone()

    async def _ask_mark(self) -> None:
        try:
            self._heard.killed = await self.bucket.exists(keys.kill_key(self.run.run))
        except CloudError as error:
            self._asked.pop("mark", None)
            self._sources.failed("S3", error)
            return
        self._sources.answered("S3")

    async def _ask_sentinels(self) -> bool:
        run, now = self.run.run, self.clock.now()
        reach = self._cursor.reach(now, look_back=self._newly_gone())
        found: list[str] = []
        try:
            async for item in self.bucket.list_keys(keys.events_prefix(run), start_after=reach.after(run)):
                found.append(item.key)
        except CloudError as error:
            self._sources.failed("S3", error)
            return False
        self._sources.answered("S3")
        new = sum(self._hear(key) for key in found)
        if reach.wide:
            self._recent = self._cursor.overlapping(run, found)
        else:
            self._recent.update(found)
        self._cursor.listed(reach, now, count=len(found), new=new, window=len(self._recent))
        return True

    def _newly_gone(self) -> bool:
        """Whether EC2 has just said of an instance that it ended: its last words must be seen with that."""
        fresh = self._heard.fresh_views.values()
        gone = {view.instance_id for views in fresh for view in views if view.ending}
        return not gone <= self._heard.ended.keys()

    def _hear(self, key: str) -> bool:
        """Whether it is a sentinel that was not heard before."""
        if key in self._recent:
            return False
        try:
            run, sentinel = keys.parse_event(key)
        except KeyNotOurs:
            self._foreign(key)
            return False
        if run != self.run.run:
            return False
        said = self._heard.said.get(sentinel.job)
        if said is None:
            said = self._heard.said[sentinel.job] = Said()
        missing, new = said.missing, said.add(sentinel)
        self._cursor.seen(sentinel.at, missing=said.missing > missing)
        return new

    def _foreign(self, key: str) -> None:
        if key not in self._heard.foreign and len(self._heard.foreign) < 1000:
            self._heard.foreign.add(key)
            self._say("note", text=f"an object in this run is not benchtui's: {clean_line(key)}")

    async def _fold(self) -> None:
        heard = self._heard
        heard.views.update(heard.fresh_views)
        heard.fresh_views.clear()
        self._as_of = self._s3_now()
        # Silence is judged at the time the heartbeats were last listed, not at a later one.
        judged_at = min(self._as_of, heard.heartbeats_at) if heard.heartbeats_at else self._as_of
        by_job: dict[str, list[InstanceView]] = {}
        for views in heard.views.values():
            for view in views:
                by_job.setdefault(view.job or "", []).append(view)
                if view.ending:
                    heard.ended.setdefault(view.instance_id, view.ended_at or self._as_of)
                else:
                    heard.alive_at[view.instance_id] = self._as_of
        rows: list[JobRow] = []
        async for part in slices(self._rows):
            rows += [
                self._row(row.planned, tuple(by_job.get(row.planned.job, ())), row, judged_at) for row in part
            ]
        self._rows = tuple(rows)

    def _row(
        self, job: JobDocument, views: tuple[InstanceView, ...], before: JobRow, judged_at: datetime
    ) -> JobRow:
        """The row of a job; of one that is finished the same as before, unless something new is known."""
        heard = self._heard
        said, heartbeat_at = heard.said.get(job.job, NOTHING_SAID), heard.heartbeats.get(job.job)
        known = (len(said), views, heartbeat_at, heard.killed, self._paid(job))
        if before.status.finished and self._known.get(job.job) == known:
            return before
        self._known[job.job] = known
        status = fold(
            job.job,
            said,
            self._seen(job, views),
            heartbeat_at=heartbeat_at,
            now=judged_at,
            limits=self.limits,
            killed=heard.killed,
        )
        for kind, fields in changes(self._statuses.get(job.job), status):
            self._say(kind, **fields)
        self._statuses[job.job] = status
        return JobRow(job, status, self._spent(status, job), *self.life(status))

    def _seen(self, job: JobDocument, views: tuple[InstanceView, ...]) -> Ec2Answer:
        """What EC2 says of a job: known once every region in which it may be has answered."""
        heard = self._heard
        known = all(region in heard.views for region in job.places) and heard.heartbeats_at is not None
        # Of a job with an instance it matters how old the answer of that one's region is.
        regions = {view.region for view in views} or set(job.places)
        listed = [heard.listed_at[region] for region in regions if region in heard.listed_at]
        return Ec2Answer(known, views, min(listed, default=None))

    def life(self, status: JobStatus) -> tuple[datetime | None, datetime | None]:
        """When the job's instance was launched and when it ended; None for what is not so or not known.

        Whoever looks late sees an instance ending long after it did, and later still not at all: EC2
        forgets it. Its last word is followed by its power-off, so that bounds the estimate; an instance
        that was seen alive after its last word did not end before that.
        """
        heard, view = self._heard, status.instance
        said = heard.said.get(status.job, NOTHING_SAID)
        off = None if said.final_at is None else said.final_at + POWER_OFF
        if view is None:
            launched = said.launched_at
            return (launched, off) if launched and off else (None, None)
        ended = heard.ended.get(view.instance_id) if view.ending else None
        if ended is not None and off is not None and view.ended_at is None:
            ended = max(min(ended, off), heard.alive_at.get(view.instance_id, off))
        return view.launched_at, ended

    def cost(self, status: JobStatus, price: PriceDocument) -> Cost | None:
        """Estimate of what the job's instance has cost so far; None if nothing is known of one."""
        launched, ended = self.life(status)
        if launched is None:
            return None
        until = ended or self._as_of or self.clock.now()
        seconds = max(0.0, (until - launched).total_seconds())
        beats = int(seconds / self.limits.heartbeat.total_seconds())
        writes = len(self._heard.said.get(status.job, NOTHING_SAID)) + 2 * beats
        at_launch = Price(price.usd_per_hour, price.basis, price.as_of, price.region)
        return cost_of(at_launch, seconds, self.run.volume_gib, self._rates, writes)

    def _spent(self, status: JobStatus, job: JobDocument) -> Decimal | None:
        """What the job has cost: once its reservation is released what was put in its place, for whoever did
        that saw it end."""
        region = status.instance.region if status.instance is not None else None
        paid, cost = self._paid(job), self.cost(status, job.price_in(region))
        if paid is None:
            return None if cost is None else cost.usd
        again = status.instance is not None and not status.instance.ending  # another one, which costs besides
        return paid + cost.usd if again and cost is not None else paid

    def _paid(self, job: JobDocument) -> Decimal | None:
        """What was put in the place of the job's reservation; None: it is not released."""
        view = self._book.view
        if view is None or view.book is None or job.job not in view.book.ended:
            return None
        return view.book.paid.get(job.job, Decimal(0))

    def _s3_now(self) -> datetime:
        """The time on S3's clock, by which LastModified is stamped."""
        return self.bucket.server_now(self.clock.now())

    def _say(self, kind: str, **fields: object) -> None:
        self.emit(Event(kind, self.clock.now(), fields))
