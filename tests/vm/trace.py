"""What ended a guest: read from the kernel's last lines, from its last word, and from the time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchtui.core import userdata
from benchtui.core.keys import FINAL_BY_INSTANCE
from benchtui.core.userdata import JobUserData
from tests.vm.store import Word

#: A mechanism acts this much before its time as counted here, where arming the others took a while.
EARLY_S = 15
GUARD_AFTER_S = 50
PANIC_S = 10  # from its last line to the reset, as user data sets it
_STAMP = re.compile(r"^\[ *(\d+\.\d+)\]", re.M)


@dataclass(frozen=True)
class Trace:
    """What the console of a guest says that began as a saved state."""

    reboots: int
    uptime_s: float  # of all boots together
    first_s: float  # of the boot that was armed
    sysrq: bool  # the last power-off was asked for with sysrq
    polite: bool  # systemd took everything down before it
    panic: bool
    softdog: bool


def uptime_s(console: str) -> float:
    """The last time that the kernel stamped a line with, in seconds since its start; 0 if there is none."""
    return float((_STAMP.findall(console) or ["0"])[-1])


def trace_of(console: str) -> Trace:
    """Read a console on which every boot begins with the kernel's own name."""
    before, *after = re.split(r"(?=^\[ +0\.000000\] Linux version)", console, flags=re.M)
    last = after[-1] if after else before
    first_s = uptime_s(before) + PANIC_S * ("Kernel panic" in before)
    return Trace(
        reboots=len(after),
        uptime_s=first_s + sum(map(uptime_s, after)),
        first_s=first_s,
        sysrq="sysrq: Power Off" in last,
        polite="systemd-shutdown[1]" in last,
        panic="Kernel panic" in before,
        softdog="softdog: Initiating system reboot" in before,
    )


def ended_by(
    trace: Trace, seconds: float, words: Sequence[Word], job: JobUserData, *, agent: bool = True
) -> str:
    """The mechanism that ended a guest ``seconds`` after arming.

    Args:
        trace: of its console.
        seconds: on the clock that the deadlines are counted on.
        words: its sentinels.
        job: with the deadlines.
        agent: whether an agent was there.
    """
    if trace.reboots:
        first = "panic" if trace.panic else "softdog" if trace.softdog else "reboot"
        return f"{first}, then boot guard"
    last_word = next((str(w.sentinel.state) for w in words if w.sentinel.state in FINAL_BY_INSTANCE), "")
    way = "sysrq" if trace.sysrq else "politely" if trace.polite else "reboot(2)"
    return f"{_name(trace, seconds, last_word, job, agent)}, {way}"


def _name(trace: Trace, seconds: float, last_word: str, job: JobUserData, agent: bool) -> str:
    hard = userdata.hard_stop_s(job)
    timer = job.max_runtime_s + userdata.FORCE_AFTER_S
    polite = 60 * (-(-job.max_runtime_s // 60) + userdata.POLITE_AFTER_MIN)
    if not trace.sysrq and not trace.polite:  # nothing but these two asks the kernel directly
        locked = hard + userdata.LOCKED_AFTER_S
        return "timer" if abs(seconds - timer) < abs(seconds - locked) else "locked"
    if seconds > (hard if trace.sysrq else polite) - EARLY_S or not agent:
        return "hard stop" if trace.sysrq else "shutdown"
    # Without the network an agent has no last word; its guard acts when it is gone, or after its time.
    spoke = last_word in ("TIMED_OUT", "FAILED", "COMPLETED")
    its_time = job.max_runtime_s < seconds < job.max_runtime_s + GUARD_AFTER_S
    return "agent" if spoke or its_time else "agent's guard"
