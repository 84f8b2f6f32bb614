"""P8: adopting a finished run of 10,000 jobs from the bucket, beside `aws s3 ls --recursive` of its prefix.

    python bench/adopting.py [--jobs N] [--repeats N]

Each as the command that a user types on a machine that has never seen the run: `benchtui status RUN`, which
reads run.json, sentinels, heartbeats, EC2 and the first thousand entries of the book, folds all jobs and
prints them; and the listing of the same prefix by the AWS command line. Both ask the same local S3
(`bench.store`), in alternating order. The prefix holds what the jobs left, too, which is listed by the one
and not looked at by the other: that is the point of keys that tell a run's state.

Exit status: 1 if the ratio of the medians is above its goal.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.collecting import Course, run
from bench.kill import aws
from bench.quiet import machine
from bench.rows import row
from bench.store import BUCKET, Store, write_objects
from bench.stored_run import RUN, SUITE, StoredRun, names
from benchtui.core import keys

MOST = 1.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}; {datetime.now(UTC):%Y-%m-%d %H:%MZ}")
    stored = StoredRun(asked.jobs, created_at=datetime.now(UTC) - timedelta(days=2))
    with tempfile.TemporaryDirectory(prefix="benchtui-bench-") as name:
        folder, home, here = Path(name) / "store", Path(name) / "home", Path(name) / "out"
        home.mkdir()
        left = ((key, b"{}") for job in names(asked.jobs) for key in _left(job))
        parts = (stored.plan(), stored.words(), stored.book(), left)
        count = write_objects(folder, (each for part in parts for each in part))
        ours: list[Course] = []
        theirs: list[Course] = []
        status = ((sys.executable, "-m", "benchtui", "status", RUN), ours)
        listing = ((aws(), "s3", "ls", "--recursive", f"s3://{BUCKET}/{keys.run_prefix(RUN)}"), theirs)
        with Store(folder) as store:
            environment = store.environment(home)
            for turn in range(asked.repeats):
                for command, found in (status, listing) if turn % 2 == 0 else (listing, status):
                    found.append(run(store, command, environment, here))
    ratio = statistics.median(a.wall_s / b.wall_s for a, b in zip(ours, theirs, strict=True))
    wall = [statistics.median(each.wall_s for each in courses) for courses in (ours, theirs)]
    cpu = [statistics.median(each.cpu_s for each in courses) for courses in (ours, theirs)]
    print(f"P8  adopting {asked.jobs} jobs, {count} objects, {asked.repeats} pairs")
    print(f"    {'':8} {'status':>9} {'s3 ls':>9} {'ratio':>7} {'goal':>5}")
    verdict = "holds" if ratio <= MOST else "**missed**"
    print(f"    {'wall s':8} {wall[0]:9.1f} {wall[1]:9.1f} {ratio:7.2f} {MOST:5.1f}  {verdict}")
    print(f"    {'CPU s':8} {cpu[0]:9.1f} {cpu[1]:9.1f} {cpu[0] / cpu[1]:7.2f}")
    print(f"    requests: {dict(ours[0].requests)}; aws: {dict(theirs[0].requests)}")
    print(f"    the store took {100 * max(c.store_share for c in (*ours, *theirs)):.0f} % of a CPU")
    work, beside = f"adopt a finished run of {asked.jobs} jobs", "aws s3 ls --recursive"
    figures = (f"{wall[0]:.1f} s", beside, f"{wall[1]:.1f} s", f"{ratio:.2f}", f"{MOST} x")
    print(row(8, work, *figures, ratio <= MOST))
    return 0 if ratio <= MOST else 1


def _left(job: str) -> tuple[str, ...]:
    """Keys of what a job left, with the chunks of its log."""
    logs = [keys.log_key(RUN, job, chunk) for chunk in range(1, 4)]
    return (
        keys.system_key(RUN, job),
        keys.result_key(RUN, job, SUITE),
        keys.raw_key(RUN, job, SUITE),
        *logs,
    )


if __name__ == "__main__":
    sys.exit(main())
