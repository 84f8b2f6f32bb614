"""One cell: a saved machine gets real user data, is broken, and is timed from arming to the end of qemu."""

from __future__ import annotations

import base64
import contextlib
import email
import os
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchtui.core import userdata
from benchtui.core.document_fields import parse_document
from benchtui.core.documents import SentinelBody
from benchtui.core.keys import JobState
from benchtui.core.userdata import JobUserData, Templates, render
from benchtui.engine.bundle import build_bundle, load_suites
from benchtui.engine.packaged import packaged_templates
from tests.vm.bench import scratch
from tests.vm.faults import By, Fault
from tests.vm.machine import Clock, Machine
from tests.vm.snapshot import Snapshot
from tests.vm.store import INSTANCE, Store
from tests.vm.trace import ended_by, trace_of

#: What is promised: a cell that can be covered has ended this long after its deadline.
WITHIN_S = 60
#: A boot under emulation on a busy machine; what has not ended by then counts as never.
REBOOT_S = 90
START_S = 240
PATIENCE_S = 1200  # with a guest's own time, which passes more slowly where this machine is busy
#: Guests that start at the same time; what waits for a deadline needs no CPU. Timers must not be armed late.
_STARTING = threading.Semaphore(os.cpu_count() or 1)
#: Long enough for the agent to be measuring when its machine breaks, short enough to wait for.
MAX_RUNTIME_S = 40
#: Where idle time is skipped, a boot that waits for its disk passes much of it: its time says nothing.
SKIPPED_REBOOT_S = 3600
SUITE = "broken"
PAYLOAD = """import subprocess, time, urllib.request
text = urllib.request.urlopen("http://169.254.169.254/proof/fault", timeout=60).read()
subprocess.Popen(["/bin/sh", "-c", text], stdout=subprocess.DEVNULL)
while True:
    time.sleep(3600)
"""
TOML = f"""schema = "benchtui.payload/1"
name = "{SUITE}"
title = "Breaks its machine"
version = 1
[modes.quick]
expected_seconds = 1
timeout_seconds = 86400
[[runs]]
name = "main"
argv = ["/usr/bin/python3", "bench.py"]
[metrics."speed"]
unit = "GB/s"
higher_is_better = true
"""
#: Runs in place of the waiting script. job.json is what user data writes right after its last timer.
START = """date -s @{now:.0f} >/dev/null
base64 -d >/run/proof.hook <<'X'
{hook}X
base64 -d >/run/proof.script <<'X'
{script}X
base64 -d >/run/proof.fault <<'X'
{fault}X
(until [ -e /var/lib/benchtui/job.json ]; do sleep 0.2; done
 read -r up _ </proc/uptime
 echo "ARMED $up" >&3) &
(read -r line <&3; kill -9 $(cat /run/proof.spin)) 2>/dev/null &
exec 3>&-
sh /run/proof.hook
exec sh /run/proof.script
"""


@dataclass(frozen=True)
class Ended:
    """How a cell came out. Seconds count from arming, on the clock that the cell was played with."""

    fault: Fault
    deadline_s: float
    seconds: float | None = None  # None: it had not ended
    by: str = ""
    words: tuple[str, ...] = ()  # states, as the guest's sentinels told them
    unarmed: tuple[str, ...] = ()  # mechanisms that BOOTED names as not armed
    took_s: float = 0.0  # on this machine
    error: str = ""  # the cell could not be played

    @property
    def late_s(self) -> float | None:
        """Seconds after the deadline; negative: before it."""
        return None if self.seconds is None else self.seconds - self.deadline_s

    @property
    def ok(self) -> bool:
        """Whether it kept what is promised."""
        return not self.error and self.late_s is not None and self.late_s <= WITHIN_S


def job_of(max_runtime_s: int = MAX_RUNTIME_S, grace_s: int = userdata.SHORTEST_GRACE_S) -> JobUserData:
    """A job for the guest; the shortest grace that user data allows."""
    return JobUserData(
        run="20261128-120000-k3f7",
        job=f"{INSTANCE['instance_type']}-1",
        bucket="benchtui-123456789012-us-east-1",
        bucket_region="us-east-1",
        bundle_sha256="0" * 64,
        instance_type=str(INSTANCE["instance_type"]),
        image_id=str(INSTANCE["image_id"]),
        suites=(SUITE,),
        mode="quick",
        max_runtime_s=max_runtime_s,
        emergency_grace_s=grace_s,
    )


def deadline_s(job: JobUserData, by: By) -> int:
    """Seconds from arming to a deadline."""
    hard = userdata.hard_stop_s(job)
    return {
        By.STOP: job.max_runtime_s,
        By.FORCE: job.max_runtime_s + userdata.FORCE_AFTER_S,
        By.HARD: hard,
        By.KERNEL: hard + userdata.SOFTDOG_AFTER_S,
    }[by]


def bundle() -> tuple[str, bytes]:
    """Hash and bytes of the real agent with the one suite that breaks its machine."""
    with tempfile.TemporaryDirectory(prefix="suite-") as parent:
        folder = Path(parent) / SUITE
        folder.mkdir()
        (folder / "bench.py").write_text(PAYLOAD)
        (folder / "payload.toml").write_text(TOML)
        return build_bundle(load_suites({SUITE: folder}))


