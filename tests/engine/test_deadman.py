"""Layer 2: schedules come before the first instance, end what nobody else ends, and go when it has gone."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchtui.core.deadlines import LATEST, PRECISION, ScheduleName
from benchtui.core.keys import JobState, Sentinel
from benchtui.core.states import JobStatus
from benchtui.engine.deadman import NotArmedError
from benchtui.engine.kill_scope import KillScope
from benchtui.engine.layers import Layer, LayerState, layers
from benchtui.engine.workspace import Workspace
from tests.engine.conftest import Bench
from tests.local.conftest import LocalCloud, Start

ONE = {"plan.types": ["c7g.large"], "plan.replicates": 1}
OPTIONAL = ONE | {"safety.require_layers": []}
slow = pytest.mark.slow
BY_ID_ALONE = {"Name": "benchtui.*.i-*"}


@pytest.fixture(scope="session")
def simulated(start_local_cloud: Start) -> LocalCloud:
    """A cloud of this file's own: its clock is set forward, so nothing else may depend on it."""
    cloud = start_local_cloud(host=False, simulate_ec2_types=True, idle_minutes=14)
    rows = [
        {"instance_type": name, "region": "us-east-1", "usd_per_hour": "0.08"}
        for name in ("c7g.large", "c7i.large")
    ]
    cloud.private("POST", "prices", {"prices": rows})
    return cloud


def ahead(cloud: LocalCloud) -> timedelta:
    """How far the cloud's clock was set forward."""
    return timedelta(seconds=cloud.private("POST", "clock", {"advance_s": 0})["offset_s"])


@pytest.fixture
def bench(bench: Bench, settings: dict[str, object]) -> Bench:  # settings: for those that give their own
    """With a clock that goes with the cloud's."""
    bench.clock.skew = ahead(bench.cloud)
    return bench


def schedules(bench: Bench, run: str | None = None) -> dict[str, dict[str, Any]]:
    """Schedules of the run as an independent client sees them, by name."""
    run = run or (bench.run.run if bench.run else "none")
    client = bench.cloud.boto3("scheduler")
    names = [row["Name"] for row in client.list_schedules(NamePrefix=f"benchtui.{run}")["Schedules"]]
    return {name: client.get_schedule(Name=name) for name in names}


