"""What else happened on the CPUs while a repetition ran: waiting for calm, and what disturbed it.

A disturbed repetition is kept and labelled: leaving it out would be a choice nobody can check. What a
neighbour inside the same guest takes never shows as steal; it shows as CPU time that others used.
"""

from __future__ import annotations

import os
import re
import resource
import select
import statistics
import time
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from process import Stop
from readings import cpu_list, text

CALM_WINDOW_S = 0.4
CALM_SHARE = 0.04  # of the usable CPUs, taken by others
CALM_WAIT_S = 5.0
OTHERS_SHARE = 0.02
OTHERS_LEAST_S = 0.03  # the kernel counts in ticks of 10 ms: less than three of them say nothing
STEAL_SHARE = 0.01
PRESSURE_SHARE = 0.05
CPU_PER_WALL = 0.9
SWITCHES_FACTOR = 5.0
SWITCHES_LEAST = 50.0  # a second
THROTTLED = 0.02  # the clock's greatest before and after
PREEMPTED = 0.05  # the clock's mean below its greatest
EXAMPLES = 5  # of disturbed repetitions in the result's fact; each sample has its own reasons
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Reading:
    """Counters at one moment, in seconds."""

    at: float
    busy: float  # of the usable CPUs, by all programs
    stolen: float  # from the usable CPUs by the hypervisor
    own: float  # CPU time of ended children and theirs
    switches: int  # involuntary, of the same
    #: Seconds in which some program waited for a CPU; None: not told, or of other CPUs too.
    pressure: Optional[float]


def read(cpus: Set[int]) -> Reading:
    """Counters of ``cpus`` now."""
    busy, stolen = cpu_seconds(text("/proc/stat") or "", cpus)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Reading(
        time.monotonic(),
        busy,
        stolen,
        children.ru_utime + children.ru_stime,
        children.ru_nivcsw,
        _pressure() if cpus >= cpu_list(text("/sys/devices/system/cpu/online") or "") else None,
    )


def cpu_seconds(stat: str, cpus: Set[int]) -> Tuple[float, float]:
    """CPU seconds that ``cpus`` were busy and were stolen, from the text of /proc/stat."""
    busy = stolen = 0
    for line in stat.splitlines():
        found = re.match(r"cpu(\d+) ", line)
        if found is None or int(found.group(1)) not in cpus:
            continue
        ticks = [int(word) for word in line.split()[1:9]] + [0] * 8
        user, nice, system, _idle, _iowait, irq, softirq, steal = ticks[:8]
        busy += user + nice + system + irq + softirq
        stolen += steal
    return busy / TICKS, stolen / TICKS


def _pressure() -> Optional[float]:
    found = re.search(r"(?m)^some .*total=(\d+)", text("/proc/pressure/cpu") or "")
    return int(found.group(1)) / 1e6 if found else None


def patience_s() -> float:
    """How long calm is waited for; BENCHTUI_CALM_S for trying the agent on a busy machine."""
    return float(os.environ.get("BENCHTUI_CALM_S") or CALM_WAIT_S)


def wait_for_calm(cpus: Set[int], stop: Stop, longest_s: float) -> Tuple[bool, float]:
    """Wait until others use less than 4 % of ``cpus``; whether they came to that, and the seconds waited.

    At least one window of 0.4 s is looked at, unless ``longest_s`` is negative.
    """
    began = time.monotonic()
    before = read(cpus)
    while not stop and longest_s >= 0:
        select.select([stop], [], [], CALM_WINDOW_S)
        now = read(cpus)
        window = now.at - before.at
        if window > 0 and _others(before, now) < CALM_SHARE * window * len(cpus):
            return True, now.at - began
        if now.at - began >= longest_s:
            break
        before = now
    return False, time.monotonic() - began


def _others(before: Reading, after: Reading) -> float:
    """CPU seconds that programs used that are no child of ours."""
    return max(0.0, (after.busy - before.busy) - (after.own - before.own))


@dataclass
class Repetition:
    """What was observed during one repetition of a run."""

    run: str
    number: int
    wall_s: float
    cpu_s: float
    others_s: float
    steal_s: float
    switches: int
    pressure_s: Optional[float]
    calm: bool
    waited_s: float
    reasons: List[str]


