"""The budget at a launch and after it, on a local cloud: held before a request, released when seen ending."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchtui.core import keys
from benchtui.core.budget import Book
from benchtui.core.documents import RunDocument
from benchtui.core.errors import ExitCode
from benchtui.engine.layers import LayerState, layers
from benchtui.engine.reservations import BookReader, Hold
from benchtui.engine.workspace import Folders, Workspace
from tests.engine.conftest import Bench, ForwardClock

TEN = {"plan.types": ["c7g.large", "c7i.large"], "plan.replicates": 5, "safety.launch_tries": 2}
ONE = {"plan.types": ["c7g.large"], "plan.replicates": 1, "safety.launch_tries": 2}


async def within(bench: Bench, jobs: int, **more: Any) -> RunDocument:
    """A run whose budget covers the worst case of so many of its jobs, to the millionth."""
    planned = await bench.workspace.plan(1)
    worst = planned.plan.jobs[0].worst_case_usd
    assert {job.worst_case_usd for job in planned.plan.jobs} == {worst}
    spread(bench.workspace, budget_usd=worst * jobs, **more)
    return await bench.start()


def spread(workspace: Workspace, **safety: Any) -> None:
    config = workspace.config
    workspace.config = config.model_copy(update={"safety": config.safety.model_copy(update=safety)})


@asynccontextmanager
async def another(bench: Bench, folders: Folders, clock: Any = None) -> AsyncIterator[Workspace]:
    """Another process on the same bucket; with other folders on another machine."""
    kept = bench.workspace
    clock = clock or bench.clock
    async with Workspace(kept.config, folders, clock, random.Random(8), bench.events.append) as workspace:
        yield workspace


async def book_of(bench: Bench) -> Book:
    assert bench.run is not None
    return await BookReader(await bench.workspace.bucket(), bench.run.run).read()


def jobs_of(bench: Bench) -> Counter[str]:
    """How many instances each job has."""
    return Counter(
        tag["Value"] for row in bench.instances() for tag in row["Tags"] if tag["Key"] == "benchtui:job"
    )


@pytest.mark.parametrize("settings", [TEN])
async def test_of_ten_jobs_at_a_cap_for_four_four_are_launched_and_six_declined_by_the_budget(
    bench: Bench,
) -> None:
    await within(bench, 4)
    launched = await bench.launch()
    assert len(launched.instances) == 4
    assert len(launched.declined) == 6
    assert all(reason.startswith("budget: ") for reason in launched.declined.values())
    assert launched.over_budget == launched.declined.keys()
    assert jobs_of(bench) == Counter(launched.instances.keys())
    book = await book_of(bench)
    assert book.held.keys() == launched.instances.keys()
    assert bench.run is not None
    assert book.held_usd == bench.run.budget_usd


@pytest.mark.parametrize("settings", [TEN])
@pytest.mark.parametrize("machines", [pytest.param("one", marks=pytest.mark.slow), "two"])
async def test_two_launchers_at_once_cannot_spend_it_twice(
    bench: Bench, tmp_path: Path, machines: str
) -> None:
    run = await within(bench, 4)
    elsewhere = Folders(tmp_path / "s2", tmp_path / "c2", tmp_path / "r2")
    async with another(bench, bench.folders if machines == "one" else elsewhere) as other:
        one, two = await asyncio.gather(bench.launch(), other.launch(run, bench.planned))
    assert len(jobs_of(bench)) == 4
    assert set(jobs_of(bench).values()) == {1}
    for launched in (one, two):
        assert launched.instances.keys() == jobs_of(bench).keys()
        assert len(launched.over_budget) == 6
    assert (await book_of(bench)).entries == 4, "a reservation each, by whichever was first"


@pytest.mark.slow
@pytest.mark.parametrize("settings", [ONE])
async def test_a_launcher_waits_for_what_another_one_has_reserved_and_takes_over_when_its_time_is_over(
    bench: Bench, tmp_path: Path
) -> None:
    run = await within(bench, 1)
    async with another(bench, Folders(tmp_path / "s2", tmp_path / "c2", tmp_path / "r2")) as other:
        from benchtui.engine.reservations import Reservations

        reserved_by_a_dead_one = Reservations(await other.bucket(), run, bench.clock)
        assert await reserved_by_a_dead_one.hold(run.jobs[0]) is Hold.MINE
        before = bench.clock.now()
        bench.clock.skew += timedelta(minutes=9, seconds=30)
        launched = await bench.launch()
    assert list(launched.instances) == ["c7g.large-1"]
    assert bench.clock.now() - before >= timedelta(minutes=9, seconds=58)
    texts = [note["text"] for note in bench.said("note")]
    assert any("waiting for what comes of it" in text for text in texts)
    assert any("its reservation is used" in text for text in texts)
    assert (await book_of(bench)).held_usd == run.budget_usd, "the same money, not more"


@pytest.mark.parametrize("settings", [ONE])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 403, "code": "AccessDenied"}, "not reserved: denied: AccessDenied"),
        pytest.param(
            {"status": 503, "code": "SlowDown"}, "not reserved: throttled: SlowDown", marks=pytest.mark.slow
        ),
        pytest.param({}, "not reserved: unknown: ", marks=pytest.mark.slow),
    ],
)
async def test_what_could_not_be_reserved_is_not_launched(
    bench: Bench, fault: dict[str, Any], reason: str
) -> None:
    await within(bench, 1)
    bench.fault(service="s3", action="PutObject", match={"Key": "*/reservations/*"}, **fault)
    launched = await bench.launch()
    assert launched.declined["c7g.large-1"].startswith(reason), launched.declined
    assert bench.said("launching") == []
    assert bench.instances() == []


@pytest.mark.slow
@pytest.mark.parametrize("settings", [ONE])
async def test_a_lost_answer_to_a_reservation_is_recognised_as_ones_own(bench: Bench) -> None:
    await within(bench, 1)
    bench.fault(
        service="s3", action="PutObject", match={"Key": "*/reservations/*"}, after_commit=True, times=1
    )
    launched = await bench.launch()
    assert bench.faults_hit() == 1
    assert list(launched.instances) == ["c7g.large-1"]
    assert (await book_of(bench)).entries == 1


@pytest.mark.slow
@pytest.mark.parametrize("settings", [ONE])
async def test_a_book_that_cannot_be_understood_lets_nothing_be_launched(bench: Bench) -> None:
    run = await within(bench, 1)
    bench.put(keys.reservation_key(run.run, 1), b'{"schema": "benchtui.reservation/9"}')
    launched = await bench.launch()
    assert "newer benchtui" in launched.declined["c7g.large-1"]
    assert bench.instances() == []
    bench.cloud.boto3("s3").delete_object(Bucket=bench.cloud.bucket, Key=keys.reservation_key(run.run, 1))


@pytest.mark.slow
@pytest.mark.parametrize("settings", [TEN])
async def test_what_ec2_refused_is_given_back_for_the_next_job(bench: Bench) -> None:
    await within(bench, 4)
    bench.fault(
        service="ec2",
        action="RunInstances",
        match={"InstanceType": "c7g.large"},
        status=403,
        code="UnauthorizedOperation",
    )
    spread(bench.workspace, launch_concurrency=1)
    launched = await bench.launch()
    assert all(job.startswith("c7i") for job in launched.instances)
    assert len(launched.instances) == 4
    assert (await book_of(bench)).held.keys() == launched.instances.keys()


@pytest.mark.slow
@pytest.mark.parametrize("settings", [ONE])
async def test_an_unsettled_request_keeps_its_reservation(bench: Bench) -> None:
    await within(bench, 1)
    bench.fault(service="ec2", action="RunInstances", after_commit=True)
    bench.fault(service="ec2", action="DescribeInstances", status=500)
    launched = await bench.launch()
    assert launched.declined["c7g.large-1"].startswith("unknown: ")
    assert (await book_of(bench)).held.keys() == {"c7g.large-1"}
    bench.cloud.private("DELETE", "faults")
    assert len(bench.instances()) == 1
    assert bench.run is not None
    again = await bench.workspace.launch(bench.run, None)
    assert list(again.instances) == ["c7g.large-1"]
    assert len(bench.instances()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("settings", [TEN])
async def test_what_has_ended_gives_its_money_to_those_that_wait(bench: Bench) -> None:
    run = await within(bench, 4)
    first = await bench.launch()
    ids = [view.instance_id for view in first.instances.values()]
    bench.cloud.boto3("ec2").terminate_instances(InstanceIds=ids)
    watcher = await bench.workspace.watcher(run)
    snapshot = await watcher.poll()
    assert not await bench.workspace.tend(snapshot, acts=False, launching=False)
    assert (await book_of(bench)).held, "who may not act releases nothing"
    assert not await bench.workspace.tend(snapshot, acts=True, launching=True)
    book = await book_of(bench)
    assert not book.held
    assert book.ended == first.instances.keys()
    assert 0 < book.paid_usd < run.budget_usd / 4
    assert {event["job"] for event in bench.said("released")} == first.instances.keys()
    again = await bench.workspace.launch(run, None)
    assert len(again.instances) == 3, "the fourth does not fit beside what the first four have cost"
    assert again.gone == first.instances.keys(), "a job that has ended is not launched again"
    assert len(again.over_budget) == 3
    book = await book_of(bench)
    assert book.committed_usd <= run.budget_usd
    bench.clock.skew += timedelta(seconds=60)
    row = next(row for row in (await watcher.poll()).rows if row.planned.job in book.ended)
    assert row.spent_usd == book.paid[row.planned.job]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [ONE])
async def test_a_reservation_without_an_instance_goes_when_its_launchers_time_is_over(bench: Bench) -> None:
    from benchtui.engine.reservations import Reservations

    run = await within(bench, 1)
    dead = Reservations(await bench.workspace.bucket(), run, bench.clock)
    await dead.hold(run.jobs[0])
    watcher = await bench.workspace.watcher(run)
    await bench.workspace.tend(await watcher.poll(), acts=True, launching=False)
    assert (await book_of(bench)).held, "its launcher may be about to launch it"
    bench.clock.skew += timedelta(minutes=13)
    await bench.workspace.tend(await watcher.poll(), acts=True, launching=False)
    book = await book_of(bench)
    assert not book.held
    assert not book.ended
    assert book.paid_usd == 0


@pytest.mark.slow
@pytest.mark.parametrize("settings", [TEN])
async def test_the_days_cap_counts_what_other_runs_hold(bench: Bench, tmp_path: Path) -> None:
    planned = await bench.workspace.plan(1)
    worst = planned.plan.jobs[0].worst_case_usd
    already = await today(bench)
    spread(bench.workspace, budget_usd=worst * 3, daily_budget_usd=already + worst * 4)
    first = await bench.start()
    assert len((await bench.launch()).instances) == 3
    second = await bench.start()
    launched = await bench.launch()
    assert second.run != first.run
    assert len(launched.instances) == 1
    assert len(launched.over_budget) == 9
    assert any("the day's cap of" in reason for reason in launched.declined.values())
    assert await today(bench) == already + worst * 4


async def today(bench: Bench) -> Decimal:
    from benchtui.engine.run_budget import TodayElsewhere

    nobody = "20200101-000000-aaaa"
    return await TodayElsewhere(await bench.workspace.bucket(), nobody, bench.clock)()


class HalfHours(ForwardClock):
    """Each sleep is half an hour."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(max(seconds, 1800) if seconds == 1 else seconds)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [ONE])
