"""Runs over several regions: each on its own, and a job in another one only where the plan allows it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import RunDocument, SentinelBody
from benchtui.core.keys import JobState, Sentinel
from benchtui.engine.snapshot import SourceState
from tests.engine.conftest import Bench
from tests.local.conftest import LocalCloud

EAST, WEST = "us-east-1", "eu-west-1"
TWO = {"plan.types": ["c7g.large"], "plan.replicates": 1, "plan.regions": [EAST, WEST]}
ZONES = [f"{WEST}{letter}" for letter in "abc"]
NO_CAPACITY = "InsufficientInstanceCapacity"
NONE_LEFT = {"service": "ec2", "action": "RunInstances", "status": 500, "code": NO_CAPACITY}


@pytest.fixture(autouse=True)
def priced(simulated: LocalCloud) -> Iterator[None]:
    """The other region has prices too, and they are other ones."""
    rows = [
        {"instance_type": name, "region": WEST, "usd_per_hour": "0.09", "spot_usd_per_hour": "0.03"}
        for name in ("c7g.large", "c7i.large")
    ]
    simulated.private("POST", "prices", {"prices": rows})
    yield
    simulated.private("DELETE", "faults")


def body_of(bench: Bench, run: RunDocument, job: str, state: JobState) -> SentinelBody:
    """The launcher's word on a job, from the bucket."""
    s3 = bench.cloud.boto3("s3")
    found = s3.list_objects_v2(Bucket=bench.cloud.bucket, Prefix=keys.events_prefix(run.run))["Contents"]
    key = next(row["Key"] for row in found if f"/{job}/" in row["Key"] and row["Key"].endswith(state.value))
    body = s3.get_object(Bucket=bench.cloud.bucket, Key=key)["Body"].read()
    return parse_document(SentinelBody, body, key)


def say(bench: Bench, run: RunDocument, job: str, seq: int, state: JobState) -> None:
    bench.put(Sentinel(bench.clock.now(), job, seq, state).key(run.run), b'{"schema":"benchtui.sentinel/1"}')


@pytest.mark.long
@pytest.mark.parametrize("settings", [TWO])
async def test_one_bucket_and_everything_else_by_region(bench: Bench) -> None:
    run = await bench.start()
    assert run.regions == (EAST, WEST)
    assert {job.region: str(job.price.usd_per_hour) for job in run.jobs} == {EAST: "0.08", WEST: "0.09"}
    assert run.schedules == {EAST: "armed", WEST: "armed"}
    launched = await bench.launch()
    assert {job: view.region for job, view in launched.instances.items()} == {
        "c7g.large-1": EAST,
        "c7g.large-2": WEST,
    }
    (east,), (west,) = bench.instances(region=EAST), bench.instances(region=WEST)
    assert east["ImageId"] != west["ImageId"]
    groups = [row["SecurityGroups"][0]["GroupId"] for row in (east, west)]
    assert groups[0] != groups[1]
    snapshot = await (await bench.workspace.watcher(run)).poll()
    assert [source.name for source in snapshot.sources] == ["S3", f"EC2 {EAST}", f"EC2 {WEST}"]
    assert {row.planned.job: row.region for row in snapshot.rows} == {
        "c7g.large-1": EAST,
        "c7g.large-2": WEST,
    }


@pytest.mark.long
@pytest.mark.parametrize("settings", [TWO])
@pytest.mark.parametrize(
    ("action", "status", "reason"),
    [("DescribeSecurityGroups", 403, "denied: "), ("DescribeImages", None, "unknown: ")],
)
async def test_a_region_that_cannot_be_used_declines_its_jobs_alone(
    bench: Bench, action: str, status: int | None, reason: str
) -> None:
    run = await bench.start()
    bench.fault(service="ec2", region=WEST, action=action, status=status)
    launched = await bench.launch()
    assert list(launched.instances) == ["c7g.large-1"]
    assert launched.declined["c7g.large-2"].startswith(reason)
    assert "eu-west-1" in bench.said("note")[0]["text"]
    snapshot = await (await bench.workspace.watcher(run)).poll()
    assert snapshot.counts == {JobState.LAUNCHED: 1, JobState.DECLINED: 1}


