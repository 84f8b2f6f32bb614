"""The application over a scripted engine: ``python -m bench.tui_load JOBS SENTINELS_PER_SECOND``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tests.engine import fleet
from tests.tui.scripted import ScriptedEngine, listings

from bench.stored_run import names
from benchtui.config.schema import Config, WatchSection
from benchtui.core.keys import JobState, Progress, Sentinel
from benchtui.core.said import Said
from benchtui.core.states import Ec2Answer, JobStatus, fold
from benchtui.engine.counting import counted
from benchtui.engine.slices import slices
from benchtui.engine.snapshot import JobRow, Snapshot, Source
from benchtui.engine.updates import Account, Listed, Update
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.start import Start

STEPS = 500
LIVES = timedelta(hours=5, minutes=11)
#: Between two polls, as benchtui has it where nothing else is set.
PERIOD_S = float(WatchSection().poll_seconds)


class LoadedEngine(ScriptedEngine):
    """Hears sentinels in a thread of its own, folds every job once a poll, tells the snapshot."""

    def __init__(self, jobs: int, sentinels: int) -> None:
        super().__init__()
        jobs_named = names(jobs)
        self.started = datetime.now(UTC)
        self.planned = [fleet.planned(name) for name in jobs_named]
        self.run = fleet.run_of(self.planned, budget_usd=Decimal(500), created_at=self.started)
        self.heard = {name: Said([Sentinel(self.started, name, 1, JobState.BOOTED)]) for name in jobs_named}
        self.seen = {
            name: Ec2Answer(
                True, (fleet.instance(name, launched_at=self.started, expires_at=self.started + LIVES),)
            )
            for name in jobs_named
        }
        self.sentinels = sentinels
        self.next = 0

    def start(self, deliver: Callable[[Update], None]) -> None:
        super().start(deliver)
        threading.Thread(target=self._live, daemon=True).start()

    def _live(self) -> None:
        asyncio.run(self._poll())

    async def _poll(self) -> None:
        first = await self._snapshot()
        self.tell(Account("123456789012"), Listed(listings(first)), first)
        due = time.monotonic()
        while True:
            due += PERIOD_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._hear()
            snapshot = await self._snapshot()
            self.tell(await counted(snapshot), snapshot)  # as engine.operations does, in the engine's thread

    def _hear(self) -> None:
        now = datetime.now(UTC)
        for _ in range(round(self.sentinels * PERIOD_S)):
            name = self.planned[self.next % len(self.planned)].job
            turn = self.next // len(self.planned) + 1
            said = Sentinel(now, name, turn + 1, JobState.RUNNING, "stream", Progress(turn % STEPS, STEPS))
            self.heard[name].add(said)
            self.next += 1

    async def _snapshot(self) -> Snapshot:
        now = datetime.now(UTC)
        spent = Decimal("0.0725") * int((now - self.started).total_seconds()) / 3600
        rows: list[JobRow] = []
        async for part in slices(self.planned):  # as engine.watcher does
            rows += [JobRow(planned, self._status(planned.job, now), spent) for planned in part]
        answered = [Source(name, timedelta(seconds=1), answered_at=now) for name in ("S3", "EC2 us-west-2")]
        shown = fleet.snapshot([], sources=tuple(answered), taken_at=now, as_of=now, run=self.run)
        return replace(shown, rows=tuple(rows), spent_usd=spent * len(rows))

    def _status(self, job: str, now: datetime) -> JobStatus:
        return fold(job, self.heard[job], self.seen[job], heartbeat_at=now, now=now)


def main() -> None:
    """Run until it is ended."""
    jobs, sentinels = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        engine = LoadedEngine(jobs, sentinels)
        BenchtuiApp(Start(config=Config(), engine=engine, state_dir=Path(folder))).run()


if __name__ == "__main__":
    main()
