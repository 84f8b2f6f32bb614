from __future__ import annotations

import time
import urllib.error
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.local.api.conftest import error_code, launch, refusal_of
from tests.local.conftest import LocalCloud


def add(cloud: LocalCloud, **rule: Any) -> int:
    return int(cloud.private("POST", "faults", rule)["id"])


def hits(cloud: LocalCloud, rule_id: int) -> int:
    return int(next(r["hits"] for r in cloud.private("GET", "faults") if r["id"] == rule_id))


def test_a_throttle_strikes_as_often_as_asked(no_faults: LocalCloud) -> None:
    rule = add(no_faults, service="ec2", action="DescribeInstances", status=503, times=2)
    ec2 = no_faults.boto3("ec2")
    for _ in range(2):
        code, _message, status = refusal_of(ec2.describe_instances)
        assert (code, status) == ("RequestLimitExceeded", 503)
    ec2.describe_instances()
    assert hits(no_faults, rule) == 2


def test_the_sdk_retries_a_throttle_away(no_faults: LocalCloud) -> None:
    rule = add(no_faults, service="ec2", action="RunInstances", status=503, times=1)
    client = no_faults.boto3("ec2", retries=3)
    token = str(uuid.uuid4())
    reply = client.run_instances(
        ImageId=no_faults.own_image(), InstanceType="local.1cpu", MinCount=1, MaxCount=1, ClientToken=token
    )
    assert hits(no_faults, rule) == 1 and len(reply["Instances"]) == 1


def test_s3_says_slow_down(no_faults: LocalCloud) -> None:
    add(no_faults, service="s3", action="PutObject", status=503)
    code, _, status = refusal_of(
        lambda: no_faults.boto3("s3").put_object(Bucket=no_faults.bucket, Key="x", Body=b"")
    )
    assert (code, status) == ("SlowDown", 503)


def test_a_launch_whose_reply_is_lost_was_made(no_faults: LocalCloud) -> None:
    token = str(uuid.uuid4())
    rule = add(no_faults, service="ec2", action="RunInstances", after_commit=True, times=1)
    with pytest.raises(ConnectionClosedError):
        launch(no_faults, ClientToken=token)
    filters = [{"Name": "client-token", "Values": [token]}]
    (reservation,) = no_faults.boto3("ec2").describe_instances(Filters=filters)["Reservations"]
    assert launch(no_faults, ClientToken=token)["InstanceId"] == reservation["Instances"][0]["InstanceId"]
    assert hits(no_faults, rule) == 1


def test_an_upload_answered_with_an_error_after_it_was_stored(no_faults: LocalCloud) -> None:
    s3 = no_faults.boto3("s3")
    key = f"faults/{uuid.uuid4()}"
    add(no_faults, service="s3", match={"Key": "faults/*"}, action="PutObject", after_commit=True, status=500)
    put = {"Bucket": no_faults.bucket, "Key": key, "Body": b"stored", "IfNoneMatch": "*"}
    assert error_code(lambda: s3.put_object(**put)) == "InternalError"
    no_faults.private("DELETE", "faults")
    assert error_code(lambda: s3.put_object(**put)) == "PreconditionFailed"
    assert s3.get_object(Bucket=no_faults.bucket, Key=key)["Body"].read() == b"stored"


def test_a_reset_before_the_request_leaves_nothing(no_faults: LocalCloud) -> None:
    token = str(uuid.uuid4())
    add(no_faults, service="ec2", action="RunInstances", times=1)
    with pytest.raises(ConnectionClosedError):
        launch(no_faults, ClientToken=token)
    filters = [{"Name": "client-token", "Values": [token]}]
    assert no_faults.boto3("ec2").describe_instances(Filters=filters)["Reservations"] == []


def test_latency_alone_only_delays(no_faults: LocalCloud) -> None:
    add(no_faults, service="sts", latency_s=0.4)
    sts = no_faults.boto3("sts")
    started = time.monotonic()
    assert sts.get_caller_identity()["Account"] == "123456789012"
    assert time.monotonic() - started >= 0.4


def test_a_rule_for_one_region_spares_the_others(no_faults: LocalCloud) -> None:
    add(no_faults, service="ec2", region="eu-west-1", status=403)
    no_faults.boto3("ec2").describe_instances()
    code, _, status = refusal_of(no_faults.boto3("ec2", "eu-west-1").describe_instances)
    assert (code, status) == ("UnauthorizedOperation", 403)


def test_a_rule_may_name_parameters(no_faults: LocalCloud) -> None:
    add(
        no_faults,
        service="ec2",
        action="RunInstances",
        match={"Placement.AvailabilityZone": "us-east-1a"},
        status=500,
        code="InsufficientInstanceCapacity",
    )
    in_a, in_b = ({"AvailabilityZone": f"us-east-1{z}"} for z in "ab")
    assert error_code(lambda: launch(no_faults, Placement=in_a)) == "InsufficientInstanceCapacity"
    assert launch(no_faults, Placement=in_b)["Placement"]["AvailabilityZone"] == "us-east-1b"


def test_chance_repeats_itself_with_its_seed(no_faults: LocalCloud) -> None:
    sts = no_faults.boto3("sts")

    def outcomes(seed: int) -> list[bool]:
        rule = add(no_faults, service="sts", status=503, probability=0.5, seed=seed)
        seen = []
        for _ in range(16):
            try:
                sts.get_caller_identity()
                seen.append(True)
            except ClientError:
                seen.append(False)
        no_faults.private("DELETE", f"faults/{rule}")
        return seen

    first = outcomes(7)
    assert outcomes(7) == first != outcomes(8)
    assert 0 < sum(first) < 16


@pytest.mark.parametrize(
    "rule", [{"statuss": 503}, {"probability": 2}, {"status": 42}, {"latency_s": -1}, {"latency_s": "soon"}]
)
def test_a_rule_that_makes_no_sense_is_refused(no_faults: LocalCloud, rule: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        add(no_faults, **rule)
    assert refusal.value.code == 400
    assert no_faults.private("GET", "faults") == []


def test_json_services_get_json_errors(no_faults: LocalCloud) -> None:
    add(no_faults, service="ssm", status=400, code="ThrottlingException")
    ssm = no_faults.boto3("ssm")
    assert error_code(lambda: ssm.get_parameter(Name="x")) == "ThrottlingException"
