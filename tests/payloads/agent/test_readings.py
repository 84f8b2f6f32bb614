"""Readings of the machine: what cannot be read is None."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import readings


@pytest.mark.parametrize(
    ("spec", "cpus"), [("0-3,8", {0, 1, 2, 3, 8}), ("5", {5}), ("", set()), ("a-b", set()), ("0-1\n", {0, 1})]
)
def test_cpu_lists(spec: str, cpus: set[int]) -> None:
    assert readings.cpu_list(spec) == cpus


def test_the_chosen_one_of_a_list(tmp_path: Path) -> None:
    (tmp_path / "enabled").write_text("always [madvise] never\n")
    assert readings.chosen(str(tmp_path / "enabled")) == "madvise"
    assert readings.chosen(str(tmp_path / "absent")) is None


def test_this_machine() -> None:
    assert readings.usable_cpus() == len(os.sched_getaffinity(0))
    usable = readings.usable_memory_bytes()
    assert usable is not None
    assert 0 < usable <= readings.meminfo()["MemTotal"]
    assert readings.steal_seconds() is not None


def test_affinity_not_the_machine_decides_what_is_usable() -> None:
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(everything)})
    try:
        assert readings.usable_cpus() == 1
        shared = [cache["shared_cpus"] for cache in readings.caches()]
        assert len(shared) == len({(c["level"], c["type"]) for c in readings.caches()})
    finally:
        os.sched_setaffinity(0, everything)


def test_memory_limit_of_version_2_is_the_lowest_of_all_levels(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/memory.max").write_text("1000000\n")
    (tmp_path / "a/b/memory.max").write_text("max\n")
    (tmp_path / "own").write_text("0::/a/b\n")
    assert readings.cgroup_memory_limit(str(tmp_path), str(tmp_path / "own")) == 1_000_000


def test_memory_limit_of_version_1(tmp_path: Path) -> None:
    (tmp_path / "memory/x").mkdir(parents=True)
    (tmp_path / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    (tmp_path / "memory/x/memory.limit_in_bytes").write_text("2000000\n")
    (tmp_path / "own").write_text("5:cpu,memory:/x\n1:pids:/y\n")
    assert readings.cgroup_memory_limit(str(tmp_path), str(tmp_path / "own")) == 2_000_000


def test_no_limit_is_none(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("0::/\n")
    assert readings.cgroup_memory_limit(str(tmp_path), str(tmp_path / "own")) is None


@pytest.mark.parametrize(
    ("program", "is_one"),
    [
        ("gcc", True),
        ("/usr/bin/x86_64-linux-gnu-gcc-12", True),
        ("clang++-14", True),
        ("make", False),
        ("./gcc-wrapper.sh", False),
    ],
)
def test_which_programs_are_asked_for_their_version(program: str, is_one: bool) -> None:
    assert (readings.COMPILERS.fullmatch(os.path.basename(program)) is not None) is is_one
