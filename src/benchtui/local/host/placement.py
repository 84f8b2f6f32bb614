"""Which CPUs an instance gets: exclusive sets, in launch order, cores kept whole."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Cpus:
    """The CPUs of this machine, siblings beside each other, and who has them.

    `oversubscribe` gives out CPUs that are already taken.
    """

    all: tuple[int, ...]
    oversubscribe: bool = False
    taken: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def take(self, instance_id: str, count: int) -> tuple[int, ...] | None:
        """`count` CPUs for the instance, or None if they are not free now (never free if there are not so
        many)."""
        load = {cpu: 0 for cpu in self.all}
        for cpus in self.taken.values():
            for cpu in cpus:
                load[cpu] += 1
        # sorted() is stable: the least loaded first, in the order of the cores.
        candidates = sorted(self.all, key=lambda cpu: load[cpu])[:count]
        if len(candidates) < count or (not self.oversubscribe and any(load[cpu] for cpu in candidates)):
            return None
        self.taken[instance_id] = tuple(sorted(candidates))
        return self.taken[instance_id]

    def release(self, instance_id: str) -> None:
        """Give the instance's CPUs back; harmless if it has none."""
        self.taken.pop(instance_id, None)


def memory_share(cpus: int, total_cpus: int, machine_bytes: int) -> int:
    """Memory of an instance with that many CPUs, in bytes: its share of four fifths; the rest is the
    machine's."""
    return int(machine_bytes * 0.8 * cpus / total_cpus)


def machine_memory(limits: Iterable[Path] = ()) -> int:
    """Memory of this machine in bytes, or of the container this process is in if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in (
        *limits,
        Path("/sys/fs/cgroup/memory.max"),
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    ):
        with suppress(OSError, ValueError):
            total = min(total, int(path.read_text(encoding="ascii")))
    return total
