"""The proof's own parts that need no machine: its templates and its deadlines are user data's."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from benchtui.core import userdata
from benchtui.core.keys import JobState, Sentinel
from benchtui.core.userdata import render
from benchtui.engine.packaged import packaged_templates
from tests.vm import deadlines, table
from tests.vm.alone import MECHANISMS, TOGETHER, alone
from tests.vm.cells import Ended, bundle, deadline_s, job_of
from tests.vm.faults import FAULTS, By, Fault
from tests.vm.store import Word
from tests.vm.trace import ended_by, trace_of

#: What arms each mechanism, in the text that is sent.
ARMS = {
    "shutdown": r"^t shutdown -P",
    "timer": r"^on \d+ systemctl poweroff",
    "hard-stop": r"^later \d+ 'echo o",
    "locked": r"^setsid \$y -IS -",
    "softdog": r"^m=[1-9]",
    "panic": r"^for x in panic=10",
}
JOB = job_of()
BEFORE = "[   50.1] x\n[  100.5] y\n"
POLITE = BEFORE + "[  101.0] systemd-shutdown[1]: x\n[  101.1] reboot: Power down\n"
SYSRQ = BEFORE + "[  101.0] sysrq: Power Off\n[  101.1] reboot: Power down\n"
DIRECT = BEFORE + "[  101.1] reboot: Power down\n"
SECOND = "[    0.000000] Linux version 6.1\n[    9.5] sysrq: Power Off\n[    9.9] reboot: Power down\n"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_alone_is_one_mechanism_and_no_agent(mechanism: str) -> None:
    text = render(JOB, alone(packaged_templates(), mechanism))
    assert {name for name, line in ARMS.items() if re.search(line, text, re.M)} == {mechanism}
    assert "main.py" not in text
    assert ("/sysinit.target.wants/ &&" in text) == (mechanism in TOGETHER)


def test_the_real_user_data_has_all_of_them() -> None:
    text = render(JOB, packaged_templates())
    assert all(re.search(line, text, re.M) for line in ARMS.values())


def test_deadlines_are_those_of_user_data() -> None:
    assert [deadline_s(deadlines.JOB, by) for by in By] == [14_400, 14_460, 18_000, 18_060]
    hard = userdata.hard_stop_s(JOB)
    assert [deadline_s(JOB, by) for by in By] == [40, 100, hard, hard + 60]


def test_the_bundle_is_the_same_each_time() -> None:
    assert bundle()[0] == bundle()[0]


def test_faults_have_names_of_their_own() -> None:
    names = [fault.name for fault in (*FAULTS, *deadlines.FAULTS)]
    assert len(names) == len(set(names))
    assert len(FAULTS) >= 20


@pytest.mark.parametrize(
    ("console", "seconds", "said", "by"),
    [
        (POLITE, 42.0, "TIMED_OUT", "agent, politely"),
        (SYSRQ, 20.0, "", "agent's guard, sysrq"),
        (DIRECT, 99.0, "", "timer, reboot(2)"),
        (SYSRQ, 119.0, "EMERGENCY_STOP", "hard stop, sysrq"),
        (DIRECT, 131.0, "", "locked, reboot(2)"),
        (
            BEFORE + "[  101.0] softdog: Initiating system reboot\n" + SECOND,
            200.0,
            "",
            "softdog, then boot guard",
        ),
        (BEFORE + "[  101.0] Kernel panic - not syncing\n" + SECOND, 40.0, "", "panic, then boot guard"),
        (BEFORE + SECOND, 40.0, "", "reboot, then boot guard"),
    ],
)
def test_who_ended_it(console: str, seconds: float, said: str, by: str) -> None:
    words = []
    if said:
        sentinel = Sentinel(datetime(2026, 11, 28, tzinfo=UTC), "c7g.large-1", 3, JobState(said))
        words = [Word(0.0, sentinel, b"{}")]
    assert ended_by(trace_of(console), seconds, words, JOB) == by


def test_uptime_counts_both_boots() -> None:
    trace = trace_of(BEFORE + SECOND)
    assert (trace.first_s, trace.uptime_s) == pytest.approx((100.5, 100.5 + 9.9))


@pytest.mark.long
def test_a_cell_is_judged_by_its_deadline() -> None:
    fault = Fault("x", "", By.HARD)
    assert Ended(fault, 120.0, 180.0).ok
    assert not Ended(fault, 120.0, 180.1).ok
    assert not Ended(fault, 120.0).ok
    assert not Ended(fault, 120.0, 100.0, error="qemu did not start").ok
    assert table.row(Ended(fault, 120.0))[2:7] == ("hard stop", "120", "–", "–", "MISSED")
