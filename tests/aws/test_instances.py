"""Launching, finding and ending instances, against the local cloud's API."""

import asyncio
import base64
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.images import BlockDevice, Image, resolve_image
from benchtui.aws.instances import (
    MAX_USER_DATA,
    LaunchRequest,
    console_output,
    describe_ids,
    describe_ours,
    describe_run,
    find_by_token,
    lift_protection,
    run_instance,
    terminate,
)
from benchtui.aws.leftovers import leftovers
from benchtui.aws.network import resolve_network
from benchtui.aws.session import Cloud
from benchtui.core.states import Ec2State, InstanceView
from benchtui.core.tokens import client_token

from .conftest import REGION, Private

EXPIRES = datetime(2026, 11, 24, 14, 15, 33, tzinfo=UTC)
UNKNOWN_ID = "i-0123456789abcdef0"
_numbers = itertools.count()


@pytest.fixture
def run() -> str:
    """A run id that no other test has."""
    digits = f"{next(_numbers):04d}".translate(str.maketrans("0189", "abcd"))
    return f"20261124-021533-{digits}"


@pytest.fixture
async def image(cloud: Cloud) -> Image:
    return await resolve_image(cloud, REGION, "debian-12", "x86_64")


@pytest.fixture
def request_(run: str, image: Image) -> LaunchRequest:
    return launch(run, image, 1)


def launch(run: str, image: Image, replicate: int, attempt: int = 1) -> LaunchRequest:
    job = f"local.1cpu-{replicate}"
    return LaunchRequest(
        run=run,
        job=job,
        region=REGION,
        instance_type="local.1cpu",
        image=image,
        user_data="#!/bin/sh\necho 'é ñ'\n",
        client_token=client_token(run, job, attempt, REGION, None, "local.1cpu"),
        expires_at=EXPIRES,
        instance_profile="benchtui-instance",
        security_groups=(),
        volume_gib=16,
        tags={"team": "hpc", "Name": "mine"},
    )


def ec2() -> Any:
    """An independent client."""
    return boto3.client("ec2", region_name=REGION)


async def test_an_instance_is_launched_with_everything_that_ends_it(
    cloud: Cloud, request_: LaunchRequest, run: str
) -> None:
    view = await run_instance(cloud, request_)
    assert (view.instance_type, view.region, view.job, view.run) == (
        "local.1cpu",
        REGION,
        request_.job,
        run,
    )
    assert view.zone.startswith(REGION)
    assert view.expires_at == EXPIRES
    assert view.launched_at.tzinfo is UTC
    assert view.client_token == request_.client_token
    assert view.state in (Ec2State.PENDING, Ec2State.RUNNING)

    def asked(attribute: str) -> Any:
        return ec2().describe_instance_attribute(InstanceId=view.instance_id, Attribute=attribute)

    assert (
        asked("instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"]
        == "terminate"
    )
    assert base64.b64decode(asked("userData")["UserData"]["Value"]).decode() == request_.user_data
    shown = ec2().describe_instances(InstanceIds=[view.instance_id])["Reservations"][0]["Instances"][0]
    options = shown["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"], options["HttpEndpoint"]) == (
        "required",
        1,
        "enabled",
    )
    assert shown["IamInstanceProfile"]["Arn"].endswith("/benchtui-instance")
    (device,) = shown["BlockDeviceMappings"]
    assert device["Ebs"]["DeleteOnTermination"] is True
    (volume,) = ec2().describe_volumes(VolumeIds=[device["Ebs"]["VolumeId"]])["Volumes"]
    assert (volume["Encrypted"], volume["VolumeType"], volume["Size"]) == (True, "gp3", 16)
    (interface,) = shown["NetworkInterfaces"]
    (interface,) = ec2().describe_network_interfaces(NetworkInterfaceIds=[interface["NetworkInterfaceId"]])[
        "NetworkInterfaces"
    ]
    wanted = {
        "LaunchedBy": "AsyncBenchmarkLauncher",
        "benchtui:run": run,
        "benchtui:job": request_.job,
        "benchtui:expires": "2026-11-24T14:15:33Z",
        "Name": f"benchtui {run} {request_.job}",
        "team": "hpc",
    }
    for tags in (shown["Tags"], volume["Tags"], interface["TagSet"]):
        assert {tag["Key"]: tag["Value"] for tag in tags} == wanted


