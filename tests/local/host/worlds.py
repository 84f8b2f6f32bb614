"""A world run directly, without API and host: for tests and for the hostile proof."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchtui.local.host.ladder import Ladder, probe
from benchtui.local.host.limits import Budget, ResourceLimits, find, own_scope
from benchtui.local.host.userdata import Part, UserData
from benchtui.local.host.world import Rung, World, WorldSpec

_LADDERS: dict[Rung, Ladder] = {}


def ladder(rung: Rung) -> Ladder:
    """What the probe says about one rung, asked once per process."""
    if rung not in _LADDERS:
        _LADDERS[rung] = probe(rung)
    return _LADDERS[rung]


@dataclass
class Outcome:
    """How a world ended (None: it was still alive at the end of the time given) and what it said."""

    how: str | None
    console: str
    seconds: float
    started: bool
    strays: list[int]
    cgroups_left: list[str]


@contextmanager
def world(
    script: str,
    rung: Rung = "T1",
    *,
    directory: Path,
    memory: int = 256 << 20,
    processes: int = 256,
    disk: int = 128 << 20,
    boothook: str | None = None,
    environment: dict[str, str] | None = None,
    hide: tuple[str, ...] = (),
    cgroups: bool = True,
) -> Iterator[World]:
    """A world on one CPU; killed and cleaned up on leaving."""
    limits = find(own_scope("test"))[0] if cgroups else ResourceLimits()
    parts = [Part("script", script.encode())]
    if boothook is not None:
        parts.insert(0, Part("boothook", boothook.encode()))
    name = f"i-{uuid.uuid4().hex[:17]}"
    cpu = min(os.sched_getaffinity(0))
    spec = WorldSpec(
        instance_id=name,
        rung=rung,
        budget=Budget((cpu,), memory, processes, disk),
        userdata=UserData(tuple(parts)),
        environment=environment or {},
        private_ip="10.0.0.5",
        hide=hide,
        image=None if ladder(rung).volume_in_memory else directory / f"{name}.img",
    )
    started = World(spec, limits)
    try:
        yield started
    finally:
        started.close()
        limits.close()


_PINNED: dict[str, int] = {}


def pid_namespace(started: World, timeout_s: float = 10) -> str:
    """Identity of the world's pid namespace, by which strays can be told after its end.

    It is held open, or the kernel would give the same number to somebody else's world.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        for event in started.poll():
            if event["event"] == "booted":
                name = os.readlink(f"/proc/{event['init']}/ns/pid")
                _PINNED[name] = os.open(f"/proc/{event['init']}/ns/pid", os.O_RDONLY)
                return name
        if started.how is not None:
            return ""
        time.sleep(0.005)
    return ""


def processes_in(namespace: str) -> list[int]:
    """Processes of this machine that live in a pid namespace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "ns/pid") == namespace:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def run(
    script: str, rung: Rung = "T1", *, directory: Path, timeout_s: float = 20, **options: object
) -> Outcome:
    """Run a world until it ends or `timeout_s` is over, then kill it."""
    begin = time.monotonic()
    with world(script, rung, directory=directory, **options) as started:  # type: ignore[arg-type]
        namespace = pid_namespace(started)
        console = b""
        deadline = begin + timeout_s
        while time.monotonic() < deadline:
            console += started.read_console(65536)
            started.enforce_memory()
            started.poll()
            if started.how is not None:
                break
            time.sleep(0.01)
        how, seconds = started.how, time.monotonic() - begin
        started.kill()
        while data := started.read_console(65536):
            console += data
    strays = processes_in(namespace)
    if namespace:
        os.close(_PINNED.pop(namespace))
    limits, _ = find(own_scope("test"))
    left = limits.names()
    limits.close()
    return Outcome(how, console.decode("utf-8", "replace"), seconds, bool(namespace), strays, left)
