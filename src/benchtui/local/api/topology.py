"""CPUs of this machine as the kernel tells them."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

SYSFS_CPU = Path("/sys/devices/system/cpu")


@dataclass(frozen=True, slots=True)
class Cpu:
    """One logical CPU: its kernel number and the physical core (package, core id) it is a thread of."""

    number: int
    core: tuple[int, int]


def usable_cpus(sysfs: Path = SYSFS_CPU) -> tuple[Cpu, ...]:
    """CPUs this process may run on, threads of one core next to each other, cores in the kernel's order.

    The first N of them are what an instance of `local.<N>cpu` is made of on an empty machine: as on EC2, the
    vCPUs of a type with two threads per core are pairs of siblings. Without sysfs (macOS) every CPU is its
    own core.
    """
    try:
        numbers = sorted(os.sched_getaffinity(0))
    except AttributeError:
        numbers = list(range(os.cpu_count() or 1))
    cpus = [Cpu(n, _core_of(sysfs, n)) for n in numbers]
    first_seen: dict[tuple[int, int], int] = {}
    for cpu in cpus:
        first_seen.setdefault(cpu.core, cpu.number)
    return tuple(sorted(cpus, key=lambda cpu: (first_seen[cpu.core], cpu.number)))


def _core_of(sysfs: Path, number: int) -> tuple[int, int]:
    topology = sysfs / f"cpu{number}" / "topology"
    try:
        package = int((topology / "physical_package_id").read_text())
        return package, int((topology / "core_id").read_text())
    except (OSError, ValueError):
        return -1, number


def cores_and_threads(cpus: tuple[Cpu, ...]) -> tuple[int, int]:
    """Physical cores touched by these CPUs, and the largest number of them on one core."""
    threads: dict[tuple[int, int], int] = {}
    for cpu in cpus:
        threads[cpu.core] = threads.get(cpu.core, 0) + 1
    return len(threads), max(threads.values())


def memory_mib() -> int:
    """Physical memory of the machine, MiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)


def ec2_architecture() -> str:
    """This machine's architecture in EC2's words: `x86_64` or `arm64`."""
    machine = platform.machine().lower()
    return {"aarch64": "arm64", "arm64": "arm64", "amd64": "x86_64"}.get(machine, machine)


def manufacturer() -> str:
    """Maker of the CPU in EC2's words (`Intel`, `AMD`), else the kernel's; empty if unknown."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    found = re.search(r"^(?:vendor_id|CPU implementer)\s*:\s*(\S+)", text, re.MULTILINE)
    vendor = found.group(1) if found else ""
    return {"GenuineIntel": "Intel", "AuthenticAMD": "AMD", "0x41": "ARM"}.get(vendor, vendor)
