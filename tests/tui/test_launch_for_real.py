"""From the form to instances: the program on a terminal, and a local cloud asked by an independent client."""

from __future__ import annotations

import sys
import time

import pytest

from tests.cli.conftest import Cli, api_alone, cli, local_cli, start_local_cloud, state_home
from tests.tui.terminal_session import TerminalSession

__all__ = ["api_alone", "cli", "local_cli", "start_local_cloud", "state_home"]  # fixtures

CTRL_L, CTRL_S, CTRL_T, CTRL_U = "\x0c", "\x13", "\x14", "\x15"


def type_in(terminal: TerminalSession, keys: str) -> None:
    """Key by key, as a person does."""
    for key in keys:
        terminal.press(key)
        until = time.monotonic() + 0.08
        while time.monotonic() < until:
            terminal.read(0.02)


@pytest.mark.slow
def test_types_are_chosen_the_plan_saved_and_launched(local_cli: Cli) -> None:
    file = local_cli.cwd / "benchtui.toml"
    file.write_text("# of the lab\n[plan]\ntypes = [] # to be chosen\n[watch]\npoll_seconds = 0.2\n")
    command = [sys.executable, "-m", "benchtui", "--local"]
    environment = local_cli.environment | {"TERM": "xterm-256color"}
    with TerminalSession(command, environment, local_cli.cwd) as terminal:
        terminal.wait_for("Filter")
        type_in(terminal, "2")
        terminal.wait_for("No instance type is chosen yet")
        type_in(terminal, CTRL_T)
        terminal.wait_for(" 0 chosen", 60)
        type_in(terminal, "price=0")
        terminal.wait_for("filter: price=0")
        type_in(terminal, "\r")
        terminal.wait_for(" 1 chosen")
        type_in(terminal, CTRL_T)
        terminal.wait_for("3 jobs")
        type_in(terminal, "\r\t\t\t" + CTRL_U)
        terminal.wait_for("must be a whole number")
        type_in(terminal, "2")
        terminal.wait_for("2 jobs")
        type_in(terminal, CTRL_S)
        terminal.wait_for("Only the values edited here change")
        type_in(terminal, "\r")
        terminal.wait_for("saved ")
        type_in(terminal, CTRL_L)
        asked = terminal.wait_for("Type the worst case to launch")
        assert "Launch 2 instances in us-east-1: local.1cpu x2" in asked
        type_in(terminal, "0.0\r")
        assert "Type the worst case to launch" in terminal.text()
        type_in(terminal, "0\r")
        screen = terminal.wait_for(lambda screen: "Jobs 2/2" in screen and "no run" not in screen)
        run = next(word for word in screen.split() if word.startswith("20") and word.count("-") == 2)
        deadline = time.monotonic() + 30
        while len(local_cli.instances(run)) < 2 and time.monotonic() < deadline:
            terminal.read(0.1)
        assert [row["InstanceType"] for row in local_cli.instances(run)] == ["local.1cpu"] * 2
    assert file.read_text() == (
        '# of the lab\n[plan]\ntypes = ["local.1cpu"] # to be chosen\nreplicates = 2\n'
        "[watch]\npoll_seconds = 0.2\n"
    )
    assert local_cli.cloud is not None
    local_cli.cloud.boto3("ec2").terminate_instances(InstanceIds=local_cli.alive(run))
