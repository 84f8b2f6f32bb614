from __future__ import annotations

import base64
import uuid
from typing import Any

import pytest

from tests.local.api.conftest import described, error_code, launch, refusal_of, state_of
from tests.local.conftest import LocalCloud

NEVER_LAUNCHED = "i-0123456789abcdef0"


def ids_of(cloud: LocalCloud, filters: list[dict[str, Any]], region: str = "us-east-1") -> set[str]:
    pages = cloud.boto3("ec2", region).get_paginator("describe_instances").paginate(Filters=filters)
    return {i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]}


def test_one_malformed_id_fails_the_whole_request(local_api: LocalCloud) -> None:
    alive = launch(local_api)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    refusal = refusal_of(lambda: ec2.terminate_instances(InstanceIds=[alive, "bogus"]))
    assert refusal[0] == "InvalidInstanceID.Malformed" and refusal[2] == 400
    local_api.advance_clock(1)
    assert state_of(local_api, alive) == "running"


def test_one_unknown_id_fails_the_whole_request_and_is_named(local_api: LocalCloud) -> None:
    alive = launch(local_api)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    code, message, _ = refusal_of(lambda: ec2.terminate_instances(InstanceIds=[alive, NEVER_LAUNCHED]))
    assert code == "InvalidInstanceID.NotFound"
    assert message == f"The instance ID '{NEVER_LAUNCHED}' does not exist"
    local_api.advance_clock(1)
    assert state_of(local_api, alive) == "running"


def test_an_instance_of_another_region_is_not_found(local_api: LocalCloud) -> None:
    there = launch(local_api, "eu-west-1")["InstanceId"]
    assert error_code(lambda: local_api.boto3("ec2").terminate_instances(InstanceIds=[there])) == (
        "InvalidInstanceID.NotFound"
    )


def test_a_protected_instance_spares_its_zone_only(local_api: LocalCloud) -> None:
    zone_a, zone_b = ({"AvailabilityZone": f"us-east-1{z}"} for z in "ab")
    protected = launch(local_api, Placement=zone_a, DisableApiTermination=True)["InstanceId"]
    neighbour = launch(local_api, Placement=zone_a)["InstanceId"]
    elsewhere = launch(local_api, Placement=zone_b)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    code, message, status = refusal_of(
        lambda: ec2.terminate_instances(InstanceIds=[elsewhere, neighbour, protected])
    )
    assert (code, status) == ("OperationNotPermitted", 400)
    assert protected in message and "disableApiTermination" in message
    local_api.advance_clock(1)
    assert [state_of(local_api, i) for i in (protected, neighbour, elsewhere)] == [
        "running",
        "running",
        "terminated",
    ]
    ec2.modify_instance_attribute(InstanceId=protected, DisableApiTermination={"Value": False})
    ec2.terminate_instances(InstanceIds=[protected, neighbour])


def test_terminating_twice_is_harmless(local_api: LocalCloud) -> None:
    instance_id = launch(local_api)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    first = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    local_api.advance_clock(1)
    second = ec2.terminate_instances(InstanceIds=[instance_id], SkipOsShutdown=True, Force=True)
    (row,) = second["TerminatingInstances"]
    assert first["CurrentState"]["Name"] == "shutting-down"
    assert (row["PreviousState"]["Name"], row["CurrentState"]["Name"]) == ("terminated", "terminated")


def test_a_dry_run_of_terminate_ends_nothing(local_api: LocalCloud) -> None:
    instance_id = launch(local_api)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    assert error_code(lambda: ec2.terminate_instances(InstanceIds=[instance_id], DryRun=True)) == (
        "DryRunOperation"
    )
    local_api.advance_clock(1)
    assert state_of(local_api, instance_id) == "running"


def test_a_terminated_instance_cannot_be_stopped_or_started(local_api: LocalCloud) -> None:
    instance_id = launch(local_api)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    ec2.terminate_instances(InstanceIds=[instance_id])
    local_api.advance_clock(1)
    assert error_code(lambda: ec2.stop_instances(InstanceIds=[instance_id])) == "IncorrectInstanceState"
    assert error_code(lambda: ec2.start_instances(InstanceIds=[instance_id])) == "IncorrectInstanceState"
    assert state_of(local_api, instance_id) == "terminated"


def test_stop_and_start(local_api: LocalCloud) -> None:
    instance_id = launch(local_api)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    local_api.advance_clock(1)
    (row,) = ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"]
    assert row["CurrentState"]["Name"] == "stopping"
    local_api.advance_clock(1)
    shown = described(local_api, instance_id)
    assert (shown["State"]["Name"], shown["StateReason"]["Code"]) == (
        "stopped",
        "Client.UserInitiatedShutdown",
    )
    ec2.start_instances(InstanceIds=[instance_id])
    local_api.advance_clock(1)
    assert state_of(local_api, instance_id) == "running"


@pytest.mark.parametrize("with_instances", [True, False])
def test_an_unknown_filter_is_refused(local_api: LocalCloud, with_instances: bool) -> None:
    region = "us-east-1" if with_instances else "ap-south-1"
    if with_instances:
        launch(local_api)
    ec2 = local_api.boto3("ec2", region)
    code, message, status = refusal_of(
        lambda: ec2.describe_instances(Filters=[{"Name": "no-such", "Values": ["x"]}])
    )
    assert (code, status) == ("InvalidParameterValue", 400)
    assert message == "The filter 'no-such' is invalid"


