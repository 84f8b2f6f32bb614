"""Brings the index up to what a bucket holds: new runs by the order of their keys, open ones again.

A run's id begins with the time it was planned, so new runs come behind those that are known. Clocks differ
and a run can be written late: the cursor lags a day behind the newest run. What was not closed when it was
last read is listed again each time, and read again if anything came. Closed months that somebody rolled up
come in few large objects in the place of many small ones.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.errors import InvalidDocumentError, foremost
from benchtui.core.keys import KeyNotOurs
from benchtui.core.rollup import MAX_PART_BYTES, unpack
from benchtui.engine.history_reading import indexed, list_run, read_bodies
from benchtui.history.index import BucketState, HistoryIndex, IndexDamagedError

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket

LAG = timedelta(days=1)
RUNS_AT_ONCE = 4
PAGES = 100_000  # of a listing of runs; 1000 each
Say = Callable[[str], None]


@dataclass(slots=True)
class SyncReport:
    """What a sync did."""

    listed: int = 0  # runs
    read: int = 0  # runs, from their own objects
    rolled_up: int = 0  # runs, from roll-ups
    still_open: int = 0
    requests: int = 0  # of S3
    remade: bool = False  # the index was new, damaged, or of another version
    problems: tuple[str, ...] = ()


async def sync(
    bucket: Bucket, path: Path, now: datetime, *, rebuild: bool = False, say: Say = lambda _: None
) -> SyncReport:
    """Bring the index up to the bucket.

    Args:
        bucket: what is read.
        path: the index.
        now: the time, UTC.
        rebuild: forget what it holds of this bucket first.
        say: told of progress.

    Raises:
        CloudError: S3 could not be asked; what came before is kept.
        BenchtuiError: the index cannot be written.
    """
    try:
        with HistoryIndex(path) as index:
            return await _Sync(bucket, index, now, say).run(rebuild=rebuild)
    except IndexDamagedError as damage:
        say(f"{damage.what}: made again from the bucket")
        with HistoryIndex(path) as index:
            index.replace()
            report = await _Sync(bucket, index, now, say).run(rebuild=False)
            report.remade = True
            return report


class _Sync:
    def __init__(self, bucket: Bucket, index: HistoryIndex, now: datetime, say: Say) -> None:
        self.bucket, self.index, self.now, self.say = bucket, index, now, say
        self.report = SyncReport(remade=index.made_new)
        self.problems: list[str] = []

    async def run(self, *, rebuild: bool) -> SyncReport:
        before = self.bucket.requests
        state = self.index.bucket(self.bucket.name)
        if rebuild:
            self.index.forget(state)
            state = self.index.bucket(self.bucket.name)
        await self._read_rollups(state)
        known = self.index.known(state)
        names = await self._list(state)
        wanted = sorted({name for name in names if name not in known} | _open(known))
        limit = asyncio.Semaphore(RUNS_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                for name in wanted:
                    await limit.acquire()
                    seen = known[name][1] if name in known else None
                    group.create_task(self._read(state, name, seen, limit))
        except ExceptionGroup as errors:
            raise foremost(errors) from errors
        self.index.synced(state, max(names, default=None), self.now)
        self.report.listed = len(names)
        self.report.still_open = len(_open(self.index.known(state)))
        self.report.requests = self.bucket.requests - before
        self.report.problems = tuple(self.problems)
        return self.report

    async def _list(self, state: BucketState) -> tuple[str, ...]:
        """Runs from a day before the newest that is known on; all of them after a day without a look."""
        recent = state.synced_at is not None and self.now - state.synced_at < LAG
        after = _lagging(state.cursor) if state.cursor is not None and recent else None
        found: list[str] = []
        token: str | None = None
        for _ in range(PAGES):
            page = await self.bucket.list_page(keys.runs_prefix(), after, token=token, delimiter="/")
            found += [prefix.removeprefix(keys.runs_prefix()).rstrip("/") for prefix in page.prefixes]
            if page.next_token is None or page.next_token == token:
                break
            token = page.next_token
        return tuple(name for name in found if _is_run(name))

    async def _new_rollups(self, state: BucketState) -> list[str]:
        """Keys of roll-ups that were not read yet; none where they may not be listed, and said to be."""
        done, found = self.index.rollups(state), []
        try:
            async for item in self.bucket.list_keys(keys.rollups_prefix()):
                with contextlib.suppress(KeyNotOurs):
                    keys.parse_rollup(item.key)
                    if item.key not in done:
                        found.append(item.key)
        except CloudError as error:
            if error.failure.kind is not FailureKind.DENIED:
                raise
            # They only make it faster: what is in them lies in the runs as well.
            why = f"roll-ups left out: {error.failure.message}"
            self.problems.append(why)
            self.say(why)
            return []
        return found

    async def _read_rollups(self, state: BucketState) -> None:
        for key in await self._new_rollups(state):
            try:
                content = await self.bucket.get(key, MAX_PART_BYTES)
                rollup = await asyncio.to_thread(unpack, content, key)
            except InvalidDocumentError as error:
                # Its runs are read from their own objects.
                self.problems.append(error.what)
                self.say(f"roll-up left out: {error.what}")
                continue
            have = self.index.known(state)
            runs = [run for run in rollup.bodies if not have.get(run, (False, ""))[0]]
            made = [
                await asyncio.to_thread(indexed, run, rollup.bodies[run], closed=True, seen="rolled up")
                for run in runs
            ]
            await asyncio.to_thread(self.index.write, state, made, key)
            self.report.rolled_up += len(made)
            self.say(f"{key}: {len(made)} runs")

    async def _read(self, state: BucketState, run: str, before: str | None, limit: asyncio.Semaphore) -> None:
        try:
            listed = await list_run(self.bucket, run)
            if listed.seen == before:
                if listed.closed(self.index.planned(state, run), _planned_at(run), self.now):
                    self.index.close(state, run)
                return
            bodies = await read_bodies(self.bucket, run, listed.documents)
            made = await asyncio.to_thread(indexed, run, bodies, closed=False, seen=listed.seen)
            closed = listed.closed(made.planned, _planned_at(run), self.now)
            self.index.write(state, [replace(made, closed=closed)])
            self.report.read += 1
            if self.report.read % 100 == 0:
                self.say(f"{self.report.read} runs read")
        finally:
            limit.release()


def _open(known: dict[str, tuple[bool, str]]) -> set[str]:
    return {run for run, (closed, _) in known.items() if not closed}


def _planned_at(run: str) -> datetime:
    return datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)


def _lagging(cursor: str) -> str | None:
    """StartAfter of a listing that comes to all runs planned later than a day before ``cursor``."""
    try:
        return f"{keys.runs_prefix()}{_planned_at(cursor) - LAG:%Y%m%d-%H%M%S}"
    except (ValueError, OverflowError):
        return None


def _is_run(name: str) -> bool:
    try:
        keys.check_run(name)
        _planned_at(name)
    except (KeyNotOurs, ValueError):
        return False
    return True


def runs_of_months(runs: Iterable[str]) -> dict[str, list[str]]:
    """Runs by the month they were planned in, ``YYYY-MM``, oldest first."""
    found: dict[str, list[str]] = {}
    for run in sorted(runs):
        found.setdefault(f"{_planned_at(run):%Y-%m}", []).append(run)
    return found
