from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local.api.conftest import error_code, launch, refusal_of
from tests.local.conftest import LocalCloud, Start

Status = Callable[..., int]


@pytest.mark.parametrize("headers", [{}, {"X-Benchtui-Token": "wrong"}, {"X-Benchtui-Token": "é"}])
def test_private_routes_demand_the_token(
    local_api: LocalCloud, http_status: Status, headers: dict[str, str]
) -> None:
    sent = {k: v.encode().decode("latin-1") for k, v in headers.items()}
    for route in ("health", "instances", "faults", "credentials/i-0123456789abcdef0"):
        assert http_status(f"{local_api.endpoint}/_benchtui/{route}", headers=sent) == 403


def test_an_unknown_private_route_is_not_found(local_api: LocalCloud, http_status: Status) -> None:
    headers = {"X-Benchtui-Token": local_api.token}
    assert http_status(f"{local_api.endpoint}/_benchtui/no-such", headers=headers) == 404
    assert http_status(f"{local_api.endpoint}/_benchtui/health", headers=headers) == 200
    assert http_status(f"{local_api.endpoint}/_benchtui/faults", "POST", headers, b"{") == 400


@pytest.mark.parametrize(
    "path",
    ["/moto-api/data.json", "/moto-api/reset", "/moto-api/reset-auth", "/latest/meta-data/", "/favicon.ico"],
)
def test_motos_own_routes_are_not_reachable(local_api: LocalCloud, http_status: Status, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        assert http_status(local_api.endpoint + path, method) == 403


def test_a_web_page_is_refused(local_api: LocalCloud, http_status: Status) -> None:
    assert http_status(local_api.endpoint, headers={"Origin": "https://example.org"}) == 403
    assert http_status(local_api.endpoint, headers={"Host": "rebound.example.org"}) == 403
    assert http_status(local_api.endpoint, "OPTIONS", {"Origin": "https://example.org"}) == 403


def test_it_listens_on_loopback_only(local_api: LocalCloud) -> None:
    port = int(local_api.endpoint.rsplit(":", 1)[1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [r[1] for r in rows if r[3] == "0A" and r[1].endswith(f":{port:04X}")]
    assert listening == [f"0100007F:{port:04X}"]


def test_what_is_not_served_says_so_at_once(local_api: LocalCloud) -> None:
    started = time.monotonic()
    code, message, status = refusal_of(
        lambda: local_api.boto3("ec2", retries=5).get_spot_placement_scores(TargetCapacity=1)
    )
    assert (code, status) == ("InvalidAction", 400) and "not served" in message
    code, message, status = refusal_of(local_api.boto3("lambda", retries=5).list_functions)
    assert status == 400 and "does not serve lambda" in message
    assert time.monotonic() - started < 5


def role_client(cloud: LocalCloud, service: str) -> Any:
    instance_id = launch(cloud, IamInstanceProfile={"Name": "benchtui-instance"})["InstanceId"]
    keys = cloud.private("GET", f"credentials/{instance_id}")
    return cloud.boto3(
        service,
        access_key_id=keys["AccessKeyId"],
        secret_access_key=keys["SecretAccessKey"],
        session_token=keys["Token"],
    )


def test_the_role_of_an_instance_reaches_its_own_objects_and_no_others(local_api: LocalCloud) -> None:
    admin, role = local_api.boto3("s3"), role_client(local_api, "s3")
    bucket = local_api.bucket
    admin.put_object(Bucket=bucket, Key="payloads/x.tar.gz", Body=b"bundle", IfNoneMatch="*")
    run = "benchmarks/20261124-021533-k3f7"
    role.put_object(Bucket=bucket, Key=f"{run}/heartbeats/c7g.large-1", Body=b"")
    for own in ("events/e", "jobs/c7g.large-1/control/result.json"):
        role.put_object(Bucket=bucket, Key=f"{run}/{own}", Body=b"", IfNoneMatch="*")
        again = {"Bucket": bucket, "Key": f"{run}/{own}", "Body": b""}
        assert error_code(lambda: role.put_object(**again)) == "AccessDenied"  # noqa: B023
    assert role.get_object(Bucket=bucket, Key="payloads/x.tar.gz")["Body"].read() == b"bundle"
    # Without the right to list, an object that is not there is refused, not missing.
    kill = {"Bucket": bucket, "Key": f"benchmarks/20261124-{uuid.uuid4().hex[:11]}/control/kill"}
    assert error_code(lambda: admin.get_object(**kill)) == "NoSuchKey"
    assert error_code(lambda: role.get_object(**kill)) == "AccessDenied"
    admin.put_object(**kill, Body=b"{}", IfNoneMatch="*")
    assert role.get_object(**kill)["Body"].read() == b"{}"
    for refused in (
        lambda: role.put_object(Bucket=bucket, Key="payloads/y.tar.gz", Body=b""),
        lambda: role.put_object(Bucket=bucket, Key=f"{run}/reservations/000001", Body=b""),
        lambda: role.put_object(Bucket=bucket, Key=f"{run}/reservations/jobs/000001", Body=b""),
        lambda: role.put_object(Bucket=bucket, Key=f"{run}/control/kill", Body=b""),
        lambda: role.put_object(Bucket=bucket, Key=f"{run}/run.json", Body=b""),
        lambda: role.get_object(Bucket=bucket, Key=f"{run}/events/e"),
        lambda: role.delete_object(Bucket=bucket, Key=f"{run}/events/e"),
        lambda: role.list_objects_v2(Bucket=bucket),
        lambda: role.create_bucket(Bucket="another"),
        role.list_buckets,
    ):
        assert error_code(refused) == "AccessDenied"


def test_the_role_of_an_instance_has_no_ec2_rights(local_api: LocalCloud) -> None:
    ec2 = role_client(local_api, "ec2")
    code, message, status = refusal_of(ec2.describe_instances)
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert "assumed-role/benchtui-instance/i-" in message and "ec2:DescribeInstances" in message
    assert error_code(lambda: ec2.terminate_instances(InstanceIds=["i-0123456789abcdef0"])) == (
        "UnauthorizedOperation"
    )


def aws_cli(cloud: LocalCloud, *arguments: str) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_PAGER": ""} | cloud.environment
    command = [str(Path(sys.executable).parent / "aws"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


@pytest.mark.long
def test_the_aws_command_line_agrees(local_api: LocalCloud, tmp_path: Path) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "cli", "Value": "yes"}]}]
    instance_id = launch(local_api, TagSpecifications=tags)["InstanceId"]
    query = "Reservations[].Instances[].InstanceId"
    found = aws_cli(
        local_api,
        *("ec2", "describe-instances", "--filters", "Name=tag:cli,Values=yes"),
        *("--query", query, "--output", "text"),
    )
    assert found.strip() == instance_id
    source = tmp_path / "source.txt"
    source.write_text("from the command line\n")
    aws_cli(local_api, "s3", "cp", str(source), f"s3://{local_api.bucket}/cli/source.txt")
    assert "cli/source.txt" in aws_cli(local_api, "s3", "ls", "--recursive", f"s3://{local_api.bucket}/cli/")
    aws_cli(local_api, "s3", "cp", f"s3://{local_api.bucket}/cli/source.txt", str(tmp_path / "back.txt"))
    assert (tmp_path / "back.txt").read_text() == source.read_text()


@pytest.mark.slow
def test_five_hundred_instances_are_described_quickly(start_local_cloud: Start) -> None:
    cloud = start_local_cloud(host=False, terminated_kept_s=3601)  # one of its own: nothing else in it
    tags = [
        {"ResourceType": kind, "Tags": [{"Key": f"t{n}", "Value": "v"} for n in range(5)]}
        for kind in ("instance", "volume", "network-interface")
    ]
    for _ in range(5):
        launch(cloud, MinCount=100, MaxCount=100, TagSpecifications=tags)
    ec2 = cloud.boto3("ec2")
    timings = []
    for _ in range(3):
        started = time.monotonic()
        pages = ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "tag:t1", "Values": ["v"]}]
        )
        count = sum(len(r["Instances"]) for page in pages for r in page["Reservations"])
        timings.append(time.monotonic() - started)
        assert count == 500
    assert min(timings) < 5  # quadratic, as moto has it, it takes longer on any machine this runs on
