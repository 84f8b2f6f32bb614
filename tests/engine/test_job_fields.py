"""Jobs by their fields: filters, orders, ends, and the worst thing that is going on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from benchtui.core.errors import UsageError
from benchtui.core.filter import Filter
from benchtui.core.keys import JobState
from benchtui.core.states import Ec2State, JobStatus
from benchtui.engine.concerns import Urgency, worst
from benchtui.engine.job_fields import FIELDS, SORTS, Order, chosen, ends_by, job_fields, parse_filter
from benchtui.engine.snapshot import Snapshot, Source

from .fleet import after, instance, row, running, snapshot

S = JobState
ALL = Filter()


@pytest.fixture
def fleet() -> Snapshot:
    """One of each kind."""
    lost = running(
        "c7a.large-1",
        state=S.LOST,
        reason="no heartbeat since 13:59:00Z",
        heartbeat_at=after(-34),
        last_sentinel_at=after(-40),
    )
    done = running(
        "c7g.large-2",
        state=S.COMPLETED,
        collected=("stream", "hpl"),
        instance=instance("c7g.large-2", Ec2State.TERMINATED),
        finished=True,
    )
    return snapshot(
        [
            row(done, "0.0100"),
            row(running("c7g.large-1")),
            row(JobStatus("c7i.large-1", S.BOOTED, instance=instance("c7i.large-1")), "0.0008"),
            row(lost, "0.0551"),
            row(JobStatus("c7a.large-2", S.DECLINED), None),
        ]
    )


def names(snapshot: Snapshot, expression: str = "", order: Order | None = None) -> list[str]:
    return [row.planned.job for row in chosen(snapshot, parse_filter(expression), order)]


def test_every_field_that_can_be_named_is_there(fleet: Snapshot):
    for each in fleet.rows:
        fields = job_fields(each, fleet.run, fleet.taken_at)
        assert set(fields) == {field.name for field in FIELDS}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("arch=arm64 state!=completed c7g", ["c7g.large-1"]),
        ("state!=done", ["c7g.large-1", "c7i.large-1"]),
        ("state=live", ["c7g.large-1", "c7i.large-1", "c7a.large-1"]),
        ("spent>0.009", ["c7g.large-2", "c7a.large-1"]),
        ("spent=-", ["c7a.large-2"]),
        ("zone=-", ["c7a.large-2"]),
        ("left<4h state=running", ["c7g.large-1"]),
        ("left>4h", ["c7i.large-1"]),  # its boot is not over
        ("progress=100", ["c7g.large-2"]),
        ("heard>90s", ["c7a.large-1"]),
        ("us-west-2a replicate=2", ["c7g.large-2"]),
        ("family=c7a,c7i", ["c7i.large-1", "c7a.large-1", "c7a.large-2"]),
    ],
)
def test_a_filter_leaves_these(fleet: Snapshot, expression: str, expected: list[str]):
    assert names(fleet, expression) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("state", ["c7a.large-1", "c7g.large-1", "c7i.large-1", "c7a.large-2", "c7g.large-2"]),
        ("-state", ["c7g.large-2", "c7a.large-2", "c7i.large-1", "c7g.large-1", "c7a.large-1"]),
        ("job", ["c7a.large-1", "c7a.large-2", "c7g.large-1", "c7g.large-2", "c7i.large-1"]),
        ("spent", ["c7i.large-1", "c7g.large-1", "c7g.large-2", "c7a.large-1", "c7a.large-2"]),
        # Nothing is known of the last one, so it is last both ways.
        ("-spent", ["c7a.large-1", "c7g.large-2", "c7g.large-1", "c7i.large-1", "c7a.large-2"]),
    ],
)
def test_an_order_puts_them_so(fleet: Snapshot, order: str, expected: list[str]):
    assert names(fleet, order=Order.parse(order)) == expected


def test_replicates_sort_as_numbers():
    rows = [row(JobStatus(f"c7g.large-{n}", S.PLANNED)) for n in (10, 2, 1)]
    assert names(snapshot(rows), order=Order("job")) == ["c7g.large-1", "c7g.large-2", "c7g.large-10"]


def test_every_order_works_and_they_come_round(fleet: Snapshot):
    order = Order()
    for name in SORTS:
        assert order.name == name
        assert sorted(names(fleet, order=order)) == sorted(names(fleet))
        assert sorted(names(fleet, order=order.reversed())) == sorted(names(fleet))
        order = order.next()
    assert order == Order()


def test_an_order_that_is_none_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        Order.parse("spend")
    assert "did you mean spent?" in (caught.value.fix or "")


def test_the_runtime_counts_from_the_boot_and_before_it_with_the_boot_allowance(fleet: Snapshot):
    _, going, booting, _, declined = fleet.rows
    assert ends_by(going, fleet.run) == after(20 + 14400)
    assert ends_by(booting, fleet.run) == after(600 + 14400)
    assert ends_by(declined, fleet.run) is None


def test_the_worst_thing_is_named_with_what_happens_by_itself(fleet: Snapshot):
    concern = worst(fleet, fleet.taken_at)
    assert concern is not None
    assert (concern.urgency, concern.job, concern.more) == (Urgency.LOST, "c7a.large-1", 1)
    assert concern.text == "no heartbeat for 94 s, EC2 says running. It ends by itself at 18:00:20Z"


def test_an_alarm_is_worse_than_a_loss(fleet: Snapshot):
    rows = list(fleet.rows)
    rows[1] = replace(rows[1], status=replace(rows[1].status, alarm="2 instances of one job are alive"))
    concern = worst(replace(fleet, rows=tuple(rows)), fleet.taken_at)
    assert concern is not None
    assert (concern.urgency, concern.job) == (Urgency.ALARM, "c7g.large-1")


def test_what_should_have_ended_is_to_be_killed(fleet: Snapshot):
    concern = worst(replace(fleet, taken_at=after(20_000)), fleet.taken_at)
    assert concern is not None
    assert concern.text.endswith("It should have ended by itself: kill it")


def test_a_source_that_is_silent_is_a_concern():
    silent = Source("S3", timedelta(seconds=5), answered_at=after(0), error="timed out", failures=3)
    at_work = snapshot([row(running("c7g.large-1"))], sources=(silent,))
    concern = worst(at_work, after(60))
    assert concern is not None
    assert concern.urgency is Urgency.BLIND
    assert concern.text == "S3 has not answered since 14:00:00Z: timed out"


def test_nothing_is_wrong_when_all_is_well():
    assert worst(snapshot([row(running("c7g.large-1"))]), after(60)) is None
