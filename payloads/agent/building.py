"""Build a suite and its arms; an arm is the same suite, built otherwise, in a copy of its folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from typing import Any, Dict

from commands import Commands, SuiteFailed
from readings import compiler_version


def build(declared: Dict[str, Any], commands: Commands) -> Dict[str, Any]:
    """Run build commands; what was run, with what compiler, and the hash of what came out.

    Raises:
        SuiteFailed: one of them failed, or there is no binary afterwards.
    """
    made: Dict[str, Any] = {"commands": []}
    ends = time.monotonic() + declared["timeout_seconds"]
    for argv in declared["commands"]:
        filled = commands.fill(argv)
        made["commands"].append(filled)
        made["compiler"] = made.get("compiler") or _compiler(filled)
        commands.build(filled, ends - time.monotonic())
    binary = declared.get("binary")
    if binary:
        try:
            made["binary_sha256"] = sha256_of(os.path.join(commands.folder, binary))
        except OSError as error:
            raise SuiteFailed("build left no binary {}: {}".format(binary, error.strerror)) from error
    return made


def _compiler(argv: Any) -> Any:
    """Version of the first word that is a compiler: it may stand behind a wrapper."""
    return next(filter(None, map(compiler_version, argv[:4])), None)


def copy_for_arm(folder: str, arm: str) -> str:
    """A fresh copy of the suite's folder beside it, so that `../common` is found there too.

    Raises:
        SuiteFailed: it cannot be copied.
    """
    copy = "{}+{}".format(folder, arm)
    try:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
    except (OSError, shutil.Error) as error:
        raise SuiteFailed("arm {}: its folder could not be copied: {}".format(arm, error)) from error
    return copy


def sha256_of(path: str) -> str:
    """SHA-256 of a file, lower-case hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()
