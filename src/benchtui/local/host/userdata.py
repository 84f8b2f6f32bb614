"""User data as cloud-init reads it: one shell script or a MIME multipart of boothooks and scripts."""

import base64
import binascii
import email
import email.policy
from dataclasses import dataclass
from typing import Literal

Stage = Literal["boothook", "script"]

_MIME_TYPES: dict[str, Stage] = {"text/cloud-boothook": "boothook", "text/x-shellscript": "script"}


@dataclass(frozen=True, slots=True)
class Part:
    """One executable part of the user data, in the stage of the boot in which cloud-init runs it."""

    stage: Stage
    body: bytes


@dataclass(frozen=True, slots=True)
class UserData:
    """What runs, in the order in which it runs, and what was in the user data but does not run here."""

    parts: tuple[Part, ...]
    ignored: tuple[str, ...] = ()


def _one_part(content_type: str | None, body: bytes) -> Part | str:
    """cloud-init lets the first line decide unless the MIME type names a stage (cloudinit/handlers)."""
    if content_type in _MIME_TYPES:
        return Part(_MIME_TYPES[content_type], body)
    if body.startswith(b"#cloud-boothook"):
        return Part("boothook", body.split(b"\n", 1)[1] if b"\n" in body else b"")
    if body.startswith(b"#!"):
        return Part("script", body)
    first = body.split(b"\n", 1)[0][:60].decode("utf-8", "replace")
    return f"{content_type or 'user data'} starting with {first!r}: only shell scripts and boothooks run here"


def parse(encoded: str | None) -> UserData:
    """Decode the base64 user data of an instance; boothooks come first, whatever their place in the MIME.

    What this host does not execute (cloud-config, includes, gzip) is named in `ignored`, never guessed at;
    nor does it raise: as on EC2, broken user data is an instance that runs and does nothing.
    """
    if not encoded:
        return UserData(())
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        return UserData((), (f"user data is not base64: {error}",))
    if raw.startswith(b"\x1f\x8b"):
        return UserData((), ("user data is gzip: not supported by the local cloud",))
    found: list[Part | str] = []
    head = raw[:200].lstrip().lower()
    if head.startswith((b"content-type: multipart", b"mime-version:")):
        message = email.message_from_bytes(raw, policy=email.policy.default)
        for piece in message.walk():
            if piece.is_multipart():
                continue
            payload = piece.get_payload(decode=True)
            found.append(_one_part(piece.get_content_type(), payload if isinstance(payload, bytes) else b""))
    elif raw.strip():
        found.append(_one_part(None, raw))
    parts = [part for part in found if isinstance(part, Part)]
    parts.sort(key=lambda part: part.stage != "boothook")  # stable: order within a stage stays
    return UserData(tuple(parts), tuple(text for text in found if isinstance(text, str)))
