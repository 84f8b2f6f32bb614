"""Clocks that jump, as when a laptop wakes: nothing falls silent, nothing is judged by the clock alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchtui.core import keys
from benchtui.core.keys import JobState, Sentinel
from benchtui.engine.kill_scope import KillScope
from tests.engine.conftest import Bench

pytestmark = pytest.mark.parametrize("settings", [{"plan.types": ["c7g.large"], "plan.replicates": 1}])
NIGHT = timedelta(hours=8)


@pytest.mark.long
@pytest.mark.parametrize("jump", [NIGHT, -NIGHT], ids=["forward", "back"])
async def test_a_watcher_goes_on_asking_everybody(bench: Bench, jump: timedelta) -> None:
    run = await bench.start()
    launched = await bench.launch()
    watcher = await bench.workspace.watcher(run)
    await watcher.poll()
    requests = {source.name: source.requests for source in watcher.snapshot().sources}
    bench.clock.skew += jump
    bench.put(keys.heartbeat_key(run.run, run.jobs[0].job))
    snapshot = await watcher.poll()
    for source in snapshot.sources:
        assert source.requests > requests[source.name], f"{source.name} was asked after the jump"
    (row,) = snapshot.rows
    assert row.status.instance is not None
    assert row.status.instance.instance_id == launched.instances[run.jobs[0].job].instance_id


async def test_whoever_wakes_without_a_network_judges_nothing(bench: Bench) -> None:
    """The night is over, and neither S3 nor EC2 has said a word yet: the job is as it was, and old."""
    run = await bench.start()
    await bench.launch()
    watcher = await bench.workspace.watcher(run)
    now = bench.clock.now()
    whole = now.replace(microsecond=now.microsecond // 1000 * 1000)
    bench.put(Sentinel(whole, run.jobs[0].job, 1, JobState.BOOTED).key(run.run))
    bench.put(keys.heartbeat_key(run.run, run.jobs[0].job))
    before = await watcher.poll()
    assert before.rows[0].status.state is JobState.BOOTED
    for service in ("s3", "ec2"):
        bench.fault(service=service, status=None)
    bench.clock.skew += NIGHT
    after = await watcher.poll()
    assert after.rows[0].status.state is JobState.BOOTED, "no verdict by a clock alone"
    assert after.as_of == before.as_of
    assert all(source.error for source in after.sources if source.name != "scheduler")


@pytest.mark.long
async def test_a_kill_is_proven_though_the_clock_is_set_back_in_the_middle(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    set_back = False
    sleep = bench.clock.sleep

    async def jumping(seconds: float) -> None:
        nonlocal set_back
        await sleep(seconds)
        if not set_back and not bench.instances("pending", "running"):
            set_back = True
            bench.clock.skew -= NIGHT

    bench.clock.sleep = jumping  # type: ignore[method-assign]
    begun = bench.clock.now()
    report = await bench.workspace.kill(KillScope.of_run(run.run))
    assert set_back
    assert report.exit_code == 0
    assert bench.clock.now() - (begun - NIGHT) < timedelta(minutes=10), "it does not wait the night again"
    assert bench.instances("pending", "running") == []
