"""The budget of every run that this process launches or follows: held, released, watched, enforced."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from benchtui.core import keys
from benchtui.core.budget import LEASE, REASON, ZERO, Holding
from benchtui.core.errors import BenchtuiError
from benchtui.core.keys import JobState, KeyNotOurs
from benchtui.core.money import WARN_AT, usd_text
from benchtui.core.states import VISIBILITY
from benchtui.engine.events import Emit, Event
from benchtui.engine.reservations import NOT_LISTED, BookReader, DailyCap, Reservations
from benchtui.engine.reserving import Reserving

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.config.schema import Config
    from benchtui.core.documents import RunDocument
    from benchtui.engine.clock import Clock
    from benchtui.engine.kill_scope import KillReport
    from benchtui.engine.launcher import Launcher
    from benchtui.engine.ledger import Ledger
    from benchtui.engine.snapshot import JobRow, Snapshot

#: A run that is beyond its budget and still has instances is ended again after this.
AGAIN = timedelta(minutes=2)
_NEVER_LAUNCHED = frozenset({JobState.PLANNED, JobState.DECLINED})

OpenBucket = Callable[[], Awaitable["Bucket"]]


class RunBudgets:
    """One per workspace.

    Args:
        bucket: opens the bucket.
        clock, emit: as the workspace has them.
    """

    def __init__(self, bucket: OpenBucket, clock: Clock, emit: Emit) -> None:
        self.clock, self.emit = clock, emit
        self.exceeded: dict[str, str] = {}  # by run: why it was ended
        self.unproven: set[str] = set()  # of those: runs of which something may be alive
        self._bucket = bucket
        self._launchers: dict[str, Launcher] = {}  # the newest of each run
        self._books: dict[str, Reservations] = {}  # of runs that are followed
        self._told: dict[str, int] = {}  # by run: percent that was said
        self._ended_at: dict[str, datetime] = {}
        self._problems: set[str] = set()
        self._done: dict[str, set[str]] = {}  # by run: jobs that are over and for which nothing is held

    async def reserving(self, run: RunDocument, config: Config, ledger: Ledger) -> Reserving:
        """What holds money for a launcher of ``run``; the ledger says which launchers were here before.

        Raises:
            OSError: the ledger cannot be written.
        """
        launcher, bucket = secrets.token_hex(8), await self._bucket()
        gone = await asyncio.to_thread(ledger.gone_launchers)
        asked = await asyncio.to_thread(ledger.asked)
        line = {"v": 1, "at": self.clock.now().isoformat(), "event": "launcher", "launcher": launcher}
        await asyncio.to_thread(ledger.append, line)
        cap = config.safety.daily_budget_usd
        daily = None if cap is None else DailyCap(cap, TodayElsewhere(bucket, run.run, self.clock))
        held = Reservations(bucket, run, self.clock, launcher=launcher, gone=gone, asked=asked, daily=daily)
        return Reserving(held, self.clock, self.emit)

    def launching(self, launcher: Launcher) -> None:
        """Remember who launches, to be stopped when the money is spent."""
        self._launchers[launcher.run.run] = launcher

    def _launching(self, run: str) -> bool:
        """Whether this process is launching it."""
        launcher = self._launchers.get(run)
        return launcher is not None and not launcher.settled

    async def look(self, snapshot: Snapshot, *, acts: bool) -> bool:
        """Warn of what is spent, put costs in the place of reservations; whether the run has to be ended now.

        Args:
            snapshot: of the run, newly taken.
            acts: whether this process has the right to change anything.
        """
        run = snapshot.run
        percent = snapshot.percent_reached
        self._warn(snapshot, percent)
        if not acts:
            return False
        await self._settle(snapshot)
        if percent < 100 or not (snapshot.alive or self._launching(run.run)):
            return False
        return self._exceed(snapshot, self._launchers.get(run.run))

    def ended(self, report: KillReport) -> None:
        """What came of ending a run for its budget."""
        run = report.scope.run or ""
        (self.unproven.discard if report.proven else self.unproven.add)(run)

    def _warn(self, snapshot: Snapshot, percent: int) -> None:
        run = snapshot.run.run
        for step in (*WARN_AT, 100):
            if self._told.get(run, 0) < step <= percent:
                self._told[run] = step
                self._say(
                    "budget",
                    run=run,
                    percent=step,
                    spent_usd=str(snapshot.spent_usd),
                    budget_usd=str(snapshot.run.budget_usd),
                )

    def _exceed(self, snapshot: Snapshot, launcher: Launcher | None) -> bool:
        run, now = snapshot.run, self.clock.now()
        last = self._ended_at.get(run.run)
        if last is not None and abs(now - last) < AGAIN:
            return False
        self._ended_at[run.run] = now
        spent, budget = usd_text(snapshot.spent_usd), usd_text(run.budget_usd)
        self.exceeded[run.run] = f"{REASON}: {spent} USD spent of {budget} USD"
        if launcher is not None:
            launcher.stop(self.exceeded[run.run])
        return True

    async def _settle(self, snapshot: Snapshot) -> None:
        """Release what is held for jobs whose instance was seen ending, or never was."""
        run, now = snapshot.run, snapshot.as_of
        done = self._done.setdefault(run.run, set())
        launching = self._launching(run.run)  # its launcher knows better what it has asked for
        rows = [
            row
            for row in snapshot.rows
            if row.planned.job not in done
            and _worth_a_look(row, snapshot)
            and (row.status.instance is not None or not launching)
        ]
        # A region that does not answer holds up its own jobs alone.
        rows = [row for row in rows if snapshot.ec2_fresh(regions=row.planned.places)]
        if not rows or now is None:
            return
        try:
            if run.run not in self._books:
                self._books[run.run] = Reservations(await self._bucket(), run, self.clock)
            book = await self._books[run.run].read()
            for row in rows:
                holding = book.held.get(row.planned.job)
                settled = _settled(row, holding, now) if holding is not None else None
                if settled is not None:
                    await self._release(run, row, *settled)
                elif holding is None and row.status.over:
                    done.add(row.planned.job)
        except BenchtuiError as problem:
            self._problem(run.run, problem)

    async def _release(self, run: RunDocument, row: JobRow, usd: Decimal, reason: str) -> None:
        view = row.status.instance
        launched = row.status.state not in _NEVER_LAUNCHED or view is not None
        instance = view.instance_id if view is not None else NOT_LISTED if launched or usd else None
        if await self._books[run.run].release(
            row.planned,
            usd,
            reason=reason,
            instance_id=instance,
            launched_at=row.launched_at,
            ended_at=row.ended_at,
        ):
            fields = {"usd": str(usd), "held_usd": str(row.planned.worst_case_usd), "reason": reason}
            self._say("released", run=run.run, job=row.planned.job, **fields)

    def _problem(self, run: str, problem: BenchtuiError) -> None:
        if problem.what not in self._problems:
            self._problems.add(problem.what)
            self._say("note", run=run, text=f"a reservation could not be released: {problem.what}")

    def _say(self, kind: str, **fields: object) -> None:
        self.emit(Event(kind, self.clock.now(), fields))


def _worth_a_look(row: JobRow, snapshot: Snapshot) -> bool:
    """Whether the book is to be read for a job: it has ended, or money is held and there is no instance."""
    if row.status.instance is not None:
        return row.status.instance.ending
    view = snapshot.book
    return view is not None and view.book is not None and row.planned.job in view.book.held


def _settled(row: JobRow, holding: Holding, now: datetime) -> tuple[Decimal, str] | None:
    """What a job has cost in the end, and how that is known; None: it may still cost something."""
    status = row.status
    if status.instance is not None:
        if not status.instance.ending or row.spent_usd is None:
            return None
        return row.spent_usd, f"its instance was seen {status.instance.state}"
    if now - holding.since < LEASE + VISIBILITY:
        return None
    if not status.over and status.state is not JobState.PLANNED:
        return None
    if status.state in _NEVER_LAUNCHED:
        if holding.forgotten(now):
            return holding.usd, "EC2 would list an instance of it no more, if there was one: the worst case"
        return ZERO, "no instance of it was ever seen, and its launcher's time is over"
    if row.spent_usd is not None:
        return row.spent_usd, "EC2 lists its instance no more; by its own last word"
    return holding.usd, "EC2 lists its instance no more and nobody saw it end: the worst case is counted"


class TodayElsewhere:
    """What the other runs that began on this UTC day have spent and hold, by their books."""

    def __init__(self, bucket: Bucket, run: str, clock: Clock) -> None:
        self.bucket, self.run, self.clock = bucket, run, clock
        self._readers: dict[str, BookReader] = {}

    async def __call__(self) -> Decimal:
        """USD.

        Raises:
            CloudError: S3 could not be asked.
            InvalidDocumentError: a book cannot be understood.
        """
        today = f"{self.clock.now():%Y%m%d}-"
        runs = [
            run
            for run in await self.bucket.list_runs()
            if run.startswith(today) and run != self.run and _is_run(run)
        ]
        readers = [self._readers.setdefault(run, BookReader(self.bucket, run)) for run in runs]
        books = await asyncio.gather(*(reader.read() for reader in readers))
        return sum((book.committed_usd for book in books), ZERO)


def _is_run(text: str) -> bool:
    try:
        keys.check_run(text)
    except KeyNotOurs:
        return False
    return True
