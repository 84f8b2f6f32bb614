"""P2: from the PUT of a sentinel to the row on the terminal, beside the poll interval.

    python bench/latency.py [--samples N] [--poll SECONDS] [--jobs N]

The application runs on a pseudo-terminal and follows a run of the local S3 (`bench.store`). One job after the
other says that it has done one more repetition, at moments that have nothing to do with the polls; timed is
from just before the PUT until the new count is among the bytes that came from the terminal. A sentinel that
comes right after a listing waits a whole interval: so the 99th percentile is held against it.

Exit status: 1 if the 99th percentile is more than the interval and 250 ms.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.tui.terminal_session import TerminalSession

from bench.quiet import machine
from bench.rows import row
from bench.store import BUCKET, Store, write_objects
from bench.stored_run import RUN, SUITE, StoredRun, names
from benchtui.core import keys
from benchtui.core.keys import JobState, Progress, Sentinel

MOST_MORE_S = 0.250
BEGUN, OF = 4, 9999
PATIENCE_S = 120.0
LINES_BESIDE = 30  # of the terminal, besides the table's rows
BEAT_S = 20.0
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07")


def stored_run(folder: Path, jobs: int) -> None:
    """Live jobs, as a store is started with them."""
    stored = StoredRun(jobs, datetime.now(UTC) - timedelta(seconds=200), finished=False, sentinels=BEGUN)
    write_objects(folder, [*stored.plan(), *stored.words(), *stored.book()])
    (folder / "ec2.json").write_text(json.dumps(stored.instances()))


def latencies(store: Store, home: Path, jobs: int, samples: int, poll_s: float) -> list[float]:
    """Seconds from the PUT of each sentinel to its being painted."""
    environment = store.environment(home) | {
        "BENCHTUI_WATCH_POLL_SECONDS": f"{poll_s:g}", "TERM": "xterm-256color", "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
    }  # fmt: skip
    rng, found = random.Random(1), []
    said = dict.fromkeys(names(jobs), BEGUN + 1)
    connection = http.client.HTTPConnection("127.0.0.1", store.port)
    command = [sys.executable, "-m", "benchtui", "--run", RUN]
    with TerminalSession(command, environment, home, (160, jobs + LINES_BESIDE)) as session:
        session.wait_for(lambda screen: all(name in screen for name in names(jobs)), PATIENCE_S)
        session.wait_for(f"{BEGUN}/{BEGUN}", PATIENCE_S)
        beaten = 0.0
        for number in range(samples):
            if time.monotonic() - beaten > BEAT_S:
                beaten = time.monotonic()
                for job in names(jobs):
                    _put(connection, keys.heartbeat_key(RUN, job))
            until = time.perf_counter() + rng.uniform(0, 2 * poll_s)
            while (left := until - time.perf_counter()) > 0:
                session.read(left)
            job = names(jobs)[number % jobs]
            said[job] += 1
            count = 1000 + number
            key = Sentinel(
                datetime.now(UTC), job, said[job], JobState.RUNNING, SUITE, Progress(count, OF)
            ).key(RUN)
            begin, began = len(session.output), time.perf_counter()
            _put(connection, key)
            wanted = f"{count}/{OF}".encode()
            while wanted not in _CONTROL.sub(b"", bytes(session.output[begin:])):
                if time.perf_counter() - began > PATIENCE_S:
                    raise SystemExit(f"{wanted!r} was not painted:\n{session.text()}")
                session.read(0.5)
            found.append(time.perf_counter() - began)
    return found


def _put(connection: http.client.HTTPConnection, key: str) -> None:
    connection.request("PUT", f"/{BUCKET}/{key}", b"{}")
    connection.getresponse().read()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--samples", type=int, default=120)
    parser.add_argument("--poll", type=float, default=1.0, help="seconds")
    parser.add_argument("--jobs", type=int, default=12)
    asked = parser.parse_args()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d %H:%MZ}")
    with tempfile.TemporaryDirectory(prefix="benchtui-bench-") as name:
        folder, home = Path(name) / "store", Path(name) / "home"
        home.mkdir()
        stored_run(folder, asked.jobs)
        with Store(folder) as store:
            found = sorted(latencies(store, home, asked.jobs, asked.samples, asked.poll))
    p99 = found[min(len(found) - 1, int(len(found) * 0.99))]
    goal = asked.poll + MOST_MORE_S
    print(f"P2  sentinel to row, {asked.jobs} jobs, {len(found)} samples, a poll each {asked.poll:g} s")
    print(f"    median {statistics.median(found):.3f} s, largest {found[-1]:.3f} s")
    verdict = "holds" if p99 <= goal else "**missed**"
    print(f"    p99 {p99:.3f} s, reference {asked.poll:.3f} s, ratio {p99 / asked.poll:.2f}, ", end="")
    print(f"goal {goal:.3f} s  {verdict}")
    figures = (f"p99 {p99:.3f} s", "poll interval", f"{asked.poll:.3f} s", f"{p99 / asked.poll:.2f}")
    print(row(2, "sentinel PUT to row painted", *figures, f"{goal:.3f} s", p99 <= goal))
    return 0 if p99 <= goal else 1


if __name__ == "__main__":
    sys.exit(main())
