"""What a reader of a run is shown: frozen, complete, each source with its age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from benchtui.core.keys import JobState
from benchtui.core.money import reached
from benchtui.core.starts import START_WINDOW
from benchtui.core.states import VISIBILITY, JobStatus

if TYPE_CHECKING:
    from benchtui.core.documents import JobDocument, RunDocument
    from benchtui.engine.book_watch import BookView
    from benchtui.engine.proofs import Proofs
    from benchtui.engine.schedule_watch import ScheduleView
    from benchtui.engine.standing import Standing

#: A run without any sign of life for this long has no launcher any more.
QUIET = timedelta(minutes=5)


class SourceState(StrEnum):
    """How far a source can be trusted right now."""

    CONNECTING = "connecting"  # never answered yet
    LIVE = "live"
    RETRYING = "retrying"  # the last request failed, the one before did not
    STALE = "stale"  # no answer for several periods
    DOWN = "down"  # no answer for minutes, or refused


@dataclass(frozen=True, slots=True)
class Source:
    """A place that is asked again and again: S3, or EC2 of one region."""

    name: str
    period: timedelta
    answered_at: datetime | None = None
    error: str | None = None  # of the last request, None if it was answered
    fix: str | None = None
    refused: bool = False  # a permission is missing: asking again does not help
    failures: int = 0  # in a row
    requests: int = 0

    def state(self, now: datetime) -> SourceState:
        """Its state at ``now``: three periods without an answer are stale, twelve are down."""
        if self.refused:
            return SourceState.DOWN
        if self.answered_at is None:
            return SourceState.CONNECTING if self.failures < 3 else SourceState.DOWN
        silent = now - self.answered_at
        if silent > 12 * self.period:
            return SourceState.DOWN
        if silent > 3 * self.period:
            return SourceState.STALE
        return SourceState.RETRYING if self.error else SourceState.LIVE


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job as it was planned and as it stands."""

    planned: JobDocument
    status: JobStatus
    spent_usd: Decimal | None = None  # estimate; None: nothing is known of an instance
    launched_at: datetime | None = None  # of its instance; None: there is none that is known of
    ended_at: datetime | None = None  # when its instance stopped being billed, est.; None: it has not

    @property
    def region(self) -> str:
        """Where its instance is; without one where it is planned."""
        return self.status.instance.region if self.status.instance is not None else self.planned.region

    @property
    def alive(self) -> bool:
        """Whether EC2 last showed its instance pending, running or stopped."""
        return self.status.instance is not None and not self.status.instance.ending


