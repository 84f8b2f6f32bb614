"""Compressed objects of the bucket: roll-ups, payload bundles, raw output."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

from benchtui.core import keys, seals
from benchtui.core.document_fields import to_json
from benchtui.core.errors import BenchtuiError, InvalidDocumentError
from benchtui.core.rollup import RollupHead, line_of, pack, unpack
from benchtui.engine.remaking import read_bundle
from tests import golden
from tests.fuzz.target import Target

ROOT = Path(__file__).parents[3]
NAME = keys.rollup_key("2026-11", 1)
_RUN = golden.run_document()


def read_rollup(content: bytes) -> None:
    """As it lies in the bucket."""
    unpack(content, NAME)


def read_rollup_lines(content: bytes) -> None:
    """Its lines, with the end they should have: whoever can write a roll-up can do so as well."""
    lines = content.split(b"\n")
    end = {"end": len(lines) - 1, "sha256": hashlib.sha256(content + b"\n").hexdigest()}
    unpack(gzip.compress(content + b"\n" + json.dumps(end).encode() + b"\n", 1), NAME)


def rollup_lines() -> list[bytes]:
    """One run with one result."""
    short = _RUN.model_copy(update={"jobs": _RUN.jobs[:1]})
    job, shape = next(iter(golden.jobs()))
    head = RollupHead(month="2026-11", part=1, made_at=golden.AT, benchtui_version="0", runs=(_RUN.run,))
    body, system = b'{"schema":"benchtui.result/1"}', golden.system_document(_RUN, job, shape)
    return [
        head.model_dump_json(by_alias=True).encode(),
        line_of(keys.run_json_key(_RUN.run), to_json(short)).rstrip(b"\n"),
        line_of(keys.result_key(_RUN.run, job, "stream"), body).rstrip(b"\n"),
        line_of(keys.system_key(_RUN.run, job), to_json(system)).rstrip(b"\n"),
    ]


def rollup_seeds() -> list[bytes]:
    """Whole, and a bomb: what is small may unpack to much."""
    head = RollupHead(month="2026-11", part=1, made_at=golden.AT, benchtui_version="0", runs=(_RUN.run,))
    return [pack(head, (line + b"\n" for line in rollup_lines()[1:])), gzip.compress(b"\n" * 100_000)]


def line_seeds() -> list[bytes]:
    """The lines, many and few."""
    lines = rollup_lines()
    return [b"\n".join(lines), b"\n".join(lines[:2]), lines[0]]


def tarball(**files: bytes) -> bytes:
    """A gzipped archive of plain files; two underscores stand for a dot."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("__", "."))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def read_payload_bundle(content: bytes) -> None:
    """As it lies in the bucket."""
    read_bundle(content)


def read_payload_tar(content: bytes) -> None:
    """Its archive before it is compressed, where mutations reach further."""
    read_bundle(gzip.compress(content, 1))


def bundle_seeds() -> list[bytes]:
    """A small bundle."""
    return [tarball(suites__json=b'{"suites":{"stream":{}}}'), tarball(a=b"x")]


def tar_seeds() -> list[bytes]:
    """The same, and with a name too long for its header."""
    long = tarball(**{"n" * 200: b"x", "suites__json": b'{"suites":{}}'})
    return [gzip.decompress(content) for content in (*bundle_seeds(), long)]


def _reparse() -> Any:
    """The agent's program, whose modules import each other by their bare names.

    The launcher's keys.py and seals.py, which a bundle has beside them, are the same modules here.
    """
    sys.modules.setdefault("keys", keys)
    sys.modules.setdefault("seals", seals)
    folder = str(ROOT / "payloads" / "agent")
    if folder not in sys.path:
        sys.path.append(folder)
    return importlib.import_module("reparse")


REPARSE = _reparse()


def read_raw(content: bytes) -> None:
    """raw.tar.gz before it is compressed: unpacked as `benchtui verify` has it done in a process apart."""
    REPARSE.unpack(gzip.compress(content, 1))


def read_raw_gzip(content: bytes) -> None:
    """As it lies in the bucket."""
    REPARSE.unpack(content)


def raw_seeds() -> list[bytes]:
    """Output of a suite."""
    lines = b'{"metric":"triad.all","value":46.1,"seconds":0.05}\n'
    return [gzip.decompress(tarball(**{"all__1__stdout": lines, "build__log": b"$ cc -O2 a.c\n"}))]


TARGETS = (
    Target("rollup", read_rollup, rollup_seeds, (InvalidDocumentError,), NAME),
    Target("rollup-lines", read_rollup_lines, line_seeds, (InvalidDocumentError,), NAME),
    Target("bundle", read_payload_bundle, bundle_seeds, (BenchtuiError,), "payload bundle"),
    Target("bundle-tar", read_payload_tar, tar_seeds, (BenchtuiError,), "payload bundle"),
    Target("raw", read_raw, raw_seeds, (REPARSE.Unreadable,)),
    Target("raw-gzip", read_raw_gzip, lambda: [tarball(a=b"x")], (REPARSE.Unreadable,)),
)
