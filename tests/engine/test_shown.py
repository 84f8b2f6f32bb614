"""EC2's answers lag, and one can be older than the one before it."""

from __future__ import annotations

from datetime import timedelta

from benchtui.core.states import VISIBILITY, Ec2State
from benchtui.engine.shown import Shown
from tests.engine.fleet import T0, after, instance

JOB = "c7g.large-1"


def test_an_instance_that_has_ended_does_not_live_again() -> None:
    shown = Shown()
    ended = instance(JOB, Ec2State.SHUTTING_DOWN)
    shown.merged([ended], T0)
    assert shown.merged([instance(JOB)], after(5)) == (ended,)
    assert shown.merged([instance(JOB, Ec2State.TERMINATED)], after(9))[0].state is Ec2State.TERMINATED


def test_one_answer_that_leaves_an_instance_out_does_not_make_it_absent() -> None:
    shown = Shown()
    shown.merged([instance(JOB)], T0)
    assert shown.merged([], after(10)) == (instance(JOB),)


def test_an_instance_that_is_left_out_for_longer_than_ec2_may_lag_is_gone() -> None:
    shown = Shown()
    shown.merged([instance(JOB)], T0)
    assert shown.merged([], T0 + VISIBILITY + timedelta(seconds=1)) == ()


def test_an_instance_listed_twice_is_one_and_the_order_is_that_of_launch() -> None:
    later = instance("c7g.large-2", launched_at=after(60))
    assert Shown().merged([later, instance(JOB), later], T0) == (instance(JOB), later)


def test_what_has_ended_stays_known_when_ec2_has_forgotten_it() -> None:
    shown = Shown()
    ended = instance(JOB, Ec2State.TERMINATED)
    shown.merged([ended], T0)
    assert shown.merged([], after(7200)) == (ended,)