@pytest.mark.long
def test_filters_find_what_they_name(local_api: LocalCloud) -> None:
    region, token = "us-west-2", str(uuid.uuid4())
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "benchtui:run", "Value": "20261124-021533-k3f9"}]}]
    wanted = launch(local_api, region, ClientToken=token, TagSpecifications=tags)["InstanceId"]
    other = launch(local_api, region)["InstanceId"]
    shown = described(local_api, wanted, region)
    only_wanted = {
        "client-token": token,
        "tag:benchtui:run": "20261124-*",
        "tag-key": "benchtui:run",
        "tag-value": "20261124-021533-k3f?",
        "instance-id": wanted,
        "private-ip-address": shown["PrivateIpAddress"],
        "network-interface.network-interface-id": shown["NetworkInterfaces"][0]["NetworkInterfaceId"],
        "block-device-mapping.volume-id": shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"],
    }
    both = {
        "instance-type": "local.*",
        "image-id": shown["ImageId"],
        "vpc-id": shown["VpcId"],
        "metadata-options.http-tokens": "optional",
        "architecture": shown["Architecture"],
    }
    for name, value in only_wanted.items():
        assert ids_of(local_api, [{"Name": name, "Values": [value]}], region) == {wanted}, name
    for name, value in both.items():
        assert ids_of(local_api, [{"Name": name, "Values": [value]}], region) == {wanted, other}, name
    assert ids_of(local_api, [{"Name": "instance-lifecycle", "Values": ["spot"]}], region) == set()


def test_brackets_in_a_filter_are_ordinary_characters(local_api: LocalCloud) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "odd", "Value": "a[b]c"}]}]
    wanted = launch(local_api, TagSpecifications=tags)["InstanceId"]
    assert ids_of(local_api, [{"Name": "tag:odd", "Values": ["a[b]c"]}]) == {wanted}
    assert ids_of(local_api, [{"Name": "tag:odd", "Values": ["a[xyz]c"]}]) == set()


def test_pages_count_instances(local_api: LocalCloud) -> None:
    region = "ap-southeast-2"
    launch(local_api, region, MinCount=12, MaxCount=12)
    ec2 = local_api.boto3("ec2", region)
    sizes, token = [], ""
    while True:
        page = ec2.describe_instances(MaxResults=5, **({"NextToken": token} if token else {}))
        sizes.append(sum(len(r["Instances"]) for r in page["Reservations"]))
        token = page.get("NextToken", "")
        if not token:
            break
    assert sizes == [5, 5, 2]
    assert error_code(lambda: ec2.describe_instances(MaxResults=4)) == "InvalidParameterValue"
    assert (
        error_code(lambda: ec2.describe_instances(MaxResults=5, NextToken="nonsense")) == "InvalidNextToken"
    )
    assert (
        error_code(lambda: ec2.describe_instances(MaxResults=5, InstanceIds=[NEVER_LAUNCHED]))
        == "InvalidParameterCombination"
    )


def test_describe_by_id_tells_malformed_from_unknown(local_api: LocalCloud) -> None:
    ec2 = local_api.boto3("ec2")
    assert error_code(lambda: ec2.describe_instances(InstanceIds=["nope"])) == "InvalidInstanceID.Malformed"
    assert error_code(lambda: ec2.describe_instances(InstanceIds=[NEVER_LAUNCHED])) == (
        "InvalidInstanceID.NotFound"
    )


def test_console_output_is_the_last_64_kib(local_api: LocalCloud) -> None:
    instance_id = launch(local_api)["InstanceId"]
    ec2 = local_api.boto3("ec2")
    assert "Output" not in ec2.get_console_output(InstanceId=instance_id)
    for chunk in (b"first " + b"a" * 65536, b"last \xff"):
        content = {"append": base64.b64encode(chunk).decode()}
        local_api.private("POST", f"instances/{instance_id}/console", content)
    shown = ec2.get_console_output(InstanceId=instance_id)["Output"]
    assert len(shown.encode("utf-8", "surrogateescape")) >= 65535
    assert shown.startswith("aaa") and "last" in shown[-7:]
    assert error_code(lambda: ec2.get_console_output(InstanceId=NEVER_LAUNCHED)) == (
        "InvalidInstanceID.NotFound"
    )


def test_cancelling_a_spot_request_leaves_the_instance(local_api: LocalCloud) -> None:
    tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "run", "Value": "r1"}]}]
    shown = launch(local_api, InstanceMarketOptions={"MarketType": "spot"}, TagSpecifications=tags)
    ec2 = local_api.boto3("ec2")
    request_id = shown["SpotInstanceRequestId"]
    filters = [{"Name": "tag:run", "Values": ["r1"]}, {"Name": "state", "Values": ["active"]}]
    (found,) = ec2.describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
    assert found["SpotInstanceRequestId"] == request_id
    ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request_id])
    local_api.advance_clock(1)
    assert state_of(local_api, shown["InstanceId"]) == "running"
    assert ec2.describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"] == []
    assert error_code(lambda: ec2.stop_instances(InstanceIds=[shown["InstanceId"]])) == (
        "UnsupportedOperation"
    )
