"""`kill` by selection and for all, with its questions; `cost` of a run and of everything that is alive."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benchtui.cli.main import main
from benchtui.engine.connection import Connection
from tests.cli.conftest import Cli, last_line
from tests.schema_checks import exactly

ACCOUNT = "123456789012"
NO_RUN = "20200101-000000-aaaa"


def on_a_terminal(cli: Cli, *arguments: str, typed: str, prompt: bytes = b"to end them: ") -> tuple[int, str]:
    """The program on a terminal where a person types a line; exit code and what was on the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchtui", *arguments],
        cwd=cli.cwd,
        env=cli.environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    asked = False
    with process:
        while True:
            try:
                read = os.read(ours, 4096)
            except OSError:
                break
            if not read:
                break
            seen += read
            if not asked and prompt in seen:
                asked = True
                os.write(ours, typed.encode() + b"\n")
    os.close(ours)
    return process.returncode, seen.decode(errors="replace")


def test_what_is_to_be_killed_must_be_said(local_cli: Cli) -> None:
    nothing = local_cli("kill", "--local", "--confirm", "x")
    assert nothing.returncode == 2
    assert "--all" in nothing.stderr
    assert local_cli("kill", NO_RUN, "--all", "--local", "--confirm", ACCOUNT).returncode == 2
    assert local_cli("kill", NO_RUN, "--job", "no job", "--local", "--confirm", NO_RUN).returncode == 2


def test_a_kill_that_breaks_off_says_what_may_be_running(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("nobody foresaw it")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(Connection, "kill", broken)
    assert main(["kill", NO_RUN, "--confirm", NO_RUN, "--json"]) == 6
    told = capsys.readouterr()
    assert "instances may still be running" in told.err
    assert "nobody foresaw it" in told.err
    assert last_line(told.out)["exit_code"] == 6


def test_a_mistake_that_is_none_of_its_business_keeps_nobody_from_killing(
    local_cli: Cli, standing_run: str
) -> None:
    assert local_cli.cloud is not None
    local_cli.configure("[plan]\ntypes = 1\n[nothing]\nlike = 'it'\n")
    environment = local_cli.cloud.environment
    refused = local_cli("status", standing_run, env=environment)
    assert refused.returncode == 2
    assert "configuration:" in refused.stderr
    swept = local_cli("reap", env=environment)
    assert "live instances have expired" in swept.stdout, swept.stderr
    unknown = local_cli("kill", standing_run, "--job", "x.y-9", "--confirm", standing_run, env=environment)
    assert f"{standing_run} has no job x.y-9" in unknown.stderr


def test_all_demands_the_account_and_another_one_ends_nothing(local_cli: Cli, standing_run: str) -> None:
    run = standing_run
    unasked = local_cli("kill", "--all", "--local")
    assert unasked.returncode == 2
    assert "ACCOUNT_ID" in unasked.stderr
    wrong = local_cli("kill", "--all", "--local", "--confirm", "000000000000")
    assert wrong.returncode == 2
    assert "nothing was ended" in wrong.stderr
    assert len(local_cli.alive(run)) == 2


def test_a_job_the_run_has_not_is_refused_and_not_proven_gone(local_cli: Cli, standing_run: str) -> None:
    run = standing_run
    ended = local_cli("kill", run, "--job", "local.1cpu-7", "--local", "--confirm", run)
    assert ended.returncode == 2
    assert "has no job local.1cpu-7" in ended.stderr
    assert len(local_cli.alive(run)) == 2


@pytest.mark.slow
def test_a_selection_then_everything(local_cli: Cli) -> None:
    run = local_cli.run_detached()
    ended = local_cli("kill", run, "--job", "local.1cpu-2", "--local", "--json", "--confirm", run)
    report = last_line(ended.stdout)
    assert ended.returncode == 0, ended.stderr
    assert (report["scope"], report["run"], report["jobs"]) == ("selection", run, ["local.1cpu-2"])
    assert len(local_cli.alive(run)) == 1
    other = local_cli.run_detached()
    ended = local_cli("kill", "--all", "--local", "--json", "--confirm", ACCOUNT)
    report = last_line(ended.stdout)
    assert ended.returncode == report["exit_code"] == 0, ended.stderr
    assert (report["scope"], report["run"], report["jobs"]) == ("all", None, None)
    home = next(row for row in report["regions"] if row["region"] == "us-east-1")
    assert set(home["gone"]) == set(home["shutting_down"]) | set(home["terminated"])
    assert local_cli.alive(run) == local_cli.alive(other) == []


@pytest.mark.slow
def test_a_terminal_shows_what_would_end_and_a_wrong_token_ends_nothing(local_cli: Cli) -> None:
    run = local_cli.run_detached()
    code, seen = on_a_terminal(local_cli, "kill", run, "--local", typed="nope")
    assert code == 2
    assert "Terminate 2 instances" in seen
    assert f"benchtui:run={run}" in seen
    assert "us-east-1" in seen
    assert "not confirmed; nothing was ended" in seen
    assert len(local_cli.alive(run)) == 2
    code, seen = on_a_terminal(local_cli, "kill", run, "--local", typed=run[-4:])
    assert code == 0
    assert "every instance is proven gone" in seen
    assert local_cli.alive(run) == []


def test_the_cost_of_a_run_is_told_with_its_basis_and_its_layers(local_cli: Cli, standing_run: str) -> None:
    run = standing_run
    ended = local_cli("cost", run, "--local", "--json")
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    exactly("cost", told)
    assert told["live"] == 2
    assert Decimal(told["spent_usd"]) >= 0
    assert {price["basis"] for price in told["prices"]}
    assert {layer["number"]: layer["state"] for layer in told["layers"]}[2] == "unproven"
    assert [part["instance_type"] for part in told["types"]] == ["local.1cpu"]
    assert told["series"][-1]["usd"] == told["spent_usd"]
    shown = local_cli("cost", run, "--local").stdout
    assert "held in reserve" in shown
    assert "armed, no drill yet: tag " in shown


def test_the_cost_of_everything_names_runs_and_instances(local_cli: Cli, standing_run: str) -> None:
    run = standing_run
    told = json.loads(local_cli("cost", "--local", "--json").stdout)
    exactly("cost", told)
    assert run in {row["run"] for row in told["runs"]}
    mine = [row for row in told["instances"] if row["run"] == run]
    assert sorted(row["instance_id"] for row in mine) == local_cli.alive(run)
    assert all(row["orphaned"] is None for row in mine)
    shown = local_cli("cost", "--local")
    assert run in shown.stdout
    assert "total" in shown.stdout


def test_the_cost_of_no_run_is_a_usage_error(local_cli: Cli) -> None:
    assert local_cli("cost", NO_RUN, "--local").returncode == 2
    assert local_cli("cost", "nonsense", "--local").returncode == 2