@pytest.mark.parametrize("settings", [TWO])
async def test_a_region_that_is_down_while_planning_declines_its_jobs_alone(bench: Bench) -> None:
    bench.fault(service="ec2", region=WEST)
    planned = await bench.workspace.plan(1)
    assert [job.region for job in planned.plan.jobs] == [EAST]
    (declined,) = planned.plan.declined
    assert declined.job == "c7g.large-2"
    assert declined.reason.startswith("eu-west-1: unknown: ")


@pytest.mark.long
@pytest.mark.parametrize("settings", [TWO | {"watch.poll_seconds": 5}])
async def test_one_region_goes_down_the_other_finishes_and_the_first_recovers(bench: Bench) -> None:
    run = await bench.start()
    launched = await bench.launch()
    watcher = await bench.workspace.watcher(run)
    await watcher.poll()
    bench.fault(service="ec2", region=WEST)
    for seq, state in enumerate((JobState.BOOTED, JobState.COMPLETED), start=1):
        say(bench, run, "c7g.large-1", seq, state)
        say(bench, run, "c7g.large-2", seq, state)
    east = launched.instances["c7g.large-1"].instance_id
    bench.cloud.boto3("ec2", EAST).terminate_instances(InstanceIds=[east])
    west = launched.instances["c7g.large-2"].instance_id
    for _ in range(4):
        await bench.clock.sleep(12)
        snapshot = await watcher.poll()
    sources = {source.name: source.state(snapshot.taken_at) for source in snapshot.sources}
    assert sources == {
        "S3": SourceState.LIVE,
        f"EC2 {EAST}": SourceState.LIVE,
        f"EC2 {WEST}": SourceState.STALE,
    }
    rows = {row.planned.job: row.status for row in snapshot.rows}
    assert rows["c7g.large-1"].finished
    assert not rows["c7g.large-2"].finished, "nobody has seen its instance end"
    assert rows["c7g.large-2"].alarm is None, "what was seen before it went silent is no news"
    assert not snapshot.over(snapshot.taken_at - run.created_at)

    bench.cloud.private("DELETE", "faults")
    bench.cloud.boto3("ec2", WEST).terminate_instances(InstanceIds=[west])
    await bench.clock.sleep(12)
    snapshot = await watcher.poll()
    assert snapshot.ec2_fresh()
    assert all(row.status.finished for row in snapshot.rows)
    assert [event["source"] for event in bench.said("recovered")] == [f"EC2 {WEST}"]
    assert snapshot.over(snapshot.taken_at - run.created_at)


ONE_WEST = {"plan.types": ["c7g.large", "c7i.large"], "plan.replicates": 1, "plan.regions": [WEST]}


@pytest.mark.long
@pytest.mark.parametrize("settings", [ONE_WEST])
async def test_without_capacity_in_two_of_three_zones_the_third_is_used_and_the_reason_kept(
    bench: Bench,
) -> None:
    for zone in ("", *ZONES[:2]):
        match = {"Placement.AvailabilityZone": zone, "InstanceType": "c7g.large"}
        bench.fault(**NONE_LEFT, match=match)
    run = await bench.start()
    launched = await bench.launch()
    assert launched.instances["c7g.large-1"].zone == ZONES[2]
    assert not launched.declined
    said = body_of(bench, run, "c7g.large-1", JobState.LAUNCHED)
    assert [(one.region, one.zone, one.code) for one in said.tried] == [
        (WEST, None, NO_CAPACITY),
        (WEST, ZONES[0], NO_CAPACITY),
        (WEST, ZONES[1], NO_CAPACITY),
    ]
    assert body_of(bench, run, "c7i.large-1", JobState.LAUNCHED).tried == ()

    await bench.launch_another()
    zones = [each["zone"] for each in bench.said("launching") if each["job"] == "c7g.large-1"]
    assert zones[-1] == ZONES[2], "the memory of the first launch asks there first"
    assert len(zones) == 5


