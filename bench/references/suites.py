"""Our suites, built as their payload.toml says, and what their programs print."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

from bench.quiet import Refused, Unmeasured, output

ROOT = Path(__file__).resolve().parents[2]
PAYLOADS = ROOT / "payloads"
CACHE = ROOT / ".cache" / "bench"
KEPT_SECONDS = 24 * 3600  # longer than any comparison runs

Records = list[dict[str, Any]]


def build_commands(suite: str) -> list[list[str]]:
    declared = tomllib.loads((PAYLOADS / suite / "payload.toml").read_text())
    commands: list[list[str]] = declared["build"]["commands"]
    return commands


def built(suite: str) -> Path:
    """The suite's folder with its programs, built once per state of its sources."""
    if not (PAYLOADS / suite / "payload.toml").exists():
        raise Unmeasured(f"there is no suite {suite}")
    state = hashlib.sha256()
    for source in sorted([*(PAYLOADS / suite).rglob("*"), *(PAYLOADS / "common").rglob("*")]):
        if source.is_file() and "__pycache__" not in source.parts:
            state.update(str(source.relative_to(PAYLOADS)).encode() + b"\0" + source.read_bytes())
    kept = CACHE / f"{suite}-{state.hexdigest()[:16]}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        for older in CACHE.glob(f"{suite}-*"):
            # A comparison that is still running keeps its program, though the sources have changed since.
            if time.time() - older.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(older)
        folder = Path(tempfile.mkdtemp(prefix=f".{suite}-", dir=CACHE))
        for name in (suite, "common"):
            shutil.copytree(PAYLOADS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for command in build_commands(suite):
            output(*command, folder=folder / suite)
        folder.rename(kept)  # only what was built to its end has the name that is looked for
    return kept / suite


def records(folder: Path, *command: str, before: tuple[str, ...] = (), **environment: str) -> Records:
    """What a program of a suite reports; a figure of which a check failed is none.

    Args:
        folder: of the suite, where it runs.
        command: the program, relative to it, and its arguments.
        before: words to run it by, such as taskset.
        environment: variables added to this process's.

    Raises:
        Refused: a check failed.
        Unmeasured: the program did.
    """
    program = str(folder / command[0]) if command[0].startswith("./") else command[0]
    printed = output(*before, program, *command[1:], folder=folder, also=environment)
    found: Records = [json.loads(line) for line in printed.splitlines()]
    failed = [record for record in found if record.get("ok") is False]
    if failed:
        raise Refused(f"ours, {' '.join(command)}: {failed}")
    return found


def samples(found: Records, metric: str) -> Records:
    """The samples of a metric that count."""
    kept = [record for record in found if record.get("sample") == metric and not record.get("excluded")]
    if not kept:
        declined = [record["reason"] for record in found if record.get("declined") == metric]
        raise Unmeasured(f"ours: no sample of {metric}: {declined or [r.get('sample') for r in found]}")
    return kept


def facts(found: Records) -> dict[str, Any]:
    return {record["fact"]: record["value"] for record in found if "fact" in record}
