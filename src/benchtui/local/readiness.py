"""Whether instances can run here: a cloud that could only leave them pending for ever is an error at once."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from .errors import LocalCloudError
from .host.ladder import Ladder
from .state import LocalState, state_path

#: Every rung is tried for at most 20 s; a machine where the first works has its answer in a second.
PROBED_WITHIN_S = 75.0
LOG_TAIL_LINES = 15
#: Settings that take user namespaces away from plain users: the value that does, and one that does not.
_USER_NAMESPACES = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "15000"),
)


def require_rung(directory: Path, within_s: float = PROBED_WITHIN_S) -> None:
    """Wait until the instance host of the local cloud in ``directory`` knows in what instances will run.

    Raises:
        LocalCloudError: in nothing, and why; or the host ended before it knew.
    """
    deadline = time.monotonic() + within_s
    host: int | None = None
    while True:
        state = LocalState.read(state_path(directory))
        if state is None:
            raise LocalCloudError("the local cloud has ended", "run the command again")
        if not state.hosted:
            return
        ladder = Ladder.read(directory)
        if ladder is not None:
            break
        if time.monotonic() > deadline or (host is not None and state.host_pid != host):
            log = Path(state.log_dir) / "host.log"
            raise LocalCloudError(
                f"the instance host does not come up; the end of {log}:\n{tail(log)}", way_out()
            )
        host = state.host_pid
        time.sleep(0.05)
    if ladder.chosen is None:
        reasons = [f"  {rung.rung}, {rung.title}: {rung.reason}" for rung in ladder.rungs]
        raise LocalCloudError("\n".join(["no instance can run on this machine:", *reasons]), way_out())


def way_out(proc_sys: Path = Path("/proc/sys")) -> str:
    """What to install or to allow, so that a rung works on this machine."""
    if sys.platform != "linux":
        return "use a Linux machine or virtual machine: instances need Linux namespaces"
    if os.geteuid() == 0:
        return (
            "give root the right to mount and make namespaces, and a cgroup with memory and pids: in a "
            "container, start it with --privileged"
        )
    for name, taken, given in _USER_NAMESPACES:
        try:
            value = (proc_sys / name.replace(".", "/")).read_text(encoding="ascii").strip()
        except OSError:
            continue
        if value == taken:
            return f"allow user namespaces: sudo sysctl -w {name}={given}; or run this as root"
    return "allow user namespaces to plain users (in a container: --privileged), or run this as root"


def tail(log: Path) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
    except OSError:
        return "(no log)"
