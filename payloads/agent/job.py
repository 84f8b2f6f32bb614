"""What this instance was asked to do (job.json, written by user data), and where things lie on it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

WORK = "/var/lib/benchtui"
RUN = "/run/benchtui"  # a tmpfs: a full disk does not stop what is noted here


def work_dir() -> str:
    """Directory of the bundle, of job.json and of the suites' working copies."""
    return os.environ.get("BENCHTUI_WORK", WORK)


def run_dir() -> str:
    """Directory of what has to survive the agent: its pid, its sentinels, the armed mechanisms."""
    return os.environ.get("BENCHTUI_RUN", RUN)


def uptime_s() -> float:
    """Seconds since boot, time asleep included; setting the clock does not change it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Job:
    """One job, as its user data states it."""

    run: str
    job: str
    bucket: str
    region: str
    instance_type: str  # as requested
    image_id: str  # as requested
    mode: str
    suites: Tuple[str, ...]  # in the order to run them
    max_runtime_s: int
    heartbeat_s: int
    started_s: float  # uptime when user data armed its timers
    run_seal: Optional[str] = None  # of the run.json that the instance was launched for

    @classmethod
    def load(cls, path: str) -> "Job":
        """Read job.json.

        Raises:
            OSError, ValueError, KeyError, TypeError: it is missing or not what user data writes.
        """
        with open(path, encoding="utf-8") as file:
            stated: Dict[str, Any] = json.load(file)
        return cls(
            run=stated["run"],
            job=stated["job"],
            bucket=stated["bucket"],
            region=stated["region"],
            instance_type=stated["type"],
            image_id=stated["image"],
            mode=stated["mode"],
            suites=tuple(stated["suites"]),
            max_runtime_s=int(stated["max_s"]),
            heartbeat_s=int(stated["beat_s"]),
            started_s=float(os.environ.get("BENCHTUI_T0") or uptime_s()),
            run_seal=stated.get("seal"),
        )

    def left_s(self) -> float:
        """Seconds until max_runtime is over; negative after it."""
        return self.started_s + self.max_runtime_s - uptime_s()
