"""Which kind of world this machine can give: each rung is tried by running a tiny world to its power-off."""

import dataclasses
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchtui.local.host.limits import Budget, CgroupV1, CgroupV2, ResourceLimits, find, own_scope
from benchtui.local.host.userdata import Part, UserData
from benchtui.local.host.world import Rung, World, WorldSpec

RUNGS: dict[Rung, str] = {
    "T1": "root in namespaces on an overlay of this machine's file system",
    "T2": "a plain user in a user namespace on overlays",
    "T3": "a process group with refusing power-off commands",
}
_PROBE = UserData((Part("script", b"#!/bin/sh\necho > /var/lib/probe && exec poweroff -f\n"),))
_PROBE_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class RungReport:
    """Whether one rung works here; `reason` says why not, or with what it works."""

    rung: Rung
    title: str
    works: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rungs, the one that will be used (None: no instance can run here), and the limits that hold."""

    chosen: Rung | None
    rungs: tuple[RungReport, ...]
    limits: str
    volume_in_memory: bool

    def write(self, state_dir: Path) -> None:
        """Put it where `read` finds it."""
        text = json.dumps(dataclasses.asdict(self), indent=1)
        temporary = _file(state_dir).with_suffix(".new")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(_file(state_dir))

    @classmethod
    def forget(cls, state_dir: Path) -> None:
        """Remove what an earlier host found: this machine may have changed since."""
        _file(state_dir).unlink(missing_ok=True)

    @classmethod
    def read(cls, state_dir: Path) -> "Ladder | None":
        """What the instance host of this local cloud found when it started; None if it has not come that
        far."""
        try:
            fields = json.loads(_file(state_dir).read_text(encoding="utf-8"))
            rungs = tuple(RungReport(**report) for report in fields.pop("rungs"))
            return cls(rungs=rungs, **fields)
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _file(state_dir: Path) -> Path:
    return state_dir / "host" / "ladder.json"


def _try(rung: Rung, limits: CgroupV1 | CgroupV2 | ResourceLimits, image: Path | None) -> str | None:
    """None if a world of this rung came to life and powered itself off, else the reason."""
    cpus = tuple(os.sched_getaffinity(0))
    spec = WorldSpec(
        instance_id=f"probe-{os.getpid()}-{rung.lower()}",
        rung=rung,
        budget=Budget(cpus, 256 << 20, 256, 64 << 20),
        userdata=_PROBE,
        environment={},
        private_ip="127.0.0.1",
        hide=(),
        image=image,
    )
    try:
        world = World(spec, limits)
    except OSError as error:
        return str(error)
    try:
        how = world.wait(_PROBE_TIMEOUT_S)
        said = world.read_console(4096).decode("utf-8", "replace").strip()
    finally:
        world.close()
    if how == "poweroff":
        return None
    return world.error or f"a probe ended by {how or 'timeout'} instead of its own power-off: {said[-300:]}"


def probe(wanted: Rung | None = None) -> Ladder:
    """Try the rungs from the top until one works; with `wanted`, that one only.

    Takes under a second on a machine where the first works. Leaves nothing behind. Must run in a thread that
    outlives it.
    """
    limits, why_not_cgroups = find(own_scope("probe"))
    reports: list[RungReport] = []
    chosen: Rung | None = None
    in_memory = True
    with tempfile.TemporaryDirectory(prefix="benchtui-probe-") as directory:
        for rung, title in RUNGS.items():
            if chosen is not None or (wanted is not None and rung != wanted):
                why = "not tried: a higher one works" if chosen else f"not tried: {wanted} was asked for"
                reports.append(RungReport(rung, title, False, why))
                continue
            reason, with_image = _rung(rung, limits, why_not_cgroups, Path(directory))
            if reason is None:
                chosen, in_memory = rung, not with_image
                reason_text = "volume on disk" if with_image else "volume in memory"
                reports.append(RungReport(rung, title, True, f"{limits.description}, {reason_text}"))
            else:
                reports.append(RungReport(rung, title, False, reason))
    limits.close()
    return Ladder(chosen, tuple(reports), limits.description, in_memory)


def _rung(
    rung: Rung, limits: CgroupV1 | CgroupV2 | ResourceLimits, why_not_cgroups: list[str], directory: Path
) -> tuple[str | None, bool]:
    """(reason or None, whether the volume can be an image on disk)."""
    root = os.geteuid() == 0
    if not Path("/proc/self/ns").is_dir() and rung != "T3":
        return "this system has no Linux namespaces", False
    if rung == "T1":
        if not root:
            return "needs root", False
        if limits.needs_rlimits:
            # Nothing else counts root's processes: RLIMIT_NPROC does not bind uid 0.
            return "; ".join(["needs a cgroup for memory and pids", *why_not_cgroups]), False
        if shutil.which("mkfs.ext4") and Path("/dev/loop-control").exists():
            reason = _try(rung, limits, directory / "probe.img")
            if reason is None:
                return None, True
        return _try(rung, limits, None), False
    if rung == "T2":
        return _try(rung, limits, None), False
    if root:
        return "refused as root: commands called by their full path would reach this machine", False
    # User data writes below /run, /etc and /var as root of its machine; a process group has no such places.
    return (
        "not offered: without a file system of its own a world cannot run user data as an instance does",
        False,
    )
