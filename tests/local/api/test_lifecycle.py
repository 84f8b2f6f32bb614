from __future__ import annotations

import urllib.error
from typing import Any

import pytest

from tests.local.api.conftest import described, error_code, launch, state_of
from tests.local.conftest import LocalCloud


def listed(cloud: LocalCloud, instance_id: str) -> dict[str, Any] | None:
    rows = cloud.private("GET", "instances")
    return next((row for row in rows if row["instance_id"] == instance_id), None)


def event(cloud: LocalCloud, instance_id: str, name: str, **content: Any) -> str:
    return str(cloud.private("POST", f"instances/{instance_id}/{name}", content)["state"])


def test_without_a_host_a_launch_is_pending_and_then_running(local_api: LocalCloud) -> None:
    shown = launch(local_api)
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == ("pending", "pending")
    local_api.advance_clock(1)
    running = described(local_api, shown["InstanceId"])
    assert running["State"] == {"Name": "running", "Code": 16}
    assert "StateReason" not in running


@pytest.mark.long
def test_with_a_host_a_launch_waits_for_its_word(hosted_api: LocalCloud) -> None:
    instance_id = launch(hosted_api)["InstanceId"]
    hosted_api.advance_clock(600)
    assert state_of(hosted_api, instance_id) == "pending"
    assert event(hosted_api, instance_id, "started", launch_time="2026-11-24T06:15:33+00:00") == "running"
    shown = described(hosted_api, instance_id)
    assert f"{shown['LaunchTime']:%Y-%m-%dT%H:%M:%S%z}" == "2026-11-24T06:15:33+0000"
    assert event(hosted_api, instance_id, "started") == "running"


def test_the_host_learns_all_it_needs(hosted_api: LocalCloud) -> None:
    shown = launch(
        hosted_api,
        UserData="#!/bin/sh\necho hi\n",
        IamInstanceProfile={"Name": "benchtui-instance"},
        InstanceInitiatedShutdownBehavior="terminate",
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "x"}]}],
    )
    row = listed(hosted_api, shown["InstanceId"])
    assert row is not None
    expected = {
        "region": "us-east-1",
        "state": "pending",
        "instance_type": "local.1cpu",
        "image_id": shown["ImageId"],
        "user_data": "IyEvYmluL3NoCmVjaG8gaGkK",
        "tags": {"Name": "x"},
        "az": "us-east-1a",
        "subnet": shown["SubnetId"],
        "profile": "arn:aws:iam::123456789012:instance-profile/benchtui-instance",
        "private_ip": shown["PrivateIpAddress"],
        "shutdown_behavior": "terminate",
        "volume_gib": 8,
        "hop_limit": 1,
        "tokens_required": True,
        "cpus": 1,
    }
    assert {name: row[name] for name in expected} == expected


def test_guest_power_off_terminates_with_the_instances_own_reason(hosted_api: LocalCloud) -> None:
    instance_id = launch(hosted_api, InstanceInitiatedShutdownBehavior="terminate")["InstanceId"]
    event(hosted_api, instance_id, "started")
    assert event(hosted_api, instance_id, "ended", cause="guest-poweroff") == "shutting-down"
    hosted_api.advance_clock(1)
    shown = described(hosted_api, instance_id)
    assert shown["State"]["Name"] == "terminated"
    assert shown["StateReason"] == {
        "Code": "Client.InstanceInitiatedShutdown",
        "Message": "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
    }
    assert shown["StateTransitionReason"] == ""
    assert listed(hosted_api, instance_id) is None


def test_guest_power_off_stops_where_that_is_the_behaviour(hosted_api: LocalCloud) -> None:
    instance_id = launch(hosted_api)["InstanceId"]
    event(hosted_api, instance_id, "started")
    assert event(hosted_api, instance_id, "ended", cause="guest-poweroff") == "stopping"
    hosted_api.advance_clock(1)
    shown = described(hosted_api, instance_id)
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == (
        "stopped",
        "Client.InstanceInitiatedShutdown",
    )
    assert listed(hosted_api, instance_id) is None


def test_a_crashed_guest_stays_running(hosted_api: LocalCloud) -> None:
    instance_id = launch(hosted_api)["InstanceId"]
    event(hosted_api, instance_id, "started")
    assert event(hosted_api, instance_id, "ended", cause="crash") == "running"
    hosted_api.advance_clock(600)
    assert state_of(hosted_api, instance_id) == "running"


