"""Make results again: the declarations of a run's bundle, and its raw output through the current parsers."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchtui.core import keys
from benchtui.core.errors import BenchtuiError
from benchtui.core.gunzip import gunzip
from benchtui.core.text import clean_line
from benchtui.engine.bundle import MAX_BYTES, MAX_FILES, build_bundle, digest_of, load_suites
from benchtui.engine.packaged import payloads_root

PATIENCE_S = 120.0
MEMORY_BYTES = 4 << 30
#: The parsers run in a process of their own: what they read is untrusted, and their modules have plain names.
_PROGRAM = """
import sys
sys.path.insert(0, {agent!r})
sys.path.append({core!r})
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
except (ImportError, OSError, ValueError):
    pass
import reparse
reparse.main()
"""


#: Of an archive, for each file: its header, and zeros to a whole block.
TAR_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a payload bundle declares and what its sources are."""

    sha256: str
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by suite
    sources: Mapping[str, str] = field(default_factory=dict)  # SHA-256 by suite, as results have it


def read_bundle(content: bytes) -> Bundle:
    """Read a bundle. Nothing of it is written to disk or executed.

    Raises:
        BenchtuiError: it is none.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    files: dict[str, tuple[bytes, bool]] = {}
    total = 0
    try:
        plain = gunzip(content, MAX_BYTES + MAX_FILES * TAR_BYTES)
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            for entry in tar:
                total += entry.size
                if entry.size < 0 or total > MAX_BYTES or len(files) >= MAX_FILES:
                    raise BenchtuiError("the payload bundle holds more than benchtui packs")
                file = tar.extractfile(entry) if entry.isreg() else None
                if file is not None:
                    files[entry.name] = (file.read(), bool(entry.mode & 0o100))
        declared = json.loads(files["suites.json"][0])["suites"]
        if not isinstance(declared, dict):
            raise BenchtuiError("the payload bundle declares no suites")
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BenchtuiError(f"the payload bundle cannot be read: {clean_line(str(error))}") from error
    shared = digest_of(files, "suites/common/")
    sources = {
        suite: hashlib.sha256((shared + digest_of(files, f"suites/{suite}/")).encode()).hexdigest()
        for suite in declared
    }
    return Bundle(sha256, declared, sources)


def packaged_bundle(suites: frozenset[str]) -> Bundle | None:
    """The bundle that this benchtui would make of those of the suites that it has; None if it has none."""
    with contextlib.suppress(BenchtuiError, OSError):
        known = {name: suite for name, suite in load_suites().items() if name in suites}
        return read_bundle(build_bundle(known)[1]) if known else None
    return None


async def remake(raw: bytes, declared: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """What the current parsers make of a suite's raw output: the fields that payloads/agent/reparse.py tells.

    Args:
        raw: bytes of raw.tar.gz.
        declared: the suite, as suites.json has it.
        mode: of the run.

    Raises:
        BenchtuiError: the parsers failed on it.
    """
    program = _PROGRAM.format(
        agent=str(payloads_root() / "agent"), core=str(Path(keys.__file__).parent), memory=MEMORY_BYTES
    )
    request = json.dumps({"declared": declared, "mode": mode}).encode() + b"\n" + raw
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        "-c",
        program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate(request)
    except TimeoutError as error:
        raise BenchtuiError(f"the raw output could not be read within {PATIENCE_S:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = (err.decode("utf-8", "replace").strip().splitlines() or ["no word"])[-1]
        raise BenchtuiError(f"the parsers failed on its raw output: {clean_line(last)}")
    again = json.loads(out)
    assert isinstance(again, dict)
    return again
