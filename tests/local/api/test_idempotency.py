from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

from tests.local.api.conftest import described, error_code, launch, state_of
from tests.local.conftest import LocalCloud


def test_the_same_token_is_the_same_instance(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    first = launch(local_api, ClientToken=token)
    second = launch(local_api, ClientToken=token)
    assert first["InstanceId"] == second["InstanceId"]


def test_ten_parallel_requests_with_one_token_launch_one_instance(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    with ThreadPoolExecutor(10) as pool:
        ids = set(pool.map(lambda _: launch(local_api, ClientToken=token)["InstanceId"], range(10)))
    found = local_api.boto3("ec2").describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])
    assert len(ids) == 1
    assert [i["InstanceId"] for r in found["Reservations"] for i in r["Instances"]] == list(ids)


def test_a_repeated_token_tells_the_state_of_now(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    first = launch(local_api, ClientToken=token)
    local_api.advance_clock(1)
    assert first["State"]["Name"] == "pending"
    assert launch(local_api, ClientToken=token)["State"]["Name"] == "running"


def test_other_parameters_under_the_same_token_are_a_mismatch(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    launch(local_api, ClientToken=token)
    assert error_code(lambda: launch(local_api, ClientToken=token, UserData="#!/bin/sh\n")) == (
        "IdempotentParameterMismatch"
    )


def test_a_token_of_a_terminated_instance_is_refused(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    instance_id = launch(local_api, ClientToken=token)["InstanceId"]
    local_api.boto3("ec2").terminate_instances(InstanceIds=[instance_id])
    local_api.advance_clock(1)
    assert state_of(local_api, instance_id) == "terminated"
    assert error_code(lambda: launch(local_api, ClientToken=token)) == "IdempotentInstanceTerminated"


def test_a_token_is_zonal_when_the_request_names_a_zone(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    in_a = launch(local_api, ClientToken=token, Placement={"AvailabilityZone": "us-east-1a"})
    in_b = launch(local_api, ClientToken=token, Placement={"AvailabilityZone": "us-east-1b"})
    again = launch(local_api, ClientToken=token, Placement={"AvailabilityZone": "us-east-1a"})
    assert in_a["InstanceId"] != in_b["InstanceId"]
    assert in_a["InstanceId"] == again["InstanceId"]
    assert (in_a["Placement"]["AvailabilityZone"], in_b["Placement"]["AvailabilityZone"]) == (
        "us-east-1a",
        "us-east-1b",
    )


def test_a_token_is_zonal_when_the_request_names_a_subnet(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    subnets = local_api.boto3("ec2").describe_subnets()["Subnets"][:2]
    ids = {launch(local_api, ClientToken=token, SubnetId=s["SubnetId"])["InstanceId"] for s in subnets}
    assert len(ids) == 2


def test_a_token_in_another_region_is_another_launch(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    here = launch(local_api, ClientToken=token)
    there = launch(local_api, "eu-west-1", ClientToken=token)
    assert here["InstanceId"] != there["InstanceId"]
    assert described(local_api, there["InstanceId"], "eu-west-1")["ClientToken"] == token


def test_a_token_longer_than_64_characters_is_refused(local_api: LocalCloud) -> None:
    assert error_code(lambda: launch(local_api, ClientToken="x" * 65)) == "InvalidParameterValue"


def test_a_refused_launch_does_not_use_its_token_up(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    assert error_code(lambda: launch(local_api, ClientToken=token, InstanceType="no.such")) == (
        "InvalidParameterValue"
    )
    assert launch(local_api, ClientToken=token)["InstanceId"].startswith("i-")


def test_a_dry_run_launches_nothing_and_leaves_the_token_free(local_api: LocalCloud) -> None:
    token = str(uuid.uuid4())
    assert error_code(lambda: launch(local_api, ClientToken=token, DryRun=True)) == "DryRunOperation"
    found = local_api.boto3("ec2").describe_instances(Filters=[{"Name": "client-token", "Values": [token]}])
    assert found["Reservations"] == []
    launch(local_api, ClientToken=token)
