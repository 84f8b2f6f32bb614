"""Credentials that expire in the middle of a launch: it waits, says so once, goes on, and can be stopped."""

from __future__ import annotations

import asyncio

import pytest

from benchtui.core import keys
from benchtui.engine.launcher import SIGN_IN_PATIENCE
from tests.engine.conftest import Bench

EXPIRED = {"status": 400, "message": "the provided token has expired"}
WORDS = "launching waits"


def told(bench: Bench) -> list[str]:
    return [note["text"] for note in bench.said("note") if WORDS in note.get("text", "")]


@pytest.mark.long
@pytest.mark.parametrize(
    ("service", "action", "code"),
    [("ec2", "RunInstances", "RequestExpired"), ("s3", "PutObject", "ExpiredToken")],
)
async def test_a_launch_waits_for_a_new_sign_in(bench: Bench, service: str, action: str, code: str) -> None:
    run = await bench.start()
    bench.fault(service=service, action=action, code=code, times=12, **EXPIRED)
    before = bench.clock.now()
    launched = await bench.launch()
    assert bench.faults_hit() == 12
    assert sorted(launched.instances) == sorted(job.job for job in run.jobs)
    assert launched.declined == {}
    assert len(bench.instances()) == len(run.jobs), "none is launched twice"
    (said,) = told(bench)
    assert code in said
    assert "sign in again" in said
    assert (bench.clock.now() - before).total_seconds() >= 15


async def test_a_launch_that_waits_can_be_killed(bench: Bench) -> None:
    run = await bench.start()
    bench.fault(service="ec2", action="RunInstances", code="RequestExpired", **EXPIRED)
    launching = asyncio.create_task(bench.launch())
    while not told(bench):  # noqa: ASYNC110  (an event of the launcher)
        await asyncio.sleep(0.05)
    bench.put(keys.kill_key(run.run))
    launched = await launching
    assert launched.instances == {}
    assert launched.stopped == "the run was killed"
    assert set(launched.declined) == {job.job for job in run.jobs}
    assert bench.instances() == []


@pytest.mark.long
@pytest.mark.parametrize("settings", [{"plan.types": ["c7g.large"], "plan.replicates": 1}])
async def test_a_launch_does_not_wait_for_ever(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.engine.launcher.SIGN_IN_SECONDS", SIGN_IN_PATIENCE.total_seconds() / 3)
    bench.fault(service="ec2", action="RunInstances", code="RequestExpired", **EXPIRED)
    launched = await bench.launch()
    (reason,) = launched.declined.values()
    assert "RequestExpired" in reason
    assert bench.instances() == []