def test_every_volume_of_the_image_is_encrypted_and_goes_with_the_instance(run: str) -> None:
    image = Image("ami-1", "two disks", "arm64", "/dev/xvda", (), None)
    image = replace(
        image, block_devices=(device("/dev/xvda", 30), device("/dev/sdb", 100), device("/dev/sdc", None))
    )
    mappings = launch(run, image, 1).params()["BlockDeviceMappings"]
    ending = {"DeleteOnTermination": True, "Encrypted": True}
    assert mappings == [
        # Never smaller than the snapshot, or EC2 refuses.
        {"DeviceName": "/dev/xvda", "Ebs": {**ending, "VolumeType": "gp3", "VolumeSize": 30}},
        {"DeviceName": "/dev/sdb", "Ebs": ending},
        {"DeviceName": "/dev/sdc", "Ebs": ending},
    ]


def device(name: str, size: int | None) -> BlockDevice:
    return BlockDevice(name, size)


async def test_without_a_public_address_all_else_is_the_same(cloud: Cloud, request_: LaunchRequest) -> None:
    network = await resolve_network(cloud, REGION, "benchtui")
    groups = (network.security_group,)
    for public in (True, False):
        asked = replace(
            request_,
            public_ipv4=public,
            security_groups=groups,
            client_token=f"{request_.client_token[:40]}-{public}",
        )
        view = await run_instance(cloud, asked)
        shown = ec2().describe_instances(InstanceIds=[view.instance_id])["Reservations"][0]["Instances"][0]
        (interface,) = shown["NetworkInterfaces"]
        assert ("PublicIpAddress" in shown) is public
        assert [group["GroupId"] for group in interface["Groups"]] == list(groups)
        found = ec2().describe_network_interfaces(NetworkInterfaceIds=[interface["NetworkInterfaceId"]])
        tags = {tag["Key"]: tag["Value"] for tag in found["NetworkInterfaces"][0]["TagSet"]}
        assert tags == request_.all_tags()
        assert interface["Attachment"]["DeleteOnTermination"] is True


def test_zone_subnet_and_groups_are_sent_only_when_given(run: str) -> None:
    image = Image("ami-1", "", "arm64", "/dev/xvda", (device("/dev/xvda", 8),))
    bare = launch(run, image, 1)
    assert not {"Placement", "SubnetId", "SecurityGroupIds"} & set(bare.params())
    full = replace(bare, zone="us-east-1b", subnet="subnet-1", security_groups=("sg-1",)).params()
    assert full["Placement"] == {"AvailabilityZone": "us-east-1b"}
    assert (full["SubnetId"], full["SecurityGroupIds"]) == ("subnet-1", ["sg-1"])
    assert (full["MinCount"], full["MaxCount"]) == (1, 1)


def test_own_tags_cannot_hide_an_instance_from_the_kill(run: str) -> None:
    image = Image("ami-1", "", "arm64", "/dev/xvda", ())
    request = replace(launch(run, image, 1), tags={"benchtui:run": "other", "LaunchedBy": "me"})
    assert request.all_tags()["benchtui:run"] == run
    assert request.all_tags()["LaunchedBy"] == "AsyncBenchmarkLauncher"


async def test_too_long_user_data_is_refused_before_it_is_sent(cloud: Cloud, request_: LaunchRequest) -> None:
    with pytest.raises(ValueError, match="16385 bytes"):
        await run_instance(cloud, replace(request_, user_data="x" * (MAX_USER_DATA + 1)))


async def test_the_same_launch_twice_is_one_instance(cloud: Cloud, request_: LaunchRequest, run: str) -> None:
    views = await asyncio.gather(*(run_instance(cloud, request_) for _ in range(5)))
    assert len({view.instance_id for view in views}) == 1
    assert len(await describe_run(cloud, REGION, run)) == 1


async def test_a_changed_launch_under_the_same_token_is_refused(
    cloud: Cloud, request_: LaunchRequest
) -> None:
    await run_instance(cloud, request_)
    with pytest.raises(CloudError) as raised:
        await run_instance(cloud, replace(request_, user_data="#!/bin/sh\n"))
    assert (raised.value.failure.kind, raised.value.failure.code) == (
        FailureKind.INVALID,
        "IdempotentParameterMismatch",
    )


