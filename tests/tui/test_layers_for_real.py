"""`status` and the header of the terminal application on one local cloud: the layers as they are.

Schedules, reservations, sweep and reaping are real; the test plays what an instance says of its timers (a
softdog is no local matter) and leaves the record that a drill leaves (`tests/cli/test_drill.py`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from benchtui.core import keys
from benchtui.core.drills import DrillDocument, Loss, LossRecord
from benchtui.core.keys import JobState
from tests.cli.conftest import PLAN, Cli, api_alone, cli, local_cli, start_local_cloud, state_home
from tests.cli.test_jobs import say
from tests.cli.test_layers import DENIED
from tests.engine.fleet import mechanisms
from tests.tui.terminal_session import TerminalSession

__all__ = ["api_alone", "cli", "local_cli", "start_local_cloud", "state_home"]  # fixtures

REGION = "us-east-1"
NONE = dict.fromkeys(mechanisms(), "not armed")
SWEEPS = {"BENCHTUI_SAFETY_SWEEP": "true"}


def drilled(cli: Cli) -> None:
    """The record of a drill that has seen a schedule end an instance here."""
    ended = datetime.now(UTC) - timedelta(hours=1)
    lost = LossRecord(
        loss=Loss.SCHEDULE_ONLY, job="local.1cpu-1", layer=2, by="a schedule", seconds=303, due_seconds=459
    )
    run = f"{ended:%Y%m%d-%H%M%S}-aaaa"
    record = DrillDocument(
        run=run,
        region=REGION,
        instance_type="local.1cpu",
        begun_at=ended - timedelta(minutes=7),
        ended_at=ended,
        worst_case_usd=Decimal(0),
        losses=(lost,),
    )
    cli.put(keys.drill_key(run), json.loads(record.model_dump_json(by_alias=True)))


@pytest.fixture
def safeguarded(local_cli: Cli) -> Iterator[Cli]:
    """A drill was seen, somebody reaps, and a launch does without what it cannot arm."""
    local_cli.configure(PLAN.replace("[safety]", "[safety]\nrequire_layers = []"))
    drilled(local_cli)
    reaped = local_cli("reap", "--yes", "--local")
    assert reaped.returncode == 0, reaped.stderr
    yield local_cli
    assert local_cli.cloud is not None
    local_cli.cloud.private("DELETE", "faults")
    ended = local_cli("kill", "--all", "--local", "--confirm", "123456789012")
    assert ended.returncode == 0, ended.stderr


def launched(cli: Cli, timers: dict[str, str]) -> str:
    """A run whose two instances said so of their timers."""
    run = cli.run_detached()
    for job in ("local.1cpu-1", "local.1cpu-2"):
        say(cli, run, 1, JobState.BOOTED, job, layers=timers)
    return run


def status(cli: Cli, run: str) -> dict[int, tuple[str, str]]:
    """State and reason by layer, as `status --json` has them, once the sweep beside it has answered."""
    until = time.monotonic() + 60
    while True:
        told = json.loads(cli("status", run, "--local", "--json", env=SWEEPS).stdout)
        found = {each["number"]: (each["state"], each["why"]) for each in told["layers"]}
        if "no sweep" not in found[4][1] or time.monotonic() > until:
            return found
        time.sleep(0.5)


def shown(cli: Cli, run: str) -> str:
    return cli("status", run, "--local", env=SWEEPS | {"COLUMNS": "160"}).stdout


def in_header(cli: Cli, run: str, counted: str) -> str:
    """The screen of the terminal application once its header counts so many layers."""
    command = [sys.executable, "-m", "benchtui", "--local", "--read-only", "--run", run]
    with TerminalSession(command, cli.environment | {"TERM": "xterm-256color"}, cli.cwd) as terminal:
        screen = terminal.wait_for(lambda screen: run in screen and f"layers {counted}" in screen, 60)
        terminal.settle()
        assert f"layers {counted}" in terminal.text(), "it stays so"
        return screen


@pytest.mark.slow
def test_header_and_status_show_the_layers_as_they_are(safeguarded: Cli) -> None:
    cli = safeguarded
    assert cli.cloud is not None
    run = launched(cli, mechanisms())
    assert {number: state for number, (state, _) in status(cli, run).items()} == dict.fromkeys(
        range(1, 6), "armed"
    )
    table = shown(cli, run)
    print(table)
    assert "layers that end an instance, armed: 5 of 5" in table
    print(in_header(cli, run, "5/5").splitlines()[0:2])

    run = launched(cli, NONE)
    found = status(cli, run)
    assert found.pop(1) == ("not armed", "no mechanism is armed; 2 of 2 spoke")
    assert {state for state, _ in found.values()} == {"armed"}
    table = shown(cli, run)
    print(table)
    assert "armed: 4 of 5" in table
    assert "no mechanism is armed; 2 of 2 spoke" in table
    in_header(cli, run, "4/5")

    run = launched(cli, mechanisms("softdog"))
    assert status(cli, run)[1] == ("in part", "not armed: softdog")
    in_header(cli, run, "4/5")

    cli.cloud.private("POST", "faults", DENIED)
    run = launched(cli, mechanisms())
    found = status(cli, run)
    state, why = found.pop(2)
    assert state == "not armed"
    assert "AccessDeniedException" in why
    assert "scheduler:CreateSchedule" in why
    assert {state for state, _ in found.values()} == {"armed"}
    table = shown(cli, run)
    print(table)
    assert "armed: 4 of 5" in table
    in_header(cli, run, "4/5")
