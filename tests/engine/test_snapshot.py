"""What a snapshot may conclude from sources that did not answer lately."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from benchtui.core.budget import Book, Holding
from benchtui.core.keys import JobState
from benchtui.core.states import Ec2State, JobStatus
from benchtui.engine.book_watch import BookView
from benchtui.engine.snapshot import QUIET, Source
from tests.engine.fleet import after, instance, row, snapshot

ONE, TWO = "c7g.large-1", "c7g.large-2"
PLANNED = row(JobStatus(ONE, JobState.PLANNED))
DECLINED = row(JobStatus(TWO, JobState.DECLINED))
ENDED = row(JobStatus(ONE, JobState.COMPLETED, instance=instance(ONE, Ec2State.TERMINATED)))
LONG_AGO = after(-900)


def _sources(ec2_answered: float, at: float = 60) -> tuple[Source, ...]:
    period = timedelta(seconds=10)
    answered = {"S3": after(at), "EC2 us-west-2": after(ec2_answered)}
    return tuple(Source(name, period, answered_at=when) for name, when in answered.items())


def test_a_run_without_launcher_is_over_only_if_ec2_has_answered_lately() -> None:
    fresh = snapshot([PLANNED], sources=_sources(50), idle_since=LONG_AGO)
    assert fresh.over(QUIET)
    stale = snapshot([PLANNED], sources=_sources(-600), idle_since=LONG_AGO)
    assert not stale.over(QUIET), "something may have been launched since"


def test_an_old_answer_of_ec2_settles_nothing_unless_every_instance_was_seen_ending() -> None:
    assert snapshot([DECLINED], sources=_sources(50)).ec2_settled
    assert not snapshot([DECLINED], sources=_sources(-600)).ec2_settled
    assert snapshot([ENDED], sources=_sources(-600)).ec2_settled


def test_a_launched_job_that_is_still_planned_or_declined_was_not_heard_of() -> None:
    assert not snapshot([PLANNED]).shows([ONE])
    assert not snapshot([DECLINED]).shows([TWO]), "declined by one launcher, launched by another"
    assert snapshot([PLANNED, DECLINED]).shows([])
    assert snapshot([ENDED]).shows([ONE])


def test_a_run_whose_launcher_waits_for_a_lease_is_not_over_however_silent_it_is() -> None:
    def held(since: float, **more: bool) -> bool:
        holding = Holding(ONE, Decimal(1), "a", after(since), after(since), frozenset("a"))
        book = Book(1, {ONE: holding})
        view = BookView(after(60), book)
        return snapshot([PLANNED], sources=_sources(50), idle_since=LONG_AGO, book=view, **more).over(QUIET)

    assert not held(60 - 700), "its lease is over, but what was asked for in it may not be visible yet"
    assert held(60 - 730)
    assert held(60 - 30, killed=True), "whoever holds it asks for the order to stop before it launches"