@dataclass(frozen=True, repr=False)  # of 10,000 jobs, and asyncio writes out what a task returns
class Snapshot:
    """A run at one moment.

    ``as_of`` is the moment the sources were last heard together; the rows are true of that moment,
    not of ``taken_at``.
    """

    run: RunDocument
    taken_at: datetime
    as_of: datetime | None
    rows: tuple[JobRow, ...]
    sources: tuple[Source, ...]
    spent_usd: Decimal
    killed: bool = False  # control/kill is there
    idle_since: datetime | None = None  # last sign of any activity of this run
    schedules: Mapping[str, ScheduleView] = field(default_factory=dict)  # by region, where it was asked
    #: By job: what its instance has said of each mechanism that ends it. Not there: not heard.
    armed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    proofs: Proofs | None = None  # what drills have shown; None: not asked for
    book: BookView | None = None  # of the money held for it; None: not asked yet

    @cached_property
    def counts(self) -> dict[JobState, int]:
        """Number of jobs in each state that occurs."""
        found: dict[JobState, int] = {}
        for row in self.rows:
            found[row.status.state] = found.get(row.status.state, 0) + 1
        return found

    @cached_property
    def alive(self) -> tuple[JobRow, ...]:
        """Jobs with an instance that EC2 last showed pending, running or stopped."""
        return tuple(row for row in self.rows if row.alive)

    @cached_property
    def amiss(self) -> tuple[JobRow, ...]:
        """Jobs that are not as they should be: an alarm, or a state that nobody wanted."""
        from benchtui.engine.concerns import urgency

        return tuple(row for row in self.rows if urgency(row) is not None)

    @cached_property
    def standing(self) -> Mapping[str, Standing]:
        """How its living instances stand with what ends them, by region."""
        from benchtui.engine.standing import standing_of

        return standing_of(self)

    @property
    def ec2_known(self) -> bool:
        """Whether EC2 of every region of the run answered at least once."""
        return all(source.answered_at for source in self.sources if source.name.startswith("EC2"))

    def ec2_fresh(self, now: datetime | None = None, regions: Iterable[str] | None = None) -> bool:
        """Whether EC2 of ``regions``, of every region of the run without any, has answered lately, as seen at
        ``now``."""
        fresh = (SourceState.LIVE, SourceState.RETRYING)
        names = None if regions is None else {f"EC2 {region}" for region in regions}
        asked = [
            source
            for source in self.sources
            if source.name.startswith("EC2") and (names is None or source.name in names)
        ]
        return all(source.state(now or self.taken_at) in fresh for source in asked)

    def over(self, quiet: timedelta) -> bool:
        """Whether nothing more will happen.

        True when every job is final with no instance alive; a job that was planned but never
        launched counts as over once the run has shown no sign of life for ``quiet`` and no launcher has
        the right to launch it any more (its launcher is gone).
        """
        if self.as_of is None or self.alive:
            return False
        if all(row.status.over for row in self.rows):
            return True
        if self._still_to_begin:
            return False
        left = [row for row in self.rows if not row.status.over]
        silent = self.idle_since is None or self.as_of - self.idle_since > quiet
        # What EC2 said long ago does not tell whether something was launched since.
        if not silent or not self.ec2_fresh():
            return False
        return all(row.status.state is JobState.PLANNED and not self._awaited(row) for row in left)

    @property
    def _still_to_begin(self) -> bool:
        """Whether the account itself may yet start it, at the time that was set."""
        at = self.run.scheduled_for
        if at is None or self.as_of is None or self.killed:
            return False
        return self.as_of < at + START_WINDOW + timedelta(seconds=self.run.never_started_s)

    def _awaited(self, row: JobRow) -> bool:
        """Whether a launcher holds the money of a job and may be about to launch it, silent as it is.

        One that waits for what another has reserved says nothing for as long as a lease lasts.
        """
        from benchtui.core.budget import LEASE

        book = self.book.book if self.book is not None else None
        holding = book.held.get(row.planned.job) if book is not None else None
        if holding is None or self.as_of is None or self.killed:
            return False
        return self.as_of - holding.since < LEASE + VISIBILITY

    @property
    def percent_reached(self) -> int:
        """The highest of 0, 50, 80 and 100 % of the run's budget that is spent."""
        return reached(self.spent_usd, self.run.budget_usd)

    def shows(self, jobs: Iterable[str]) -> bool:
        """Whether it knows that ``jobs`` were launched; sources that did not answer show the time before."""
        unheard = {
            row.planned.job for row in self.rows if row.status.state in (JobState.PLANNED, JobState.DECLINED)
        }
        return unheard.isdisjoint(jobs)

    @property
    def overdue(self) -> tuple[JobRow, ...]:
        """Jobs whose instance is alive and should not be: past its time, or after its job has ended."""
        return tuple(row for row in self.alive if row.status.alarm is not None or self._expired(row))

    def stuck(self, margin: timedelta) -> bool:
        """Whether waiting helps no more: all that is left is alive ``margin`` past its own expiry."""
        left = [row for row in self.rows if not row.status.over and row.status.state is not JobState.PLANNED]
        return bool(left) and all(self._expired(row, margin) for row in left)

    def _expired(self, row: JobRow, margin: timedelta = timedelta(0)) -> bool:
        return row.status.instance is not None and row.status.instance.expired(self.taken_at - margin)

    @property
    def ec2_settled(self) -> bool:
        """Whether EC2 answered just now, or had already shown every instance ending."""
        asked = [source for source in self.sources if source.name.startswith("EC2")]
        if self.ec2_fresh() and not any(source.error for source in asked):
            return True
        return all(row.status.instance is not None and row.status.instance.ending for row in self.rows)
