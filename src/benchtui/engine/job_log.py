"""A job's log, chunk by chunk, as it comes in. Text from an instance: cleaned and bounded here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchtui.core import keys
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.keys import KeyNotOurs
from benchtui.core.text import clean_line

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket

READS_AT_ONCE = 8
#: Chunks read at once, the newest: a log that is looked at for the first time shows its end.
MAX_CHUNKS = 64
MAX_LINES = 5_000
MAX_LINE = 2_000
MAX_CHUNK_BYTES = 1 << 20
_TIMED = re.compile(r"([0-2][0-9]:[0-5][0-9]:[0-6][0-9])(?:\.[0-9]{1,6})?Z (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One printable line of a log."""

    time: str | None  # ``14:02:11Z``, the instance's clock; None: the line has none
    text: str


@dataclass(frozen=True, slots=True)
class LogTail:
    """The end of a log after some chunk.

    ``next`` is the number of the last chunk read, to go on from. ``skipped`` says how many chunks
    before these were not read, ``dropped`` how many lines.
    """

    job: str
    lines: tuple[LogLine, ...] = ()
    next: int = 0
    skipped: int = 0
    dropped: int = 0


async def read_log(bucket: Bucket, run: str, job: str, after: int = 0) -> LogTail:
    """The chunks of a job's log after number ``after``; of many the newest.

    Raises:
        KeyNotOurs: no job id.
        CloudError: the bucket does not answer.
    """
    numbers = await _numbers(bucket, run, job, after)
    read = numbers[-MAX_CHUNKS:]
    slots = asyncio.Semaphore(READS_AT_ONCE)

    async def chunk(number: int) -> tuple[LogLine, ...]:
        async with slots:
            key = keys.log_key(run, job, number)
            try:
                return parse_lines(await bucket.get(key, MAX_CHUNK_BYTES))
            except InvalidDocumentError as error:
                return (LogLine(None, clean_line(error.what, MAX_LINE)),)

    chunks = await asyncio.gather(*(chunk(number) for number in read))
    lines = tuple(line for each in chunks for line in each)
    return LogTail(
        job=job,
        lines=lines[-MAX_LINES:],
        next=read[-1] if read else after,
        skipped=len(numbers) - len(read),
        dropped=max(0, len(lines) - MAX_LINES),
    )


async def _numbers(bucket: Bucket, run: str, job: str, after: int) -> list[int]:
    """Numbers of the chunks after ``after``, ascending."""
    prefix = keys.log_prefix(run, job)
    # Keys sort as text: past four digits the order is another one than that of the numbers.
    start = keys.log_key(run, job, after) if 0 < after < 9000 else None
    found = set()
    async for item in bucket.list_keys(prefix, start_after=start):
        try:
            number = keys.parse_job_object(item.key).chunk
        except KeyNotOurs:
            continue
        if number is not None and number > after and item.key == keys.log_key(run, job, number):
            found.add(number)
    return sorted(found)


def parse_lines(body: bytes) -> tuple[LogLine, ...]:
    """The lines of a chunk, printable, each with its time if it starts with one."""
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = text.split("\n")
    return tuple(map(_line, lines[:-1] if lines[-1] == "" else lines))


def _line(text: str) -> LogLine:
    timed = _TIMED.match(text[: MAX_LINE + 20])
    if timed is None:
        return LogLine(None, clean_line(text, MAX_LINE))
    return LogLine(timed.group(1) + "Z", clean_line(timed.group(2), MAX_LINE))


def as_text(lines: Iterable[LogLine]) -> str:
    """Lines as they are printed."""
    return "\n".join(f"{line.time} {line.text}" if line.time else line.text for line in lines)
