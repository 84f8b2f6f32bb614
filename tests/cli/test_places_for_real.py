"""Waves, regions and the spot market for real: instances that measure and end by themselves."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import LocalCloud, Start

from .conftest import Cli

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("worlds"), pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]
SUITE = """
[suites.mine]
path = "mine"
[watch]
poll_seconds = 0.5
heartbeat_seconds = 5
"""
CODE = "L-1216C47A"


@pytest.fixture
def crowded(cli: Cli, tmp_path: Path, start_local_cloud: Start) -> Iterator[Cli]:
    """A local cloud whose instances share the CPUs: what they measure is not the point here."""
    cli.state_home = tmp_path / "state"
    cli.cloud = start_local_cloud(state_dir=cli.state_home / "benchtui" / "local", oversubscribe=True)
    shutil.copytree(ROOT / "examples" / "own-suite" / "mine", cli.cwd / "mine")
    yield cli
    cli.cloud.private("DELETE", "faults")


def cloud_of(cli: Cli) -> LocalCloud:
    assert cli.cloud is not None
    return cli.cloud


class Followed:
    """A run under way, its events as they come."""

    def __init__(self, cli: Cli, *arguments: str) -> None:
        self.process = cli.start("run", "--yes", "--local", "--json", *arguments, stderr=subprocess.DEVNULL)
        self.events: list[dict[str, Any]] = []
        self._came = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._came:
                self.events.append(json.loads(line))
                self._came.notify_all()

    def until(self, kind: str, count: int = 1, patience: float = 120, **fields: Any) -> list[dict[str, Any]]:
        """The events of a kind, once there are ``count`` of them."""

        def found() -> list[dict[str, Any]]:
            return [
                each
                for each in self.events
                if each["type"] == kind and all(each.get(name) == value for name, value in fields.items())
            ]

        with self._came:
            assert self._came.wait_for(lambda: len(found()) >= count, patience), self.events[-10:]
            return found()

    def summary(self, patience: float = 200) -> dict[str, Any]:
        (summary,) = self.until("summary", patience=patience)
        self.process.wait(30)
        return summary


def test_twenty_vcpus_under_a_quota_of_eight_run_in_waves_and_the_census_is_complete(crowded: Cli) -> None:
    crowded.configure(f'[plan]\ntypes = ["local.1cpu"]\nsuites = ["mine"]\nreplicates = 20\n{SUITE}')
    cloud_of(crowded).private("POST", "quotas", {"values": {CODE: 8}, "region": "us-east-1"})
    shown = crowded("plan", "--local")
    assert "wave 1: 8 jobs 8 vCPU" in shown.stdout
    assert "wave 3: 4 jobs 4 vCPU" in shown.stdout
    assert "request-service-quota-increase" in shown.stdout
    run = Followed(crowded)
    summary = run.summary(patience=300)
    assert (summary["planned"], summary["measured"], summary["declined"]) == (20, 20, 0)
    assert summary["closed"] is True
    assert [each["wave"] for each in run.until("wave", 3)] == [1, 2, 3]
    assert [each for each in run.events if each["type"] == "retry"] == []
    places = {each["job"]: at for at, each in enumerate(run.events) if each["type"] == "launched"}
    ends = sorted(at for at, each in enumerate(run.events) if each["type"] == "ended")
    ninth = sorted(places.values())[8]
    assert ends[0] < ninth, "the ninth began when one of the first eight had ended"


def test_two_regions_measure_and_one_that_is_away_for_a_while_comes_back(crowded: Cli) -> None:
    crowded.configure(
        '[plan]\ntypes = ["local.1cpu"]\nsuites = ["mine"]\nreplicates = 1\n'
        f'regions = ["us-east-1", "eu-west-1"]\n{SUITE}'
    )
    run = Followed(crowded)
    launched = run.until("launched", 2)
    assert {each["region"] for each in launched} == {"us-east-1", "eu-west-1"}
    cloud_of(crowded).private("POST", "faults", {"service": "ec2", "region": "eu-west-1"})
    run.until("stale", source="EC2 eu-west-1")
    run.until("ended", job="local.1cpu-1")
    assert not [each for each in run.events if each["type"] == "ended" and each["job"] == "local.1cpu-2"]
    cloud_of(crowded).private("DELETE", "faults")
    run.until("recovered", source="EC2 eu-west-1")
    summary = run.summary()
    assert (summary["planned"], summary["measured"], summary["closed"]) == (2, 2, True)
    assert run.process.returncode == 0


def test_a_spot_instance_that_is_taken_back_says_so_in_time(crowded: Cli) -> None:
    script = crowded.cwd / "mine" / "mine.py"
    script.write_text("import time\ntime.sleep(90)\n")
    declared = crowded.cwd / "mine" / "payload.toml"
    times = ("expected_seconds = 3, timeout_seconds = 60", "expected_seconds = 100, timeout_seconds = 200")
    declared.write_text(declared.read_text().replace(*times))
    crowded.configure(
        f'[plan]\ntypes = ["local.1cpu"]\nsuites = ["mine"]\nreplicates = 1\nmarket = "spot"\n{SUITE}'
    )
    run = Followed(crowded)
    (launched,) = run.until("launched")
    run.until("state", state="RUNNING")
    cloud_of(crowded).private("POST", f"instances/{launched['instance_id']}/reclaim", {"in_s": 120})
    (ended,) = run.until("ended", patience=60)
    assert ended["instance_state_reason"] == "Client.InstanceInitiatedShutdown", "long before it is taken"
    summary = run.summary()
    assert run.process.returncode == 1
    (row,) = summary["rows"]
    assert row["reason"].startswith("reclaimed: EC2 takes this spot instance back at ")