async def test_a_launch_whose_instance_has_ended_is_gone(cloud: Cloud, request_: LaunchRequest) -> None:
    view = await run_instance(cloud, request_)
    await terminate(cloud, REGION, [view.instance_id])
    await until_gone(cloud, view)
    with pytest.raises(CloudError) as raised:
        await run_instance(cloud, request_)
    assert raised.value.failure.kind is FailureKind.GONE


async def until_gone(cloud: Cloud, *views: InstanceView) -> tuple[InstanceView, ...]:
    for _ in range(200):
        seen = await describe_ids(cloud, REGION, [view.instance_id for view in views])
        if all(view.state is Ec2State.TERMINATED for view in seen):
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"not terminated: {seen}")


async def test_a_lost_answer_is_unknown_and_the_instance_is_found_by_its_token(
    cloud: Cloud, request_: LaunchRequest, fault: Private, private: Private
) -> None:
    fault(service="ec2", action="RunInstances", after_commit=True, times=1)
    with pytest.raises(CloudError) as raised:
        await run_instance(cloud, request_)
    assert raised.value.failure.kind is FailureKind.UNKNOWN
    (found,) = await find_by_token(cloud, REGION, request_.client_token)
    assert (found.run, found.job) == (request_.run, request_.job)
    # The same request again is answered with the same instance.
    assert (await run_instance(cloud, request_)).instance_id == found.instance_id
    assert private("GET", "faults")[0]["hits"] == 1


async def test_a_throttled_launch_is_tried_again(
    cloud: Cloud, request_: LaunchRequest, fault: Private, run: str
) -> None:
    fault(service="ec2", action="RunInstances", status=503, code="RequestLimitExceeded", times=2)
    await run_instance(cloud, request_)
    assert len(await describe_run(cloud, REGION, run)) == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (500, "InsufficientInstanceCapacity", FailureKind.CAPACITY),
        (400, "VcpuLimitExceeded", FailureKind.QUOTA),
        (403, "UnauthorizedOperation", FailureKind.DENIED),
        (500, "InternalError", FailureKind.UNKNOWN),
    ],
)
async def test_a_refused_launch_is_asked_for_once(
    cloud: Cloud,
    request_: LaunchRequest,
    fault: Private,
    private: Private,
    status: int,
    code: str,
    kind: FailureKind,
) -> None:
    fault(service="ec2", action="RunInstances", status=status, code=code)
    with pytest.raises(CloudError) as raised:
        await run_instance(cloud, request_)
    assert raised.value.failure.kind is kind
    assert "local.1cpu" in raised.value.what
    assert private("GET", "faults")[0]["hits"] == 1


async def test_only_instances_of_the_run_are_listed(cloud: Cloud, image: Image, run: str) -> None:
    mine = [await run_instance(cloud, launch(run, image, number)) for number in (1, 2)]
    other = await run_instance(cloud, launch("20261124-021533-zzzz", image, 1))
    seen = await describe_run(cloud, REGION, run)
    assert {view.instance_id for view in seen} == {view.instance_id for view in mine}
    ours = {view.instance_id for view in await describe_ours(cloud, REGION)}
    assert ours >= {view.instance_id for view in (*mine, other)}


async def test_nothing_is_an_answer_too(cloud: Cloud, run: str) -> None:
    assert await describe_run(cloud, REGION, run) == ()
    assert await find_by_token(cloud, REGION, "no such token") == ()
    assert await leftovers(cloud, REGION, run) == ()


@pytest.mark.parametrize(
    "rule",
    [
        {"status": 403, "code": "UnauthorizedOperation"},
        {"status": 503, "code": "RequestLimitExceeded"},
        {"status": 500},
        {},  # the connection is reset
    ],
)
async def test_a_region_that_cannot_be_listed_is_an_error_never_an_empty_list(
    cloud: Cloud, run: str, fault: Private, rule: dict[str, Any]
) -> None:
    fault(service="ec2", action="DescribeInstances", **rule)
    for ask in (describe_run(cloud, REGION, run), describe_ours(cloud, REGION)):
        with pytest.raises(CloudError):
            await ask


async def test_unknown_ids_are_left_out_of_a_description(cloud: Cloud, request_: LaunchRequest) -> None:
    view = await run_instance(cloud, request_)
    assert await describe_ids(cloud, REGION, []) == ()
    (seen,) = await describe_ids(cloud, REGION, [UNKNOWN_ID, view.instance_id])
    assert seen.instance_id == view.instance_id


