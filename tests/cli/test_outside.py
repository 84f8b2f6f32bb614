"""Nobody is left: the launcher is killed, the instance stands still, and the account ends it on time."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchtui.core.deadlines import LATEST
from benchtui.local.state import LocalState, state_path
from tests.cli.conftest import Cli
from tests.local.conftest import Start

PLAN = """
[plan]
types = ["local.1cpu"]
replicates = 1
[safety]
max_runtime = "30s"
emergency_grace = "80s"
boot_allowance = "0s"
[watch]
poll_seconds = 0.5
"""


def descendants(pid: int) -> list[int]:
    """Every process below ``pid``: the worlds of a host's instances, from their first process on."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, left = [], [pid]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


@pytest.mark.slow
@pytest.mark.xdist_group("worlds")
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_an_instance_that_stands_still_is_ended_though_its_launcher_was_killed(
    cli: Cli, tmp_path: Path, start_local_cloud: Start
) -> None:
    cli.state_home = tmp_path / "state"
    directory = cli.state_home / "benchtui" / "local"
    cli.cloud = start_local_cloud(state_dir=directory)
    cli.configure(PLAN)
    process = cli.start("run", "--yes", "--local")
    ec2, scheduler = cli.cloud.boto3("ec2"), cli.cloud.boto3("scheduler")

    def instance() -> dict[str, object] | None:
        rows = [row for group in ec2.describe_instances()["Reservations"] for row in group["Instances"]]
        return rows[0] if rows else None

    def running() -> bool:
        row = instance()
        return row is not None and row["State"]["Name"] == "running"  # type: ignore[index]

    def wait(condition: object, patience_s: float) -> None:
        until = time.monotonic() + patience_s
        while not condition():  # type: ignore[operator]
            assert time.monotonic() < until
            time.sleep(0.2)

    wait(running, 60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    host = LocalState.read(state_path(directory))
    assert host is not None and host.host_pid is not None
    stopped = descendants(host.host_pid)
    assert stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)  # its timers with it

    row = instance()
    assert row is not None
    tags = {tag["Key"]: tag["Value"] for tag in row["Tags"]}  # type: ignore[attr-defined]
    expires = datetime.fromisoformat(tags["benchtui:expires"])
    names = [s["Name"] for s in scheduler.list_schedules(NamePrefix="benchtui.")["Schedules"]]
    assert f"benchtui.{tags['benchtui:run']}" in names
    wait(lambda: datetime.now(UTC) > expires, 200)
    assert running(), "nothing inside has ended it"

    wait(lambda: not running(), 400)
    late = datetime.now(UTC) - expires
    print(f"ended {late.total_seconds():.0f} s after its end")
    assert timedelta(0) < late <= LATEST + timedelta(seconds=10)
    row = instance()
    assert row is not None
    assert row["StateReason"]["Code"] == "Client.UserInitiatedShutdown"  # type: ignore[index]
    wait(lambda: not scheduler.list_schedules(NamePrefix="benchtui.")["Schedules"], 150)
