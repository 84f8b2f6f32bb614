"""Every command looks for what should have ended, waits for nothing, and `reap` ends it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, last_line

OLD_RUN = "20200101-000000-aged"
LOOK = {"BENCHTUI_SAFETY_SWEEP": "true"}


def launch(cli: Cli, region: str, **tags: str) -> str:
    assert cli.cloud is not None
    given = {"LaunchedBy": "AsyncBenchmarkLauncher"} | {
        f"benchtui:{key}": value for key, value in tags.items()
    }
    listed = [{"Key": key, "Value": value} for key, value in given.items()]
    answer = cli.cloud.boto3("ec2", region).run_instances(
        ImageId=cli.cloud.image(region),
        InstanceType="c7i.large",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": listed}],
    )
    return str(answer["Instances"][0]["InstanceId"])


def state(cli: Cli, region: str, instance_id: str) -> str:
    assert cli.cloud is not None
    answer = cli.cloud.boto3("ec2", region).describe_instances(InstanceIds=[instance_id])
    return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


@pytest.fixture
def expired(local_cli: Cli) -> Iterator[str]:
    """In another region than the one that is configured."""
    name = launch(local_cli, "eu-west-1", run=OLD_RUN, job="c7i.large-1", expires="2020-01-01T04:00:00Z")
    yield name
    assert local_cli.cloud is not None
    local_cli.cloud.private("DELETE", "faults")
    local_cli.cloud.boto3("ec2", "eu-west-1").terminate_instances(InstanceIds=[name])


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def records(cli: Cli) -> list[Path]:
    return list(cli.home.glob(".cache/benchtui/local/sweeps/*.json"))


def looking(cli: Cli, *arguments: str) -> subprocess.CompletedProcess[str]:
    return cli(*arguments, "--local", env=LOOK)


@pytest.mark.long
def test_a_command_begins_a_look_and_the_next_one_tells_of_it(local_cli: Cli, expired: str) -> None:
    first = looking(local_cli, "runs", "--json")
    assert first.returncode == 0, first.stderr
    json.loads(first.stdout)
    wait_until(lambda: records(local_cli))
    second = looking(local_cli, "runs", "--json")
    assert json.loads(second.stdout).keys() == json.loads(first.stdout).keys()
    # Other tests of the same cloud may have left some of their own.
    assert re.search(r"EXPIRED: [1-9]\d* instances? (was|were) alive after benchtui:expires", second.stderr)
    assert f"{expired} c7i.large in eu-west-1, {OLD_RUN} c7i.large-1, due 2020-01-01 04:00Z" in second.stderr
    assert "fix: benchtui reap --yes --local" in second.stderr
    written = records(local_cli)[0].stat().st_mtime_ns
    looking(local_cli, "runs")
    assert records(local_cli)[0].stat().st_mtime_ns == written, "it holds for a minute"


@pytest.mark.slow
def test_a_look_that_is_refused_fails_nothing_and_says_nothing(local_cli: Cli, expired: str) -> None:
    assert local_cli.cloud is not None
    local_cli.cloud.private("POST", "faults", {"service": "ec2", "status": 403})
    assert looking(local_cli, "runs").returncode == 0
    wait_until(lambda: records(local_cli))
    ended = looking(local_cli, "runs")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.slow
def test_no_command_waits_for_its_look(local_cli: Cli) -> None:
    assert local_cli.cloud is not None
    local_cli.cloud.private(
        "POST", "faults", {"service": "ec2", "action": "DescribeRegions", "latency_s": 20}
    )
    begun = time.monotonic()
    assert looking(local_cli, "runs").returncode == 0
    assert time.monotonic() - begun < 20
    assert not records(local_cli)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff" * 100, b'{"schema":"benchtui.sweep/9"}'])
def test_a_record_that_cannot_be_read_is_none(cli: Cli, content: bytes, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from benchtui.engine.sweep_record import read_record

    file = tmp_path / "record.json"
    file.write_bytes(content)
    assert read_record(file, datetime.now(UTC)) is None
    assert read_record(tmp_path / "none.json", datetime.now(UTC)) is None


@pytest.mark.long
def test_help_and_offline_look_at_nothing(cli: Cli) -> None:
    cli.configure('[plan]\ntypes = ["c7g.large"]\n')
    environment = LOOK | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "us-east-1"}
    for arguments in (["--help"], ["reap", "--help"], ["plan", "--offline"], ["config", "show"]):
        assert cli(*arguments, env=environment).returncode == 0
    assert not list(cli.home.glob(".cache/benchtui/**/sweeps"))


@pytest.mark.long
def test_reap_shows_and_ends_nothing_unless_it_is_told_to(local_cli: Cli, expired: str) -> None:
    shown = local_cli("reap", "--local")
    assert shown.returncode == 6
    assert expired in shown.stdout
    assert "benchtui reap --yes --local" in shown.stderr
    told = local_cli("reap", "--local", "--json")
    found = json.loads(told.stdout)
    assert told.returncode == found["exit_code"] == 6
    assert expired in [row["instance_id"] for row in found["expired"]]
    assert found["unanswered"] == {}
    assert state(local_cli, "eu-west-1", expired) in ("pending", "running")


@pytest.mark.slow
def test_reap_ends_what_has_expired_and_nothing_else(local_cli: Cli, expired: str) -> None:
    in_time = launch(local_cli, "eu-west-1", run=OLD_RUN, job="c7i.large-2", expires="2099-01-01T00:00:00Z")
    ended = local_cli("reap", "--yes", "--local", "--json")
    report = last_line(ended.stdout)
    assert (ended.returncode, report["scope"], report["proven"]) == (0, "expired", True), ended.stderr
    assert state(local_cli, "eu-west-1", expired) in ("shutting-down", "terminated")
    assert state(local_cli, "eu-west-1", in_time) in ("pending", "running")
    assert local_cli("reap", "--local").returncode == 0
    assert local_cli.cloud is not None
    local_cli.cloud.boto3("ec2", "eu-west-1").terminate_instances(InstanceIds=[in_time])


@pytest.mark.slow
def test_a_region_that_does_not_answer_is_no_region_without_expired(local_cli: Cli) -> None:
    assert local_cli.cloud is not None
    fault = {"service": "ec2", "action": "DescribeInstances", "region": "eu-west-2", "status": 403}
    local_cli.cloud.private("POST", "faults", fault)
    shown = local_cli("reap", "--local")
    assert shown.returncode == 6
    assert "1 did not answer" in shown.stdout
    ended = local_cli("reap", "--yes", "--local")
    assert ended.returncode == 6
    assert "eu-west-2: UnauthorizedOperation" in ended.stderr
