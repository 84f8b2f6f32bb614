"""The program as users start it: a process of its own, against a local cloud of the tests' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.local.conftest import FEW_REGIONS, LocalCloud, Start, start_local_cloud

__all__ = ["start_local_cloud"]

PLAN = """
[plan]
types = ["local.1cpu"]
replicates = 2
[safety]
launch_tries = 1
[watch]
poll_seconds = 0.2
"""


@dataclass
class Cli:
    """benchtui with a home and a working folder of its own."""

    home: Path
    state_home: Path
    cwd: Path
    cloud: LocalCloud | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.state_home),
            "LANG": "C.UTF-8",
            # A process beside each command would take the other tests' CPUs; test_sweeping has it.
            "BENCHTUI_SAFETY_SWEEP": "false",
        }

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start it; stdin is no terminal."""
        environment = self.environment | options.pop("env", {})
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(
            [sys.executable, "-m", "benchtui", *arguments],
            cwd=self.cwd,
            env=environment,
            text=True,
            **(streams | options),
        )

    def __call__(
        self, *arguments: str, patience: float = 90, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        with self.start(*arguments, **options) as process:
            try:
                out, err = process.communicate(timeout=patience)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out or "", err or "")

    def configure(self, text: str) -> None:
        (self.cwd / "benchtui.toml").write_text(text)

    def run_detached(self) -> str:
        """A run that is launched and goes on; returns its id."""
        ended = self("run", "--yes", "--detach", "--local")
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def put(self, key: str, content: dict[str, Any]) -> None:
        """Write an object as an instance would."""
        assert self.cloud is not None
        s3 = self.cloud.boto3("s3")
        once = {} if "/heartbeats/" in key else {"IfNoneMatch": "*"}  # the bucket's policy wants it
        s3.put_object(Bucket=self.cloud.bucket, Key=key, Body=json.dumps(content).encode(), **once)

    def instances(self, run: str) -> list[dict[str, Any]]:
        """Instances of a run as an independent client sees them."""
        assert self.cloud is not None
        wanted = [{"Name": "tag:benchtui:run", "Values": [run]}]
        answer = self.cloud.boto3("ec2").describe_instances(Filters=wanted)
        return [row for group in answer["Reservations"] for row in group["Instances"]]

    def alive(self, run: str) -> list[str]:
        """Instances of a run that are neither ending nor ended."""
        rows = self.instances(run)
        return sorted(row["InstanceId"] for row in rows if row["State"]["Name"] in ("pending", "running"))


def last_line(output: str) -> dict[str, Any]:
    """The summary of a JSON Lines stream."""
    content = json.loads(output.splitlines()[-1])
    assert isinstance(content, dict)
    return content


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Without any cloud."""
    cwd = tmp_path / "project"
    cwd.mkdir()
    return Cli(tmp_path, tmp_path / "state", cwd)


@pytest.fixture(scope="session")
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def api_alone(state_home: Path, start_local_cloud: Start) -> LocalCloud:
    """A local cloud whose instances run by a timer; nobody is home in them."""
    return start_local_cloud(
        state_dir=state_home / "benchtui" / "local",
        host=False,
        oversubscribe=True,
        simulate_ec2_types=True,
        regions=FEW_REGIONS,
    )


@pytest.fixture
def local_cli(cli: Cli, state_home: Path, api_alone: LocalCloud) -> Iterator[Cli]:
    """With ``--local`` it finds a cloud whose instances do nothing until the test plays their part."""
    cli.state_home, cli.cloud = state_home, api_alone
    cli.configure(PLAN)
    api_alone.private("DELETE", "faults")
    yield cli
    api_alone.private("DELETE", "faults")


@pytest.fixture(scope="session")
def standing_runs() -> list[str]:
    return []


@pytest.fixture
def standing_run(local_cli: Cli, standing_runs: list[str]) -> str:
    """A launched run for tests that end nothing of it; launched anew if another test has ended it."""
    if not standing_runs or len(local_cli.alive(standing_runs[-1])) != 2:
        standing_runs.append(local_cli.run_detached())
    return standing_runs[-1]