def run_cell(
    snapshot: Snapshot,
    fault: Fault,
    job: JobUserData,
    packed: tuple[str, bytes],
    alone: Templates | None = None,
) -> Ended:
    """Load the state, hand user data over, let the fault come about, and wait for the end. Does not raise.

    Args:
        snapshot: to go on from.
        fault: what the payload does.
        job: with the deadlines.
        packed: the bundle.
        alone: templates with one mechanism and without the agent, to be used instead of the real ones.
    """
    began = time.monotonic()
    job = replace(job, bundle_sha256=packed[0])
    ended = _play(snapshot, fault, job, packed[1], alone)
    if ended.error:  # this machine was too busy for the guest to come as far as its fault
        ended = _play(snapshot, fault, job, packed[1], alone)
    return replace(ended, took_s=time.monotonic() - began)


def _play(
    snapshot: Snapshot, fault: Fault, job: JobUserData, packed: bytes, alone: Templates | None
) -> Ended:
    start = _start(job, alone or packaged_templates(), fault)
    store = Store(bundle=packed, proof={"start": start, "fault": fault.shell})
    agent = alone is None
    with scratch() as folder:
        machine = None
        try:
            with _STARTING:
                machine = snapshot.start(folder, store)
                armed = _armed(machine, store, agent=agent)
            return _watch(machine, store, fault, job, armed, snapshot.clock, agent)
        except (RuntimeError, TimeoutError) as error:
            said = machine.console()[-600:] if machine else ""
            return Ended(fault, deadline_s(job, fault.by), error=f"{error}; {store.said()}\n{said}")
        finally:
            if machine is not None:
                machine.close()
            store.close()


def _start(job: JobUserData, templates: Templates, fault: Fault) -> str:
    """What the waiting script runs: both parts of user data, as cloud-init takes them out of it."""
    hook, script = email.message_from_string(render(job, templates)).get_payload()
    texts = {"hook": hook.get_payload(), "script": script.get_payload(), "fault": fault.shell}
    encoded = {name: base64.encodebytes(text.encode()).decode() for name, text in texts.items()}
    return START.format(now=time.time(), **encoded)


@dataclass(frozen=True)
class Armed:
    """The moment from which a cell's time is taken, on three clocks, in seconds."""

    at: float  # time.monotonic()
    uptime_s: float  # of the guest's kernel
    clock_s: int  # of the guest's clock chip


def _armed(machine: Machine, store: Store, *, agent: bool) -> Armed:
    """Wait until the guest is armed and its payload about to break it: the moment at which it was armed.

    Raises:
        TimeoutError: it did not come to that.
    """
    machine.say("start")
    at, line = machine.hear("ARMED", START_S)
    armed = Armed(at, float(line.split()[1]), machine.clock_s())
    if agent and not store.wait_asked("fault", START_S):
        raise TimeoutError("the payload did not come to its fault")
    return armed


def resets(machine: Machine) -> bool:
    """Whether the kernel has reset the guest.

    In skipped time any number of hours may pass while the boot after that waits for its disk: from then on
    only this machine's patience counts.
    """
    trace = trace_of(machine.console())
    return trace.softdog or trace.panic or trace.reboots > 0


def await_end(machine: Machine, clock: Clock, armed: Armed, job: JobUserData) -> float | None:
    """When the guest ended (time.monotonic()); None: it had not when its clock was past the last deadline."""
    never_s = deadline_s(job, By.KERNEL) + WITHIN_S + (SKIPPED_REBOOT_S if clock.skips else REBOOT_S)
    if not clock.counted:
        return machine.wait(armed.at + never_s - time.monotonic())
    gives_up = time.monotonic() + PATIENCE_S
    ended_at = None
    while ended_at is None and time.monotonic() < gives_up:
        ended_at = machine.wait(2)
        with contextlib.suppress(RuntimeError):  # it ends just now
            late = ended_at is None and machine.clock_s() > armed.clock_s + never_s
            if late and not (clock.skips and resets(machine)):
                break
    return ended_at


def _watch(
    machine: Machine,
    store: Store,
    fault: Fault,
    job: JobUserData,
    armed: Armed,
    clock: Clock,
    agent: bool,
) -> Ended:
    if fault.outside is not None:
        fault.outside(machine)
    if clock.skips:
        time.sleep(1)
        machine.say("go")
    ended_at = await_end(machine, clock, armed, job)
    trace, seconds = trace_of(machine.console()), None
    if ended_at is not None:
        uptime_s = trace.first_s if clock.skips else trace.uptime_s
        seconds = uptime_s - armed.uptime_s if clock.counted else ended_at - armed.at
    return Ended(
        fault,
        deadline_s(job, fault.by),
        seconds,
        "not ended" if seconds is None else ended_by(trace, seconds, store.words, job, agent=agent),
        tuple(store.said()),
        unarmed(store),
    )


def layers(store: Store) -> dict[str, str]:
    """The mechanisms as the guest's BOOTED told them; empty where it could not be sent."""
    for word in store.words:
        if word.sentinel.state is JobState.BOOTED:
            return dict(parse_document(SentinelBody, word.body, "BOOTED").layers)
    return {}


def unarmed(store: Store) -> tuple[str, ...]:
    """What BOOTED names as not armed. On a busy machine a line of user data may exceed its 5 s."""
    return tuple(f"{name} {state}" for name, state in layers(store).items() if state != "armed")
