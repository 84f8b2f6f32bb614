"""The metadata service answers as EC2's does, version 2 only."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.credentials import InstanceMetadataFetcher, InstanceMetadataProvider
from botocore.utils import IMDSRegionProvider  # noqa: F401  (part of the same client)

from benchtui.local.host.imds import ImdsServer, Sources, Tokens
from benchtui.local.host.routes import ApiRefused

ONE: dict[str, Any] = {
    "instance_id": "i-1",
    "region": "eu-west-1",
    "az": "eu-west-1b",
    "instance_type": "local.1cpu",
    "image_id": "ami-1",
    "private_ip": "172.31.0.4",
    "profile": "arn:aws:iam::123456789012:instance-profile/benchtui-instance",
    "user_data": base64.b64encode(b"#!/bin/sh\n").decode(),
    "architecture": "x86_64",
    "launch_time": "2026-11-24T06:15:33Z",
}
TWO = {**ONE, "instance_id": "i-2", "profile": None, "user_data": "", "private_ip": "172.31.0.5"}
CREDENTIALS = {
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "secret",
    "Token": "session",
    "Expiration": "2099-01-01T00:00:00Z",
    "RoleName": "benchtui-role",
}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Iterator[ImdsServer]:
    def credentials(instance_id: str) -> dict[str, str]:
        if instance_id != "i-1":
            raise ApiRefused(404, "the instance has no role")
        return dict(CREDENTIALS)

    rows = {"i-1": ONE, "i-2": TWO, "i-3": {**ONE, "instance_id": "i-3", "metadata_enabled": False}}
    served = ImdsServer(Sources(rows.get, credentials, "123456789012"), Tokens(clock))
    yield served
    served.stop()


def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, method=method)
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=5) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def token(server: ImdsServer, instance: str = "i-1", ttl: str = "60") -> str:
    headers = {"X_aws_ec2_metadata_token_ttl_seconds": ttl}
    status, text = ask(f"{server.endpoint(instance)}/latest/api/token", "PUT", **headers)
    assert status == 200
    return text


def get(server: ImdsServer, path: str, instance: str = "i-1") -> tuple[int, str]:
    headers = {"X_aws_ec2_metadata_token": token(server, instance)}
    return ask(f"{server.endpoint(instance)}/latest/{path}", **headers)


@pytest.mark.parametrize("ttl", ["0", "21601", "-5", "x", ""])
def test_a_ttl_outside_the_documented_range_is_a_bad_request(server: ImdsServer, ttl: str) -> None:
    headers = {"X_aws_ec2_metadata_token_ttl_seconds": ttl}
    assert ask(f"{server.endpoint('i-1')}/latest/api/token", "PUT", **headers)[0] == 400


def test_a_token_request_without_ttl_is_a_bad_request(server: ImdsServer) -> None:
    assert ask(f"{server.endpoint('i-1')}/latest/api/token", "PUT")[0] == 400


def test_without_token_with_a_wrong_one_and_after_it_expired(server: ImdsServer, clock: Clock) -> None:
    url = f"{server.endpoint('i-1')}/latest/meta-data/instance-id"
    assert ask(url)[0] == 401
    assert ask(url, X_aws_ec2_metadata_token="made-up")[0] == 401
    good = token(server, ttl="60")
    assert ask(url, X_aws_ec2_metadata_token=good) == (200, "i-1")
    clock.now += 60
    assert ask(url, X_aws_ec2_metadata_token=good)[0] == 401


def test_a_token_is_good_for_its_own_instance_only(server: ImdsServer) -> None:
    other = token(server, "i-2")
    url = f"{server.endpoint('i-1')}/latest/meta-data/iam/security-credentials/benchtui-role"
    assert ask(url, X_aws_ec2_metadata_token=other)[0] == 401


def test_a_forwarded_request_is_forbidden(server: ImdsServer) -> None:
    headers = {"X_aws_ec2_metadata_token_ttl_seconds": "60", "X_Forwarded_For": "10.0.0.1"}
    assert ask(f"{server.endpoint('i-1')}/latest/api/token", "PUT", **headers)[0] == 403


@pytest.mark.parametrize("instance", ["i-3", "i-unknown"])
def test_service_switched_off_or_no_such_instance(server: ImdsServer, instance: str) -> None:
    assert ask(f"{server.endpoint(instance)}/latest/meta-data/", X_aws_ec2_metadata_token="x")[0] == 403


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("meta-data/instance-id", "i-1"),
        ("meta-data/instance-type", "local.1cpu"),
        ("meta-data/ami-id", "ami-1"),
        ("meta-data/placement/region", "eu-west-1"),
        ("meta-data/placement/availability-zone", "eu-west-1b"),
        ("meta-data/local-ipv4", "172.31.0.4"),
        ("meta-data/instance-life-cycle", "on-demand"),
        ("meta-data/services/domain", "amazonaws.com"),
        ("meta-data/iam/security-credentials/", "benchtui-role"),
        ("meta-data/placement/", "availability-zone\nregion"),
        ("user-data", "#!/bin/sh\n"),
    ],
)
def test_metadata(server: ImdsServer, path: str, text: str) -> None:
    assert get(server, path) == (200, text)


@pytest.mark.parametrize(
    ("path", "instance"),
    [
        ("meta-data/spot/instance-action", "i-1"),
        ("meta-data/nothing", "i-1"),
        ("meta-data/tags/instance", "i-1"),
        ("meta-data/iam/security-credentials/", "i-2"),
        ("meta-data/iam/security-credentials/other-role", "i-1"),
        ("user-data", "i-2"),
    ],
)
def test_what_is_not_there_is_not_found(server: ImdsServer, path: str, instance: str) -> None:
    assert get(server, path, instance)[0] == 404


def test_the_identity_document_says_that_the_provider_is_local(server: ImdsServer) -> None:
    document = json.loads(get(server, "dynamic/instance-identity/document")[1])
    assert document["provider"] == "local"
    assert document["accountId"] == "123456789012"
    assert document["region"] == "eu-west-1"
    assert document["availabilityZone"] == "eu-west-1b"


def test_botocore_loads_the_credentials_of_the_role(server: ImdsServer) -> None:
    fetcher = InstanceMetadataFetcher(
        base_url=server.endpoint("i-1") + "/", timeout=5, num_attempts=1, env={}
    )
    found = InstanceMetadataProvider(iam_role_fetcher=fetcher).load()
    assert found is not None
    assert found.get_frozen_credentials().access_key == "ASIAEXAMPLE"
