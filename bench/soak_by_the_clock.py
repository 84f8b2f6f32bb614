"""`benchtui watch` beside a run of 1,000 jobs, by the clock (see `bench.soak`)."""

from __future__ import annotations

import json
import os
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote

from bench.requests import HEARTBEAT_S, POLL_S, Fleet, stored_run
from bench.store import BUCKET, ROOT, Store
from bench.stored_run import RUN
from benchtui.core.keys import JobState, Sentinel

MB_AN_HOUR = 4.0
#: Between two samples of the process.
SAMPLE_S = 30
#: A job comes to its end so often; its line is waited for.
ENDS_EVERY_S = 30
LATE_S = 2.0  # beyond the poll


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process was after so many seconds."""

    s: float
    mb: float
    threads: int
    files: int


def by_the_clock(jobs: int, minutes: float) -> int:
    """Watch for so long; 1 if something grows, or what was written is told later and later."""
    with tempfile.TemporaryDirectory(prefix="benchtui-bench-") as name:
        folder = Path(name)
        stored = stored_run(folder / "store", jobs)
        with Store(folder / "store") as store:
            environment = store.environment(folder)
            command = (sys.executable, "-m", "benchtui", "watch", RUN, "--json")
            with subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            ) as watch:
                assert watch.stdout is not None
                told = _lines(watch.stdout)
                try:
                    samples, delays = _live(
                        store, Fleet(store, jobs, stored.created_at), watch.pid, told, minutes
                    )
                finally:
                    watch.terminate()
    return 0 if _verdict(jobs, minutes, samples, delays) else 1


def _lines(stream: IO[str]) -> queue.Queue[tuple[float, str]]:
    told: queue.Queue[tuple[float, str]] = queue.Queue()

    def read() -> None:
        for line in stream:
            told.put((time.monotonic(), line))

    threading.Thread(target=read, daemon=True).start()
    return told


def _live(
    store: Store, fleet: Fleet, pid: int, told: queue.Queue[tuple[float, str]], minutes: float
) -> tuple[list[Sample], list[float]]:
    """Write what a fleet writes; samples of the process, and seconds from each end to its line."""
    began, samples, ended = time.monotonic(), list[Sample](), dict[str, float]()
    delays: list[float] = []
    turn = 0
    while (now_s := time.monotonic() - began) < minutes * 60:
        turn += 1
        fleet.go_on(datetime.now(UTC), POLL_S, beat=turn * POLL_S % HEARTBEAT_S == 0)
        if turn * POLL_S % ENDS_EVERY_S == 0:
            job = fleet.names.pop()
            fleet.said[job] += 1
            _put(store, Sentinel(datetime.now(UTC), job, fleet.said[job], JobState.COMPLETED).key(RUN))
            ended[job] = time.monotonic()
        if turn * POLL_S % SAMPLE_S == 0:
            samples.append(_sample(pid, now_s))
        while time.monotonic() - began < turn * POLL_S:
            try:
                at, line = told.get(timeout=max(0.01, turn * POLL_S - (time.monotonic() - began)))
            except queue.Empty:
                break
            job = _ended(line)
            if job in ended:
                delays.append(at - ended.pop(job))
    return samples, delays


def _put(store: Store, key: str) -> None:
    request = urllib.request.Request(f"{store.url}/{BUCKET}/{quote(key)}", data=b"{}", method="PUT")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def _ended(line: str) -> str:
    """The job that the line says has come to its end; empty: it says something else."""
    said = json.loads(line)
    ends = (said["type"], said.get("state")) == ("state", JobState.COMPLETED.value)
    return str(said["job"]) if ends else ""


def _sample(pid: int, at_s: float) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    resident, threads = re.search(r"VmRSS:\s+(\d+)", status), re.search(r"Threads:\s+(\d+)", status)
    assert resident is not None and threads is not None
    return Sample(at_s, int(resident[1]) * 1024 / 1e6, int(threads[1]), len(os.listdir(f"/proc/{pid}/fd")))


def _verdict(jobs: int, minutes: float, samples: list[Sample], delays: list[float]) -> bool:
    half = samples[len(samples) // 2 :]
    slope = statistics.linear_regression([one.s / 3600 for one in half], [one.mb for one in half]).slope
    middle, last = half[0], half[-1]
    print(f"{jobs} jobs, {minutes:g} min by the clock, {len(samples)} samples of `benchtui watch`")
    print(
        f"memory   {middle.mb:.1f} MB in the middle, {last.mb:.1f} at the end: {slope:+.2f} MB/h, "
        f"goal {MB_AN_HOUR:g}"
    )
    print(f"threads  {middle.threads} and {last.threads}; open files {middle.files} and {last.files}")
    early, late = (
        statistics.median(part) for part in (delays[: len(delays) // 2], delays[len(delays) // 2 :])
    )
    print(
        f"written to told: median {early:.1f} s in the first half, {late:.1f} s in the second, "
        f"at most {max(delays):.1f} s (a poll is {POLL_S} s); {len(delays)} ends"
    )
    most_files = max(one.files for one in samples[: len(samples) // 2])
    grew = last.threads > max(one.threads for one in samples[: len(samples) // 2]) or last.files > most_files
    held = slope <= MB_AN_HOUR and not grew and late <= POLL_S + LATE_S
    print("nothing grows" if held else "**something grows**")
    return held
