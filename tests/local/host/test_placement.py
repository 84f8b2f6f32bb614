"""CPUs are exclusive, and given in launch order."""

from __future__ import annotations

from pathlib import Path

from benchtui.local.host.placement import Cpus, machine_memory, memory_share


def test_cpus_are_exclusive_until_released() -> None:
    cpus = Cpus((0, 2, 1, 3))
    assert cpus.take("i-1", 2) == (0, 2)
    assert cpus.take("i-2", 1) == (1,)
    assert cpus.take("i-3", 2) is None
    cpus.release("i-1")
    assert cpus.take("i-3", 2) == (0, 2)


def test_more_cpus_than_the_machine_has_are_never_free() -> None:
    assert Cpus((0, 1), oversubscribe=True).take("i-1", 3) is None


def test_oversubscribed_instances_share_the_least_loaded() -> None:
    cpus = Cpus((0, 1), oversubscribe=True)
    assert [cpus.take(name, 1) for name in ("i-1", "i-2", "i-3")] == [(0,), (1,), (0,)]


def test_instances_together_leave_memory_for_the_machine() -> None:
    assert memory_share(1, 4, 1000) == 200
    assert sum(memory_share(1, 4, 1000) for _ in range(4)) == 800


def test_memory_of_a_container_counts_not_that_of_the_machine(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1048576\n")
    assert machine_memory([limit]) == 1048576
    limit.write_text("max\n")
    assert machine_memory([limit]) > 1048576
