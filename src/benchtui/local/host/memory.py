"""Memory of a whole world where no cgroup counts it: looked at often, the largest process killed.

The kernel's own OOM killer is better in every way; this is for plain users without a delegated cgroup.
Between two looks a world can exceed its limit by what it touches in that time.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid: int) -> int:
    """Resident bytes of one process that no other process shares the file of (field 2 minus 3 of statm)."""
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return (int(fields[1]) - int(fields[2])) * _PAGE
    return 0


def descendants(pid: int) -> list[int]:
    """Every process below `pid`, children of threads included; those that die while we look are left out."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                children = [int(word) for word in task.read_text(encoding="ascii").split()]
                found += children
                waiting += children
    return found


def enforce(init: int, limit: int) -> int | None:
    """Kill the largest process below pid 1 of the world if together they hold more than `limit` bytes.

    Returns its process id, or None if all is well. Never kills `init` itself.
    """
    sizes = {pid: resident(pid) for pid in descendants(init)}
    if sum(sizes.values()) <= limit:
        return None
    largest = max(sizes, key=lambda pid: sizes[pid])
    with suppress(ProcessLookupError, PermissionError):
        os.kill(largest, signal.SIGKILL)
    return largest
