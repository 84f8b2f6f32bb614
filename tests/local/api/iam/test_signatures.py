"""Signatures that hold and that do not, made by botocore, to whose the agent's are compared elsewhere."""

from __future__ import annotations

import hashlib
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from benchtui.local.api.iam.signatures import Secret, Unverified, is_signed, verify

HOST = "127.0.0.1:4566"
TOKEN = "session/token+=="
KEYS = {
    "AKIAUSER": Secret("user-secret"),
    "ASIASESSION": Secret("session-secret", TOKEN, time.time() + 3600),
    "ASIAENDED": Secret("ended-secret", TOKEN, time.time() - 1),
}
SIGNERS: dict[str, Any] = {"s3": S3SigV4Auth}


def environ_of(method: str, url: str, headers: dict[str, str]) -> dict[str, Any]:
    """A request as WSGI hands it on."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    environ = {
        "REQUEST_METHOD": method,
        "RAW_URI": target,
        "QUERY_STRING": parts.query,
        "HTTP_HOST": parts.netloc,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return environ


def signed(
    service: str = "s3",
    path: str = "/bucket/key",
    method: str = "PUT",
    body: bytes = b"body",
    key: str = "AKIAUSER",
    secret: str | None = None,
    token: str | None = None,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    request = AWSRequest(method, f"http://{HOST}{path}", data=body, headers=headers or {})
    credentials = Credentials(key, secret or KEYS[key].secret, token)
    SIGNERS.get(service, SigV4Auth)(credentials, service, "us-east-1").add_auth(request)
    return environ_of(method, request.url, dict(request.headers))


def reason(environ: dict[str, Any], body: bytes = b"body", service: str = "s3", late_s: float = 0) -> str:
    try:
        verify(environ, body, service, KEYS.get, lambda: time.time() + late_s)
    except Unverified as problem:
        return problem.reason
    return "holds"


@pytest.mark.parametrize("service", ["s3", "ec2", "sts", "ssm", "scheduler"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/bucket/a%20b%2Bc%3D/%C3%A9",
        "/bucket//double/../dots",
        "/bucket?list-type=2&prefix=a%20b%2F&start-after=%C3%A9",
        "/bucket?policy",
        "/bucket/key?uploadId=x&partNumber=2",
        "/schedules?NamePrefix=benchtui.&MaxResults=100",
    ],
)
def test_what_botocore_signs_holds(service: str, path: str) -> None:
    assert reason(signed(service, path), service=service) == "holds"


def test_a_session_holds_with_its_token_alone() -> None:
    assert reason(signed(key="ASIASESSION", token=TOKEN)) == "holds"
    assert reason(signed(key="ASIASESSION", token="another")) == "token"
    assert reason(signed(key="ASIASESSION")) == "unknown-key"
    assert reason(signed(token=TOKEN)) == "token"  # a user's key has none
    assert reason(signed(key="ASIAENDED", token=TOKEN)) == "expired"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"REQUEST_METHOD": "DELETE"}, "mismatch"),
        ({"RAW_URI": "/bucket/other"}, "mismatch"),
        ({"HTTP_HOST": "127.0.0.1:9"}, "mismatch"),
        ({"HTTP_IF_NONE_MATCH": "*"}, "holds"),  # was not signed and need not be
        ({"HTTP_X_AMZ_ACL": "public-read"}, "headers"),
        ({"HTTP_X_AMZ_META_NOTE": "changed"}, "mismatch"),
        ({"HTTP_AUTHORIZATION": "AWS AKIAUSER:signature"}, "malformed"),
        ({"HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=AKIAUSER"}, "malformed"),
        ({"HTTP_X_AMZ_DATE": ""}, "malformed"),
        ({"HTTP_X_AMZ_DATE": "20200101T000000Z"}, "mismatch"),
        ({"HTTP_X_AMZ_CONTENT_SHA256": hashlib.sha256(b"other").hexdigest()}, "payload-mismatch"),
        ({"HTTP_X_AMZ_CONTENT_SHA256": "UNSIGNED-PAYLOAD"}, "mismatch"),
        ({"HTTP_X_AMZ_CONTENT_SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, "payload"),
    ],
)
def test_what_was_changed_on_the_way_does_not(change: dict[str, str], expected: str) -> None:
    environ = signed(headers={"x-amz-meta-note": "as it was"})
    assert reason(environ) == "holds"
    assert reason(environ | change) == expected


def test_a_body_that_was_changed_does_not() -> None:
    assert reason(signed(), b"forged") == "payload-mismatch"
    assert reason(signed("ec2"), b"forged", "ec2") == "mismatch"


@pytest.mark.parametrize("payload", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_s3_takes_a_payload_that_is_not_signed(payload: str) -> None:
    request = AWSRequest("PUT", f"http://{HOST}/bucket/key", headers={"X-Amz-Content-SHA256": payload})
    SigV4Auth(Credentials("AKIAUSER", "user-secret"), "s3", "us-east-1").add_auth(request)
    assert reason(environ_of("PUT", request.url, dict(request.headers)), b"anything") == "holds"


def test_s3_demands_to_be_told_of_the_payload() -> None:
    request = AWSRequest("PUT", f"http://{HOST}/bucket/key", data=b"body")
    SigV4Auth(Credentials("AKIAUSER", "user-secret"), "s3", "us-east-1").add_auth(request)
    assert reason(environ_of("PUT", request.url, dict(request.headers))) == "payload"


def test_who_is_not_known_or_knows_no_secret() -> None:
    assert reason(signed(key="AKIAOTHER", secret="x")) == "unknown-key"
    assert reason(signed(secret="wrong")) == "mismatch"


def test_a_signature_for_another_service_does_not_hold() -> None:
    assert reason(signed("ec2"), service="s3") == "mismatch"


@pytest.mark.parametrize(
    ("late_s", "expected"), [(890, "holds"), (910, "skew"), (-890, "holds"), (-910, "skew")]
)
def test_clocks_may_differ_by_a_quarter_of_an_hour(late_s: float, expected: str) -> None:
    assert reason(signed(), late_s=late_s) == expected


def test_a_presigned_url_holds_until_it_expires() -> None:
    request = AWSRequest("GET", f"http://{HOST}/bucket/a%20b?versionId=1")
    signer = S3SigV4QueryAuth(
        Credentials("ASIASESSION", "session-secret", TOKEN), "s3", "us-east-1", expires=60
    )
    signer.add_auth(request)
    environ = environ_of("GET", request.url, {})
    assert is_signed(environ)
    assert reason(environ, b"") == "holds"
    assert reason(environ, b"", late_s=61) == "presigned-expired"
    assert reason(environ | {"RAW_URI": environ["RAW_URI"].replace("a%20b", "c")}, b"") == "mismatch"
    forged = environ["QUERY_STRING"].replace("X-Amz-Expires=60", "X-Amz-Expires=600")
    path = environ["RAW_URI"].partition("?")[0]
    assert reason(environ | {"QUERY_STRING": forged, "RAW_URI": f"{path}?{forged}"}, b"") == "mismatch"


def test_nothing_is_signed_where_nothing_says_so() -> None:
    assert not is_signed(environ_of("GET", f"http://{HOST}/bucket/key", {}))
    assert is_signed(signed())
