"""What a world may use of this machine: memory, processes and CPUs, by cgroups where they are to be had.

Files of cgroup v1 and v2 as in the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst. Inside a
world its own cgroup directories are readable at their usual places under /sys/fs/cgroup:
`memory.limit_in_bytes` in `/sys/fs/cgroup/memory` (v1) or `/sys/fs/cgroup/memory.max` (v2). CPUs are what
sched_getaffinity(2) says: lscpu, /proc/cpuinfo and /proc/meminfo show the whole machine.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_V1_NEEDED = ("memory", "pids")
_V1_WANTED = ("memory", "pids", "cpuset", "cpu", "freezer")
_GROUP = "benchtui"


@dataclass(frozen=True, slots=True)
class Budget:
    """What one world may use."""

    cpus: tuple[int, ...]
    memory_bytes: int
    processes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True)
class Enforcement:
    """How the stage of a world puts a budget into effect: directories to join, and what the world sees of
    them."""

    join: tuple[str, ...] = ()
    view: dict[str, str] = field(default_factory=dict)  # name under /sys/fs/cgroup ("" = itself) -> directory


class Limits(Protocol):
    """One mechanism; `rlimit_processes` says whether the process count must come from RLIMIT_NPROC
    instead."""

    description: str
    needs_rlimits: bool

    def prepare(self, name: str, budget: Budget) -> Enforcement: ...
    def kill(self, name: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def names(self) -> list[str]: ...


def _write(path: Path, text: str | int) -> None:
    path.write_text(str(text), encoding="ascii")


def _kill_all(directory: Path) -> None:
    """SIGKILL every process of a cgroup until none is left (new ones may appear while we look) or 10 s are
    over."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            pids = [int(line) for line in (directory / "cgroup.procs").read_text(encoding="ascii").split()]
        except OSError:
            return
        if not pids:
            return
        for pid in pids:
            if pid > 1 and pid != os.getpid():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _remove(directory: Path) -> None:
    """rmdir a cgroup; a just-killed process may hold it for a moment."""
    for _ in range(500):
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return


class CgroupV1:
    """One directory per controller: <mount of the controller>/benchtui/<scope>/<world>."""

    needs_rlimits = False

    def __init__(self, mounts: dict[str, Path], scope: str) -> None:
        self._bases: dict[str, Path] = {}
        for name in _V1_WANTED:
            if name not in mounts:
                continue
            base = mounts[name] / _GROUP / scope
            try:
                self._make(base, name)
            except OSError:
                if name in _V1_NEEDED:
                    raise
                continue
            self._bases[name] = base
        missing = [name for name in _V1_NEEDED if name not in self._bases]
        if missing:
            raise OSError(f"cgroup v1 without {' and '.join(missing)}")
        pinned = "cpuset" if "cpuset" in self._bases else "affinity only"
        self.description = f"cgroup v1 ({', '.join(self._bases)}), CPUs by {pinned}"

    @staticmethod
    def _make(directory: Path, controller: str) -> None:
        for step in (directory.parent, directory):
            with suppress(FileExistsError):
                step.mkdir()
            if controller == "cpuset":  # a new cpuset is empty, and no process can join an empty one
                for name in ("cpuset.cpus", "cpuset.mems"):
                    _write(step / name, (step.parent / name).read_text(encoding="ascii").strip())

    def prepare(self, name: str, budget: Budget) -> Enforcement:
        paths = {}
        for controller, base in self._bases.items():
            self._make(base, controller)
            directory = base / name
            directory.mkdir(exist_ok=True)
            if controller == "memory":
                _write(directory / "memory.limit_in_bytes", budget.memory_bytes)
                with suppress(OSError):
                    _write(directory / "memory.memsw.limit_in_bytes", budget.memory_bytes)
            elif controller == "pids":
                _write(directory / "pids.max", budget.processes)
            elif controller == "cpuset":
                _write(directory / "cpuset.mems", (base / "cpuset.mems").read_text(encoding="ascii").strip())
                _write(directory / "cpuset.cpus", ",".join(map(str, budget.cpus)))
            elif controller == "cpu":
                # As heavy as one thread per CPU, however many processes the world makes.
                _write(directory / "cpu.shares", 1024 * len(budget.cpus))
            paths[controller] = str(directory)
        return Enforcement(tuple(paths.values()), paths)

    def kill(self, name: str) -> None:
        _kill_all(self._bases["pids"] / name)

    def remove(self, name: str) -> None:
        for base in self._bases.values():
            _remove(base / name)

    def names(self) -> list[str]:
        return sorted(
            {entry.name for base in self._bases.values() for entry in base.iterdir() if entry.is_dir()}
        )

    def close(self) -> None:
        """Remove the empty directories of this scope."""
        for base in self._bases.values():
            for directory in (base, base.parent):
                with suppress(OSError):
                    directory.rmdir()


