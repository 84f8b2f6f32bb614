"""AWS Signature Version 4 for S3, by the standard library.

Source: the "Signature Calculations for the Authorization Header" pages of the S3 API reference. For
S3 the path is encoded once, not twice as for other services.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timezone
from typing import Dict, Mapping
from urllib.parse import quote, urlsplit

from imds import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"


def quote_key(key: str) -> str:
    """An S3 key as the path of a URL: everything but unreserved characters and ``/`` is encoded."""
    return quote(key, safe="/-_.~")


def sign(
    method: str,
    url: str,
    headers: Mapping[str, str],
    payload_sha256: str,
    credentials: Credentials,
    region: str,
    now: datetime,
    service: str = "s3",
) -> Dict[str, str]:
    """Headers to send: those given plus date, payload hash, session token and Authorization.

    Args:
        method: HTTP method, upper case.
        url: full URL, its path encoded by :func:`quote_key`, without a query.
        headers: headers the caller sends; all of them are signed.
        payload_sha256: lower-case hex SHA-256 of the body.
        credentials: temporary credentials.
        region: signing region.
        now: the time of the request, at most 15 minutes off the server's.
        service: signing name.
    """
    parts = urlsplit(url)
    moment = now.astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    signed = dict(headers)
    signed["X-Amz-Date"] = moment
    signed["X-Amz-Content-SHA256"] = payload_sha256
    if credentials.token:
        signed["X-Amz-Security-Token"] = credentials.token
    canonical = {name.lower(): " ".join(value.split()) for name, value in signed.items()}
    canonical["host"] = parts.netloc
    names = ";".join(sorted(canonical))
    request = "\n".join(
        [
            method,
            parts.path or "/",
            "",
            *("{}:{}".format(name, canonical[name]) for name in sorted(canonical)),
            "",
            names,
            payload_sha256,
        ]
    )
    scope = "/".join([moment[:8], region, service, "aws4_request"])
    to_sign = "\n".join([ALGORITHM, moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + credentials.secret_key).encode()
    for part in (moment[:8], region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    signed["Authorization"] = "{} Credential={}/{}, SignedHeaders={}, Signature={}".format(
        ALGORITHM, credentials.access_key, scope, names, signature
    )
    return signed
