"""Sentences of the kill contract, each broken on purpose on a real local cloud."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from benchtui.aws.session import Cloud
from benchtui.core.errors import ExitCode
from benchtui.engine import kill_region, killswitch
from benchtui.engine.kill_region import KillLimits
from benchtui.engine.kill_scope import KillReport, KillScope, ScopeKind
from tests.engine.conftest import Bench
from tests.engine.test_killswitch import SHORT, end, killed, launch_by_hand, living, state_of

#: What EC2 refuses to one who may only describe and terminate instances, or find out whose account it is.
FORBIDDEN = ("DescribeRegions", "Describe[A-HJ-Z]*", "Modify*", "Cancel*", "Delete*", "Create*", "Run*")


Tags = dict[str, str]


@pytest.fixture
def ours() -> Tags:
    """Tags of a run of this test alone that no launcher knows of."""
    suffix = "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=4))
    run = f"20200101-000000-{suffix}"
    return {"LaunchedBy": "AsyncBenchmarkLauncher", "benchtui__run": run, "benchtui__job": "c7i.large-1"}


@pytest.fixture
def stray(bench: Bench, ours: Tags) -> str:
    """An instance of it."""
    return launch_by_hand(bench, **ours)


async def killed_run(bench: Bench, ours: Tags, **options: Any) -> KillReport:
    report, _ = await killed(bench, KillScope.of_run(ours["benchtui__run"]), **options)
    return report


def home(report: KillReport) -> Any:
    return next(proof for proof in report.regions if proof.region == "us-east-1")


@pytest.mark.long
async def test_two_permissions_suffice_to_end_and_what_they_cannot_prove_is_said(
    bench: Bench, ours: Tags, stray: str
) -> None:
    elsewhere = launch_by_hand(bench, "eu-west-1", **ours)
    for action in FORBIDDEN:
        bench.fault(service="ec2", action=action, status=403)
    for service in ("s3", "sts", "scheduler", "ssm"):
        bench.fault(service=service, status=403)
    report = await killed_run(bench, ours)
    assert state_of(bench, stray) in ("shutting-down", "terminated")
    assert state_of(bench, elsewhere, "eu-west-1") in ("shutting-down", "terminated")
    assert home(report).proven
    assert "DescribeRegions" not in str(report.regions_error)
    assert "could not be listed" in str(report.regions_error)
    assert report.exit_code is ExitCode.MAY_STILL_RUN, "there may be a region that nobody here knows of"
    assert any("spot requests could not be listed" in note for note in report.notes)
    assert any("control/kill" in note for note in report.notes)


@pytest.mark.slow
async def test_no_tag_is_touched(bench: Bench, ours: Tags, stray: str) -> None:
    bench.fault(service="ec2", action="CreateTags", status=403)
    bench.fault(service="ec2", action="DeleteTags", status=403)
    assert (await killed_run(bench, ours)).proven
    assert bench.faults_hit() == 0


async def test_an_instance_that_is_not_shown_any_more_is_not_proven_gone(
    bench: Bench, ours: Tags, stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EC2 forgets it after the first listing, and does not know it when it is to be ended."""
    real = kill_region.describe_run
    listings = 0

    async def forgetful(cloud: Any, region: str, run: str) -> Any:
        nonlocal listings
        views = await real(cloud, region, run)
        listings += bool(views)
        return views if listings <= 1 else ()

    async def unknown(cloud: Any, region: str, ids: Any) -> Any:
        return ()

    bench.fault(service="ec2", action="TerminateInstances", status=400, code="InvalidInstanceID.NotFound")
    monkeypatch.setattr(kill_region, "describe_run", forgetful)
    monkeypatch.setattr(kill_region, "describe_ids", unknown)
    report = await killed_run(bench, ours, limits=SHORT)
    assert report.exit_code is ExitCode.MAY_STILL_RUN
    assert home(report).vanished == {stray}
    assert f"{stray} was alive and is not shown any more" in str(home(report).error)
    bench.cloud.private("DELETE", "faults")
    end(bench, stray)


