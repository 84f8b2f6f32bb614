"""What comparisons need of a machine: quiet, how busy others were, what it is, equal pages for all."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LOOK_SECONDS = 0.5
TIMEOUT_SECONDS = 600
PR_SET_THP_DISABLE = 41


class Unmeasured(Exception):
    """There are no two figures to compare."""


class Refused(Unmeasured):
    """A program of ours failed a check of its own: what it printed is no figure."""


@dataclass(frozen=True, slots=True)
class Busy:
    """How busy the machine had been at one moment, so that two of them tell what others did in between."""

    at: float
    all_cpu_seconds: float  # of every program, and what other guests stole
    own_cpu_seconds: float  # of this program and its children

    @classmethod
    def now(cls) -> Busy:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        busy = (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
        return cls(time.monotonic(), busy, sum(os.times()[:4]) + _of_living_children())

    def others_since(self) -> float:
        """CPUs that other programs, or other guests, were busy on since then."""
        now = Busy.now()
        others = (now.all_cpu_seconds - self.all_cpu_seconds) - (now.own_cpu_seconds - self.own_cpu_seconds)
        return max(0.0, others) / (now.at - self.at)


def _of_living_children() -> float:
    """CPU seconds of the children that have not been waited for; os.times() has those of the others."""
    ticks = 0
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{child}/stat").read_text()
                ticks += sum(int(field) for field in stat.rpartition(")")[2].split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(share: float, ends: float) -> Busy | None:
    """The moment at which others take less than ``share`` of a CPU; None if there is none until ``ends``."""
    while time.monotonic() < ends:
        before = Busy.now()
        time.sleep(LOOK_SECONDS)
        if before.others_since() < share:
            return Busy.now()
    return None


@contextlib.contextmanager
def turn(lock: Path | None) -> Iterator[None]:
    """Hold ``lock``, if one is named: programs that measure on one machine take turns by it."""
    if lock is None:
        yield
        return
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def forbid_huge_pages() -> None:
    """For this process and all that it starts from now on: 4 KiB pages, or whatever the base size is."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_THP_DISABLE")


def need(program: str, package: str) -> None:
    if not shutil.which(program):
        raise Unmeasured(f"{program} is missing (Debian, Ubuntu: apt-get install {package})")


def on(cpu: int) -> list[str]:
    """What to write before a command that shall run on one CPU."""
    return ["taskset", "-c", str(cpu)]


def output(
    *command: str, folder: Path | None = None, also: dict[str, str] | None = None, both: bool = False
) -> str:
    """Standard output of a command, with its standard error if ``both``; its own words if it fails."""
    environment = {**os.environ, "LC_ALL": "C", **(also or {})}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unmeasured(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        raise Unmeasured(
            f"{' '.join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}".strip()
        )
    return done.stdout + (done.stderr if both else "")


def first_line(*command: str) -> str:
    return output(*command).splitlines()[0]


def cpu_model() -> str:
    found = re.search(r"(?m)^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def machine() -> str:
    """One line that says where the figures come from."""
    return f"{cpu_model()}, {os.cpu_count()} CPUs, Linux {platform.release()}"
