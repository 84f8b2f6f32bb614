"""A full disk for this machine's own files: nothing is launched unrecorded, and ending needs no disk."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Cli

SIZE_KIB = 256
#: Beside these no test may run that compares the machine's mounts before and after.
pytestmark = [pytest.mark.xdist_group("worlds"), pytest.mark.slow]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, mounted for this test."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KIB}k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting takes root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill the disk but for ``leave`` bytes; the file that does."""
    file = disk / "fill"
    with file.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(b"\0" * 4096)
        except OSError:
            pass
        os.truncate(file, max(0, stream.tell() - leave))
    return file


def with_ledger_on(cli: Cli, disk: Path) -> None:
    """Have the ledger, and it alone, lie on that disk: the local cloud's files lie beside it."""
    ledger = cli.state_home / "benchtui" / "ledger"
    ledger.parent.mkdir(parents=True, exist_ok=True)
    if ledger.is_symlink():
        ledger.unlink()
    elif ledger.exists():
        ledger.rename(ledger.with_name(f"ledger-{disk.parent.name}"))
    (disk / "ledger").mkdir(mode=0o700)
    ledger.symlink_to(disk / "ledger")


def test_a_full_disk_launches_nothing_and_a_kill_needs_none(local_cli: Cli, small_disk: Path) -> None:
    try:
        with_ledger_on(local_cli, small_disk)
        running = local_cli.run_detached()
        filler = fill(small_disk)

        refused = local_cli("run", "--yes", "--detach", "--local", "--json")
        assert refused.returncode != 0
        assert "No space left on device" in refused.stdout + refused.stderr
        assert "Traceback" not in refused.stderr
        run = _newest(local_cli)
        assert run != running
        assert local_cli.instances(run) == [], "no launch without its line in the ledger"

        assert local_cli("status", "--local").returncode == 0
        assert len(local_cli.alive(running)) == 2
        ended = local_cli("kill", running, "--local", "--confirm", running)
        assert ended.returncode == 0, ended.stderr
        assert local_cli.alive(running) == []

        filler.unlink()
        resumed = local_cli("run", "--yes", "--detach", "--local", "--resume", run)
        assert resumed.returncode == 0, resumed.stderr
        assert len(local_cli.alive(run)) == 2, "with room again it goes on"
        local_cli("kill", run, "--local", "--confirm", run)
    finally:
        (local_cli.state_home / "benchtui" / "ledger").unlink(missing_ok=True)


def test_results_that_do_not_fit_are_said_to_and_come_with_room(local_cli: Cli, small_disk: Path) -> None:
    run = local_cli.run_detached()
    results = small_disk / "results"
    filler = fill(small_disk)
    environment = {"BENCHTUI_OUTPUT_RESULTS_DIR": str(results)}
    refused = local_cli("collect", run, "--local", env=environment)
    assert refused.returncode != 0
    assert "No space left on device" in refused.stderr
    assert "results_dir" in refused.stderr
    assert "Traceback" not in refused.stderr
    filler.unlink()
    assert "census" in " ".join(path.name for path in _collected(local_cli, run, environment, results))
    local_cli("kill", run, "--local", "--confirm", run)


def _collected(cli: Cli, run: str, environment: dict[str, str], results: Path) -> list[Path]:
    ended = cli("collect", run, "--local", env=environment)
    assert "No space" not in ended.stderr
    return list((results / run).rglob("*"))


def _newest(cli: Cli) -> str:
    assert cli.cloud is not None
    s3 = cli.cloud.boto3("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=cli.cloud.bucket, Prefix="benchmarks/")
    return max(row["Key"].split("/")[1] for page in pages for row in page.get("Contents", ()))
