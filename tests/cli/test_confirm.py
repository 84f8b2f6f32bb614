"""A suspected change settled for real: fresh instances of the local cloud against a made-up level."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchtui.core import keys
from benchtui.core.documents import to_json
from benchtui.core.keys import JobState, Sentinel
from tests import comparing
from tests.local.conftest import Start

from .conftest import Cli, last_line

PLAN = """
[plan]
types = ["local.1cpu"]
replicates = 1
[watch]
poll_seconds = 0.5
"""
TYPE, TRIAD_BYTES = "local.1cpu", 24e8
JOBS = tuple(f"{TYPE}-{n}" for n in (1, 2))


@pytest.fixture
def hosted_cli(cli: Cli, tmp_path: Path, start_local_cloud: Start) -> Cli:
    cli.state_home = tmp_path / "state"
    cli.cloud = start_local_cloud(state_dir=cli.state_home / "benchtui" / "local", oversubscribe=True)
    cli.configure(PLAN)
    return cli


def put_night(cli: Cli, day: int, gb_per_s: float, version: str) -> str:
    """A run of ``day`` days ago with two instances at this level."""
    assert cli.cloud is not None
    at = (datetime.now(UTC) - timedelta(days=30 - day)).replace(microsecond=0)
    run = comparing.run_of(*JOBS, run=f"{at:%Y%m%d-%H%M%S}-aaaa", created_at=at, regions=("us-east-1",))
    s3 = cli.cloud.boto3("s3")

    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket=cli.cloud.bucket, Key=key, Body=body, IfNoneMatch="*")  # type: ignore[union-attr]

    put(keys.run_json_key(run.run), to_json(run))
    for number, job in enumerate(JOBS):
        values = [gb_per_s * (1 + (number + day % 3 + n) * 0.0007) for n in range(3)]
        samples = [{"value": one, "seconds": TRIAD_BYTES / one / 1e9, "bytes": TRIAD_BYTES} for one in values]
        metric = {"unit": "GB/s", "higher_is_better": True, "samples": samples, "headline": 0}
        result = comparing.document(
            run,
            job,
            metrics={"triad.all": metric},
            provider="local",
            region="us-east-1",
            suite_version=version,
        )
        put(keys.result_key(run.run, job, "stream"), to_json(result))
        put(Sentinel(at + timedelta(minutes=5), job, 1, JobState.COMPLETED).key(run.run), b"{}")
    return run.run


@pytest.mark.slow
@pytest.mark.xdist_group("worlds")
def test_a_suspected_change_is_confirmed_by_fresh_instances(hosted_cli: Cli) -> None:
    first = hosted_cli("run", "--yes", "--local", "--json", "--timeout", "4m", patience=300)
    assert first.returncode == 0, first.stderr + first.stdout
    shown = json.loads(hosted_cli("history", "--local", "--metric", "triad.all", "--json").stdout)
    (series,) = shown["series"]
    real = series["runs"][0]["value"]
    # The level before: 40 % above what this machine can; then a drop to where it is.
    before = [put_night(hosted_cli, day, real * 1.4, series["suite_version"]) for day in range(8)]
    put_night(hosted_cli, 8, real, series["suite_version"])
    listed = hosted_cli("confirm", "--local")
    assert listed.returncode == 0, listed.stderr
    assert "suspect" in listed.stdout
    assert "worse since" in listed.stdout
    refused = hosted_cli("confirm", "--local", "--metric", "triad.all", "--type", TYPE)
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    which = ("--metric", "triad.all", "--type", TYPE, "--replicates", "2")
    ended = hosted_cli("confirm", "--local", *which, "--yes", "--json", "--timeout", "5m", patience=400)
    assert ended.returncode == 7, ended.stderr + ended.stdout
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    (said,) = [record for record in records if record["type"] == "confirmation"]
    assert (said["state"], said["instances"]) == ("confirmed", 2)
    assert said["ratio"] == pytest.approx(1 / 1.4, rel=0.2)
    assert last_line(ended.stdout)["exit_code"] == 7
    # What it was launched for stands in its run.json, so anybody else comes to the same.
    hosted_cli.home = hosted_cli.home / "other"
    hosted_cli.home.mkdir()
    assert hosted_cli.cloud
    again = hosted_cli(
        "history", "--local", "--bucket", hosted_cli.cloud.bucket, "--metric", "triad.all",
        "--fail-on-regression", "--json",
    )  # fmt: skip
    assert again.returncode == 7, again.stderr
    (series,) = json.loads(again.stdout)["series"]
    assert [change["state"] for change in series["changes"]] == ["confirmed"]
    assert before[0] in [run["run"] for run in series["runs"]]
    assert (
        "waits to be confirmed"
        in hosted_cli("confirm", "--local", "--bucket", hosted_cli.cloud.bucket).stdout
    )
