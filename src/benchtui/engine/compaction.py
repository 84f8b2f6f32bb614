"""Rolls closed runs of past months up, so that the next machine reads them in a few requests.

Nothing is taken away: the objects stay, and a roll-up says their hashes. It is written once; runs that come
to be closed later go into another part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import benchtui
from benchtui.core import keys
from benchtui.core.errors import BenchtuiError
from benchtui.core.keys import KeyNotOurs
from benchtui.core.rollup import MAX_PART_BYTES, PART_BYTES, RollupHead, line_of, pack
from benchtui.engine.history_reading import list_run, read_bodies
from benchtui.engine.history_sync import runs_of_months
from benchtui.history.index import BucketState, HistoryIndex

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A part that was written, or would be."""

    key: str
    runs: tuple[str, ...]
    objects: int
    size: int  # bytes; 0: not written


@dataclass(slots=True)
class _Gathered:
    runs: list[str]
    lines: list[bytes]
    size: int = 0


async def compact(
    bucket: Bucket, path: Path, now: datetime, *, dry: bool = False, say: Say = lambda _: None
) -> tuple[Part, ...]:
    """Roll up what is closed, of a month before this one, and in no roll-up yet. The index is up to date.

    Args:
        bucket: where it lies.
        path: the index, which knows what is closed.
        now: the time, UTC.
        dry: write nothing; parts are as they would be, unless one is longer than a part may be.
        say: told of progress.

    Raises:
        CloudError: the bucket refuses or does not answer; parts before are written.
        BenchtuiError: another process rolls up the same month at this moment.
    """
    with HistoryIndex(path) as index:
        state = index.bucket(bucket.name)
        months = runs_of_months(index.to_roll_up(state))
        made: list[Part] = []
        for month, runs in months.items():
            if month >= f"{now:%Y-%m}":
                continue
            made += await _Month(bucket, index, state, month, now, say).roll_up(runs, dry=dry)
        return tuple(made)


class _Month:
    def __init__(
        self, bucket: Bucket, index: HistoryIndex, state: BucketState, month: str, now: datetime, say: Say
    ) -> None:
        self.bucket, self.index, self.state = bucket, index, state
        self.month, self.now, self.say = month, now, say

    async def roll_up(self, runs: list[str], *, dry: bool) -> list[Part]:
        part = await self._parts_there() + 1
        if dry:
            return [Part(keys.rollup_key(self.month, part), tuple(runs), 0, 0)]
        made: list[Part] = []
        gathered = _Gathered([], [])
        for run in runs:
            lines = await self._lines(run)
            size = sum(map(len, lines))
            if gathered.runs and gathered.size + size > PART_BYTES:
                made.append(await self._write(part + len(made), gathered))
                gathered = _Gathered([], [])
            gathered.runs.append(run)
            gathered.lines += lines
            gathered.size += size
        made.append(await self._write(part + len(made), gathered))
        return made

    async def _parts_there(self) -> int:
        """Number of the last part of the month."""
        last = 0
        async for item in self.bucket.list_keys(f"{keys.rollups_prefix()}{self.month}/"):
            try:
                last = max(last, keys.parse_rollup(item.key)[1])
            except KeyNotOurs:
                continue
        return last

    async def _lines(self, run: str) -> list[bytes]:
        listed = await list_run(self.bucket, run)
        bodies = await read_bodies(self.bucket, run, listed.documents)
        lines = []
        for key in sorted(bodies):
            try:
                lines.append(line_of(key, bodies[key]))
            except UnicodeDecodeError:
                self.say(f"{key} is no text and is left out")
        return lines

    async def _write(self, part: int, gathered: _Gathered) -> Part:
        key = keys.rollup_key(self.month, part)
        head = RollupHead(
            month=self.month,
            part=part,
            made_at=self.now,
            benchtui_version=benchtui.__version__,
            runs=tuple(gathered.runs),
        )
        content = await asyncio.to_thread(pack, head, gathered.lines)
        written = await self.bucket.put_once(key, content, "application/gzip")
        # Where it was there, an answer may have been lost: then it is this very part.
        if not written and await self.bucket.get(key, MAX_PART_BYTES) != content:
            raise BenchtuiError(
                f"{key} was written by somebody else just now", fix="benchtui history --compact again"
            )
        self.index.note_rollup(self.state, key, gathered.runs)
        self.say(f"{key}: {len(gathered.runs)} runs, {len(gathered.lines)} objects, {len(content)} bytes")
        return Part(key, tuple(gathered.runs), len(gathered.lines), len(content))