@pytest.mark.slow
async def test_an_instance_whose_tags_are_taken_away_is_not_ended_and_not_proven(
    bench: Bench, ours: Tags, stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kill_region.terminate

    async def robbed(cloud: Any, region: str, ids: Any, *rest: Any, **named: Any) -> Any:
        bench.cloud.boto3("ec2").delete_tags(Resources=[stray], Tags=[{"Key": "benchtui:run"}])
        bench.fault(service="ec2", action="TerminateInstances", status=503, times=5)
        return await real(cloud, region, ids, *rest, **named)

    monkeypatch.setattr(kill_region, "terminate", robbed)
    report = await killed_run(bench, ours, limits=SHORT)
    assert state_of(bench, stray) in ("pending", "running")
    assert f"{stray} is alive without its tags" in str(home(report).error)
    assert not report.proven
    end(bench, stray)


@pytest.mark.slow
async def test_one_whose_end_is_seen_by_its_id_alone_is_gone(
    bench: Bench, ours: Tags, stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kill_region.describe_run
    seen = 0

    async def once(cloud: Any, region: str, run: str) -> Any:
        nonlocal seen
        views = await real(cloud, region, run)
        seen += bool(views)
        return views if seen <= 1 else ()

    monkeypatch.setattr(kill_region, "describe_run", once)
    report = await killed_run(bench, ours)
    assert report.proven
    assert home(report).gone == {stray}


@pytest.mark.slow
async def test_an_instance_launched_after_its_region_was_proven_is_found_and_ended(
    bench: Bench, ours: Tags, stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    late: list[str] = []
    real = kill_region.RegionKill.clear

    async def cleared(self: Any) -> Any:
        proof = await real(self)
        if self.region == "us-west-2" and not late:
            late.append(launch_by_hand(bench, "us-west-2", **ours))
            await bench.clock.sleep(60)
        return proof

    monkeypatch.setattr(kill_region.RegionKill, "clear", cleared)
    report = await killed_run(bench, ours)
    assert report.proven
    assert state_of(bench, late[0], "us-west-2") in ("shutting-down", "terminated")


async def test_what_should_have_ended_by_itself_is_switched_off_without_its_system(
    bench: Bench, ours: Tags, stray: str
) -> None:
    expired = launch_by_hand(bench, **ours, benchtui__expires="2020-01-01T00:00:00Z")
    bench.fault(
        service="ec2", action="TerminateInstances", status=403, match={"SkipOsShutdown": "true"}, times=1
    )
    report = await killed_run(bench, ours)
    assert report.proven
    assert home(report).gone == {stray, expired}
    assert bench.faults_hit() == 1, "the expired one alone was asked for so"


async def test_what_may_not_be_switched_off_is_ended_as_usual(bench: Bench, ours: Tags) -> None:
    expired = launch_by_hand(bench, **ours, benchtui__expires="2020-01-01T00:00:00Z")
    bench.fault(
        service="ec2",
        action="TerminateInstances",
        status=400,
        code="UnsupportedOperation",
        match={"SkipOsShutdown": "true"},
    )
    report = await killed_run(bench, ours, limits=SHORT)
    assert report.proven
    assert home(report).gone == {expired}
    assert bench.faults_hit() >= 1


@pytest.mark.slow
async def test_a_protection_that_cannot_be_lifted_for_good_is_told_and_not_fought_without_end(
    bench: Bench, ours: Tags, stray: str
) -> None:
    bench.fault(service="ec2", action="TerminateInstances", status=400, code="OperationNotPermitted")
    report = await killed_run(bench, ours, limits=SHORT)
    assert not report.proven
    assert "OperationNotPermitted" in str(home(report).error)
    assert len([note for note in bench.said("note") if "lifted" in note["text"]]) == 1
    assert bench.faults_hit() <= 8 * 6 + 1, "asked again every ten seconds"
    bench.cloud.private("DELETE", "faults")
    end(bench, stray)


async def test_ec2_is_asked_for_the_run_before_anything_else(
    bench: Bench, ours: Tags, stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []
    opened: list[str] = []
    real_call, real_open = Cloud.call, Cloud._open

    async def call(self: Cloud, service: str, region: str, operation: str, *rest: Any, **named: Any) -> Any:
        asked.append((service, operation))
        return await real_call(self, service, region, operation, *rest, **named)

    async def opens(self: Cloud, service: str, region: str) -> Any:
        opened.append(service)
        return await real_open(self, service, region)

    monkeypatch.setattr(Cloud, "call", call)
    monkeypatch.setattr(Cloud, "_open", opens)
    assert (await killed_run(bench, ours)).proven
    assert asked[0] == ("ec2", "DescribeInstances")
    assert opened[0] == "ec2"
    looks = [at for at, each in enumerate(asked) if each == ("ec2", "DescribeInstances")]
    assert asked.index(("s3", "PutObject")) < looks[-1], "the look that counts comes after the mark"


@pytest.mark.parametrize("what", ["enabled_regions", "known_regions"])
async def test_a_defect_in_listing_regions_does_not_end_the_kill(
    bench: Bench, ours: Tags, stray: str, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    async def defective() -> Any:
        raise KeyError("RegionName")

    if what == "known_regions":
        bench.fault(service="ec2", action="DescribeRegions", status=403)
    monkeypatch.setattr(bench.workspace.cloud, what, defective)
    report = await killed_run(bench, ours, limits=KillLimits(deadline=timedelta(minutes=2)))
    assert home(report).proven, "the region of the configuration is cleared in any case"
    assert "KeyError" in str(report.regions_error)
    assert report.exit_code is ExitCode.MAY_STILL_RUN


async def test_whoever_listens_or_tidies_up_cannot_break_a_proof(
    bench: Bench, ours: Tags, stray: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("it is gone")

    monkeypatch.setattr(bench.workspace, "emit", broken)
    monkeypatch.setattr(killswitch, "look_for_leftovers", broken)
    monkeypatch.setattr(bench.workspace.schedules, "after_kill", broken)
    report = await killed_run(bench, ours)
    assert report.proven
    assert home(report).gone == {stray}
    assert any("what is left over was not seen: RuntimeError" in note for note in report.notes)


async def test_the_expired_are_ended_and_their_runs_go_on(bench: Bench, ours: Tags) -> None:
    run = await bench.start()
    await bench.launch()
    expired = launch_by_hand(bench, **ours, benchtui__expires="2020-01-01T00:00:00Z")
    untimed = launch_by_hand(bench, **ours)
    scope = KillScope.of_expired(bench.clock.now())
    assert scope.kind is ScopeKind.EXPIRED
    assert scope.command == "benchtui kill --expired"
    report, _ = await killed(bench, scope)
    assert report.proven
    assert expired in home(report).gone
    assert len(living(bench)) == 4
    assert state_of(bench, untimed) in ("pending", "running"), "whose end is not known has not passed it"
    objects = bench.cloud.boto3("s3").list_objects_v2(Bucket=bench.cloud.bucket, Prefix="benchmarks/")
    assert not [
        o for o in objects.get("Contents", ()) if o["Key"].endswith("control/kill") and run.run in o["Key"]
    ]
    end(bench, untimed)
    await killed(bench, KillScope.of_run(run.run))


def launch_spot(bench: Bench, ours: Tags) -> tuple[str, str]:
    """A spot instance of a run and its request."""
    tags = [{"Key": key.replace("__", ":"), "Value": value} for key, value in ours.items()]
    answer = bench.cloud.boto3("ec2").run_instances(
        ImageId=bench.cloud.image(),
        InstanceType="c7i.large",
        MinCount=1,
        MaxCount=1,
        InstanceMarketOptions={"MarketType": "spot"},
        TagSpecifications=[
            {"ResourceType": kind, "Tags": tags} for kind in ("instance", "spot-instances-request")
        ],
    )
    row = answer["Instances"][0]
    return row["InstanceId"], row["SpotInstanceRequestId"]


def request_state(bench: Bench, request: str) -> str:
    answer = bench.cloud.boto3("ec2").describe_spot_instance_requests(SpotInstanceRequestIds=[request])
    return str(answer["SpotInstanceRequests"][0]["State"])


async def test_spot_requests_are_cancelled(bench: Bench, ours: Tags) -> None:
    instance, request = launch_spot(bench, ours)
    report = await killed_run(bench, ours)
    assert report.proven
    assert state_of(bench, instance) in ("shutting-down", "terminated")
    assert request_state(bench, request) in ("cancelled", "closed")
    # If the instance has ended first, EC2 has closed its request: nothing is left to cancel or to tell.
    if request_state(bench, request) == "cancelled":
        assert any(request in note["text"] for note in bench.said("note"))


@pytest.mark.slow
async def test_a_spot_request_that_cannot_be_cancelled_leaves_it_unproven(bench: Bench, ours: Tags) -> None:
    instance, request = launch_spot(bench, ours)
    bench.cloud.boto3("ec2").modify_instance_attribute(
        InstanceId=instance, DisableApiTermination={"Value": True}
    )
    bench.fault(service="ec2", action="CancelSpotInstanceRequests", status=403)
    bench.fault(service="ec2", action="ModifyInstanceAttribute", status=403)
    report = await killed_run(bench, ours, limits=KillLimits(deadline=timedelta(minutes=2)))
    assert not report.proven
    assert home(report).spot_requests == {request}
    bench.cloud.private("DELETE", "faults")
    assert (await killed_run(bench, ours)).proven


async def test_idle_volumes_and_interfaces_of_a_launch_are_removed_and_an_address_is_named(
    bench: Bench, ours: Tags, stray: str
) -> None:
    ec2 = bench.cloud.boto3("ec2")
    tags = [{"Key": key.replace("__", ":"), "Value": value} for key, value in ours.items()]

    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": tags}]

    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=tagged("volume"))[
        "VolumeId"
    ]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet, TagSpecifications=tagged("network-interface"))[
        "NetworkInterface"
    ]["NetworkInterfaceId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    report = await killed_run(bench, ours)
    assert report.proven
    assert f"removed in us-east-1: volume {volume}" in report.notes
    assert f"removed in us-east-1: network interface {interface}" in report.notes
    assert f"left over in us-east-1: address {address}" in report.notes
    assert ec2.describe_volumes(Filters=[{"Name": "volume-id", "Values": [volume]}])["Volumes"] == []
    ec2.release_address(AllocationId=address)
