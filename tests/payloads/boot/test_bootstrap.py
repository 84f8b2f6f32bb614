"""The bootstrap's own signature, compared with botocore's: the agent's is not there yet when it signs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchtui.engine.packaged import packaged_templates

NOW = datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)
ROLE = {"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "wJalr/K7MDENG+bPx", "Token": "token/with+signs=="}
BUNDLE = "payloads/" + "ab" * 32 + ".tar.gz"
EVENT = "benchmarks/20261124-021533-k3f7/events/20261124T021533123Z/c7g.large-1/0001-FAILED"


def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str | None) -> tuple[Any, list[Any]]:
    """Its functions, with the requests they would send; its clock stands at NOW."""
    (tmp_path / "job.json").write_text('{"region": "eu-west-1", "bucket": "a.bucket-1"}')
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    if endpoint is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setattr(time, "gmtime", lambda *_: NOW.timetuple())
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: NOW.replace(tzinfo=None))
    sent: list[Any] = []
    scope: dict[str, Any] = {}
    exec(packaged_templates().bootstrap.split("\ntry:\n")[0], scope)
    scope["C"] = ROLE
    scope["ask"] = lambda *request: sent.append(request)
    return scope, sent


@pytest.mark.parametrize("endpoint", [None, "http://127.0.0.1:4566"])
@pytest.mark.parametrize(
    ("method", "key", "body", "headers"),
    [
        ("GET", BUNDLE, b"", {}),
        ("PUT", EVENT, b'{"a": 1}', {"content-type": "application/json", "if-none-match": "*"}),
    ],
)
def test_headers_equal_botocores(
    endpoint: str | None,
    method: str,
    key: str,
    body: bytes,
    headers: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scope, sent = bootstrap(tmp_path, monkeypatch, endpoint)
    scope["s3"](method, key, body, **headers)
    [(url, signed, used, sent_body)] = sent
    base = endpoint or "https://s3.eu-west-1.amazonaws.com"
    assert (url, used, sent_body or b"") == (f"{base}/a.bucket-1/{key}", method, body)

    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    request.context["payload_signing_enabled"] = True
    theirs = Credentials(ROLE["AccessKeyId"], ROLE["SecretAccessKey"], ROLE["Token"])
    signer: Any = botocore.auth.S3SigV4Auth(theirs, "s3", "eu-west-1")
    signer.add_auth(request)
    expected = {name.lower(): value for name, value in request.headers.items()}
    assert {name: value for name, value in signed.items() if name != "host"} == expected


def test_china_has_its_own_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, _ = bootstrap(tmp_path, monkeypatch, None)
    assert scope["S"] == "https://s3.eu-west-1.amazonaws.com"
    (tmp_path / "job.json").write_text('{"region": "cn-north-1", "bucket": "b"}')
    again: dict[str, Any] = {}
    exec(packaged_templates().bootstrap.split("\ntry:\n")[0], again)
    assert again["S"] == "https://s3.cn-north-1.amazonaws.com.cn"