def due(schedule: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(schedule["ScheduleExpression"][3:-1]).replace(tzinfo=UTC)


def expires(row: dict[str, Any]) -> datetime:
    tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
    return datetime.fromisoformat(tags["benchtui:expires"])


def requests(bench: Bench) -> list[str]:
    """What the cloud was asked, in order, from its own log."""
    lines = (bench.cloud.state_dir / "logs" / "api.log").read_text().splitlines()
    return [line.partition(" INFO ")[2] for line in lines if "benchtui.local.api INFO" in line]


async def eventually(condition: Callable[[], bool], patience_s: float = 10) -> None:
    async with asyncio.timeout(patience_s):
        while not condition():  # noqa: ASYNC110  (what is waited for happens in another process)
            await asyncio.sleep(0.05)


async def layer_2(bench: Bench, *, proven: bool = False) -> Layer:
    """What anyone sees of it, from whatever machine."""
    assert bench.run is not None
    document = await bench.workspace.load(bench.run.run)
    snapshot = await (await bench.workspace.watcher(document)).poll()
    return layers(snapshot, None, snapshot.taken_at, schedule_proven=proven)[1]


def jump_past_the_end(bench: Bench) -> None:
    """Set the cloud's clock forward, past the latest deadline of the run."""
    latest = max(due(schedule) for schedule in schedules(bench).values())
    now = datetime.now(UTC) + ahead(bench.cloud)
    bench.cloud.advance_clock(max(0.0, (latest - now).total_seconds()) + 1)


def finish(bench: Bench, *jobs: str) -> None:
    """The instances' last words, and their end."""
    assert bench.run is not None
    for job in jobs:
        bench.put(Sentinel(bench.clock.now(), job, 9, JobState.COMPLETED).key(bench.run.run))
    ids = [row["InstanceId"] for row in bench.instances("pending", "running")]
    bench.cloud.boto3("ec2").terminate_instances(InstanceIds=ids)


async def test_the_run_s_schedule_is_there_before_the_first_instance_is_asked_for(bench: Bench) -> None:
    before = len(requests(bench))
    run = await bench.start()
    await bench.launch()
    asked = requests(bench)[before:]
    made = [n for n, line in enumerate(asked) if "scheduler.CreateSchedule" in line]
    launched = [n for n, line in enumerate(asked) if "ec2.RunInstances" in line]
    checked = [n for n, line in enumerate(asked) if "ssm.DescribeDocument" in line]
    assert checked[0] < made[0] < launched[0] and len(launched) == 4
    assert f"/schedules/benchtui.{run.run} " in asked[made[0]]
    ids = {row["InstanceId"] for row in bench.instances()}
    assert set(schedules(bench)) == {str(ScheduleName(run.run, name)) for name in (None, *ids)}


@pytest.mark.long
@pytest.mark.parametrize("settings", [ONE])
async def test_what_the_schedules_do_and_when(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    (row,) = bench.instances()
    found = schedules(bench)
    own, by_id = found[f"benchtui.{run.run}"], found[f"benchtui.{run.run}.{row['InstanceId']}"]
    minute = timedelta(minutes=1)
    assert minute <= due(by_id) - expires(row) < 2 * minute
    assert due(by_id) <= due(own) <= expires(row) + LATEST - PRECISION
    for schedule in (own, by_id):
        assert schedule["ActionAfterCompletion"] == "DELETE"
        assert schedule["ScheduleExpressionTimezone"] == "UTC"
        assert schedule["Target"]["RoleArn"] == "arn:aws:iam::123456789012:role/benchtui-scheduler"
        retries = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
        assert schedule["Target"]["RetryPolicy"] == retries
    assert own["Target"]["Arn"].endswith(":aws-sdk:ssm:startAutomationExecution")
    assert json.loads(own["Target"]["Input"]) == {
        "DocumentName": "AWS-TerminateEC2Instance",
        "TargetParameterName": "InstanceId",
        "Targets": [{"Key": "tag:benchtui:run", "Values": [run.run]}],
        "MaxConcurrency": "100%",
        "MaxErrors": "100%",
    }
    assert by_id["Target"]["Arn"].endswith(":aws-sdk:ec2:terminateInstances")
    assert json.loads(by_id["Target"]["Input"]) == {"InstanceIds": [row["InstanceId"]]}


@pytest.mark.long
@pytest.mark.parametrize("settings", [ONE])
@pytest.mark.parametrize("form", ["by tag", "by id"])
async def test_an_instance_that_ends_by_nothing_else_is_ended_by_either_form(bench: Bench, form: str) -> None:
    run = await bench.start()
    if form == "by tag":
        bench.fault(service="scheduler", action="CreateSchedule", match=BY_ID_ALONE, status=403)
    await bench.launch()
    if form == "by id":
        bench.cloud.boto3("scheduler").delete_schedule(Name=f"benchtui.{run.run}")
    (row,) = bench.instances("pending", "running")
    expected = None if form == "by tag" else row["InstanceId"]
    assert list(schedules(bench)) == [str(ScheduleName(run.run, expected))]
    jump_past_the_end(bench)
    await eventually(lambda: not bench.instances("pending", "running"))
    await eventually(lambda: not schedules(bench))


@pytest.mark.long
@pytest.mark.parametrize("settings", [ONE])
async def test_an_instance_whose_id_the_launcher_never_heard_is_ended(bench: Bench) -> None:
    run = await bench.start()
    bench.fault(service="ec2", action="RunInstances", after_commit=True)
    bench.fault(service="ec2", action="DescribeInstances", status=500)
    launching = asyncio.create_task(bench.launch())
    await eventually(lambda: bool(bench.faults_hit()))
    launching.cancel()  # as a machine that goes off
    await asyncio.wait({launching})
    bench.cloud.private("DELETE", "faults")
    assert len(bench.instances("pending", "running")) == 1
    assert list(schedules(bench)) == [f"benchtui.{run.run}"]
    jump_past_the_end(bench)
    await eventually(lambda: not bench.instances("pending", "running"))


DENIED = {"service": "scheduler", "action": "CreateSchedule", "status": 403, "code": "AccessDeniedException"}
NO_RUNBOOK = {"service": "ssm", "action": "DescribeDocument", "status": 400, "code": "InvalidDocument"}
UNANSWERED = {"service": "scheduler", "action": "CreateSchedule", "status": 500}


@pytest.mark.parametrize(
    ("settings", "fault", "why"),
    [
        (ONE, DENIED, "AccessDeniedException"),
        pytest.param(ONE, NO_RUNBOOK, "InvalidDocument", marks=slow),
        pytest.param(ONE, UNANSWERED, "CreateSchedule", marks=slow),
        pytest.param(ONE | {"aws.scheduler_role": "nobody"}, None, "assume the role", marks=slow),
        pytest.param(ONE | {"aws.scheduler_role": ""}, None, "names no role", marks=slow),
    ],
)
async def test_without_the_layer_nothing_is_launched_and_the_setting_is_named(
    bench: Bench, fault: dict[str, Any] | None, why: str
) -> None:
    if fault is not None:
        bench.fault(**fault)
    before = len(await bench.workspace.runs()), len(requests(bench))
    with pytest.raises(NotArmedError, match=why) as refused:
        await bench.start()
    assert "[safety] require_layers" in (refused.value.fix or "")
    assert refused.value.exit_code == 3
    assert len(await bench.workspace.runs()) == before[0]
    assert not any("ec2.RunInstances" in line for line in requests(bench)[before[1] :])


@pytest.mark.parametrize(
    ("settings", "fault", "why"),
    [
        (OPTIONAL, DENIED, "AccessDeniedException"),
        pytest.param(OPTIONAL | {"aws.scheduler_role": ""}, None, "names no role", marks=slow),
    ],
)
@slow
async def test_where_it_is_not_required_it_is_shown_as_not_armed_with_the_reason(
    bench: Bench, fault: dict[str, Any] | None, why: str
) -> None:
    if fault is not None:
        bench.fault(**fault)
    await bench.start()
    assert len((await bench.launch()).instances) == 1
    assert schedules(bench) == {}
    layer = await layer_2(bench)
    assert layer.state is LayerState.NOT_ARMED and why in layer.why
    (told,) = bench.said("schedule")
    assert told["armed"] is False and why in told["why"]
    bench.fault(service="scheduler", status=403, code="AccessDeniedException")
    layer = await layer_2(bench)
    assert layer.state is LayerState.NOT_ARMED and why in layer.why


@pytest.mark.parametrize("settings", [OPTIONAL])
@slow
async def test_without_the_runbook_instances_still_have_schedules_by_id(bench: Bench) -> None:
    bench.fault(**NO_RUNBOOK)
    run = await bench.start()
    await bench.launch()
    (row,) = bench.instances()
    assert list(schedules(bench)) == [f"benchtui.{run.run}.{row['InstanceId']}"]
    layer = await layer_2(bench)
    assert layer.state is LayerState.UNPROVEN and "id 1/1" in layer.why


@pytest.mark.parametrize("settings", [ONE])
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "code": "ThrottlingException", "times": 3},
        {"after_commit": True, "times": 1},
        {"after_commit": True, "status": 500, "times": 1},
    ],
)
@slow
async def test_throttles_and_lost_answers_make_one_schedule(bench: Bench, fault: dict[str, Any]) -> None:
    bench.fault(service="scheduler", action="CreateSchedule", **fault)
    run = await bench.start()
    assert bench.faults_hit() == fault["times"]
    assert list(schedules(bench)) == [f"benchtui.{run.run}"]


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_a_second_launcher_finds_the_schedules_there_and_leaves_them(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    before = schedules(bench)
    again = Workspace(
        bench.workspace.config, bench.folders, bench.clock, random.Random(8), bench.events.append
    )
    async with again:
        assert bench.planned is not None
        launched = await again.launch(await again.load(run.run), bench.planned)
    assert list(launched.instances) == ["c7g.large-1"] and len(bench.instances()) == 1
    after = schedules(bench)
    assert set(after) == set(before)
    by_id = next(name for name in before if ".i-" in name)
    assert after[by_id]["LastModificationDate"] == before[by_id]["LastModificationDate"]
    assert due(after[f"benchtui.{run.run}"]) >= due(before[f"benchtui.{run.run}"])


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_a_schedule_that_someone_changed_is_put_right(bench: Bench) -> None:
    run = await bench.start()
    name = f"benchtui.{run.run}"
    there = schedules(bench)[name]
    changed = {key: there[key] for key in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")} | {
        "State": "DISABLED"
    }
    bench.cloud.boto3("scheduler").update_schedule(**changed)
    await bench.launch()
    now_there = schedules(bench)[name]
    assert (now_there["State"], now_there["ActionAfterCompletion"]) == ("ENABLED", "DELETE")


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_a_launch_that_comes_late_moves_the_run_s_schedule_before_it_asks(bench: Bench) -> None:
    run = await bench.start()
    first = due(schedules(bench)[f"benchtui.{run.run}"])
    bench.clock.skew += timedelta(minutes=30)
    before = len(requests(bench))
    await bench.launch()
    asked = [line.split()[0] for line in requests(bench)[before:]]
    assert asked.index("scheduler.UpdateSchedule") < asked.index("ec2.RunInstances")
    own = due(schedules(bench)[f"benchtui.{run.run}"])
    (row,) = bench.instances()
    assert own > first and own >= expires(row) + timedelta(minutes=1)


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_a_schedule_taken_for_left_over_during_the_launch_is_made_again(bench: Bench) -> None:
    run = await bench.start()
    bench.cloud.boto3("scheduler").delete_schedule(Name=f"benchtui.{run.run}")
    await bench.launch()
    assert f"benchtui.{run.run}" in schedules(bench)


@pytest.mark.long
async def test_they_go_when_the_run_is_over_and_not_before(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    jobs = sorted(launched.instances)
    watcher = await bench.workspace.watcher(run)
    await bench.workspace.schedules.tidy(await watcher.poll(), timedelta(0))
    assert len(schedules(bench)) == 5
    finish(bench, *jobs)
    await eventually(lambda: not bench.instances("pending", "running"))
    snapshot = await bench.workspace.follow(await bench.workspace.watcher(run), launching=done(launched))
    assert snapshot.over(timedelta(0))
    assert schedules(bench) == {}


def done(launched: Any) -> asyncio.Task[Any]:
    async def already() -> Any:
        return launched

    return asyncio.create_task(already())


@pytest.mark.parametrize("settings", [ONE | {"plan.replicates": 2}])
@slow
async def test_what_lives_keeps_its_schedules_when_another_has_ended(bench: Bench) -> None:
    from benchtui.engine.disarming import disarm

    run = await bench.start()
    await bench.launch()
    gone, alive = (row["InstanceId"] for row in bench.instances())
    bench.cloud.boto3("ec2").terminate_instances(InstanceIds=[gone])
    outcome = await disarm(bench.workspace.cloud, bench.clock, "us-east-1", run.run, settled=True)
    assert (outcome.removed, outcome.kept, outcome.why) == (1, 2, None)
    assert set(schedules(bench)) == {f"benchtui.{run.run}", f"benchtui.{run.run}.{alive}"}


@slow
@pytest.mark.parametrize("settings", [ONE])
async def test_what_could_not_be_removed_is_tried_again_after_a_while(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    finish(bench, *launched.instances)
    await eventually(lambda: not bench.instances("pending", "running"))
    snapshot = await (await bench.workspace.watcher(run)).poll()
    bench.fault(service="scheduler", action="DeleteSchedule", status=403)
    for _ in range(3):
        await bench.workspace.schedules.tidy(snapshot, timedelta(0))
    assert len(schedules(bench)) == 2
    assert sum("schedules are left" in note["text"] for note in bench.said("note")) == 1
    bench.cloud.private("DELETE", "faults")
    await bench.workspace.schedules.tidy(snapshot, timedelta(0))
    assert len(schedules(bench)) == 2, "not asked again at once"
    bench.clock.skew += timedelta(minutes=3)
    await bench.workspace.schedules.tidy(snapshot, timedelta(0))
    assert schedules(bench) == {}


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_an_instance_without_a_schedule_of_its_own_keeps_that_of_its_run(bench: Bench) -> None:
    from benchtui.engine.disarming import disarm

    bench.fault(service="scheduler", action="CreateSchedule", match=BY_ID_ALONE, status=403)
    run = await bench.start()
    await bench.launch()
    outcome = await disarm(bench.workspace.cloud, bench.clock, "us-east-1", run.run, settled=True)
    assert (outcome.removed, outcome.kept) == (0, 1)
    assert list(schedules(bench)) == [f"benchtui.{run.run}"]


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_who_only_watches_leaves_a_schedule_that_was_set_just_now(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    finish(bench, *launched.instances)
    await eventually(lambda: not bench.instances("pending", "running"))
    snapshot = await (await bench.workspace.watcher(run)).poll()
    declined = JobStatus("c7g.large-2", JobState.DECLINED)
    rows = (*snapshot.rows, replace(snapshot.rows[0], status=declined))
    snapshot = replace(snapshot, rows=rows)
    other = Workspace(
        bench.workspace.config, bench.folders, bench.clock, random.Random(8), bench.events.append
    )
    async with other:
        await other.schedules.tidy(snapshot, timedelta(0))
        assert list(schedules(bench)) == [f"benchtui.{run.run}"], "the other job may be about to be launched"
        bench.clock.skew += timedelta(minutes=3)
        await other.schedules.tidy(snapshot, timedelta(0))
    assert schedules(bench) == {}


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_nothing_is_removed_while_ec2_does_not_say_what_lives(bench: Bench) -> None:
    from benchtui.engine.disarming import disarm

    run = await bench.start()
    await bench.launch()
    bench.fault(service="ec2", action="DescribeInstances", status=403)
    outcome = await disarm(bench.workspace.cloud, bench.clock, "us-east-1", run.run, settled=True)
    assert outcome.removed == 0 and "DescribeInstances" in (outcome.why or "")
    assert len(schedules(bench)) == 2


@pytest.mark.parametrize("settings", [ONE])
@pytest.mark.parametrize("everything", [False, True])
@slow
async def test_a_kill_removes_them_after_its_proof(bench: Bench, everything: bool) -> None:
    run = await bench.start()
    await bench.launch()
    scope = KillScope.of_account() if everything else KillScope(run.run)
    report = await bench.workspace.kill(scope)
    assert report.proven
    assert schedules(bench) == {}


@pytest.mark.parametrize("settings", [ONE])
@slow
async def test_a_kill_is_proven_without_any_right_to_schedules(bench: Bench) -> None:
    run = await bench.start()
    await bench.launch()
    bench.fault(service="scheduler", status=403)
    report = await bench.workspace.kill(KillScope(run.run))
    assert report.proven
    bench.cloud.private("DELETE", "faults")
    assert len(schedules(bench)) == 2


@pytest.mark.long
@pytest.mark.parametrize("settings", [ONE])
async def test_it_is_armed_only_after_a_drill_and_told_from_any_machine(bench: Bench) -> None:
    await bench.start()
    await bench.launch()
    unproven, proven = await layer_2(bench), await layer_2(bench, proven=True)
    assert (unproven.state, proven.state) == (LayerState.UNPROVEN, LayerState.ARMED)
    assert "armed, no drill yet" in unproven.why and "id 1/1" in proven.why
    bench.fault(service="scheduler", status=403, code="AccessDeniedException")
    unknown = await layer_2(bench, proven=True)
    assert unknown.state is LayerState.UNPROVEN and "could not be asked" in unknown.why
    bench.cloud.private("DELETE", "faults")
    scheduler = bench.cloud.boto3("scheduler")
    for name in schedules(bench):
        scheduler.delete_schedule(Name=name)
    missing = await layer_2(bench, proven=True)
    assert (missing.state, missing.why) == (LayerState.NOT_ARMED, "no schedule exists")
