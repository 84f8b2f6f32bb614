"""Limits hold by whatever mechanism there is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchtui.local.host import limits
from benchtui.local.host.limits import Budget, CgroupV1, CgroupV2

from . import worlds
from .worlds import run

OFF = "poweroff -f\n"
BUDGET = Budget((0, 2), 1 << 30, 100, 1 << 30)


def v2_tree(root: Path, controllers: str = "cpuset cpu io memory pids") -> Path:
    """What the files of a cgroup v2 hierarchy look like to someone who writes them."""
    os.makedirs(root, exist_ok=True)
    (root / "cgroup.controllers").write_text(controllers)
    (root / "cgroup.subtree_control").write_text("")
    return root


def test_cgroup_v2_writes_the_documented_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = v2_tree(tmp_path / "cgroup")
    made = Path.mkdir

    def mkdir(self: Path, *args: object, **kwargs: object) -> None:
        made(self, *args, **kwargs)  # type: ignore[arg-type]
        v2_tree(self)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    enforcement = CgroupV2(parent, "scope").prepare("i-1", BUDGET)
    directory = parent / "benchtui/scope/i-1"
    assert enforcement.join == (str(directory),)
    assert enforcement.view == {"": str(directory)}
    assert (directory / "memory.max").read_text() == str(1 << 30)
    assert (directory / "memory.swap.max").read_text() == "0"
    assert (directory / "pids.max").read_text() == "100"
    assert (directory / "cpuset.cpus").read_text() == "0,2"


def test_cgroup_v2_without_memory_or_pids_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="without memory and pids"):
        CgroupV2(v2_tree(tmp_path / "cgroup", "hugetlb"), "scope")


def test_cgroup_v1_without_pids_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="pids"):
        CgroupV1({"memory": tmp_path}, "scope")


def test_a_scope_in_use_is_not_swept() -> None:
    assert limits.own_scope("x").endswith(f"-{os.getpid()}-{limits._start_time(os.getpid())}-x")
    assert not limits._is_abandoned(limits.own_scope())
    namespace = limits.own_scope().split("-")[0]
    assert limits._is_abandoned(f"{namespace}-{os.getpid()}-1")
    assert not limits._is_abandoned("1-2-3")  # of another pid namespace: not ours to judge
    assert not limits._is_abandoned("something-else")


def needs(rung: str) -> None:
    report = next(r for r in worlds.ladder(rung).rungs if r.rung == rung)  # type: ignore[arg-type]
    if not report.works:
        pytest.skip(f"{rung}: {report.reason}")


@pytest.mark.long
@pytest.mark.parametrize("rung", ["T1", "T2"])
def test_an_instance_can_read_its_own_limit(rung: str, tmp_path: Path) -> None:
    needs(rung)
    script = "#!/bin/sh\ncd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory.max 2>/dev/null; nproc\n"
    outcome = run(script + OFF, rung, directory=tmp_path, memory=200 << 20)  # type: ignore[arg-type]
    assert outcome.console.split() == [str(200 << 20), "1"]


@pytest.mark.long
def test_without_cgroups_a_plain_users_world_is_held_all_the_same(tmp_path: Path) -> None:
    needs("T2")
    script = """#!/bin/bash
tail /dev/zero; echo one hog ended $?
hog() { python3 -c 'import time; x = bytearray(80 << 20); time.sleep(2)' && echo fits; }
for i in 1 2 3 4; do hog & done; wait; hog; echo alone $?
n=0; for i in $(seq 200); do { sleep 30 & } 2>/dev/null && n=$((n+1)); [ $n = 40 ] && break; done
kill $(jobs -p); wait; echo processes $n
poweroff -f
"""
    options = {"memory": 128 << 20, "processes": 60, "cgroups": False}
    outcome = run(script, "T2", directory=tmp_path, timeout_s=30, **options)
    assert "one hog ended" in outcome.console
    assert "one hog ended 0" not in outcome.console
    # Of four one fits, unless it is looked at while the others are still giving their memory back.
    assert outcome.console.count("fits") in (1, 2)
    assert outcome.console.count("fits\nalone 0\n") == 1
    assert "processes 40" in outcome.console
    assert outcome.strays == []
    assert outcome.how == "poweroff"