def test_terminate_waits_for_the_host_to_end_the_world(hosted_api: LocalCloud) -> None:
    instance_id = launch(hosted_api)["InstanceId"]
    event(hosted_api, instance_id, "started")
    hosted_api.boto3("ec2").terminate_instances(InstanceIds=[instance_id])
    row = listed(hosted_api, instance_id)
    assert row is not None and row["state"] == "shutting-down"
    assert event(hosted_api, instance_id, "ended", cause="terminated") == "terminated"
    shown = described(hosted_api, instance_id)
    assert shown["StateReason"] == {
        "Code": "Client.UserInitiatedShutdown",
        "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
    }
    assert shown["StateTransitionReason"].startswith("User initiated (20")


def test_an_instance_ends_without_its_host_after_five_seconds(hosted_api: LocalCloud) -> None:
    instance_id = launch(hosted_api)["InstanceId"]
    hosted_api.boto3("ec2").terminate_instances(InstanceIds=[instance_id])
    hosted_api.advance_clock(6)
    assert state_of(hosted_api, instance_id) == "terminated"


def test_a_guest_that_powers_off_while_being_terminated_keeps_the_users_reason(
    hosted_api: LocalCloud,
) -> None:
    instance_id = launch(hosted_api, InstanceInitiatedShutdownBehavior="terminate")["InstanceId"]
    event(hosted_api, instance_id, "started")
    hosted_api.boto3("ec2").terminate_instances(InstanceIds=[instance_id])
    event(hosted_api, instance_id, "ended", cause="guest-poweroff")
    assert event(hosted_api, instance_id, "ended", cause="terminated") == "terminated"
    assert described(hosted_api, instance_id)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_a_terminated_instance_is_forgotten_after_an_hour(hosted_api: LocalCloud) -> None:
    ec2 = hosted_api.boto3("ec2")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "old", "Value": "1"}]}]
    instance_id = launch(hosted_api, TagSpecifications=tags)["InstanceId"]
    ec2.terminate_instances(InstanceIds=[instance_id])
    hosted_api.advance_clock(6)
    hosted_api.advance_clock(3500)
    assert state_of(hosted_api, instance_id) == "terminated"
    assert described(hosted_api, instance_id)["Tags"] == [{"Key": "old", "Value": "1"}]
    hosted_api.advance_clock(101)
    assert error_code(lambda: ec2.describe_instances(InstanceIds=[instance_id])) == (
        "InvalidInstanceID.NotFound"
    )
    assert ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance_id]}])["Tags"] == []


def test_words_about_unknown_instances_and_causes_are_refused(hosted_api: LocalCloud) -> None:
    with pytest.raises(urllib.error.HTTPError) as unknown:
        event(hosted_api, "i-0123456789abcdef0", "started")
    instance_id = launch(hosted_api)["InstanceId"]
    with pytest.raises(urllib.error.HTTPError) as odd:
        event(hosted_api, instance_id, "ended", cause="boredom")
    assert (unknown.value.code, odd.value.code) == (404, 400)


def test_an_instance_gets_credentials_of_its_role(hosted_api: LocalCloud) -> None:
    with_role = launch(hosted_api, IamInstanceProfile={"Name": "benchtui-instance"})["InstanceId"]
    keys = hosted_api.private("GET", f"credentials/{with_role}")
    assert hosted_api.private("GET", f"credentials/{with_role}") == keys
    client = hosted_api.boto3(
        "sts",
        access_key_id=keys["AccessKeyId"],
        secret_access_key=keys["SecretAccessKey"],
        session_token=keys["Token"],
    )
    assert client.get_caller_identity()["Arn"] == (
        f"arn:aws:sts::123456789012:assumed-role/benchtui-instance/{with_role}"
    )
    hosted_api.advance_clock(6 * 3600)
    assert hosted_api.private("GET", f"credentials/{with_role}")["AccessKeyId"] != keys["AccessKeyId"]


def test_an_instance_without_a_profile_gets_no_credentials(hosted_api: LocalCloud) -> None:
    without = launch(hosted_api)["InstanceId"]
    with pytest.raises(urllib.error.HTTPError) as refusal:
        hosted_api.private("GET", f"credentials/{without}")
    assert refusal.value.code == 404
