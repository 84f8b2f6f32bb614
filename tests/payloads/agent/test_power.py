"""The guard, and the order of the ways to power off; commands in PATH only note that they were called."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import power
from benchtui.engine.packaged import payloads_root

POWER = payloads_root() / "agent" / "power.py"

pytestmark = pytest.mark.skipif(
    os.access("/proc/sysrq-trigger", os.W_OK), reason="this machine would really be powered off"
)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """systemctl and shutdown refuse, as where systemd is not pid 1; poweroff is noted."""
    for name, status in (("systemctl", 1), ("shutdown", 1), ("poweroff", 0)):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\nexit {status}\n')
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert subprocess.run(["sh", "-c", "command -v poweroff"], check=True, capture_output=True).stdout
    return tmp_path / "calls"


def wait_for(calls: Path, text: str) -> list[str]:
    ends = time.monotonic() + 20
    while not calls.exists() or text not in calls.read_text():
        assert time.monotonic() < ends, calls.read_text() if calls.exists() else "nothing was called"
        time.sleep(0.05)
    return calls.read_text().splitlines()


def test_where_the_polite_ways_refuse_force_follows(commands: Path) -> None:
    power.off()
    assert wait_for(commands, "poweroff -ff") == ["systemctl poweroff", "shutdown -P now", "poweroff -ff"]


def test_the_guard_powers_off_when_the_agent_is_gone(commands: Path) -> None:
    guard = power.start_guard(600)
    assert guard is not None
    guard.close()
    wait_for(commands, "poweroff -ff")


def test_the_guard_powers_off_when_the_time_is_over(commands: Path) -> None:
    guard = power.start_guard(0.2)
    assert guard is not None
    wait_for(commands, "poweroff -ff")
    guard.close()


def test_the_guard_outlives_a_killed_agent(commands: Path, tmp_path: Path) -> None:
    script = f"import sys; sys.path.insert(0, {str(POWER.parent)!r})\nimport power, time\n"
    script += "guard = power.start_guard(600)\nprint('armed', flush=True)\ntime.sleep(600)\n"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"armed\n"
        assert not commands.exists()
        agent.kill()
    wait_for(commands, "poweroff -ff")
