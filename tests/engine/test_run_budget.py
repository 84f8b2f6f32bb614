"""What a follower of a run does about its money: says it once, and ends the run only where it may."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from benchtui.core.budget import Holding
from benchtui.core.keys import JobState
from benchtui.core.states import JobStatus
from benchtui.engine.events import Event
from benchtui.engine.narration import words
from benchtui.engine.run_budget import AGAIN, RunBudgets, _settled
from benchtui.engine.snapshot import Snapshot

from . import fleet

JOB = "c7g.large-1"


class StandingClock:
    def __init__(self) -> None:
        self.at = fleet.T0

    def now(self) -> Any:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


async def no_bucket() -> Any:
    raise AssertionError("nothing is to be asked of a bucket")


def budgets() -> tuple[RunBudgets, StandingClock, list[Event]]:
    events: list[Event] = []
    clock = StandingClock()
    return RunBudgets(no_bucket, clock, events.append), clock, events


def spent(amount: str) -> Snapshot:
    """Of a budget of 5 USD."""
    return fleet.snapshot([fleet.row(fleet.running(JOB), amount)])


async def test_half_and_four_fifths_are_said_once_each_and_nothing_is_ended() -> None:
    watched, _, events = budgets()
    for amount in ("2.49", "2.50", "2.51", "3.99", "4.00", "4.99"):
        assert not await watched.look(spent(amount), acts=True)
    assert [event.fields["percent"] for event in events] == [50, 80]
    assert [event.fields["spent_usd"] for event in events] == ["2.50", "4.00"]
    assert "50 % is spent, 2.50 of 5 USD" in str(words(events[0]))


async def test_who_comes_late_hears_all_of_it_at_once() -> None:
    watched, _, events = budgets()
    await watched.look(spent("4.50"), acts=False)
    assert [event.fields["percent"] for event in events] == [50, 80]


async def test_at_all_of_it_the_run_is_ended_and_again_if_something_lives_on() -> None:
    watched, clock, events = budgets()
    assert await watched.look(spent("5.00"), acts=True)
    assert watched.exceeded[fleet.RUN] == "budget: 5.00 USD spent of 5.00 USD"
    assert not await watched.look(spent("5.01"), acts=True), "it is being ended"
    clock.at += AGAIN
    assert await watched.look(spent("5.02"), acts=True)
    assert [event.fields["percent"] for event in events] == [50, 80, 100]


async def test_who_may_not_act_only_says_it() -> None:
    watched, _, events = budgets()
    assert not await watched.look(spent("6"), acts=False)
    assert events[-1].fields["percent"] == 100
    assert not watched.exceeded


async def test_what_has_ended_by_itself_is_not_ended() -> None:
    watched, _, _ = budgets()
    over = fleet.snapshot([], spent_usd=Decimal(6))
    assert not await watched.look(over, acts=True)


def test_money_without_an_instance_is_free_for_a_while_and_spent_when_ec2_would_have_forgotten() -> None:
    held = Holding(JOB, Decimal("0.38"), "a", fleet.T0, fleet.T0, frozenset("a"))
    row = fleet.row(JobStatus(JOB, JobState.PLANNED), None)
    settled = {minutes: _settled(row, held, fleet.after(60 * minutes)) for minutes in (11, 12, 44, 45)}
    assert settled[11] is None, "its launcher may be about to launch it"
    assert [usd for usd, _ in filter(None, settled.values())] == [0, 0, Decimal("0.38")]