class CgroupV2:
    """<parent>/benchtui/<scope>/<world>: parent is the root for root, a delegated cgroup for anyone else."""

    needs_rlimits = False

    def __init__(self, parent: Path, scope: str) -> None:
        self._base = parent / _GROUP / scope
        available = (parent / "cgroup.controllers").read_text(encoding="ascii").split()
        missing = [name for name in _V1_NEEDED if name not in available]
        if missing:
            raise OSError(f"cgroup v2 without {' and '.join(missing)}")
        self._controllers = [name for name in ("memory", "pids", "cpuset", "cpu") if name in available]
        for step in (parent, self._base.parent, self._base):
            if step != parent:
                step.mkdir(exist_ok=True)
            enabled = (step / "cgroup.subtree_control").read_text(encoding="ascii").split()
            for name in list(self._controllers):
                if name in enabled:
                    continue
                try:
                    _write(step / "cgroup.subtree_control", f"+{name}")
                except OSError:
                    if name in _V1_NEEDED:
                        raise
                    self._controllers.remove(name)
        pinned = "cpuset" if "cpuset" in self._controllers else "affinity only"
        self.description = f"cgroup v2 ({', '.join(self._controllers)}), CPUs by {pinned}"

    def prepare(self, name: str, budget: Budget) -> Enforcement:
        directory = self._base / name
        directory.mkdir(exist_ok=True)
        _write(directory / "memory.max", budget.memory_bytes)
        with suppress(OSError):
            _write(directory / "memory.swap.max", 0)
        _write(directory / "pids.max", budget.processes)
        if "cpuset" in self._controllers:
            _write(directory / "cpuset.cpus", ",".join(map(str, budget.cpus)))
        if "cpu" in self._controllers:
            _write(directory / "cpu.weight", min(10000, 100 * len(budget.cpus)))
        return Enforcement((str(directory),), {"": str(directory)})

    def kill(self, name: str) -> None:
        directory = self._base / name
        try:
            _write(directory / "cgroup.kill", 1)
        except OSError:
            _kill_all(directory)

    def remove(self, name: str) -> None:
        _remove(self._base / name)

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self._base.iterdir() if entry.is_dir())

    def close(self) -> None:
        """Remove the empty directories of this scope."""
        for directory in (self._base, self._base.parent):
            with suppress(OSError):
                directory.rmdir()


class ResourceLimits:
    """No cgroup in reach: setrlimit(2) for processes (per user namespace) and for one process's memory.

    The memory of the world as a whole is looked at by the host (`memory.enforce`).
    """

    needs_rlimits = True
    description = "rlimits, memory by looking 5 times a second, CPUs by affinity only"

    def prepare(self, name: str, budget: Budget) -> Enforcement:
        return Enforcement()

    def kill(self, name: str) -> None:
        pass

    def remove(self, name: str) -> None:
        pass

    def names(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


def _mounts() -> Iterable[tuple[str, str, str]]:
    """(mount point, type, super options) of every cgroup mount."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(maxsplit=2)
        if kind in ("cgroup", "cgroup2"):
            yield left.split()[4], kind, options


def _start_time(pid: int) -> str:
    """Field 22 of proc_pid_stat(5): tells a process from a later one with the same id. Raises OSError."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()[19]


def own_scope(label: str = "") -> str:
    """Name of this process's directory among the cgroups of all hosts; says to others whether it is still in
    use."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
        return "-".join(filter(None, (namespace, str(os.getpid()), _start_time(os.getpid()), label)))
    except OSError:
        return "-".join(filter(None, (str(os.getpid()), label)))


def _is_abandoned(scope: str) -> bool:
    """Whether a scope was made by a process of this pid namespace that is gone; in doubt it is somebody's."""
    try:
        namespace, pid, started = scope.split("-")[:3]
        if f"pid:[{namespace}]" != str(Path("/proc/self/ns/pid").readlink()):
            return False
        return _start_time(int(pid)) != started
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False


def sweep() -> list[str]:
    """Kill what runs in cgroups whose host is dead and remove them. Returns their names."""
    swept = set()
    for point, _, _ in _mounts():
        for directory in Path(point, _GROUP).glob("*/"):
            if not _is_abandoned(directory.name):
                continue
            swept.add(directory.name)
            for world in directory.glob("*/"):
                _kill_all(world)
                _remove(world)
            _remove(directory)
    return sorted(swept)


def find(scope: str) -> tuple[CgroupV1 | CgroupV2 | ResourceLimits, list[str]]:
    """The strongest mechanism that works here, tried by making its directories, and why the others do not."""
    v1: dict[str, Path] = {}
    v2: Path | None = None
    with suppress(OSError):
        for point, kind, options in _mounts():
            if kind == "cgroup2":
                v2 = Path(point)
            else:
                v1.update({name: Path(point) for name in options.split(",") if name in _V1_WANTED})
    reasons: list[str] = []
    if v1:
        try:
            return CgroupV1(v1, scope), reasons
        except OSError as error:
            reasons.append(f"cgroup v1: {error}")
    if v2 is not None:
        parents = [v2]
        if os.geteuid() != 0:
            own = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()[-1].split(":", 2)[2]
            parents = [v2 / own.strip("/"), (v2 / own.strip("/")).parent]
        for parent in parents:
            try:
                return CgroupV2(parent, scope), reasons
            except OSError as error:
                reasons.append(f"cgroup v2 at {parent}: {error}")
    return ResourceLimits(), reasons or ["no cgroup is mounted"]
