"""Commands: their output, their time limit, and that nothing of them is left."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import process
from process import Ended, Stop, run


def python(
    script: str,
    timeout_s: float = 20,
    stop: Stop | None = None,
    on_stdout: Callable[[bytes], str | None] | None = None,
) -> tuple[Ended, bytes, bytes]:
    """Run a script; how it ended, its standard output and error."""
    out, error = bytearray(), bytearray()
    ended = run(
        [sys.executable, "-c", script],
        "/",
        {"PATH": os.environ["PATH"]},
        timeout_s,
        Stop() if stop is None else stop,
        on_stdout or out.extend,
        error.extend,
    )
    return ended, bytes(out), bytes(error)


@pytest.fixture
def adopting() -> Any:
    process.adopt_orphans()
    yield
    ctypes.CDLL(None).prctl(process.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def gone(pid: int) -> bool:
    """Whether a process is no more, or only waits to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state in "ZX"


def test_output_and_exit_code_arrive() -> None:
    ended, out, error = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (out, error, ended.exit_code, str(ended)) == (b"out\n", b"err\n", 3, "exited with 3")


def test_output_larger_than_a_pipe_arrives_whole() -> None:
    ended, out, _ = python("import sys; sys.stdout.write('x' * 1_000_000)")
    assert ended.ok
    assert len(out) == 1_000_000


def test_a_signal_is_named() -> None:
    ended, _, _ = python("import os; os.kill(os.getpid(), 11)")
    assert str(ended) == "was ended by signal 11"


def test_a_program_that_is_not_there_is_no_crash() -> None:
    ended = run(["/nowhere/bench"], "/", {}, 5, Stop(), lambda chunk: None, lambda chunk: None)
    assert str(ended) == "could not be started: /nowhere/bench: No such file or directory"


def test_the_time_limit_ends_it() -> None:
    began = time.monotonic()
    ended, _, _ = python("import time; time.sleep(600)", timeout_s=0.5)
    assert (ended.cut, ended.ok) == ("timeout", False)
    assert time.monotonic() - began < 15


def test_the_time_limit_ends_one_that_ignores_sigterm() -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
    assert python(script, timeout_s=1)[0].cut == "timeout"


def test_the_order_to_stop_ends_it_at_once() -> None:
    stop = Stop()
    threading.Timer(0.5, lambda: stop.set("KILLED", "by the test")).start()
    began = time.monotonic()
    ended, _, _ = python("import time; time.sleep(600)", stop=stop)
    assert (ended.cut, stop.state, stop.reason) == ("stop", "KILLED", "by the test")
    assert time.monotonic() - began < 15


def test_nothing_starts_after_the_order_to_stop() -> None:
    stop = Stop()
    stop.set("TIMED_OUT", "over")
    stop.set("KILLED", "later")
    assert stop.state == "TIMED_OUT", "the first reason stays"
    assert python("raise SystemExit(1)", stop=stop)[0].exit_code is None


def test_a_reason_of_the_reader_ends_it() -> None:
    script = "import time\nprint('garbage', flush=True)\ntime.sleep(600)"
    ended, _, _ = python(script, on_stdout=lambda chunk: "no good")
    assert str(ended) == "no good"


@pytest.mark.usefixtures("adopting")
def test_children_are_ended_with_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
    )
    assert python(script)[0].ok
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.usefixtures("adopting")
def test_a_daemon_that_left_the_session_is_ended_too_and_its_pipe_holds_nothing_up(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys\n"
        "if os.fork() == 0:\n"
        "  os.setsid()\n"
        "  if os.fork() == 0:\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "    import time; time.sleep(600)\n"
        "  os._exit(0)\n"
        f"import time\nwhile not os.path.exists({str(tmp_path / 'pid')!r}): time.sleep(0.01)\n"
    )
    began = time.monotonic()
    assert python(script)[0].ok
    assert time.monotonic() - began < 15
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.usefixtures("adopting")
def test_other_children_of_the_agent_are_spared() -> None:
    bystander = os.spawnvp(os.P_NOWAIT, "sleep", ["sleep", "600"])
    try:
        assert python("pass")[0].ok
        assert not gone(bystander)
    finally:
        os.kill(bystander, signal.SIGKILL)
        os.waitpid(bystander, 0)


def test_nothing_of_the_agents_descriptors_reaches_a_command() -> None:
    stop = Stop()
    ended, out, _ = python("import os; print(sorted(os.listdir('/proc/self/fd'))[:4])", stop=stop)
    assert ended.ok
    assert out.decode().count("'") == 8, f"0, 1, 2 and the listing itself: {out.decode()}"
