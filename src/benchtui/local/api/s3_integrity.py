"""What S3 verifies and moto does not: Content-MD5, x-amz-checksum-*, payload hash, stored ETag."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from typing import Any

from .calls import Call
from .errors import Reply, error_reply

FORM = "application/x-www-form-urlencoded"
UPLOADS = frozenset({"PutObject", "UploadPart"})


def _sha(name: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(name, body).digest()).decode()


def plain_body(environ: dict[str, Any], body: bytes) -> bytes:
    """The object's bytes: an `aws-chunked` upload is taken out of its chunks. ValueError when it is cut."""
    if not environ.get("HTTP_X_AMZ_CONTENT_SHA256", "").startswith("STREAMING-"):
        return body
    chunks: list[bytes] = []
    position = 0
    while True:
        line_end = body.index(b"\r\n", position)
        size = int(body[position:line_end].split(b";")[0], 16)
        if size == 0:
            return b"".join(chunks)
        start = line_end + 2
        if len(body) < start + size:
            raise ValueError("the last chunk is cut")
        chunks.append(body[start : start + size])
        position = start + size + 2


def refusal(call: Call, environ: dict[str, Any]) -> Reply | None:
    """The error S3 would answer an upload with, or None when every digest that was sent is right."""
    if call.action not in UPLOADS:
        return None
    length = environ.get("CONTENT_LENGTH")
    if length and len(call.body) < int(length):
        return error_reply("s3", "IncompleteBody", "You did not provide the number of bytes specified", 400)
    try:
        body = plain_body(environ, call.body)
    except ValueError:
        return error_reply("s3", "IncompleteBody", "The request body terminated unexpectedly", 400)
    sent_hash = environ.get("HTTP_X_AMZ_CONTENT_SHA256", "UNSIGNED-PAYLOAD")
    if len(sent_hash) == 64 and hashlib.sha256(body).hexdigest() != sent_hash.lower():
        return error_reply(
            "s3",
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
        )
    sent_md5 = environ.get("HTTP_CONTENT_MD5")
    if sent_md5 is not None:
        if not _is_base64(sent_md5, 16):
            return error_reply("s3", "InvalidDigest", "The Content-MD5 you specified is not valid.", 400)
        if sent_md5 != base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode():
            return error_reply(
                "s3", "BadDigest", "The Content-MD5 you specified did not match what we received.", 400
            )
    return _checksum_refusal(environ, body)


def _checksum_refusal(environ: dict[str, Any], body: bytes) -> Reply | None:
    for algorithm, size in (("SHA256", 32), ("SHA1", 20), ("CRC32", 4)):
        sent = environ.get(f"HTTP_X_AMZ_CHECKSUM_{algorithm}")
        if sent is None:
            continue
        if not _is_base64(sent, size):
            return error_reply(
                "s3",
                "InvalidRequest",
                f"Value for x-amz-checksum-{algorithm.lower()} header is invalid.",
                400,
            )
        right = (
            base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
            if algorithm == "CRC32"
            else _sha(algorithm.lower(), body)
        )
        if sent != right:
            return error_reply(
                "s3",
                "BadDigest",
                f"The {algorithm} you specified did not match the calculated checksum.",
                400,
            )
    return None


def _is_base64(text: str, size: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == size
    except (binascii.Error, ValueError):
        return False


def shield_body(call: Call, environ: dict[str, Any]) -> str | None:
    """Keep moto from parsing an upload as a form, which would store an empty object with status 200.

    urllib sends a form's content type unless told otherwise. Returns the type the client sent when it had to
    be replaced; the caller sets it on the stored object, as S3 keeps it.
    """
    sent: str = environ.get("CONTENT_TYPE", "")
    if call.service == "s3" and call.method in ("PUT", "POST") and sent.startswith(FORM):
        environ["CONTENT_TYPE"] = "application/octet-stream"
        return sent
    return None


def stored_wrongly(call: Call, environ: dict[str, Any], headers: list[tuple[str, str]]) -> bool:
    """Whether the ETag of a plain upload is not the MD5 of what was sent."""
    if call.action not in UPLOADS:
        return False
    etag = next((value.strip('"') for name, value in headers if name.lower() == "etag"), "")
    digest = hashlib.md5(plain_body(environ, call.body), usedforsecurity=False).hexdigest()
    return len(etag) == 32 and etag != digest
