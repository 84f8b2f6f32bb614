"""What is done to a guest once its payload runs. Each is a shell text that root's payload executes inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.vm.machine import Machine


class By(Enum):
    """The first deadline that still has something to hold it, and so the one a cell is judged by."""

    STOP = "max_runtime"  # the agent ends the job and powers off
    FORCE = "forced stop"  # systemd's timer, 60 s later
    #: max_runtime and the grace: a process that needs nothing but the kernel; a reset is over by then, too.
    HARD = "hard stop"
    KERNEL = "last resort"  # softdog, 60 s after the hard stop; the boot after it powers off


@dataclass(frozen=True)
class Fault:
    """One way to break a machine."""

    name: str
    shell: str
    by: By = By.STOP
    #: It keeps the CPU busy: not beside another such.
    busy: bool = False
    #: What this machine does to the guest from outside, beside ``shell``.
    outside: Callable[[Machine], None] | None = None


def stall_disk(machine: Machine) -> None:
    """One byte a second. A stopped block server would hang qemu itself, which proves nothing."""
    machine.ask(
        "block_set_io_throttle", device="root", bps=1, bps_rd=0, bps_wr=0, iops=0, iops_rd=0, iops_wr=0
    )


#: Ends the agent, its guard and the shell that would power off after it, as a payload gone mad might.
KILL_AGENT = "kill -9 $(cat /run/benchtui/agent.pid)\n"
KILL_GROUP = """g=$(cut -d' ' -f5 /proc/$(cat /run/benchtui/agent.pid)/stat)
pkill -9 -f 'agent/powe[r].py'
kill -9 -$g
"""
RT_LOOP = "chrt -f 99 sh -c 'while :; do :; done' &\n"
#: Takes memory in pieces until there is none, and is itself the last that may be killed.
HOG = """for n in 1 2 3 4; do
 (echo -1000 >/proc/self/oom_score_adj
  exec python3 -c '
import time
kept, piece = [], 8 << 20
while True:
 try:
  kept.append(bytearray(b"x") * piece)
 except MemoryError:
  if piece > 4096: piece //= 2
  else: time.sleep(0.1)
') &
done
"""

FAULTS = (
    Fault("none", ""),
    Fault("agent killed", KILL_AGENT),
    Fault("agent, its guard and the script killed", KILL_GROUP, By.FORCE),
    Fault("every process killed", "kill -9 -1\n", By.FORCE),
    Fault("pid 1 crashed", "kill -SEGV 1\n"),
    Fault("pid 1 crashed, agent and script killed", "kill -SEGV 1; sleep 1\n" + KILL_GROUP, By.HARD),
    Fault(
        "pid 1 frozen",
        "mkdir /sys/fs/cgroup/ice; echo 1 >/sys/fs/cgroup/ice/cgroup.procs\n"
        "echo 1 >/sys/fs/cgroup/ice/cgroup.freeze\n",
    ),
    Fault("poweroff.target masked", "systemctl mask poweroff.target shutdown.target\n"),
    Fault(
        "logind and dbus stopped",
        "systemctl stop dbus.socket dbus systemd-logind; systemctl mask systemd-logind dbus\n",
    ),
    Fault("inhibitor lock", "systemd-inhibit --what=shutdown --mode=block sleep infinity &\n"),
    Fault(
        "payload deaf to SIGTERM",
        "trap '' TERM INT HUP\n"
        "systemd-run -q sh -c \"trap '' TERM; while :; do sleep 1; done\"\n"
        "setsid sh -c \"trap '' TERM; while :; do sleep 1; done\" &\n",
    ),
    Fault(
        "agent frozen",
        "kill -STOP $(cat /run/benchtui/agent.pid)\npkill -STOP -f 'agent/powe[r].py'\n",
        By.FORCE,
    ),
    Fault("rescue mode", "systemctl isolate --no-block rescue.target\n"),
    Fault("clock set back a day", "date -s @$(($(date +%s) - 86400))\n"),
    Fault("real-time loop, throttled", RT_LOOP, By.HARD, busy=True),
    Fault(
        "real-time loop, not throttled",
        "echo -1 >/proc/sys/kernel/sched_rt_runtime_us\n" + RT_LOOP,
        By.KERNEL,
        busy=True,
    ),
    Fault("fork bomb", "b() { b | b & }; b\n", By.HARD, busy=True),
    Fault("memory hogs that the OOM killer spares", HOG, By.HARD, busy=True),
    Fault(
        "disk and /run full",
        "fallocate -l $(($(stat -f -c '%a * %S' /))) /full; cat /dev/zero >>/full\n"
        "cat /dev/zero >/run/full\n",
    ),
    Fault("file system frozen", "fsfreeze -f /\n", By.HARD),
    Fault("disk stalled", "echo 3 >/proc/sys/vm/drop_caches\n", By.HARD, outside=stall_disk),
    Fault("network down", "ip link set $(ls /sys/class/net | grep -v lo) down\n"),
    Fault("reboot -f", "reboot -f\n", By.HARD),
    Fault("kernel panic", "echo c >/proc/sysrq-trigger\n", By.HARD),
)


def named(faults: Sequence[Fault], texts: Sequence[str]) -> list[Fault]:
    """Those whose name contains one of ``texts``."""
    return [fault for fault in faults if any(text in fault.name for text in texts)]
