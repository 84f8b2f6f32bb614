"""What else the CPUs did: readings of the kernel's counters, waiting for calm, labels."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

import disturbance
from disturbance import Reading, compare, cpu_seconds, observe, verdict
from process import Stop

STAT = """cpu  1000 0 500 9000 0 0 0 40 0 0
cpu0 600 10 300 4000 5 20 30 40 7 7
cpu1 400 0 200 5000 0 0 0 0 0 0
intr 1
"""
BEFORE = Reading(at=100.0, busy=50.0, stolen=1.0, own=20.0, switches=10, pressure=3.0)
CPUS = {0, 1}


def later(**changes: float) -> Reading:
    """Ten seconds on, two CPUs all ours."""
    calm = replace(BEFORE, at=110.0, busy=70.0, own=40.0, switches=30)
    return replace(calm, **changes)  # type: ignore[arg-type]


def test_only_the_usable_cpus_count() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    assert cpu_seconds(STAT, {0}) == ((600 + 10 + 300 + 20 + 30) / ticks, 40 / ticks)
    assert cpu_seconds(STAT, {1}) == (600 / ticks, 0.0)
    assert cpu_seconds(STAT, {0, 1, 7}) == (1560 / ticks, 40 / ticks)
    assert cpu_seconds("", {0}) == (0.0, 0.0)


def test_a_calm_repetition_has_no_reason() -> None:
    seen = observe("all", 0, CPUS, BEFORE, later(pressure=3.4), calm=True, waited_s=0.4)
    assert (seen.reasons, seen.cpu_s, seen.wall_s, seen.others_s) == ([], 20.0, 10.0, 0.0)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (later(busy=71.0), "others used 5% of the CPUs"),
        (later(busy=71.0, pressure=7.0), "programs waited for a CPU in 40% of the time"),
        (later(stolen=1.5), "the hypervisor took 2.5% of the CPUs"),
    ],
)
def test_what_disturbs_is_named(after: Reading, told: str) -> None:
    assert told in observe("all", 0, CPUS, BEFORE, after, calm=True, waited_s=0.0).reasons


def test_waiting_in_vain_is_told_and_pressure_of_our_own_threads_is_not() -> None:
    assert observe("all", 0, CPUS, BEFORE, later(), calm=False, waited_s=5.0).reasons == [
        "no calm before it within 5.0 s"
    ]
    assert observe("all", 0, CPUS, BEFORE, later(pressure=12.0), calm=True, waited_s=0.0).reasons == []


def test_three_ticks_of_the_kernels_clock_are_no_neighbour() -> None:
    short = replace(BEFORE, at=100.1, busy=50.12, own=20.1)
    assert observe("all", 0, CPUS, BEFORE, short, calm=True, waited_s=0.0).reasons == []


def test_a_repetition_that_got_less_than_the_others_is_labelled() -> None:
    calm = [observe("all", n, CPUS, BEFORE, later(), calm=True, waited_s=0.0) for n in range(4)]
    starved = observe("all", 4, CPUS, BEFORE, later(own=32.0, busy=62.0), calm=True, waited_s=0.0)
    cut = observe("all", 5, CPUS, BEFORE, later(switches=3010), calm=True, waited_s=0.0)
    other_run = observe("one", 0, CPUS, BEFORE, later(own=30.0, busy=60.0), calm=True, waited_s=0.0)
    compare([*calm, starved, cut, other_run])
    assert starved.reasons == ["it got 1.20 CPUs, 2.00 is usual"]
    assert cut.reasons == ["interrupted 300 times a second, 2 is usual"]
    assert not any(one.reasons for one in (*calm, other_run))
    told = verdict([*calm, starved, cut], [])
    assert (told["repetitions"], told["disturbed"], told["noisy_neighbour"]) == (6, 2, False)
    assert (told["throttled"], told["preempted"], told["clock_mhz"]) == (None, None, None)
    assert told["reasons"][0] == "all 4: it got 1.20 CPUs, 2.00 is usual"


@pytest.mark.parametrize(
    ("seconds", "busy", "calm"),
    [(1.0, 2.0, True), (1.0, 2.07, True), (1.0, 2.09, False), (0.3, 0.6, False)],
)
def test_what_was_seen_during_a_repetition_is_a_window_if_it_is_long_enough(
    seconds: float, busy: float, calm: bool
) -> None:
    after = replace(BEFORE, at=100 + seconds, busy=50 + busy, own=20 + 2 * seconds)
    seen = observe("all", 0, CPUS, BEFORE, after, calm=False, waited_s=5.0)
    assert (disturbance.long_enough(seen) and disturbance.was_calm(seen, CPUS)) is calm


def clock(greatest: float, mean: float | None = None) -> dict[str, float]:
    return {"mhz_max": greatest, "mhz_mean": greatest if mean is None else mean, "mhz_min": 1.0}


@pytest.mark.parametrize(
    ("clocks", "throttled", "preempted"),
    [
        ([clock(3690), clock(3694)], False, False),
        ([clock(3694), clock(3600)], True, False),
        ([clock(3694), clock(3694), clock(3500, 3000)], False, True),
        ([clock(3694, 3400), clock(3694)], None, True),
        ([clock(3694)], None, False),
    ],
)
def test_the_clock_tells_throttling_and_preemption(
    clocks: list[dict[str, float]], throttled: bool | None, preempted: bool
) -> None:
    told = verdict([], clocks)
    assert (told["throttled"], told["preempted"], told["noisy_neighbour"]) == (throttled, preempted, None)


def test_a_busy_neighbour_is_waited_for_in_vain() -> None:
    cpu = min(os.sched_getaffinity(0))
    argv = [sys.executable, "-c", f"import os; os.sched_setaffinity(0, {{{cpu}}})\nwhile True: pass"]
    with subprocess.Popen(argv) as spinner:
        try:
            time.sleep(0.3)
            calm, waited = disturbance.wait_for_calm({cpu}, Stop(), 0.5)
        finally:
            spinner.kill()
    assert not calm
    assert 0.5 <= waited < 5


def test_an_order_to_end_ends_the_wait_at_once() -> None:
    stop = Stop()
    stop.set("KILLED", "enough")
    assert disturbance.wait_for_calm({0}, stop, 60.0)[0] is False


def test_children_count_as_ours() -> None:
    before = disturbance.read(os.sched_getaffinity(0))
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    after = disturbance.read(os.sched_getaffinity(0))
    assert after.own > before.own
    assert after.busy >= before.busy
