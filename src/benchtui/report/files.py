"""Files that appear whole or not at all, and never in the place of another without being told to."""

from __future__ import annotations

import os
from pathlib import Path

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
