"""Roll-ups: the documents of closed runs of one month in one object, so that nobody fetches them singly.

JSON Lines, compressed by gzip: a head, one line for each object with its key, its SHA-256 and its body as
it is stored, and an end with the SHA-256 of all lines before it. Nothing is summed up or left out: whoever
reads a roll-up reads the very bytes of the bucket, judges them by its own rules, and can go back to every
object by its hash. Raw output, logs and sentinels stay where they are.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchtui.core import keys
from benchtui.core.document_fields import Document, Line, Moment, RunId, Sha256, parse_document
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.gunzip import NotGzipError, gunzip
from benchtui.core.keys import KeyNotOurs
from benchtui.core.text import clean_line

#: Of a part: what is written, and what is read at most, compressed and not.
PART_BYTES = 48 << 20
MAX_PART_BYTES = 64 << 20
MAX_TEXT_BYTES = 512 << 20
#: Each is an object; a document has some hundred bytes at least, an empty line eight beside its own.
MOST_LINES = 2_000_000
GZIP = 31  # window bits of zlib that mean gzip, with no time in its head


class RollupHead(Document):
    """First line of a roll-up."""

    kind: ClassVar[str] = "benchtui.rollup"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = 4 << 20

    schema_: Line = Field(alias="schema", default="benchtui.rollup/1")
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    part: int = Field(ge=1, le=9999)
    made_at: Moment
    benchtui_version: Line
    runs: tuple[RunId, ...] = Field(max_length=100_000)


class _Stored(BaseModel):
    """A line of a roll-up: one object of the bucket."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    key: Annotated[str, Field(max_length=keys.MAX_KEY_BYTES)]
    sha256: Sha256
    body: str


class _End(BaseModel):
    """Last line of a roll-up."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    end: int = Field(ge=0)
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Rollup:
    """What a roll-up holds."""

    head: RollupHead
    bodies: dict[str, dict[str, bytes]]  # by run and key


def line_of(key: str, body: bytes) -> bytes:
    """An object's line.

    Raises:
        ValueError: its body is no UTF-8 text, so no document.
    """
    text = body.decode("utf-8")
    content = {"key": key, "sha256": hashlib.sha256(body).hexdigest(), "body": text}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def pack(head: RollupHead, lines: Iterable[bytes]) -> bytes:
    """The bytes of a roll-up; equal content gives equal bytes.

    Args:
        head: its first line.
        lines: of `line_of`.
    """
    packed, digest, count = zlib.compressobj(9, zlib.DEFLATED, GZIP), hashlib.sha256(), 0
    parts: list[bytes] = []

    def add(line: bytes) -> None:
        parts.append(packed.compress(line))

    first = head.model_dump_json(by_alias=True).encode() + b"\n"
    for line in (first, *lines):
        digest.update(line)
        add(line)
        count += 1
    add(json.dumps({"end": count - 1, "sha256": digest.hexdigest()}).encode() + b"\n")
    return b"".join((*parts, packed.flush()))


def unpack(content: bytes, name: str) -> Rollup:
    """Read a roll-up; all of it is checked before anything counts.

    Args:
        content: its bytes.
        name: its key, for errors.

    Raises:
        InvalidDocumentError: not one, of a newer benchtui, damaged, or larger than any that is written.
    """
    text = _text(content, name)
    if text.count(b"\n") > MOST_LINES:
        raise InvalidDocumentError(f"{name}: no roll-up: more than {MOST_LINES} lines")
    lines = text.split(b"\n")
    if len(lines) < 3 or lines[-1] != b"":
        raise InvalidDocumentError(f"{name}: no roll-up: it does not come to an end")
    first, *stored, last = lines[:-1]
    head = parse_document(RollupHead, first, name)
    end = _line(_End, last, name, len(lines) - 1)
    digest = hashlib.sha256(b"".join(line + b"\n" for line in (first, *stored))).hexdigest()
    if (end.end, end.sha256) != (len(stored), digest):
        raise InvalidDocumentError(f"{name}: damaged: its lines have the SHA-256 {digest}, not {end.sha256}")
    if name != f"{keys.rollups_prefix()}{head.month}/{head.part:04d}.jsonl.gz":
        raise InvalidDocumentError(f"{name}: says it is part {head.part} of {head.month}")
    bodies: dict[str, dict[str, bytes]] = {run: {} for run in head.runs}
    for number, line in enumerate(stored, 2):
        one = _line(_Stored, line, name, number)
        body = one.body.encode()
        if hashlib.sha256(body).hexdigest() != one.sha256:
            raise InvalidDocumentError(f"{name}: line {number}: {clean_line(one.key)} has another SHA-256")
        run = _run_of(one.key)
        if run not in bodies:
            raise InvalidDocumentError(f"{name}: line {number}: {clean_line(one.key)} is of no run of it")
        bodies[run][one.key] = body
    return Rollup(head, bodies)


def _line(model: type[Any], line: bytes, name: str, number: int) -> Any:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise InvalidDocumentError(f"{name}: line {number}: {clean_line(problem)}") from error


def _text(content: bytes, name: str) -> bytes:
    try:
        return gunzip(content, MAX_TEXT_BYTES)
    except NotGzipError as error:
        raise InvalidDocumentError(f"{name}: {error}") from error


def _run_of(key: str) -> str | None:
    """The run of a key that a roll-up may hold."""
    parts = key.split("/")
    try:
        if len(parts) == 3 and parts[0] == "benchmarks" and parts[2] == "run.json":
            return keys.check_run(parts[1])
        found = keys.parse_job_object(key)
    except KeyNotOurs:
        return None
    return found.run if found.kind in ("system", "result") else None
