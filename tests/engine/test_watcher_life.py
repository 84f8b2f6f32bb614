"""What an instance has cost, seen by someone who looks late, or after EC2 has forgotten it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from benchtui.core.documents import RunDocument
from benchtui.core.keys import JobState, Sentinel
from benchtui.engine.snapshot import JobRow
from benchtui.engine.watcher import POWER_OFF
from tests.engine.conftest import Bench

ONE_JOB = {"plan.types": ["c7g.large"], "plan.replicates": 1}
pytestmark = pytest.mark.parametrize("settings", [ONE_JOB])


def say(bench: Bench, run: RunDocument, seq: int, state: JobState, at: datetime) -> None:
    """A sentinel as launcher (0) or instance write it."""
    whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
    bench.put(Sentinel(whole, run.jobs[0].job, seq, state).key(run.run))


async def looked(bench: Bench, run: RunDocument) -> JobRow:
    """As a watcher on another machine sees it first."""
    snapshot = await (await bench.workspace.watcher(run)).poll()
    return snapshot.rows[0]


@pytest.mark.long
async def test_a_live_instance_has_begun_and_not_ended(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    row = await looked(bench, run)
    # The local cloud stamps an instance again when it comes to run, as after a start.
    assert row.launched_at is not None
    assert abs(row.launched_at - launched.instances["c7g.large-1"].launched_at) < timedelta(seconds=5)
    assert row.ended_at is None
    assert row.spent_usd is not None


@pytest.mark.long
async def test_whoever_looks_late_bills_the_last_word_and_not_the_time_since(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    said = bench.clock.now()
    say(bench, run, 1, JobState.COMPLETED, said)
    bench.cloud.boto3("ec2").terminate_instances(InstanceIds=[launched.instances["c7g.large-1"].instance_id])
    bench.clock.skew += timedelta(minutes=40)
    row = await looked(bench, run)
    assert row.ended_at is not None
    assert abs(row.ended_at - (said + POWER_OFF)) < timedelta(seconds=1)


@pytest.mark.long
async def test_an_instance_that_ended_without_a_word_is_billed_until_it_was_seen_ending(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    bench.cloud.boto3("ec2").terminate_instances(InstanceIds=[launched.instances["c7g.large-1"].instance_id])
    row = await looked(bench, run)
    assert row.ended_at is not None
    assert abs(row.ended_at - bench.clock.now()) < timedelta(seconds=10)


@pytest.mark.long
async def test_what_ec2_has_forgotten_is_told_by_the_bucket(bench: Bench) -> None:
    run = await bench.start()
    begun = bench.clock.now() - timedelta(hours=3)
    say(bench, run, 0, JobState.LAUNCHED, begun)
    say(bench, run, 1, JobState.COMPLETED, begun + timedelta(minutes=20))
    row = await looked(bench, run)
    assert row.status.instance is None
    assert row.launched_at is not None
    assert row.ended_at is not None
    assert row.ended_at - row.launched_at == timedelta(minutes=20) + POWER_OFF
    assert row.spent_usd is not None
    assert row.spent_usd > 0


async def test_what_nobody_knows_the_end_of_is_not_billed_but_unknown(bench: Bench) -> None:
    run = await bench.start()
    say(bench, run, 0, JobState.LAUNCHED, bench.clock.now() - timedelta(hours=3))
    row = await looked(bench, run)
    assert (row.launched_at, row.ended_at, row.spent_usd) == (None, None, None)
