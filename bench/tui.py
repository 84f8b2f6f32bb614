"""The terminal application under load, and how fast it is there.

First paint: from starting the process to the first row or frame on a pseudo-terminal, against a bare Textual
application with one DataTable of one row; pairs in alternating order, median of the ratios.

Load: a scripted engine with JOBS jobs; SENTINELS of their sentinels arrive in each second, and at each poll
every job is folded anew, as a watcher does it (`core.states.fold`), in the engine's own thread. Keys are
pressed at irregular intervals and each is timed from its being written to the terminal until the cursor is
seen on the next row. The process's CPU time and its largest resident size come from the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.tui.terminal_session import TerminalSession  # noqa: E402

from bench.rows import row  # noqa: E402

PAIRS = 11
ROUNDS = 5  # medians of them: the machine is noisy
KEYS = 200
WARM_SECONDS = 3.0
SIZE = (120, 36)
LIMITS = {"key_p99_ms": 50.0, "core_share": 0.30, "memory_mb": 200.0, "first_paint_ratio": 2.0}

BARE = """
from textual.app import App
from textual.widgets import DataTable

class Bare(App):
    def compose(self):
        yield DataTable()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("JOB", "STATE")
        table.add_row("first", "painted")

Bare().run()
"""
_CURSOR = re.compile("▸ *([a-z0-9.]+-[0-9]+)".encode())
RECENT = 200_000  # bytes looked at; a whole screen is a tenth of that
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07")


def environment(home: Path) -> dict[str, str]:
    """Of both programs alike."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "BENCHTUI_"))}
    return kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "HOME": str(home), "LANG": "C.UTF-8"}


def first_paint(command: list[str], shown: bytes, environ: dict[str, str], home: Path) -> float:
    """Seconds from the start of ``command`` to ``shown`` on its terminal."""
    with TerminalSession(command, environ, home, SIZE) as session:
        while shown not in _CONTROL.sub(b"", bytes(session.output)):
            if session.ended() is not None:
                raise SystemExit(f"{command} ended early:\n{session.text()}")
            session.read(0.5)
        return time.perf_counter() - session.started_at


def measure_first_paint(home: Path) -> dict[str, object]:
    """Pairs of ours and the bare one, in alternating order."""
    environ = environment(home)
    bare = home / "bare.py"
    bare.write_text(BARE)
    ours = [sys.executable, "-m", "benchtui"]
    theirs = [sys.executable, str(bare)]
    for command, shown in ((ours, b"Jobs"), (theirs, b"painted")):
        first_paint(command, shown, environ, home)  # byte code and file cache
    ratios, times = [], []
    for pair in range(PAIRS):
        runs = [("ours", ours, b"Jobs"), ("bare", theirs, b"painted")]
        taken = {}
        for name, command, shown in runs if pair % 2 == 0 else reversed(runs):
            taken[name] = first_paint(command, shown, environ, home)
        times.append(taken)
        ratios.append(taken["ours"] / taken["bare"])
    return {
        "first_paint_ms": round(1000 * statistics.median(each["ours"] for each in times), 1),
        "bare_first_paint_ms": round(1000 * statistics.median(each["bare"] for each in times), 1),
        "first_paint_ratio": round(statistics.median(ratios), 3),
        "first_paint_ratio_spread": [round(min(ratios), 3), round(max(ratios), 3)],
        "pairs": PAIRS,
    }


