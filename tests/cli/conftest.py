"""The program as users start it, against a local cloud of the tests' own.

A process takes the better part of a second to import what a command needs, so commands whose process is not
what a test is about run in the tests' own.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchtui.cli.main import main
from tests.local.conftest import FEW_REGIONS, LocalCloud, Start, start_local_cloud

__all__ = ["start_local_cloud"]

SWEEP = "BENCHTUI_SAFETY_SWEEP"
PLAN = """
[plan]
types = ["local.1cpu"]
replicates = 2
[safety]
launch_tries = 1
[watch]
poll_seconds = 0.2
"""


def _needs_a_process(environment: Mapping[str, str]) -> bool:
    """Whether it says something to the interpreter, or asks for a look that a process takes only once."""
    if any(name.startswith("PYTHON") or name == SWEEP for name in environment):
        return True
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True  # the command has a loop of its own


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _streams() -> Iterator[tuple[io.TextIOWrapper, io.TextIOWrapper]]:
    """What a process has whose output is read through pipes, and whose stdin is no terminal."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    before = sys.stdin
    with (
        Path(os.devnull).open(encoding="utf-8") as nothing,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        sys.stdin = nothing
        try:
            yield out, err
        finally:
            sys.stdin = before


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


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
            SWEEP: "false",
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
        self, *arguments: str, env: Mapping[str, str] | None = None, **of_a_process: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end: here, unless its streams, its interpreter or its patience are what matters."""
        given = env or {}
        if of_a_process or _needs_a_process(given):
            return self.alone(*arguments, env=given, **of_a_process)
        with contextlib.chdir(self.cwd), _environment(self.environment | given), _streams() as (out, err):
            code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, _text(out), _text(err))

    def alone(
        self, *arguments: str, patience: float = 90, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end in a process of its own."""
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
