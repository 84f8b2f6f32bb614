"""The instance host as a child process: started, watched, restarted with back-off, ended with the API."""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LOG = logging.getLogger("benchtui.local.host_process")
BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
HEALTHY_AFTER_S = 30.0
PATIENCE_S = 10.0


class HostProcess:
    """Supervises `python -m benchtui.local.host --state STATE`.

    The host's standard input is a pipe that this process holds open and never writes to: it reads end-of-file
    when the API is gone, however it ended.
    """

    def __init__(self, state_file: Path, log_file: Path, on_change: Callable[[int | None], None]) -> None:
        self.state_file = state_file
        self.log_file = log_file
        self.on_change = on_change
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0
        self._next_start = 0.0

    def check(self) -> None:
        """Start the host if it is not running and its back-off has passed. Call it a few times a second."""
        now = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._forget(code, now)
        if now >= self._next_start:
            self._start(now)

    def _start(self, now: float) -> None:
        # One log per local cloud, over all restarts of its host.
        with self.log_file.open("ab" if self._failures else "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchtui.local.host", "--state", str(self.state_file)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started = now
        self.on_change(self._process.pid)

    def _forget(self, code: int, now: float) -> None:
        if now - self._started >= HEALTHY_AFTER_S:
            self._failures = 0
        delay = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
        self._failures += 1
        self._next_start = now + delay
        LOG.error("the instance host ended with %d; again in %.1f s; its log: %s", code, delay, self.log_file)
        self._close_pipe()
        self._process = None
        self.on_change(None)

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def end(self) -> None:
        """Ask the host to end all worlds and itself; kill it when it does not within 10 s."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        self._close_pipe()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            LOG.error("the instance host did not end within %.0f s and is killed", PATIENCE_S)
            process.kill()
            process.wait()
        self._process = None
