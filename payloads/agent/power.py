"""Power-off, whatever happened: politely, then by force, by a process of its own."""

from __future__ import annotations

import ctypes
import os
import select
import subprocess
import sys
import time
from typing import IO, Optional

# The polite ways may say yes and then hang in a unit that does not stop; hence the second half.
# sysrq powers off without any process; where the kernel has none (a container), reboot(2) does.
OFF = (
    "{ timeout 5 systemctl poweroff || timeout 5 shutdown -P now; } && sleep 30; "
    "echo o >/proc/sysrq-trigger; sleep 2; poweroff -ff"
)
RB_POWER_OFF = 0x4321FEDC


def off() -> None:
    """Start powering off and return; does not raise."""
    try:
        subprocess.Popen(
            ["/bin/sh", "-c", OFF],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:  # no process can be started any more
        off_without_processes()


def off_without_processes() -> None:
    """Ask the kernel itself; does not raise."""
    try:
        with open("/proc/sysrq-trigger", "w") as trigger:
            trigger.write("o")
    except OSError:
        pass
    try:
        ctypes.CDLL(None).reboot(RB_POWER_OFF)
    except (OSError, AttributeError):
        pass


def start_guard(seconds: float) -> "Optional[IO[bytes]]":
    """Start a process that powers off after ``seconds``, or at once when the agent is gone.

    The returned pipe has to be kept open: its end is how the guard sees the agent's death. None if
    no process could be started.
    """
    try:
        guard = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "{:.0f}".format(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None
    return guard.stdin


def _stand_guard(seconds: float) -> None:
    ends = time.monotonic() + seconds
    while True:
        left_s = ends - time.monotonic()
        ready = select.select([sys.stdin], [], [], max(0.0, left_s))[0]
        if not ready or not os.read(sys.stdin.fileno(), 1):
            break
    off()


if __name__ == "__main__":
    _stand_guard(float(sys.argv[1]))
