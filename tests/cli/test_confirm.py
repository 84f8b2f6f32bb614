"""A suspected change settled for real: fresh instances of the local cloud against a made-up level."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchtui.core import keys
from benchtui.core.document_fields import to_json
from benchtui.core.keys import JobState, Sentinel
from tests import comparing
from tests.engine import fleet
from tests.local.conftest import Start

from .conftest import Cli, last_line

TYPE, SUITE, METRIC = "local.1cpu", "steady", "steady/speed.one"
PLAN = f"""
[plan]
types = ["{TYPE}"]
suites = ["{SUITE}"]
replicates = 1
[suites.{SUITE}]
path = "{SUITE}"
[watch]
poll_seconds = 0.3
"""
PAYLOAD = f"""schema = "benchtui.payload/1"
name = "{SUITE}"
title = "The same speed wherever it runs"
version = 1
runs = [{{ name = "main", argv = ["python3", "steady.py"] }}]
[modes.quick]
expected_seconds = 1
timeout_seconds = 30
[metrics."speed.one"]
unit = "MB/s"
higher_is_better = true
normalises = "thread"
[verification]
checks = ["sound"]
"""
PROGRAM = """import json, random
for _ in range(3):
    print(json.dumps({"sample": "speed.one", "value": random.gauss(50, 0.05), "seconds": 0.1}))
print(json.dumps({"check": "sound", "ok": True}))
"""
JOBS = tuple(f"{TYPE}-{n}" for n in (1, 2))


@pytest.fixture
def hosted_cli(cli: Cli, tmp_path: Path, start_local_cloud: Start) -> Cli:
    cli.state_home = tmp_path / "state"
    cli.cloud = start_local_cloud(state_dir=cli.state_home / "benchtui" / "local", oversubscribe=True)
    cli.configure(PLAN)
    (cli.cwd / SUITE).mkdir()
    (cli.cwd / SUITE / "payload.toml").write_text(PAYLOAD)
    (cli.cwd / SUITE / "steady.py").write_text(PROGRAM)
    return cli


def put_night(cli: Cli, day: int, speed: float) -> str:
    """A run of ``30 - day`` days ago with two instances at this speed."""
    assert cli.cloud is not None
    at = (datetime.now(UTC) - timedelta(days=30 - day)).replace(microsecond=0)
    jobs = [fleet.planned(job, suites=(SUITE,)) for job in JOBS]
    run = fleet.run_of(jobs, run=f"{at:%Y%m%d-%H%M%S}-aaaa", created_at=at, regions=("us-east-1",))
    s3 = cli.cloud.boto3("s3")

    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket=cli.cloud.bucket, Key=key, Body=body, IfNoneMatch="*")  # type: ignore[union-attr]

    put(keys.run_json_key(run.run), to_json(run))
    for number, job in enumerate(JOBS):
        rng = random.Random(10 * day + number)  # equal samples of two instances are not plausible
        values = [rng.gauss(speed, 0.05) for _ in range(3)]
        metric = {
            "unit": "MB/s",
            "higher_is_better": True,
            "samples": [{"value": value, "seconds": 0.1} for value in values],
        }
        result = comparing.document(
            run,
            job,
            suite=SUITE,
            metrics={"speed.one": metric},
            provider="local",
            region="us-east-1",
            instance_id=f"i-{day}-{number}",
        )
        put(keys.result_key(run.run, job, SUITE), to_json(result))
        put(Sentinel(at + timedelta(minutes=5), job, 1, JobState.COMPLETED).key(run.run), b"{}")
    return run.run


@pytest.mark.slow
@pytest.mark.xdist_group("worlds")
def test_a_suspected_change_is_confirmed_by_fresh_instances(hosted_cli: Cli) -> None:
    before = [put_night(hosted_cli, day, 70.0) for day in range(8)]
    put_night(hosted_cli, 8, 50.0)
    listed = hosted_cli("confirm", "--local")
    assert listed.returncode == 0, listed.stderr
    assert "suspect" in listed.stdout, listed.stdout + listed.stderr
    assert "worse since" in listed.stdout
    refused = hosted_cli("confirm", "--local", "--metric", METRIC, "--type", TYPE)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    which = ("--metric", METRIC, "--type", TYPE, "--replicates", "2")
    ended = hosted_cli("confirm", "--local", *which, "--yes", "--json", "--timeout", "5m", patience=400)
    assert ended.returncode == 7, ended.stderr + ended.stdout
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    (said,) = [record for record in records if record["type"] == "confirmation"]
    assert (said["state"], said["instances"]) == ("confirmed", 2)
    assert said["ratio"] == pytest.approx(50 / 70, rel=0.01)
    assert last_line(ended.stdout)["exit_code"] == 7
    # What it was launched for stands in its run.json, so anybody else comes to the same.
    hosted_cli.home = hosted_cli.home / "other"
    hosted_cli.home.mkdir()
    assert hosted_cli.cloud
    bucket = ("--local", "--bucket", hosted_cli.cloud.bucket)
    again = hosted_cli("history", *bucket, "--metric", METRIC, "--fail-on-regression", "--json")
    assert again.returncode == 7, again.stderr
    (series,) = json.loads(again.stdout)["series"]
    assert [change["state"] for change in series["changes"]] == ["confirmed"]
    assert before[0] in [run["run"] for run in series["runs"]]
    assert "waits to be confirmed" in hosted_cli("confirm", *bucket).stdout
    # And the run itself is what was measured.
    (run,) = [record["run"] for record in records if record["type"] == "run"]
    verified = json.loads(hosted_cli("verify", run, "--json", *bucket).stdout)
    assert verified["ok"], verified["mismatches"]
