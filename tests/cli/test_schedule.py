"""`benchtui schedule`: the files of a machine's own timers, and a run that no machine of ours launches."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.local.conftest import Start

from .conftest import Cli

PLAN = """
[plan]
types = ["local.1cpu"]
replicates = 2
[aws]
starter_role = "benchtui-starter"
[watch]
poll_seconds = 0.5
"""


def test_units_name_this_program_and_are_not_written_over(cli: Cli, tmp_path: Path) -> None:
    cli.configure(PLAN)
    folder = tmp_path / "units"
    asked = (
        "schedule",
        "systemd",
        "--every",
        "week",
        "--on",
        "sat",
        "--at",
        "03:10",
        "--output",
        str(folder),
    )
    written = cli(*asked)
    assert written.returncode == 0, written.stderr
    assert "systemctl --user enable --now benchtui-benchtui.timer" in written.stderr
    service = (folder / "benchtui-benchtui.service").read_text()
    assert f"/benchtui run {cli.cwd}/benchtui.toml --yes\n" in service
    assert "OnCalendar=Sat *-*-* 03:10:00 UTC\n" in (folder / "benchtui-benchtui.timer").read_text()
    if shutil.which("systemd-analyze"):
        units = [str(path) for path in folder.iterdir()]
        checked = subprocess.run(
            ["systemd-analyze", "verify", *units], check=False, capture_output=True, text=True
        )
        assert "Failed to parse" not in checked.stderr and "Invalid" not in checked.stderr
    again = cli(*asked)
    assert again.returncode == 2
    assert "is there already" in again.stderr and "--force" in again.stderr


def test_a_configuration_that_cannot_be_used_makes_no_timer(cli: Cli) -> None:
    cli.configure('[plan]\ntypes = "c7g.large"\n')
    refused = cli("schedule", "cron")
    assert refused.returncode == 2
    assert "plan.types" in refused.stderr
    assert refused.stdout == ""


@pytest.mark.slow
@pytest.mark.xdist_group("worlds")
def test_a_scheduled_run_without_any_launcher_is_collected_from_another_home(
    cli: Cli, tmp_path: Path, start_local_cloud: Start
) -> None:
    cli.state_home = tmp_path / "state"
    cli.cloud = start_local_cloud(state_dir=cli.state_home / "benchtui" / "local")
    cli.configure(PLAN)
    first = f"{datetime.now(UTC) + timedelta(minutes=3):%Y-%m-%dT%H:%MZ}"
    made = cli("schedule", "create", "--first", first, "--yes", "--local", "--json")
    assert made.returncode == 0, made.stderr
    (planned,) = json.loads(made.stdout)["runs"]
    run = planned["run"]
    assert cli.instances(run) == []

    # Time alone passes from here on; no benchtui of ours is alive.
    deadline = time.monotonic() + 480
    while time.monotonic() < deadline:
        states = [row["State"]["Name"] for row in cli.instances(run)]
        if len(states) == 2 and set(states) == {"terminated"}:
            break
        time.sleep(2)
    else:
        pytest.fail(f"instances: {cli.instances(run)}")
    listed = json.loads(cli("schedule", "list", "--local", "--json").stdout)["runs"]
    assert [(row["run"], row["course"]) for row in listed] == [(run, "begun")]

    cli.home = tmp_path / "other"
    cli.home.mkdir()
    bucket = ("--bucket", cli.cloud.bucket)
    collected = cli("collect", run, "--local", *bucket, "--results", str(cli.home / "results"))
    assert collected.returncode == 0, collected.stderr
    assert "census closed: 2 planned = 2 measured (2 verified) + 0 declined" in collected.stdout
    checked = cli("schedule", "check", "--local")
    assert checked.returncode == 0, checked.stderr
