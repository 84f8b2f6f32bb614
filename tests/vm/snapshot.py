"""A guest that was stopped inside the last stage of cloud-init, where user data runs; cells go on from there.

What waits there is user data itself: a script that reads one line from the second serial line and then runs
what the store hands it, as the child of cloud-init that user data is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from tests.vm.bench import CACHE, key_of, run, scratch
from tests.vm.image import Image, overlay
from tests.vm.machine import COUNTED, KVM, MEMORY_MIB, NET, Clock, Machine, command
from tests.vm.store import Store

#: Where idle time is left out a guest must not idle while it waits for this machine: hence the loop.
WAITING = """#!/bin/sh
stty -F /dev/ttyS1 clocal raw -echo
exec 3<>/dev/ttyS1
if grep -q proof.spin /proc/cmdline; then
 (exec 3>&-; while :; do :; done) &
 echo $! >/run/proof.spin
fi
echo WAITING >&3
read -r line <&3
for try in 1 2 3 4 5; do
 curl -sf http://169.254.169.254/proof/start -o /run/proof.start && break
 sleep 1
done
. /run/proof.start
"""
KVM_BOOT_S = 45  # twice what it takes where it works
BOOT_S = 600  # at most, on a busy machine
SETTLE_S = 5  # what systemd starts beside cloud-init comes to rest


@dataclass(frozen=True)
class Snapshot:
    """A saved machine state and the disk that belongs to it."""

    image: Image
    clock: Clock
    state: Path
    disk: Path
    seed: Path
    made_s: float  # 0: it was in the cache

    def start(self, folder: Path, store: Store) -> Machine:
        """Another guest that goes on from the state."""
        disk = overlay(self.disk, folder / "disk.qcow2")
        argv = command(folder, self.image, disk, store.port, self.clock, seed=self.seed, state=self.state)
        machine = Machine(folder, argv)
        for _ in range(600):
            if machine.ask("query-status")["status"] != "inmigrate":
                break
            time.sleep(0.05)
        machine.ask("cont")
        return machine


def snapshot(image: Image, clock: Clock) -> Snapshot:
    """The state for this image and clock, made if it is not in the cache (about a minute)."""
    version = run("qemu-system-x86_64", "--version").splitlines()[0]
    key = key_of(image.key, clock, WAITING, MEMORY_MIB, NET, version, SETTLE_S)
    folder, began = CACHE / f"state-{clock.name}-{key}", time.monotonic()
    made = not (folder / "complete").exists()
    if made:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _make(folder, image, clock)
        (folder / "complete").touch()
    return Snapshot(
        image,
        clock,
        folder / "state",
        folder / "disk.qcow2",
        folder / "seed.iso",
        time.monotonic() - began if made else 0.0,
    )


def fastest(image: Image) -> Clock:
    """KVM where a boot proves that it works, else emulation. /dev/kvm alone proves nothing: inside a virtual
    machine it may open and then take minutes to unpack a kernel.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return COUNTED
    verdict = CACHE / f"kvm-{key_of(image.key, os.uname().release, os.uname().version)}"
    if not verdict.exists():
        verdict.write_text("works" if _boots(image, KVM, KVM_BOOT_S) else "does not")
    return KVM if verdict.read_text() == "works" else COUNTED


def _boots(image: Image, clock: Clock, seconds: float) -> bool:
    """Whether user data runs within ``seconds``; a kernel that has said nothing after a third is given up."""
    ends, store = time.monotonic() + seconds, Store()
    with scratch() as own:
        try:
            seed = _seed(own)
            disk = overlay(image.disk, own / "disk.qcow2")
            machine = Machine(own, command(own, image, disk, store.port, clock, seed=seed))
        except RuntimeError:
            return False
        finally:
            store.close()
        try:
            if machine.wait(seconds / 3) is not None or not machine.console():
                return False
            machine.hear("WAITING", ends - time.monotonic())
        except (RuntimeError, TimeoutError):
            return False
        finally:
            machine.close()
    return True


def _seed(folder: Path) -> Path:
    """The disk from which cloud-init's NoCloud source reads the waiting script as user data."""
    (folder / "user-data").write_text(WAITING)
    (folder / "meta-data").write_text("instance-id: proof\nlocal-hostname: guest\n")
    run(
        "genisoimage", "-quiet", "-volid", "cidata", "-joliet", "-rock", "-output", folder / "seed.iso",
        folder / "user-data", folder / "meta-data",
    )  # fmt: skip
    return folder / "seed.iso"


def _make(folder: Path, image: Image, clock: Clock) -> None:
    seed = _seed(folder)
    disk = overlay(image.disk, folder / "disk.qcow2")
    store = Store()
    with scratch() as own:
        argv = command(own, image, disk, store.port, clock, seed=seed)
        machine = Machine(own, argv)
        try:
            machine.hear("WAITING", BOOT_S)
            time.sleep(SETTLE_S)
            machine.ask("stop")
            machine.ask("migrate", uri=f"exec:cat >{folder}/state")
            while (status := machine.ask("query-migrate").get("status")) != "completed":
                if status in ("failed", "cancelled"):
                    raise RuntimeError(f"the state could not be saved: {status}")
                time.sleep(0.1)
            with contextlib.suppress(RuntimeError):  # gone before it answers, and by no act of its guest
                machine.ask("quit")
                machine.wait(60)
        finally:
            machine.close()
            store.close()
