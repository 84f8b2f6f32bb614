"""A machine that boots from nothing, as an instance does: EC2's data source, IMDSv2 required."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from benchtui.core.userdata import JobUserData, render
from benchtui.engine.packaged import packaged_templates
from tests.vm.bench import scratch
from tests.vm.cells import Armed, Ended, await_end, deadline_s, layers, unarmed
from tests.vm.faults import By, Fault
from tests.vm.image import Image, overlay
from tests.vm.machine import Clock, Machine, command
from tests.vm.store import BUNDLE, Store
from tests.vm.trace import ended_by, trace_of, uptime_s

BOOT_S = 600  # at most, on a busy machine
FAULTS = (
    Fault("cold boot, EC2's data source", ""),
    Fault("cold boot, kernel panic", "echo c >/proc/sysrq-trigger\n", By.HARD),
)


@dataclass(frozen=True)
class Cold:
    """How it came out, and what only a cold boot shows."""

    ended: Ended
    boot_s: float  # from the kernel's start to the script of user data asking for its bundle
    layers: dict[str, str]
    refused: int  # requests for metadata without a token, each answered with 401


def run_cold(image: Image, clock: Clock, fault: Fault, job: JobUserData, packed: tuple[str, bytes]) -> Cold:
    """Boot, wait for the end. Seconds count from the bundle's fetching: right after arming."""
    began = time.monotonic()
    job = replace(job, bundle_sha256=packed[0])
    text = render(job, packaged_templates())
    store = Store(user_data=text, bundle=packed[1], proof={"fault": fault.shell})
    ended, boot_s = Ended(fault, deadline_s(job, fault.by)), 0.0
    with scratch() as folder:
        machine = None
        try:
            disk = overlay(image.disk, folder / "disk.qcow2")
            machine = Machine(folder, command(folder, image, disk, store.port, clock))
            armed_at = store.wait_asked(BUNDLE, BOOT_S)
            if armed_at is None:
                raise TimeoutError("user data did not run")
            # The line that says when the polite shutdown will be is on the console by now.
            armed = Armed(armed_at, uptime_s(machine.console()), machine.clock_s())
            boot_s = armed.uptime_s
            ended_at = await_end(machine, clock, armed, job)
            seconds = None if ended_at is None else ended_at - armed_at
            if seconds is not None and clock.counted:
                seconds = trace_of(later_boots(machine)).uptime_s - boot_s
            ended = _outcome(ended, machine, store, job, seconds)
        except (RuntimeError, TimeoutError) as error:
            said = machine.console()[-1500:] if machine else ""
            ended = replace(ended, error=f"{error}; {store.said()}\n{said}")
        finally:
            if machine is not None:
                machine.close()
            store.close()
    ended = replace(ended, took_s=time.monotonic() - began)
    return Cold(ended, boot_s, layers(store), store.unsigned_metadata)


def _outcome(ended: Ended, machine: Machine, store: Store, job: JobUserData, seconds: float | None) -> Ended:
    trace = trace_of(later_boots(machine))
    by = "not ended" if seconds is None else ended_by(trace, seconds, store.words, job)
    return replace(ended, seconds=seconds, by=by, words=tuple(store.said()), unarmed=unarmed(store))


def later_boots(machine: Machine) -> str:
    """The console without its first line: the first boot is no reboot."""
    return machine.console().partition("Linux version")[2]
