"""The sweep that every command begins: in a process of its own, which the command never waits for.

Run as ``python -m benchtui.cli.sweeper`` with its orders as JSON on stdin. It prints nothing; what it found
is in the record of sweeps.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import sys
from pathlib import Path

SECONDS = 45
NICE = 10


async def _swept(orders: dict[str, object], file: Path) -> None:
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.sweep import sweep
    from benchtui.engine.sweep_record import SweepRecord, write_record

    regions = tuple(str(region) for region in orders["regions"])  # type: ignore[attr-defined]
    async with asyncio.timeout(SECONDS), Cloud(str(orders["profile"]), regions, tries=2) as cloud:
        write_record(file, SweepRecord.of(await sweep(cloud, SystemClock(), regions)))


def main() -> None:
    """Sweep, unless another process is at it."""
    orders = json.loads(sys.stdin.readline())
    file = Path(str(orders["file"]))
    os.nice(NICE)
    with file.with_suffix(".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        asyncio.run(_swept(orders, file))


if __name__ == "__main__":
    main()
