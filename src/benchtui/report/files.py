"""Files that appear whole or not at all, and never in the place of another without being told to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchtui.core.errors import UsageError


def write_file(path: Path, body: bytes, *, force: bool = False) -> None:
    """Write a file.

    Args:
        path: where; its folder must be there.
        body: its content.
        force: replace what is there.

    Raises:
        UsageError: it is there already and is not to be replaced, or it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(body)
        if force:
            temporary.replace(path)
        else:
            _claim(temporary, path)
    except FileExistsError as error:
        raise exists(path) from error
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}", fix="name a file in a folder that you may write"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def written_fields(path: Path, body: bytes) -> dict[str, Any]:
    """What the JSON of a command says of a file that it wrote."""
    return {"path": str(path), "bytes": len(body), "sha256": sha256(body).hexdigest()}


def exists(path: Path) -> UsageError:
    """The error of a file that is there already."""
    return UsageError(f"{path} is there already", fix="name another file, or --force to replace it")


def _claim(temporary: Path, path: Path) -> None:
    """Give the file its name unless something has it; in one step where the file system can."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(str(path)) from None
        temporary.replace(path)


def free_name(path: Path) -> Path:
    """The path itself, or the first of name-2, name-3 … that is not there."""
    for number in range(2, 10_000):
        if not os.path.lexists(path):
            return path
        stem = path.stem if number == 2 else path.stem.rpartition("-")[0]
        path = path.with_name(f"{stem}-{number}{path.suffix}")
    return path


def write_folder(
    folder: Path, files: Mapping[str, bytes], *, force: bool = False, stale: Iterable[str] = ()
) -> None:
    """Write several files into a folder, made if it is not there; none is touched if one may not be.

    Args:
        folder: where.
        files: by name.
        force: replace what is there.
        stale: names that belong to the same set and have no content now: removed with ``force``, for what
            an earlier export wrote would be taken for part of this one.

    Raises:
        UsageError: one is there already and is not to be replaced, or cannot be written.
    """
    there = [folder / name for name in (*files, *stale) if os.path.lexists(folder / name)]
    if there and not force:
        raise exists(there[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in stale:
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror}", fix="name another folder") from error
    for name, body in files.items():
        write_file(folder / name, body, force=force)