async def test_a_run_id_with_a_wildcard_is_not_asked_for(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match="run id"):
        await describe_run(cloud, REGION, "*")


async def test_termination_drops_unknown_and_malformed_ids(cloud: Cloud, image: Image, run: str) -> None:
    views = [await run_instance(cloud, launch(run, image, number)) for number in (1, 2, 3)]
    ids = [view.instance_id for view in views]
    answer = await terminate(cloud, REGION, [ids[0], UNKNOWN_ID, ids[1], "bogus", ids[2]])
    assert sorted(answer.accepted) == sorted(ids)
    assert {one: failure.code for one, failure in answer.failures.items()} == {
        UNKNOWN_ID: "InvalidInstanceID.NotFound",
        "bogus": "InvalidInstanceID.Malformed",
    }
    seen = await until_gone(cloud, *views)
    assert {view.state_reason for view in seen} == {"Client.UserInitiatedShutdown"}
    again = await terminate(cloud, REGION, ids)
    assert sorted(again.accepted) == sorted(ids)


async def test_a_protected_instance_spares_no_other_and_ends_when_unprotected(
    cloud: Cloud, image: Image, run: str
) -> None:
    views = [await run_instance(cloud, launch(run, image, number)) for number in (1, 2, 3)]
    protected = views[1]
    attribute = {"DisableApiTermination": {"Value": True}}
    ec2().modify_instance_attribute(InstanceId=protected.instance_id, **attribute)
    answer = await terminate(cloud, REGION, [view.instance_id for view in views], skip_os_shutdown=True)
    assert {one: failure.code for one, failure in answer.failures.items()} == {
        protected.instance_id: "OperationNotPermitted"
    }
    await until_gone(cloud, views[0], views[2])
    await lift_protection(cloud, REGION, protected.instance_id)
    assert (await terminate(cloud, REGION, [protected.instance_id])).accepted == (protected.instance_id,)
    await until_gone(cloud, *views)


async def test_a_lost_answer_to_a_termination_is_asked_again(
    cloud: Cloud, request_: LaunchRequest, fault: Private
) -> None:
    view = await run_instance(cloud, request_)
    fault(service="ec2", action="TerminateInstances", after_commit=True, times=1)
    assert (await terminate(cloud, REGION, [view.instance_id])).accepted == (view.instance_id,)


async def test_volumes_and_interfaces_are_left_over_only_while_the_instance_lives(
    cloud: Cloud, request_: LaunchRequest, run: str
) -> None:
    view = await run_instance(cloud, request_)
    left = await leftovers(cloud, REGION, run)
    assert {item.kind for item in left} == {"volume", "network interface"}
    assert {item.attached_to for item in left} == {view.instance_id}
    await terminate(cloud, REGION, [view.instance_id])
    await until_gone(cloud, view)
    assert await leftovers(cloud, REGION, run) == ()


async def test_a_volume_without_instance_is_left_over(cloud: Cloud, run: str) -> None:
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "benchtui:run", "Value": run}]}]
    volume = ec2().create_volume(AvailabilityZone="us-east-1a", Size=1, TagSpecifications=tags)["VolumeId"]
    (left,) = await leftovers(cloud, REGION, run)
    assert (left.kind, left.id, left.attached_to) == ("volume", volume, None)
    ec2().delete_volume(VolumeId=volume)


async def test_console_output_is_printable_text(
    cloud: Cloud, request_: LaunchRequest, private: Private
) -> None:
    view = await run_instance(cloud, request_)
    assert await console_output(cloud, REGION, view.instance_id) == ""
    said = base64.b64encode(b"booted\r\n\x1b[31mred \xff\n").decode()
    private("POST", f"instances/{view.instance_id}/console", append=said)
    assert await console_output(cloud, REGION, view.instance_id) == "booted\n\ufffd[31mred \ufffd\n"


async def test_an_instance_starts_in_the_resolved_network(cloud: Cloud, request_: LaunchRequest) -> None:
    network = await resolve_network(cloud, REGION, "benchtui")
    view = await run_instance(cloud, replace(request_, security_groups=(network.security_group,)))
    shown = ec2().describe_instances(InstanceIds=[view.instance_id])["Reservations"][0]["Instances"][0]
    assert [group["GroupId"] for group in shown["SecurityGroups"]] == [network.security_group]
    assert shown["VpcId"] == network.vpc
