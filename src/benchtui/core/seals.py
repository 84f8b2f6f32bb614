"""Seals: how an object of the bucket tells that it is what was written, key and body, down to the last byte.

A sealed body is a JSON object whose last field is ``"seal"``: the SHA-256 of its key, a line end, and all of
the body that stands before that field. A change of any byte, or another key, makes the two differ. What the
seals of a run stand for together, and what they cannot prove, is said in docs/verify.md.

The agent on the instance ships with this very file: Python 3.9 and its standard library.
"""

from __future__ import annotations

import hashlib
import re
from typing import Optional

_SEAL = re.compile(rb',"seal":"([0-9a-f]{64})"\}\Z')


def sealed(key: str, body: bytes) -> bytes:
    """``body`` with its seal as the last field.

    Args:
        key: under which it will be stored.
        body: a JSON object with at least one field, not sealed yet.

    Raises:
        ValueError: it is no such object.
    """
    stem = body.rstrip()
    if not stem.startswith(b"{") or not stem.endswith(b"}") or not stem[1:-1].strip():
        raise ValueError("only a JSON object that holds something can be sealed")
    if _SEAL.search(stem):
        raise ValueError("it is sealed already")
    stem = stem[:-1].rstrip()
    return stem + b',"seal":"' + _digest(key, stem).encode() + b'"}'


def seal_of(body: bytes) -> Optional[str]:
    """The seal that a body carries, whether it is right or not; None if it carries none."""
    found = _SEAL.search(body)
    return found.group(1).decode() if found else None


def right_seal(key: str, body: bytes) -> Optional[str]:
    """The seal that a body should carry under this key; None if it carries none at all."""
    found = _SEAL.search(body)
    return _digest(key, body[: found.start()]) if found else None


def _digest(key: str, stem: bytes) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape") + b"\n" + stem).hexdigest()
