"""One instance per job, whatever the network does; every refusal becomes a reason, and stops nobody else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from benchtui.aws.session import TRIES
from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import SentinelBody
from benchtui.core.errors import BudgetError, UsageError
from benchtui.core.keys import JobState
from benchtui.engine.launcher import Launcher
from tests.engine.conftest import Bench

ONE_TYPE = {"plan.types": ["c7g.large"], "plan.replicates": 1}


async def test_every_job_is_launched_once_with_what_protects_the_money(bench: Bench) -> None:
    launched = await bench.launch()
    assert sorted(launched.instances) == ["c7g.large-1", "c7g.large-2", "c7i.large-1", "c7i.large-2"]
    rows = bench.instances()
    assert len(rows) == 4
    ec2 = bench.cloud.boto3("ec2")
    for row in rows:
        tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}
        assert tags["LaunchedBy"] == "AsyncBenchmarkLauncher"
        assert tags["benchtui:job"] in launched.instances
        life = datetime.fromisoformat(tags["benchtui:expires"]) - row["LaunchTime"]
        hard_end = timedelta(hours=4 + 1, minutes=5)  # what the worst case of the plan counts with
        assert hard_end - timedelta(seconds=5) < life < hard_end + timedelta(seconds=5)
        assert row["MetadataOptions"]["HttpTokens"] == "required"
        assert row["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        behaviour = ec2.describe_instance_attribute(
            InstanceId=row["InstanceId"], Attribute="instanceInitiatedShutdownBehavior"
        )
        assert behaviour["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
        for mapping in row["BlockDeviceMappings"]:
            assert mapping["Ebs"]["DeleteOnTermination"] is True
            volume = ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"][0]
            assert volume["Encrypted"] is True
            assert {tag["Key"]: tag["Value"] for tag in volume["Tags"]} == tags


async def test_the_ledger_names_the_token_before_the_request(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", status=403)
    run = await bench.start()
    await bench.launch()
    lines = [json.loads(line) for line in (bench.folders.state / "ledger" / f"{run.run}.jsonl").open()]
    launching = [line for line in lines if line["event"] == "launching"]
    assert {line["job"] for line in launching} == {job.job for job in run.jobs}
    assert all(len(line["token"]) == 64 for line in launching)


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_a_lost_reply_does_not_launch_a_second_instance(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", after_commit=True, times=1)
    launched = await bench.launch()
    assert bench.faults_hit() == 1
    assert list(launched.instances) == ["c7g.large-1"]
    assert len(bench.instances()) == 1


@pytest.mark.parametrize("settings", [ONE_TYPE])
@pytest.mark.parametrize("status", [500, 502, None])
async def test_a_request_that_was_never_carried_out_is_sent_again(bench: Bench, status: int | None) -> None:
    bench.fault(service="ec2", action="RunInstances", status=status, times=1)
    launched = await bench.launch()
    assert list(launched.instances) == ["c7g.large-1"]
    assert len(bench.instances()) == 1


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_an_answer_that_stays_unclear_while_the_look_up_fails_too(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", after_commit=True, times=1)
    bench.fault(service="ec2", action="DescribeInstances", status=500, times=6)
    launched = await bench.launch()
    assert list(launched.instances) == ["c7g.large-1"]
    assert len(bench.instances()) == 1


async def test_throttles_are_waited_out(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", status=503, code="RequestLimitExceeded", times=6)
    assert len((await bench.launch()).instances) == 4


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_a_lost_reply_then_no_capacity_does_not_launch_a_second_in_another_zone(bench: Bench) -> None:
    await bench.start()
    bench.fault(service="ec2", action="RunInstances", after_commit=True, times=1)
    bench.fault(
        service="ec2", action="RunInstances", status=500, code="InsufficientInstanceCapacity", times=1
    )
    bench.fault(service="ec2", action="DescribeInstances", status=500, times=4 * TRIES)
    launched = await bench.launch()
    assert [rule["hits"] for rule in bench.cloud.private("GET", "faults")] == [1, 1, 4 * TRIES]
    assert list(launched.instances) == ["c7g.large-1"]
    assert [row["InstanceId"] for row in bench.instances()] == [launched.instances["c7g.large-1"].instance_id]


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_nothing_is_asked_for_elsewhere_while_ec2_does_not_say_what_there_is(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", after_commit=True, times=1)
    bench.fault(
        service="ec2", action="RunInstances", status=500, code="InsufficientInstanceCapacity", times=1
    )
    bench.fault(service="ec2", action="DescribeInstances", status=500)
    launched = await bench.launch()
    assert launched.declined["c7g.large-1"].startswith("unknown: ")
    bench.cloud.private("DELETE", "faults")
    assert len(bench.instances()) == 1
    again = await bench.workspace.launch(bench.run, bench.planned)  # type: ignore[arg-type]
    assert again.instances["c7g.large-1"].instance_id == bench.instances()[0]["InstanceId"]


@pytest.mark.parametrize("settings", [ONE_TYPE])
@pytest.mark.parametrize("ends_first", [False, True])
async def test_a_second_launcher_finds_what_the_first_launched_in_another_zone(
    bench: Bench, ends_first: bool
) -> None:
    bench.fault(
        service="ec2", action="RunInstances", status=500, code="InsufficientInstanceCapacity", times=1
    )
    run = await bench.start()
    first = (await bench.launch()).instances["c7g.large-1"]
    assert [event["zone"] for event in bench.said("launching")] == [None, first.zone]
    if ends_first:
        bench.cloud.boto3("ec2").terminate_instances(InstanceIds=[first.instance_id])
    again = await bench.workspace.launch(run, bench.planned)  # type: ignore[arg-type]
    assert len(bench.instances()) == 1
    assert again.gone == ({"c7g.large-1"} if ends_first else set())
    assert list(again.instances) == ([] if ends_first else ["c7g.large-1"])
    assert len(bench.said("launching")) == 2, "nothing more was asked for"


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_without_capacity_in_one_zone_the_next_is_tried(bench: Bench) -> None:
    bench.fault(
        service="ec2", action="RunInstances", status=500, code="InsufficientInstanceCapacity", times=2
    )
    launched = await bench.launch()
    zones = [event["zone"] for event in bench.said("launching")]
    assert zones[0] is None
    assert launched.instances["c7g.large-1"].zone == zones[-1]
    assert len(set(zones)) == 3
    assert len(bench.instances()) == 1


async def test_a_type_without_capacity_is_declined_and_the_others_go_on(bench: Bench) -> None:
    bench.fault(
        service="ec2",
        action="RunInstances",
        match={"InstanceType": "c7g.large"},
        status=500,
        code="InsufficientInstanceCapacity",
    )
    run = await bench.start()
    launched = await bench.launch()
    assert sorted(launched.instances) == ["c7i.large-1", "c7i.large-2"]
    assert sorted(launched.declined) == ["c7g.large-1", "c7g.large-2"]
    assert launched.declined["c7g.large-1"].startswith("capacity: InsufficientInstanceCapacity")
    snapshot = await (await bench.workspace.watcher(run)).poll()
    declined = {row.planned.job for row in snapshot.rows if row.status.state is JobState.DECLINED}
    assert declined == {"c7g.large-1", "c7g.large-2"}, "another machine reads it from the bucket"


@pytest.mark.parametrize("settings", [ONE_TYPE | {"safety.launch_tries": 2}])
async def test_a_quota_is_tried_as_often_as_configured_and_in_no_other_zone(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", status=400, code="VcpuLimitExceeded")
    launched = await bench.launch()
    assert [event["zone"] for event in bench.said("launching")] == [None, None]
    assert launched.declined["c7g.large-1"].startswith("quota: VcpuLimitExceeded")


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_a_missing_permission_is_declined_at_once_with_the_action(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", status=403, code="UnauthorizedOperation")
    launched = await bench.launch()
    assert len(bench.said("launching")) == 1
    assert launched.declined["c7g.large-1"].startswith("denied: UnauthorizedOperation")
    assert "RunInstances" in bench.said("declined")[0]["fix"]


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_what_was_launched_and_is_gone_is_never_launched_again(bench: Bench) -> None:
    run = await bench.start()
    first = await bench.launch()
    ec2 = bench.cloud.boto3("ec2")
    ec2.terminate_instances(InstanceIds=[first.instances["c7g.large-1"].instance_id])
    ec2.get_waiter("instance_terminated").wait(
        InstanceIds=[first.instances["c7g.large-1"].instance_id], WaiterConfig={"Delay": 1}
    )
    again = await bench.workspace.launch(run, bench.planned)  # type: ignore[arg-type]
    assert again.gone == {"c7g.large-1"}
    assert not again.declined
    assert len(bench.instances()) == 1


async def test_launching_the_same_run_twice_finds_the_same_instances(bench: Bench) -> None:
    run = await bench.start()
    first = await bench.launch()
    second = await bench.workspace.launch(run, bench.planned)  # type: ignore[arg-type]
    assert {job: view.instance_id for job, view in first.instances.items()} == {
        job: view.instance_id for job, view in second.instances.items()
    }
    assert len(bench.instances()) == 4


@pytest.mark.parametrize("settings", [{"safety.launch_concurrency": 1}])
async def test_nothing_is_launched_once_the_run_was_killed(bench: Bench) -> None:
    run = await bench.start()
    bench.put(keys.kill_key(run.run))
    launched = await bench.launch()
    assert launched.instances == {}
    assert set(launched.declined.values()) == {"the run was killed"}
    assert bench.instances() == []


async def test_a_stopped_launch_declines_what_is_left(bench: Bench) -> None:
    run = await bench.start()

    def stop(launcher: Launcher) -> None:
        launcher.stop("interrupted")

    launched = await bench.workspace.launch(run, bench.planned, stop)  # type: ignore[arg-type]
    assert set(launched.declined.values()) == {"interrupted"}


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_a_declined_job_says_why_in_the_bucket(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", status=403, code="UnauthorizedOperation")
    run = await bench.start()
    await bench.launch()
    s3 = bench.cloud.boto3("s3")
    found = s3.list_objects_v2(Bucket=bench.cloud.bucket, Prefix=keys.events_prefix(run.run))["Contents"]
    assert len(found) == 1
    body = s3.get_object(Bucket=bench.cloud.bucket, Key=found[0]["Key"])["Body"].read()
    assert "UnauthorizedOperation" in str(parse_document(SentinelBody, body, "x").reason)


@pytest.mark.parametrize("settings", [{"safety.budget_usd": "0.01"}])
async def test_a_plan_over_budget_writes_and_launches_nothing(bench: Bench) -> None:
    with pytest.raises(BudgetError, match="exceeds the budget") as error:
        await bench.start()
    assert "budget_usd" in str(error.value.fix)


@pytest.mark.parametrize("settings", [{"plan.types": ["c7g.nonsense"]}])
async def test_a_plan_without_a_job_says_why(bench: Bench) -> None:
    with pytest.raises(UsageError, match=r"c7g\.nonsense is not offered in us-east-1"):
        await bench.start()


@pytest.mark.parametrize("settings", [{"aws.security_group": "absent"}])
async def test_a_missing_security_group_names_the_setting(bench: Bench) -> None:
    with pytest.raises(Exception, match="absent") as error:
        await bench.launch()
    assert "[aws] security_group" in str(getattr(error.value, "fix", ""))
    assert bench.instances() == []


@pytest.mark.parametrize("settings", [ONE_TYPE])
async def test_a_write_is_tried_five_times_in_all(bench: Bench) -> None:
    run = await bench.start()
    bench.fault(service="s3", action="PutObject", match={"Key": "*-LAUNCHED"}, status=503)
    launched = await bench.launch()
    assert list(launched.instances) == ["c7g.large-1"], (
        "a sentinel that cannot be written launches nothing less"
    )
    assert bench.faults_hit() == 5
    assert any("LAUNCHED could not be written" in note["text"] for note in bench.said("note"))
    assert (await (await bench.workspace.watcher(run)).poll()).counts == {JobState.LAUNCHED: 1}