def observe(
    run: str, number: int, cpus: Set[int], before: Reading, after: Reading, calm: bool, waited_s: float
) -> Repetition:
    """Compare the counters of both ends and name what disturbed."""
    wall = max(1e-9, after.at - before.at)
    room = wall * len(cpus)
    others, steal = _others(before, after), after.stolen - before.stolen
    pressure = None
    if before.pressure is not None and after.pressure is not None:
        pressure = after.pressure - before.pressure
    reasons = []
    if not calm:
        reasons.append("no calm before it" + (" within {:.1f} s".format(waited_s) if waited_s else ""))
    if others > max(OTHERS_SHARE * room, OTHERS_LEAST_S):
        reasons.append("others used {:.0%} of the CPUs".format(others / room))
        if pressure is not None and pressure > PRESSURE_SHARE * wall:
            reasons.append(
                "programs waited for a CPU in {:.0%} of the time".format(min(1.0, pressure / wall))
            )
    if steal > max(STEAL_SHARE * room, OTHERS_LEAST_S):
        reasons.append("the hypervisor took {:.1%} of the CPUs".format(steal / room))
    return Repetition(
        run=run,
        number=number,
        wall_s=wall,
        cpu_s=after.own - before.own,
        others_s=others,
        steal_s=steal,
        switches=after.switches - before.switches,
        pressure_s=pressure,
        calm=calm,
        waited_s=waited_s,
        reasons=reasons,
    )


def long_enough(repetition: Repetition) -> bool:
    """Whether it ran for as long as a wait for calm looks."""
    return repetition.wall_s >= CALM_WINDOW_S


def was_calm(repetition: Repetition, cpus: Set[int]) -> bool:
    """Whether others were as calm while it ran as is waited for."""
    return repetition.others_s < CALM_SHARE * repetition.wall_s * len(cpus)


def compare(repetitions: Sequence[Repetition]) -> None:
    """Add what only a run's other repetitions show: less CPU than they got, or many more interruptions."""
    by_run: Dict[str, List[Repetition]] = {}
    for repetition in repetitions:
        by_run.setdefault(repetition.run, []).append(repetition)
    for same in by_run.values():
        if len(same) < 3:
            continue
        usual_cpus = statistics.median(one.cpu_s / one.wall_s for one in same)
        usual_switches = statistics.median(one.switches / one.wall_s for one in same)
        for one in same:
            cpus, switches = one.cpu_s / one.wall_s, one.switches / one.wall_s
            if cpus < CPU_PER_WALL * usual_cpus:
                one.reasons.append("it got {:.2f} CPUs, {:.2f} is usual".format(cpus, usual_cpus))
            if switches > max(SWITCHES_LEAST, SWITCHES_FACTOR * usual_switches):
                one.reasons.append(
                    "interrupted {:.0f} times a second, {:.0f} is usual".format(switches, usual_switches)
                )


def verdict(repetitions: Sequence[Repetition], clocks: Sequence[Dict[str, float]]) -> Dict[str, Any]:
    """The result's fact: sums over its repetitions, how many were disturbed, and what the clock did.

    ``noisy_neighbour`` and ``throttled`` are null where nothing was observed that could tell: a clock
    reading that was preempted shows too low a clock, which is no throttling.
    """
    disturbed = [one for one in repetitions if one.reasons]
    pressures = [one.pressure_s for one in repetitions if one.pressure_s is not None]
    highest = [clock["mhz_max"] for clock in clocks]
    whole = [clock["mhz_max"] for clock in clocks if not _preempted(clock)]
    return {
        "repetitions": len(repetitions),
        "disturbed": len(disturbed),
        "noisy_neighbour": None if not repetitions else len(disturbed) * 2 > len(repetitions),
        "throttled": max(whole) > min(whole) * (1 + THROTTLED) if len(whole) > 1 else None,
        "preempted": any(map(_preempted, clocks)) if clocks else None,
        "reasons": [
            "{} {}: {}".format(one.run, one.number, "; ".join(one.reasons)) for one in disturbed[:EXAMPLES]
        ],
        "steal_seconds": round(sum(one.steal_s for one in repetitions), 2),
        "others_cpu_seconds": round(sum(one.others_s for one in repetitions), 2),
        "involuntary_switches": sum(one.switches for one in repetitions),
        "pressure_seconds": round(sum(pressures), 3) if pressures else None,
        "clock_mhz": {
            "greatest": round(max(highest), 1),
            "least": round(min(highest), 1),
            "first": round(highest[0], 1),
            "last": round(highest[-1], 1),
        }
        if highest
        else None,
    }


def _preempted(clock: Dict[str, float]) -> bool:
    return clock["mhz_mean"] < clock["mhz_max"] * (1 - PREEMPTED)
