"""Run a command in a session of its own: bounded output, a time limit, and nothing left of it afterwards."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Callable, Dict, List, Optional, Sequence, Set

READ_BYTES = 64 * 1024
LINE_LIMIT = 64 * 1024
DRAIN_S = 1.0  # for what is still in the pipes when the command has ended
REAP_S = 5.0
PR_SET_CHILD_SUBREAPER = 36


class Stop:
    """The order to end: the first reason stays. Wakes whoever waits for a command."""

    def __init__(self) -> None:
        self.state: Optional[str] = None  # final state to report: TIMED_OUT or KILLED
        self.reason = ""
        self.since = 0.0  # time.monotonic() of the order
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def __bool__(self) -> bool:
        return self.state is not None

    def set(self, state: str, reason: str) -> None:
        """Order the end. Safe in a signal handler: takes no lock."""
        if self.state is None:
            self.reason, self.since = reason, time.monotonic()
            self.state = state
            try:
                os.write(self._write, b"!")
            except OSError:
                pass

    def fileno(self) -> int:
        """Readable, and never read, once the order is given."""
        return self._read


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``cut`` says why it was ended from outside: timeout, stop or output."""

    exit_code: Optional[int]  # negative: signal number; None: never started
    seconds: float
    cut: Optional[str] = None
    error: Optional[str] = None  # why it could not be started

    @property
    def ok(self) -> bool:
        """Whether it came to its own end with exit code 0."""
        return self.exit_code == 0 and self.cut is None

    def __str__(self) -> str:
        if self.error is not None:
            return "could not be started: " + self.error
        if self.cut is not None:
            return {"timeout": "exceeded its time limit", "stop": "was stopped"}.get(self.cut, self.cut)
        if self.exit_code is not None and self.exit_code < 0:
            return "was ended by signal {}".format(-self.exit_code)
        return "exited with {}".format(self.exit_code)


def run(
    argv: Sequence[str],
    cwd: str,
    env: Dict[str, str],
    timeout_s: float,
    stop: Stop,
    on_stdout: Callable[[bytes], Optional[str]],
    on_stderr: Callable[[bytes], None],
) -> Ended:
    """Run ``argv`` to its end, its time limit, or the order to stop; then kill all it started.

    Args:
        argv: program and arguments; no shell.
        cwd: working directory.
        env: the whole environment.
        timeout_s: time limit in seconds.
        stop: the order to end everything.
        on_stdout: called with each chunk; a returned text ends the command with that as ``cut``.
        on_stderr: called with each chunk.
    """
    began = time.monotonic()
    if stop:
        return Ended(None, 0.0, cut="stop")
    spared = _children()
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ended(None, 0.0, error="{}: {}".format(argv[0], getattr(error, "strerror", None) or error))
    assert process.stdout is not None and process.stderr is not None
    exited_read, exited_write = os.pipe()

    def wait_for_exit() -> None:
        # Pipes are no sign of the end: a daemon the command left behind may hold them open for ever.
        process.wait()
        os.close(exited_write)

    threading.Thread(target=wait_for_exit, daemon=True).start()
    cut: Optional[str] = None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "stdout")
        selector.register(process.stderr, selectors.EVENT_READ, "stderr")
        selector.register(exited_read, selectors.EVENT_READ, "exited")
        selector.register(stop.fileno(), selectors.EVENT_READ, "stop")
        ends, exited = began + timeout_s, False
        while cut is None:
            left_s = ends - time.monotonic()
            ready = selector.select(max(0.0, left_s))
            names = {key.data for key, _ in ready}
            for key, _ in ready:
                if key.data in ("stdout", "stderr"):
                    chunk = os.read(key.fd, READ_BYTES)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.data == "stdout":
                        cut = cut or on_stdout(chunk)
                    else:
                        on_stderr(chunk)
            if "stop" in names:
                cut = "stop"
            elif "exited" in names and not exited:
                exited, ends = True, time.monotonic() + DRAIN_S
            if exited and (not names & {"stdout", "stderr"} or left_s <= 0):
                break
            if not exited and left_s <= 0:
                cut = cut or "timeout"
    _end(process, spared)
    os.close(exited_read)
    process.stdout.close()
    process.stderr.close()
    return Ended(process.returncode, time.monotonic() - began, cut=cut)


def _end(process: "subprocess.Popen[bytes]", spared: Set[int]) -> None:
    """Kill the session and whatever escaped it, until nothing is left or the time is up."""
    ends = time.monotonic() + REAP_S
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
    try:
        process.wait(REAP_S)
    except subprocess.TimeoutExpired:
        pass
    while time.monotonic() < ends:
        strays = descendants(os.getpid(), spared)
        if not strays:
            return
        for pid in strays:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        for pid in strays:
            try:
                os.waitpid(pid, os.WNOHANG)
            except OSError:
                pass
        time.sleep(0.01)


def adopt_orphans() -> None:
    """Become the parent of what our children leave behind, so that it can be found and ended."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError):
        pass


def _children() -> Set[int]:
    return set(descendants(os.getpid(), set()))


def descendants(ancestor: int, spared: Set[int]) -> List[int]:
    """Process ids below ``ancestor``, except those ``spared`` and what is below them."""
    below: Dict[int, List[int]] = {}
    try:
        entries = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    for name in entries:
        try:
            with open("/proc/{}/stat".format(name), "rb") as file:
                # The name in parentheses may hold anything, spaces and parentheses too.
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        below.setdefault(parent, []).append(int(name))
    found, queue = [], [ancestor]
    while queue:
        for pid in below.get(queue.pop(), []):
            if pid not in spared:
                found.append(pid)
                queue.append(pid)
    return found
