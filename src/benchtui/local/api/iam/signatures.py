"""Signature version 4: recomputed by botocore's own signer for every request that comes over the wire.

Rules: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, and for
S3's payload hashes https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

MOST_SKEW_S = 15 * 60
LONGEST_PRESIGNED_S = 7 * 24 * 3600
UNSIGNED = "UNSIGNED-PAYLOAD"
#: A body in chunks whose checksum comes at its end; neither is signed, S3 takes it all the same.
UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^\s,]+),\s*SignedHeaders=(?P<headers>[^\s,]+),"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Secret:
    """What belongs to an access key.

    Attributes:
        secret: the secret access key.
        token: the session token of a temporary key; None for a key of a user.
        expires: seconds since the epoch, of a temporary key.
    """

    secret: str
    token: str | None = None
    expires: float | None = None


class Unverified(Exception):
    """A signature that does not hold. ``reason`` is one of the names in `refusals`, ``detail`` its words."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True)
class _Signed:
    """The parts of a signature as they were sent, in the header or in the query."""

    access_key_id: str
    date: str  # of the scope
    region: str
    service: str
    moment: str  # 20261128T184500Z
    headers: tuple[str, ...]
    signature: str
    token: str | None
    expires_s: int | None  # of a presigned URL


class _S3Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs the headers it is given, all of them and no others."""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers


class _Signer(SigV4Auth):  # type: ignore[misc]
    """As `_S3Signer`, for every other service: their paths are encoded twice."""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers


def is_signed(environ: dict[str, Any]) -> bool:
    """Whether a request says that it is signed, however badly."""
    query = environ.get("QUERY_STRING", "")
    return bool(environ.get("HTTP_AUTHORIZATION")) or "X-Amz-Signature=" in query or "Signature=" in query


def verify(
    environ: dict[str, Any],
    body: bytes,
    service: str,
    secret_of: Callable[[str], Secret | None],
    now: Callable[[], float] = time.time,
) -> None:
    """Make sure that a request was signed by whom it says.

    Args:
        environ: the WSGI environment, with the path as it came (``RAW_URI``).
        body: of the request.
        service: to which the request goes, and for which it must be signed.
        secret_of: what belongs to an access key id; None for one that is not known or not active.
        now: this machine's time, seconds since the epoch: clocks of clients are compared to it, not to the
            local cloud's own, which tests set forward.

    Raises:
        Unverified: it was not.
    """
    signed = _presigned(environ) if "X-Amz-Signature=" in environ.get("QUERY_STRING", "") else _read(environ)
    if signed.service != service:
        raise Unverified("mismatch", f"Credential should be scoped to correct service: '{service}'.")
    secret = secret_of(signed.access_key_id)
    if secret is None or (secret.token is not None and signed.token is None):
        raise Unverified("unknown-key")
    _check_time(signed, now())
    unsigned = [
        name
        for name in (_header_name(key) for key in environ)
        if name and (name == "host" or name.startswith("x-amz-")) and name not in signed.headers
    ]
    if unsigned and signed.expires_s is None:
        names = ", ".join(sorted(unsigned))
        raise Unverified(
            "headers", f"There were headers present in the request which were not signed: {names}"
        )
    payload = _payload(environ, body, service, signed)
    if not hmac.compare_digest(_signature(environ, signed, secret, payload), signed.signature):
        raise Unverified("mismatch")
    if (secret.token or "") != (signed.token or ""):
        raise Unverified("token")
    if secret.expires is not None and secret.expires <= now():
        raise Unverified("expired")


def _read(environ: dict[str, Any]) -> _Signed:
    found = _AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None:
        raise Unverified("malformed", "The authorization header that you provided is not valid.")
    moment = environ.get("HTTP_X_AMZ_DATE", "")
    return _parts(
        found["credential"],
        moment,
        found["headers"],
        found["signature"],
        environ.get("HTTP_X_AMZ_SECURITY_TOKEN"),
        None,
    )


def _presigned(environ: dict[str, Any]) -> _Signed:
    query = dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True))
    try:
        expires_s = int(query["X-Amz-Expires"])
        if query["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256" or not 1 <= expires_s <= LONGEST_PRESIGNED_S:
            raise ValueError
        return _parts(
            query["X-Amz-Credential"],
            query["X-Amz-Date"],
            query["X-Amz-SignedHeaders"],
            query["X-Amz-Signature"],
            query.get("X-Amz-Security-Token"),
            expires_s,
        )
    except (KeyError, ValueError):
        raise Unverified("malformed", "Error parsing the X-Amz-Credential parameter") from None


def _parts(
    credential: str, moment: str, headers: str, signature: str, token: str | None, expires_s: int | None
) -> _Signed:
    scope = credential.rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise Unverified("malformed", "Credential must have exactly 5 slash-delimited elements")
    access_key_id, date, region, service, _ = scope
    if not re.fullmatch(r"\d{8}T\d{6}Z", moment):
        raise Unverified("malformed", "AWS authentication requires a valid Date or x-amz-date header")
    if moment[:8] != date:
        raise Unverified("mismatch", "Date in Credential scope does not match YYYYMMDD from x-amz-date")
    names = tuple(name.lower() for name in headers.split(";"))
    return _Signed(access_key_id, date, region, service, moment, names, signature, token, expires_s)


def _check_time(signed: _Signed, now: float) -> None:
    sent = dt.datetime.strptime(signed.moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()
    if signed.expires_s is not None and now > sent + signed.expires_s:
        raise Unverified("presigned-expired")
    if sent > now + MOST_SKEW_S or (signed.expires_s is None and sent < now - MOST_SKEW_S):
        words = "is now earlier than" if sent < now else "is still later than"
        bound = now - MOST_SKEW_S if sent < now else now + MOST_SKEW_S
        limit = dt.datetime.fromtimestamp(bound, tz=dt.UTC)
        kind = "Signature expired" if sent < now else "Signature not yet current"
        raise Unverified("skew", f"{kind}: {signed.moment} {words} {limit:%Y%m%dT%H%M%SZ}")


def _payload(environ: dict[str, Any], body: bytes, service: str, signed: _Signed) -> str:
    """The hash of the payload as it goes into the signature; for S3 it is what the client said it to be."""
    sent = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    if signed.expires_s is not None:
        return sent or UNSIGNED
    if service != "s3":
        return hashlib.sha256(body).hexdigest()
    if sent is None:
        raise Unverified("payload", "Missing required header for this request: x-amz-content-sha256")
    if sent in (UNSIGNED, UNSIGNED_CHUNKS):
        return str(sent)
    if not _HASH.fullmatch(sent):
        raise Unverified("payload", f"x-amz-content-sha256 is {sent}, which the local cloud does not verify")
    if not hmac.compare_digest(hashlib.sha256(body).hexdigest(), sent):
        raise Unverified("payload-mismatch")
    return str(sent)


def _signature(environ: dict[str, Any], signed: _Signed, secret: Secret, payload: str) -> str:
    path, _, query = _target(environ).partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    request = AWSRequest(
        method=environ["REQUEST_METHOD"],
        url=f"http://{environ.get('HTTP_HOST', '')}{path}",
        params=[pair for pair in pairs if pair[0] != "X-Amz-Signature"],
    )
    request.headers = HTTPHeaders()
    for name in signed.headers:
        request.headers[name] = _header(environ, name)
    request.context["timestamp"] = signed.moment
    keys = Credentials(signed.access_key_id, secret.secret)
    kind = _S3Signer if signed.service == "s3" else _Signer
    signer = kind(keys, signed.service, signed.region)
    # The signer takes the payload's hash from a header or from the body; what goes in is decided here.
    lines, _, _ = signer.canonical_request(request).rpartition("\n")
    to_sign = signer.string_to_sign(request, f"{lines}\n{payload}")
    return str(signer.signature(to_sign, request))


def _target(environ: dict[str, Any]) -> str:
    """Path and query exactly as they were sent: what was encoded how is a part of what was signed."""
    return str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/"))


def _header_name(key: str) -> str:
    return key[5:].replace("_", "-").lower() if key.startswith("HTTP_") else ""


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    bare = key in ("CONTENT_TYPE", "CONTENT_LENGTH")
    value: str = environ.get(key if bare else f"HTTP_{key}", "")
    return value
