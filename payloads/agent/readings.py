"""Single facts of the machine, read from /proc and /sys. What cannot be read is None, never a guess."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Dict, List, Optional, Set, Tuple

COMPILERS = re.compile(r"(?:[a-z0-9_]+-)*(?:gcc|g\+\+|cc|c\+\+|clang|clang\+\+|gfortran)(?:-[0-9.]+)?")


def text(path: str) -> Optional[str]:
    """Content of a small file without its last newline; None if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(64 * 1024).strip()
    except OSError:
        return None


def number(path: str) -> Optional[int]:
    """A file that holds one number."""
    try:
        return int(text(path) or "")
    except ValueError:
        return None


def chosen(path: str) -> Optional[str]:
    """The bracketed one of a file like ``always [madvise] never``."""
    found = re.search(r"\[([^\]]+)\]", text(path) or "")
    return found.group(1) if found else None


def cpu_list(spec: str) -> Set[int]:
    """CPUs of a list like ``0-3,8``; empty if it is none."""
    cpus: Set[int] = set()
    try:
        for part in filter(None, spec.strip().split(",")):
            first, _, last = part.partition("-")
            cpus.update(range(int(first), int(last or first) + 1))
    except ValueError:
        return set()
    return cpus


def usable_cpus() -> int:
    """CPUs this process may run on."""
    return len(os.sched_getaffinity(0))


def cpuinfo() -> Dict[str, str]:
    """Fields of the first processor in /proc/cpuinfo."""
    fields: Dict[str, str] = {}
    for line in (text("/proc/cpuinfo") or "").split("\n\n")[0].splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip()] = value.strip()
    return fields


def clock_mhz() -> Optional[List[float]]:
    """Clock of each usable CPU as the kernel tells it, in MHz; None on machines that do not tell (arm64)."""
    usable = os.sched_getaffinity(0)
    clocks, cpu = [], -1
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("processor"):
                    cpu = int(line.partition(":")[2])
                elif line.startswith("cpu MHz") and cpu in usable:
                    clocks.append(round(float(line.partition(":")[2]), 1))
    except (OSError, ValueError):
        return None
    return clocks[:1024] or None


def steal_seconds() -> Optional[float]:
    """Seconds since boot that the hypervisor gave this machine's CPUs to others, summed over CPUs."""
    try:
        return int((text("/proc/stat") or "").split("\n")[0].split()[8]) / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError):
        return None


def meminfo() -> Dict[str, int]:
    """/proc/meminfo in bytes."""
    fields = {}
    for line in (text("/proc/meminfo") or "").splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            fields[name] = int(words[0]) * (1024 if words[1:] == ["kB"] else 1)
    return fields


def cgroup_memory_limit(root: str = "/sys/fs/cgroup", own: str = "/proc/self/cgroup") -> Optional[int]:
    """The lowest memory limit of our control groups in bytes, version 2 or 1; None if there is none."""
    limits = []
    for line in (text(own) or "").splitlines():
        _, controllers, path = ([*line.split(":", 2), "", ""])[:3]
        if controllers == "":
            base, name = root, "memory.max"
        elif "memory" in controllers.split(","):
            base, name = os.path.join(root, "memory"), "memory.limit_in_bytes"
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):  # a limit may lie on any level above
            limit = number(os.path.join(base, *parts[:depth], name))
            if limit is not None and limit < 1 << 60:  # version 1 says "none" by a huge number
                limits.append(limit)
    return min(limits) if limits else None


def usable_memory_bytes() -> Optional[int]:
    """Memory a suite may use: what is available, or the limit of our control group if that is less."""
    known = [value for value in (meminfo().get("MemAvailable"), cgroup_memory_limit()) if value is not None]
    return min(known) if known else None


def physical_cores() -> Optional[Tuple[int, int]]:
    """Cores under the usable CPUs and the most threads a core has; None if sysfs does not tell."""
    groups = set()
    for cpu in os.sched_getaffinity(0):
        siblings = text("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list".format(cpu))
        if not siblings:
            return None
        groups.add(frozenset(cpu_list(siblings)))
    return (len(groups), max(len(group) for group in groups)) if groups else None


def caches() -> List[Dict[str, object]]:
    """Every distinct cache that a usable CPU has, with its size in bytes and the CPUs sharing it."""
    found: Dict[Tuple[object, ...], Dict[str, object]] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        folder = "/sys/devices/system/cpu/cpu{}/cache".format(cpu)
        try:
            indexes = sorted(name for name in os.listdir(folder) if name.startswith("index"))
        except OSError:
            continue
        for index in indexes:
            base = os.path.join(folder, index)
            size = re.fullmatch(r"(\d+)([KMG]?)", text(os.path.join(base, "size")) or "")
            cache: Dict[str, object] = {
                "level": number(os.path.join(base, "level")),
                "type": text(os.path.join(base, "type")),
                "size_bytes": int(size.group(1)) << {"": 0, "K": 10, "M": 20, "G": 30}[size.group(2)]
                if size
                else None,
                "line_bytes": number(os.path.join(base, "coherency_line_size")),
                "ways": number(os.path.join(base, "ways_of_associativity")),
                "shared_cpus": text(os.path.join(base, "shared_cpu_list")),
            }
            found.setdefault((cache["level"], cache["type"], cache["shared_cpus"]), cache)
    return list(found.values())[:4096]


def first_line_of(argv: List[str]) -> Optional[str]:
    """First line a quick command prints; None if it fails."""
    try:
        said = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    lines = said.stdout.decode("utf-8", "replace").splitlines()
    return lines[0][:300] if lines else None


def compiler_version(program: str) -> Optional[str]:
    """First line of ``--version`` if the program is a compiler by its name."""
    if COMPILERS.fullmatch(os.path.basename(program)) is None:
        return None
    return first_line_of([program, "--version"])