@pytest.mark.long
@pytest.mark.parametrize("settings", [ONE_WEST | {"safety.launch_tries": 2}])
async def test_without_capacity_anywhere_it_is_declined_and_other_types_are_not(bench: Bench) -> None:
    bench.fault(**NONE_LEFT, match={"InstanceType": "c7g.large"})
    run = await bench.start()
    launched = await bench.launch()
    assert list(launched.instances) == ["c7i.large-1"]
    assert launched.declined["c7g.large-1"].startswith("capacity: InsufficientInstanceCapacity")
    said = body_of(bench, run, "c7g.large-1", JobState.DECLINED)
    assert {one.zone for one in said.tried} == {None, *ZONES}


@pytest.mark.long
@pytest.mark.parametrize("settings", [TWO | {"plan.region_fallback": True}])
async def test_a_job_falls_back_to_another_region_where_the_plan_allows_it(bench: Bench) -> None:
    bench.fault(**NONE_LEFT, region=EAST)
    run = await bench.start()
    assert len({job.worst_case_usd for job in run.jobs}) == 1, "that of the dearest region"
    launched = await bench.launch()
    assert {view.region for view in launched.instances.values()} == {WEST}
    said = body_of(bench, run, "c7g.large-1", JobState.LAUNCHED)
    assert said.region == WEST
    assert {one.region for one in said.tried} == {EAST}
    assert str(said.usd_per_hour) == "0.09"
    snapshot = await (await bench.workspace.watcher(run)).poll()
    assert {row.region for row in snapshot.rows} == {WEST}
    assert snapshot.counts == {JobState.LAUNCHED: 2}
    again = await bench.workspace.launch(run, bench.planned)  # type: ignore[arg-type]
    assert {job: view.instance_id for job, view in again.instances.items()} == {
        job: view.instance_id for job, view in launched.instances.items()
    }, "found where it is, not launched again"


@pytest.mark.long
@pytest.mark.parametrize("settings", [TWO | {"plan.region_fallback": True}])
async def test_a_lost_answer_is_settled_before_another_region_is_asked(bench: Bench) -> None:
    bench.fault(service="ec2", action="RunInstances", region=EAST, after_commit=True, times=1)
    bench.fault(**NONE_LEFT, region=EAST, times=9)
    launched = await bench.launch()
    assert launched.instances["c7g.large-1"].region == EAST
    assert len(bench.instances(region=EAST)) == 1
    assert len(bench.instances(region=WEST)) == 1


SPOT = ONE_WEST | {"plan.types": ["c7g.large"], "plan.market": "spot"}


@pytest.mark.long
@pytest.mark.parametrize("settings", [SPOT])
async def test_spot_is_asked_for_once_with_a_cap_and_tags_and_a_reclaim_is_named(bench: Bench) -> None:
    run = await bench.start()
    (job,) = run.jobs
    assert (job.price.usd_per_hour, job.price.max_usd_per_hour) == (Decimal("0.03"), Decimal("0.09"))
    launched = await bench.launch()
    view = launched.instances["c7g.large-1"]
    assert view.spot
    ec2 = bench.cloud.boto3("ec2", WEST)
    (request,) = [
        each
        for each in ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
        if each["InstanceId"] == view.instance_id
    ]
    assert request["Type"] == "one-time"
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert (tags["benchtui:run"], tags["LaunchedBy"]) == (run.run, "AsyncBenchmarkLauncher")
    await asyncio.sleep(0.3)
    bench.cloud.private("POST", f"instances/{view.instance_id}/reclaim", {"in_s": 0})
    watcher = await bench.workspace.watcher(run)
    snapshot = await watcher.poll()
    (row,) = snapshot.rows
    assert row.status.state is JobState.LOST
    assert str(row.status.reason).startswith("reclaimed: ")
    collected = await bench.workspace.collect(watcher, snapshot)
    assert str(collected.census.rows[0].reason).startswith("reclaimed: ")


def test_only_what_is_of_the_spot_market_can_be_reclaimed(simulated: LocalCloud) -> None:
    answer: Any = simulated.boto3("ec2").run_instances(
        ImageId=simulated.image(), InstanceType="c7i.large", MinCount=1, MaxCount=1
    )
    (instance,) = answer["Instances"]
    with pytest.raises(Exception, match="400"):
        simulated.private("POST", f"instances/{instance['InstanceId']}/reclaim", {"in_s": 1})
    simulated.boto3("ec2").terminate_instances(InstanceIds=[instance["InstanceId"]])
