"""Signatures compared with botocore's, header by header."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

import sigv4
from imds import Credentials

NOW = datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)
MINE = Credentials("ASIAEXAMPLEEXAMPLE12", "wJalr/K7MDENG+bPxRfiCYEXAMPLEKEY", "token/with+signs==", NOW)
KEYS = [
    "benchmarks/20261124-021533-k3f7/events/20261124T021533123Z/c7g.large-1/0003-RUNNING/stream/3-of-10",
    "a b+c=d&e?f#g%h",
    "sp ace/ü/日本/~tilde-_.x",
    "quote'(paren)!*,;:@$",
    "double//slash/./dot",
]


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore's clock stands at NOW."""
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None)
    )


@pytest.mark.usefixtures("at_now")
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("method", ["PUT", "GET"])
@pytest.mark.parametrize("endpoint", ["https://s3.us-east-1.amazonaws.com", "http://127.0.0.1:4566"])
def test_headers_equal_botocores(method: str, key: str, endpoint: str) -> None:
    body = b'{"a": 1}' if method == "PUT" else b""
    url = f"{endpoint}/a-bucket/{sigv4.quote_key(key)}"
    sent = {}
    if method == "PUT":
        sent = {"Content-Type": "application/json", "If-None-Match": "*", "X-Amz-Checksum-SHA256": "abc="}
    signed = sigv4.sign(method, url, sent, hashlib.sha256(body).hexdigest(), MINE, "us-east-1", NOW)

    request = AWSRequest(method=method, url=url, data=body, headers=dict(sent))
    request.context["payload_signing_enabled"] = True
    theirs = BotocoreCredentials(MINE.access_key, MINE.secret_key, MINE.token)
    signer: Any = botocore.auth.S3SigV4Auth(theirs, "s3", "us-east-1")
    signer.add_auth(request)

    expected = {name.lower(): value for name, value in request.headers.items()}
    assert {name.lower(): value for name, value in signed.items()} == expected


def test_a_key_is_encoded_once_and_keeps_its_slashes() -> None:
    assert sigv4.quote_key("a b/ü~") == "a%20b/%C3%BC~"