def measure_load(home: Path, jobs: int, sentinels: int, keys: int) -> dict[str, float]:
    """Key to paint, CPU and memory while the scripted engine tells."""
    script = [sys.executable, "-m", "bench.tui_load", str(jobs), str(sentinels)]
    rng = random.Random(1)
    with TerminalSession(script, environment(home), ROOT, SIZE) as session:
        session.wait_for(lambda screen: f"{jobs}/{jobs}" in screen, 30)
        settle(session, WARM_SECONDS)
        cpu_before, began = cpu_seconds(session.pid), time.perf_counter()
        taken = []
        for number in range(keys):
            settle(session, rng.uniform(0.02, 0.25))
            key = "j" if number // 15 % 2 == 0 else "k"
            taken.append(key_to_paint(session, key))
        elapsed = time.perf_counter() - began
        share = (cpu_seconds(session.pid) - cpu_before) / elapsed
        memory = peak_memory_mb(session.pid)
    taken.sort()
    return {
        "jobs": jobs,
        "sentinels_per_s": sentinels,
        "keys": keys,
        "key_median_ms": round(1000 * statistics.median(taken), 1),
        "key_p99_ms": round(1000 * taken[min(len(taken) - 1, int(len(taken) * 0.99))], 1),
        "core_share": round(share, 3),
        "memory_mb": round(memory, 1),
        "seconds": round(elapsed, 1),
    }


def settle(session: TerminalSession, seconds: float) -> None:
    """Take what comes for that long."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:
        session.read(left)


def key_to_paint(session: TerminalSession, key: str) -> float:
    """Seconds until the cursor has been written on another row.

    Looked for in the bytes themselves: to draw them takes an emulator longer than the application.
    """
    before = cursor_job(session, 0)
    begin, began = len(session.output), time.perf_counter()
    session.press(key)
    while cursor_job(session, begin) in (None, before):
        if time.perf_counter() - began > 5:
            raise SystemExit(f"the cursor did not move:\n{session.text()}")
        session.read(0.5)
    return time.perf_counter() - began


def cursor_job(session: TerminalSession, begin: int) -> bytes | None:
    """The job that the cursor was last written beside, in the output from ``begin`` on."""
    recent = bytes(session.output[max(begin, len(session.output) - RECENT) :])
    written = _CURSOR.findall(_CONTROL.sub(b"", recent))
    return written[-1] if written else None


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory_mb(pid: int) -> float:
    """Largest resident size so far, MB (10⁶ bytes)."""
    line = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(line[1]) * 1024 / 1e6 if line else float("nan")


def main() -> int:
    """Measure, print, and fail when a limit is not kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--sentinels", type=int, default=500, help="per second")
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as home:
        rounds = [
            measure_load(Path(home), arguments.jobs, arguments.sentinels, arguments.keys)
            for _ in range(ROUNDS)
        ]
        figures: dict[str, object] = {
            name: statistics.median(each[name] for each in rounds) for name in rounds[0]
        }
        tails = sorted(each["key_p99_ms"] for each in rounds)
        figures |= {"key_p99_ms_spread": [tails[0], tails[-1]], "rounds": ROUNDS}
        figures |= measure_first_paint(Path(home))
    kept = {name: figures[name] <= limit for name, limit in LIMITS.items()}  # type: ignore[operator]
    if arguments.json:
        print(json.dumps(figures | {"kept": kept}))
    else:
        for name, value in figures.items():
            limit = (
                f"   at most {LIMITS[name]}: {'kept' if kept[name] else 'NOT KEPT'}" if name in LIMITS else ""
            )
            print(f"{name:26} {value}{limit}")
        _rows(figures, kept)
    return 0 if all(kept.values()) else 1


def _rows(figures: dict[str, object], kept: dict[str, bool]) -> None:
    """Of the table that `make bench` ends with."""
    least, greatest = figures["first_paint_ratio_spread"]  # type: ignore[misc]
    ratio = f"{figures['first_paint_ratio']} ({least}-{greatest})"
    print(
        row(4, "first paint on a terminal", f"{figures['first_paint_ms']} ms", "bare app with a DataTable",
            f"{figures['bare_first_paint_ms']} ms", ratio, "≤ 2", kept["first_paint_ratio"])
    )  # fmt: skip
    work = f"application, {figures['jobs']:.0f} jobs, {figures['sentinels_per_s']:.0f} sentinels a second"
    for name, unit in (
        ("key_p99_ms", "ms from key to paint, p99"),
        ("core_share", "of a core"),
        ("memory_mb", "MB"),
    ):
        print(row(6, work, f"{figures[name]} {unit}", "–", "–", "", f"≤ {LIMITS[name]:g}", kept[name]))


if __name__ == "__main__":
    sys.exit(main())
