"""Runs that the account starts: made whole or not at all, launched once, ended, and missed aloud."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.errors import CloudError
from benchtui.config.load import Flag, load
from benchtui.core.errors import BudgetError, UsageError
from benchtui.core.starts import START_WINDOW, occurrences
from benchtui.engine.kill_scope import KillScope
from benchtui.engine.scheduled_runs import Course, ScheduledRuns
from benchtui.engine.workspace import Folders, Workspace
from tests.engine.conftest import Bench, ForwardClock
from tests.local.conftest import FEW_REGIONS, LocalCloud, Start

STARTER = {"aws.starter_role": "benchtui-starter", "plan.types": ["c7g.large"], "plan.replicates": 2}


@pytest.fixture(scope="module")
def own_time(start_local_cloud: Start) -> LocalCloud:
    """A cloud whose clock is put forward, which other tests would not bear."""
    cloud = start_local_cloud(host=False, simulate_ec2_types=True, regions=FEW_REGIONS)
    row = {"instance_type": "c7g.large", "region": "us-east-1", "usd_per_hour": "0.08"}
    cloud.private("POST", "prices", {"prices": [row]})
    return cloud


@pytest.fixture
async def ahead(
    own_time: LocalCloud, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], tmp_path: Path
) -> AsyncIterator[Bench]:
    for name, value in own_time.environment.items():
        monkeypatch.setenv(name, value)
    chosen = STARTER | {"safety.budget_usd": "50", "watch.poll_seconds": 1} | settings
    flags = {key: Flag("test", value) for key, value in chosen.items()}
    config = load(None, own_time.environment, flags, tmp_path).config
    folders = Folders(tmp_path / "state", tmp_path / "cache", tmp_path / "results")
    clock, events = ForwardClock(), []  # type: ignore[var-annotated]
    clock.skew = timedelta(seconds=own_time.private("POST", "clock", {"advance_s": 0})["offset_s"])
    async with Workspace(config, folders, clock, random.Random(7), events.append) as workspace:
        yield Bench(own_time, workspace, clock, events, folders)
    own_time.private("DELETE", "faults")


def pass_time(bench: Bench, seconds: float) -> None:
    bench.cloud.private("POST", "clock", {"advance_s": seconds})
    bench.clock.skew += timedelta(seconds=seconds)


def schedules(bench: Bench) -> list[str]:
    rows = bench.cloud.boto3("scheduler").list_schedules(NamePrefix="benchtui.")["Schedules"]
    return sorted(row["Name"] for row in rows)


async def soon(bench: Bench, count: int = 1) -> tuple[datetime, ...]:
    first = bench.clock.now() + timedelta(minutes=4)
    return occurrences(first, "1d" if count > 1 else None, count, bench.clock.now())


async def create(bench: Bench, count: int = 1) -> Any:
    planned = await bench.workspace.plan(1)
    made = await ScheduledRuns(bench.workspace).create(planned, await soon(bench, count))
    bench.run = made[0]
    return made


async def courses(bench: Bench, *runs: Any) -> list[Course]:
    """How far these runs are; other tests may have made some in the same cloud."""
    found = await ScheduledRuns(bench.workspace).occurrences()
    known = {each.run.run: each.course for each in found}
    return [known[run.run] for run in runs]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.1)


@pytest.mark.long
async def test_a_run_begins_without_any_launcher_and_has_its_end_beside_it(ahead: Bench) -> None:
    first, second = await create(ahead, count=2)
    named = schedules(ahead)
    assert [name for name in named if first.run in name] == [
        f"benchtui.{first.run}",
        f"benchtui.start.{first.run}.1",
        f"benchtui.start.{first.run}.2",
    ]
    assert len([name for name in named if second.run in name]) == 3
    assert first.schedules == {"us-east-1": "armed"}
    assert first.scheduled_for < second.scheduled_for
    assert await courses(ahead, first, second) == [Course.AHEAD, Course.AHEAD]
    assert ahead.instances() == []

    pass_time(ahead, 300)
    await until(lambda: len(ahead.instances()) == 2)
    rows = ahead.instances()
    tags = [{tag["Key"]: tag["Value"] for tag in row["Tags"]} for row in rows]
    assert sorted(each["benchtui:job"] for each in tags) == ["c7g.large-1", "c7g.large-2"]
    assert all(each["LaunchedBy"] == "AsyncBenchmarkLauncher" for each in tags)
    latest = first.scheduled_for + START_WINDOW + timedelta(hours=5, minutes=6)
    assert all(datetime.fromisoformat(each["benchtui:expires"]) <= latest for each in tags)
    told = ahead.cloud.boto3("ec2").describe_instance_attribute(
        InstanceId=rows[0]["InstanceId"], Attribute="userData"
    )
    assert first.run in base64.b64decode(told["UserData"]["Value"]).decode()
    end = ahead.cloud.boto3("scheduler").get_schedule(Name=f"benchtui.{first.run}")
    assert datetime.fromisoformat(end["ScheduleExpression"][3:-1] + "Z") > first.scheduled_for
    assert await courses(ahead, first, second) == [Course.BEGUN, Course.AHEAD]
    assert not list((ahead.folders.state / "ledger").glob("*")) if ahead.folders.state.exists() else True

    report = await ahead.workspace.kill(KillScope.of_run(second.run))
    assert report.proven
    left = [name for name in schedules(ahead) if second.run in name]
    assert not [name for name in left if "start" in name], "a kill takes the starts away, too"
    assert (await ahead.workspace.kill(KillScope.of_run(first.run))).proven


@pytest.mark.long
async def test_one_that_is_removed_does_not_begin(ahead: Bench) -> None:
    (run,) = await create(ahead)
    assert await ScheduledRuns(ahead.workspace).remove(run.run) == 2
    assert not [name for name in schedules(ahead) if run.run in name]
    pass_time(ahead, 300)
    found = {each.run.run: each.course for each in await ScheduledRuns(ahead.workspace).occurrences()}
    assert found[run.run] is Course.REMOVED
    assert ahead.instances() == []


@pytest.mark.long
async def test_one_that_ec2_refuses_is_missed_when_its_time_is_over(ahead: Bench) -> None:
    (run,) = await create(ahead)
    ahead.fault(service="ec2", action="RunInstances", status=503, code="Unavailable")
    pass_time(ahead, 300)
    await until(lambda: ahead.faults_hit() >= 2)
    course = {each.run.run: each.course for each in await ScheduledRuns(ahead.workspace).occurrences()}
    assert course[run.run] is Course.DUE
    pass_time(ahead, 1200)
    course = {each.run.run: each.course for each in await ScheduledRuns(ahead.workspace).occurrences()}
    assert course[run.run] is Course.MISSED


@pytest.mark.long
async def test_what_is_made_by_half_is_taken_away_again(ahead: Bench) -> None:
    ahead.fault(service="scheduler", action="CreateSchedule", match={"Name": "*.2"}, status=400)
    before = schedules(ahead)
    with pytest.raises(CloudError):
        await create(ahead)
    assert schedules(ahead) == before


@pytest.mark.parametrize("settings", [{"aws.starter_role": ""}])
async def test_without_a_role_the_setting_is_named(ahead: Bench) -> None:
    with pytest.raises(UsageError) as caught:
        await create(ahead)
    assert 'starter_role = "benchtui-starter"' in (caught.value.fix or "")


@pytest.mark.parametrize("settings", [{"safety.budget_usd": "0.60"}])
async def test_a_worst_case_that_nobody_would_refuse_is_refused(ahead: Bench) -> None:
    with pytest.raises(BudgetError):
        await create(ahead)
