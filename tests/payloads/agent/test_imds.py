"""Instance metadata against a server that demands its token."""

from __future__ import annotations

from typing import Any

import pytest

from imds import Imds, ImdsUnavailable
from tests.payloads.agent.conftest import credentials_text

ROLE = "meta-data/iam/security-credentials/benchtui-instance"


def test_reads_the_identity_below_the_path_of_its_endpoint(metadata: Any) -> None:
    assert Imds(metadata.endpoint).identity()["instanceId"] == "i-0abc"


def test_the_endpoint_comes_from_the_sdks_variable(metadata: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.endpoint + "/")
    assert Imds().identity()["region"] == "us-east-1"


def test_a_proxy_of_the_environment_is_not_asked(metadata: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Imds(metadata.endpoint).identity()["instanceType"] == "local.2cpu"


def test_what_is_not_there_is_none(metadata: Any) -> None:
    assert Imds(metadata.endpoint).get("meta-data/spot/instance-action") is None


def test_a_token_that_has_run_out_is_replaced(metadata: Any) -> None:
    imds = Imds(metadata.endpoint)
    imds._token = "an old one"
    assert imds.identity()["instanceId"] == "i-0abc"


def test_errors_are_retried(metadata: Any) -> None:
    metadata.refuse_until[ROLE] = 2
    assert Imds(metadata.endpoint).credentials().access_key == "ASIAEXAMPLEEXAMPLE12"
    assert metadata.asked.count(ROLE) == 3


def test_gives_up_and_says_what_it_asked_for() -> None:
    with pytest.raises(ImdsUnavailable, match="instance-identity/document"):
        Imds("http://127.0.0.1:9/i-1", timeout_s=0.2, attempts=2).identity()


def test_credentials_are_held_until_shortly_before_they_expire(metadata: Any) -> None:
    imds = Imds(metadata.endpoint)
    assert imds.credentials() is imds.credentials()
    assert metadata.asked.count(ROLE) == 1


def test_credentials_about_to_expire_are_fetched_anew(metadata: Any) -> None:
    metadata.items[ROLE] = credentials_text(200)
    imds = Imds(metadata.endpoint)
    first = imds.credentials()
    metadata.items[ROLE] = credentials_text(3600)
    imds._next_refresh = 0.0
    assert imds.credentials().expires > first.expires


def test_credentials_at_hand_serve_while_a_refresh_fails(metadata: Any) -> None:
    metadata.items[ROLE] = credentials_text(200)
    imds = Imds(metadata.endpoint, attempts=1)
    first = imds.credentials()
    del metadata.items[ROLE]
    imds._next_refresh = 0.0
    assert imds.credentials() == first


def test_an_instance_without_a_role_is_told_apart(metadata: Any) -> None:
    metadata.items["meta-data/iam/security-credentials/"] = ""
    with pytest.raises(ImdsUnavailable, match="no role"):
        Imds(metadata.endpoint).credentials()
