"""A run is ended on a terminal while the screen that began it is closed; an independent client looks."""

from __future__ import annotations

import sys
import time

import pytest

from tests.cli.conftest import Cli, api_alone, cli, local_cli, start_local_cloud, state_home
from tests.tui.terminal_session import TerminalSession
from tests.tui.test_launch_for_real import type_in

__all__ = ["api_alone", "cli", "local_cli", "start_local_cloud", "state_home"]  # fixtures

CTRL_K, CTRL_Q, ESCAPE, TAB = "\x0b", "\x11", "\x1b", "\t"


def session(local_cli: Cli, *flags: str) -> TerminalSession:
    command = [sys.executable, "-m", "benchtui", "--local", *flags]
    return TerminalSession(command, local_cli.environment | {"TERM": "xterm-256color"}, local_cli.cwd)


def open_kill_screen(terminal: TerminalSession, run: str) -> None:
    terminal.wait_for(run)
    terminal.wait_for("Jobs 2/2")
    type_in(terminal, CTRL_K + "r")
    asked = terminal.wait_for("[ Terminate 2 ]", 60)
    assert f"! KILL  {run}" in asked
    assert "Type the last 4 characters of the run" in asked


@pytest.mark.slow
def test_a_kill_goes_on_without_its_screen_and_is_proven(local_cli: Cli) -> None:
    run = local_cli.run_detached()
    with session(local_cli) as terminal:
        open_kill_screen(terminal, run)
        type_in(terminal, TAB + "xxxx\r")
        terminal.wait_for("not the token")
        assert len(local_cli.alive(run)) == 2
        type_in(terminal, "\x7f" * 4 + run[-4:])
        terminal.wait_for("enter ends them")
        type_in(terminal, "\r" + ESCAPE)
        terminal.wait_for(lambda screen: "! KILL" not in screen)
        deadline = time.monotonic() + 30
        while local_cli.alive(run) and time.monotonic() < deadline:
            terminal.read(0.2)
        assert local_cli.alive(run) == []
        type_in(terminal, CTRL_K)
        terminal.wait_for("asked 2")
        terminal.wait_for("PROVEN: every instance is gone", 90)


def test_read_only_shows_what_would_end_and_ends_nothing(local_cli: Cli) -> None:
    run = local_cli.run_detached()
    with session(local_cli, "--read-only") as terminal:
        open_kill_screen(terminal, run)
        terminal.wait_for("read-only: nothing can be ended here")
        type_in(terminal, TAB + run[-4:] + "\r")
        assert "handed to the engine" not in terminal.text()
    assert len(local_cli.alive(run)) == 2
    assert local_cli.cloud is not None
    local_cli.cloud.boto3("ec2").terminate_instances(InstanceIds=local_cli.alive(run))
