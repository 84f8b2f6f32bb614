"""P9: collecting 5,000 results, beside `aws s3 sync` of the same prefix: wall time, requests, memory.

    python bench/collecting.py [--jobs N] [--repeats N]

One result to a job: system.json, result.json with 240 samples in 88 kB, and the raw output, of each. Both
programs get them from the same local S3 (`bench.store`) into an empty folder, in alternating order, each as
the command that a user types. benchtui does more: it reads the sentinels, validates each result, holds each
against all others, takes the census and prints the table. Requests are counted by the store. Memory is the
largest resident size of `benchtui collect`, its second process included, at a tenth of the results and at all
of them.

Exit status: 1 if a ratio is above its goal, or a thousand more results take more memory than they may.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.kill import aws
from bench.quiet import machine
from bench.rows import row as line
from bench.store import BUCKET, Store, write_objects
from bench.stored_run import RUN, StoredRun
from benchtui.core import keys

MOST_WALL, MOST_REQUESTS = 1.0, 1.2
#: A thousand more results are 88 MB more of JSON: what is held of them, MB.
MOST_MB_PER_1000 = 20.0
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Course:
    """One command."""

    wall_s: float
    cpu_s: float  # of the command and its children
    requests: Counter[str]
    store_share: float  # of a CPU that the store took meanwhile
    peak_mb: float  # largest resident size of all of its processes together, as seen every 50 ms


def run(store: Store, command: Sequence[str], environment: dict[str, str], folder: Path) -> Course:
    """A command to its end; what it leaves is thrown away."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    store.reset()
    before_cpu, store_cpu, began = _children_s(), store.cpu_s(), time.monotonic()
    with subprocess.Popen(
        command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, _resident_mb(process.pid))
            time.sleep(LOOK_S)
        assert process.stderr is not None
        said = process.stderr.read().decode()
    wall = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}\n{said}")
    share = (store.cpu_s() - store_cpu) / wall
    return Course(wall, _children_s() - before_cpu, store.counts(), share, peak)


def _children_s() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _resident_mb(pid: int) -> float:
    """Of a process and its children, MB."""
    total = 0
    for one in (pid, *_children(pid)):
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except (OSError, IndexError):
            continue  # it has ended meanwhile
    return total * os.sysconf("SC_PAGE_SIZE") / 1e6


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (thread / "children").read_text().split()]
    except OSError:
        return found
    return found


def measured(jobs: int, repeats: int, work: Path, *, theirs_too: bool) -> tuple[list[Course], list[Course]]:
    """Courses of ours and theirs, in alternating order."""
    stored = StoredRun(jobs, created_at=datetime.now(UTC) - timedelta(days=2))
    folder = work / "store"
    objects = (each for part in (stored.plan, stored.words, stored.book, stored.results) for each in part())
    write_objects(folder, objects)
    ours: list[Course] = []
    theirs: list[Course] = []
    home, here = work / "home", work / "out"
    home.mkdir(exist_ok=True)
    collect = (sys.executable, "-m", "benchtui", "collect", RUN, "--results", str(here / "results"))
    prefix = f"s3://{BUCKET}/{keys.jobs_prefix(RUN)}"
    sync = (aws(), "s3", "sync", "--quiet", prefix, str(here / "synced"))
    with Store(folder) as store:
        environment = store.environment(home)
        for turn in range(repeats):
            pair = [(collect, ours), (sync, theirs)] if theirs_too else [(collect, ours)]
            for command, found in pair if turn % 2 == 0 else reversed(pair):
                found.append(run(store, command, environment, here))
    shutil.rmtree(here, ignore_errors=True)
    shutil.rmtree(folder)
    return ours, theirs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=5_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d %H:%MZ}")
    with tempfile.TemporaryDirectory(prefix="benchtui-bench-") as name:
        few, _ = measured(asked.jobs // 10, 1, Path(name), theirs_too=False)
        ours, theirs = measured(asked.jobs, asked.repeats, Path(name), theirs_too=True)
    wall = statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))
    requests = [_objects(courses[0].requests) for courses in (ours, theirs)]
    more = (asked.jobs - asked.jobs // 10) / 1000
    slope = (statistics.median(each.peak_mb for each in ours) - few[0].peak_mb) / more
    rows: list[tuple[str, float, float, float, float]] = [
        ("wall s", _median_wall(ours), _median_wall(theirs), wall, MOST_WALL),
        ("requests", requests[0], requests[1], requests[0] / requests[1], MOST_REQUESTS),
    ]
    print(f"P9  collecting {asked.jobs} results, beside aws s3 sync, {asked.repeats} pairs")
    print(f"    {'':20} {'benchtui':>10} {'aws':>10} {'ratio':>7} {'goal':>6}")
    for title, mine, reference, ratio, goal in rows:
        verdict = "holds" if ratio <= goal else "**missed**"
        print(f"    {title:20} {mine:10.1f} {reference:10.1f} {ratio:7.2f} {goal:6.1f}  {verdict}")
    verdict = "holds" if slope <= MOST_MB_PER_1000 else "**missed**"
    print(f"    {'MB per 1000 results':20} {slope:10.1f} {'':10} {'':7} {MOST_MB_PER_1000:6.1f}  {verdict}")
    print(f"    CPU s {_median_cpu(ours):.1f} and {_median_cpu(theirs):.1f}; largest resident size", end=" ")
    print(
        f"{few[0].peak_mb:.0f} MB at {asked.jobs // 10}, {ours[0].peak_mb:.0f} MB at {asked.jobs}", end="; "
    )
    print(f"the store took {100 * max(c.store_share for c in (*ours, *theirs)):.0f} % of a CPU")
    print(f"    requests: {dict(ours[0].requests)}; aws: {dict(theirs[0].requests)}")
    for title, mine, reference, ratio, goal in rows:
        figures = (f"{mine:.1f}", "aws s3 sync", f"{reference:.1f}", f"{ratio:.2f}", f"{goal} x")
        print(line(9, f"collect {asked.jobs} results, {title}", *figures, ratio <= goal))
    flat = slope <= MOST_MB_PER_1000
    more = f"{slope:.1f} MB for 1,000 more"
    print(line(9, "its memory", more, "88 MB of JSON", "", "", f"{MOST_MB_PER_1000:.0f} MB", flat))
    held = wall <= MOST_WALL and rows[1][3] <= MOST_REQUESTS and slope <= MOST_MB_PER_1000
    return 0 if held else 1


def _objects(counts: Counter[str]) -> int:
    """Requests to S3."""
    return sum(n for name, n in counts.items() if name in ("GetObject", "ListObjectsV2", "HeadObject"))


def _median_wall(courses: Sequence[Course]) -> float:
    return statistics.median(each.wall_s for each in courses)


def _median_cpu(courses: Sequence[Course]) -> float:
    return statistics.median(each.cpu_s for each in courses)


if __name__ == "__main__":
    sys.exit(main())
