"""The whole path for real: instances execute their user data, measure, upload and power themselves off."""

import json
from pathlib import Path

import pytest

from tests.local.conftest import Start

from .conftest import Cli

PLAN = """
[plan]
types = ["local.1cpu"]
replicates = 1
[watch]
poll_seconds = 0.5
"""


@pytest.fixture
def hosted_cli(cli: Cli, tmp_path: Path, start_local_cloud: Start) -> Cli:
    cli.state_home = tmp_path / "state"
    cli.cloud = start_local_cloud(state_dir=cli.state_home / "benchtui" / "local")
    cli.configure(PLAN)
    return cli


@pytest.mark.xdist_group("worlds")
def test_a_run_measures_verifies_and_leaves_nothing_behind(hosted_cli: Cli):
    ended = hosted_cli("run", "--yes", "--local", "--json", "--timeout", "4m", patience=300)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    summary = records[-1]
    assert summary["type"] == "summary"
    assert (summary["planned"], summary["measured"], summary["declined"], summary["verified"]) == (1, 1, 0, 1)
    assert summary["plausible"] == 1, summary["rows"]
    assert summary["closed"] is True
    assert summary["still_alive"] == []
    for row in summary["rows"]:
        triad = row["metrics"]["triad.all"]
        assert triad["unit"] == "GB/s"
        assert 0 < triad["median"] <= triad["best"]
    reasons = [record["instance_state_reason"] for record in records if record["type"] == "ended"]
    assert reasons == ["Client.InstanceInitiatedShutdown"]

    # From another home, with nothing but the bucket's name.
    run = summary["run"]
    hosted_cli.home = hosted_cli.home / "other"
    hosted_cli.home.mkdir()
    assert hosted_cli.cloud
    bucket = ("--bucket", hosted_cli.cloud.bucket)
    again = hosted_cli("collect", run, "--local", *bucket, "--results", str(hosted_cli.home / "results"))
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("yes") == 1
    assert "census closed: 1 planned = 1 measured (1 verified) + 0 declined" in again.stdout
    watched = hosted_cli("watch", run, "--local", *bucket)
    assert watched.returncode == 0, watched.stderr
    log = hosted_cli("log", run, "local.1cpu-1", "--follow", "--local", *bucket)
    assert log.returncode == 0, log.stderr
    assert "run all, repetition 0: exited with 0" in log.stdout
    assert log.stdout.splitlines()[-1].endswith("Z COMPLETED")
    known = json.loads(hosted_cli("status", run, "local.1cpu-1", "--local", "--json", *bucket).stdout)
    assert known["sentinels"][-1]["state"] == "COMPLETED"
    assert known["layers"]["timer"]
    assert known["system"]["provider"] == "local"
    assert known["results"]["stream"]["metrics"]["triad.all"]["median"] > 0
    assert (known["results"]["stream"]["plausibility"], known["results"]["stream"]["findings"]) == (
        "plausible",
        [],
    )
    assert known["log_chunks"] > 0
    verified = json.loads(hosted_cli("verify", run, "--local", "--json", *bucket).stdout)
    assert (verified["mismatches"], verified["unchecked"]) == ([], [])
    assert verified["checked"]["results made again from raw output"] == 1
    history = json.loads(hosted_cli("history", "--local", "--json", *bucket).stdout)
    assert [(row["run"], row["verified_and_plausible"]) for row in history["runs"]] == [(run, 1)]
    console = hosted_cli("local", "console", "local.1cpu-1")
    assert console.returncode == 0, console.stderr
    assert console.stdout
