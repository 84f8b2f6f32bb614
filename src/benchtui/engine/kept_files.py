"""Files of a run's folder: what is there already is left as it is, and files appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.core.errors import BenchtuiError

if TYPE_CHECKING:
    from benchtui.aws.objects import ListedObject


def kept(path: Path, item: ListedObject) -> bytes | None:
    """The file from an earlier time, if it is still what the bucket holds.

    Raises:
        BenchtuiError: it is there and cannot be read.
    """
    body = read_kept(path)
    if body is None:
        return None
    # The ETag of a single PUT without KMS is the MD5 of its bytes; anything else is fetched again.
    same = hashlib.md5(body, usedforsecurity=False).hexdigest() == item.etag.strip('"')
    return body if same else None


def kept_digest(path: Path, item: ListedObject, *, raw: bool) -> str | None:
    """As `Collector._fetch` returns it, of a file that is still what the bucket holds; None: it is not."""
    body = kept(path, item)
    return None if body is None else hashlib.sha256(body).hexdigest() if raw else ""


def stored_digest(path: Path, body: bytes, *, raw: bool) -> str:
    """The same of a file that is written now."""
    write_whole(path, body)
    return hashlib.sha256(body).hexdigest() if raw else ""


def read_kept(path: Path) -> bytes | None:
    """A file from an earlier time; None if there is none.

    Raises:
        BenchtuiError: it is there and cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BenchtuiError(
            f"cannot read {path}: {error.strerror}", fix="set [output] results_dir to a folder of your own"
        ) from error


def write_whole(path: Path, body: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        BenchtuiError: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(body)
        temporary.replace(path)
    except OSError as error:
        raise BenchtuiError(
            f"cannot write {path}: {error.strerror}", fix="set [output] results_dir to a folder with room"
        ) from error