async def test_a_run_that_has_cost_its_budget_is_warned_of_twice_and_ended(
    bench: Bench, tmp_path: Path
) -> None:
    run = await within(bench, 1)
    async with another(bench, bench.folders, HalfHours()) as workspace:
        launching = asyncio.create_task(workspace.launch(run, bench.planned))
        await launching
        watcher = await workspace.watcher(run)
        async with asyncio.timeout(60):
            snapshot = await workspace.follow(watcher, launching=launching)
    assert [event["percent"] for event in bench.said("budget")] == [50, 80, 100]
    assert not snapshot.alive
    assert bench.instances("pending", "running") == []
    assert workspace.budgets.exceeded[run.run].startswith("budget: ")
    assert not workspace.budgets.unproven
    s3 = bench.cloud.boto3("s3")
    body = s3.get_object(Bucket=bench.cloud.bucket, Key=keys.kill_key(run.run))["Body"].read()
    assert json.loads(body)["reason"] == workspace.budgets.exceeded[run.run]
    assert not (await book_of(bench)).held


@pytest.mark.parametrize("settings", [ONE])
async def test_layer_five_is_armed_by_the_book_and_by_nothing_else(bench: Bench) -> None:
    run = await within(bench, 1)
    await bench.launch()
    snapshot = await (await bench.workspace.watcher(run)).poll()
    budget = layers(snapshot, None, bench.clock.now())[4]
    assert (budget.name, budget.state) == ("budget", LayerState.ARMED)
    bench.fault(service="s3", action="GetObject", match={"Key": "*/reservations/*"}, status=403)
    unread = await (await bench.workspace.watcher(run)).poll()
    assert layers(unread, None, bench.clock.now())[4].state is LayerState.UNPROVEN


def test_stopped_by_the_budget_is_exit_code_5_unless_something_may_be_alive() -> None:
    from benchtui.engine.verdict import Ending, exit_code

    assert exit_code(Ending(10, 4, over_budget=True)) is ExitCode.BUDGET
    assert exit_code(Ending(10, 4, over_budget=True, timed_out=True)) is ExitCode.BUDGET
    assert exit_code(Ending(10, 4, over_budget=True, unproven=True)) is ExitCode.MAY_STILL_RUN
    assert exit_code(Ending(10, 4, over_budget=True, overdue=1)) is ExitCode.MAY_STILL_RUN
    assert exit_code(Ending(10, 4, over_budget=True, ec2_settled=False)) is ExitCode.MAY_STILL_RUN
