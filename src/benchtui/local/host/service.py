"""The instance host: admits pending instances, gives each a world, and tells the API what becomes of them."""

import logging
import os
import select
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchtui.local.host import limits, userdata
from benchtui.local.host.imds import ImdsServer, Sources
from benchtui.local.host.ladder import Ladder
from benchtui.local.host.limits import Budget, CgroupV1, CgroupV2, ResourceLimits
from benchtui.local.host.network import Outside
from benchtui.local.host.placement import Cpus, machine_memory, memory_share
from benchtui.local.host.routes import Api, ApiRefused, ApiUnreachable
from benchtui.local.host.world import World, WorldSpec

LOG = logging.getLogger("benchtui.local.host")

POLL_S = 0.2
CONSOLE_S = 0.5
CONSOLE_BYTES_PER_TICK = 256 * 1024
CONSOLE_KEPT = 64 * 1024
API_SILENCE_S = 15.0
DEFAULT_VOLUME_GIB = 8
SMALLEST_VOLUME_BYTES = 256 << 20  # below it an instance waits for disk as it waits for CPUs
DISK_KEPT_FREE_BYTES = 2 << 30
#: Enough for a parallel build on every CPU, few enough that a fork bomb is ended in a moment.
PROCESSES_PER_WORLD = 4096


@dataclass(slots=True)
class Tenant:
    """One instance with a world, and what the API has not been told yet."""

    instance: dict[str, Any]
    world: World
    unsent: bytes = b""
    kept: bytes = b""
    booted: bool = False
    started_told: bool = False


@dataclass(slots=True)
class Host:
    """All state of the process. `idle` is called between polls with the seconds to wait (tests shorten
    it)."""

    api: Api
    directory: Path  # volumes, console copies
    ladder: Ladder
    limits: CgroupV1 | CgroupV2 | ResourceLimits
    cpus: Cpus
    hide: tuple[str, ...]
    account_id: str
    isolate_net: bool = False
    clock: Callable[[], float] = time.monotonic
    tenants: dict[str, Tenant] = field(default_factory=dict)
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    booted_before: set[str] = field(default_factory=set)
    unreported: dict[str, str] = field(default_factory=dict)  # instance -> cause of its end
    nobody_home: set[str] = field(default_factory=set)
    imds: ImdsServer = field(init=False)
    _last_console: float = field(default=0.0, init=False)
    _last_answer: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self.imds = ImdsServer(Sources(self.instances.get, self.api.credentials, self.account_id))
        self._last_answer = self.clock()

    # ---- one round ---------------------------------------------------------------------------------------

    def round(self) -> None:
        """Look at the API and at the worlds once. Raises ApiUnreachable after a long silence of the API."""
        try:
            listed = self.api.instances()
        except (ApiUnreachable, ApiRefused) as error:
            if self.clock() - self._last_answer > API_SILENCE_S:
                raise ApiUnreachable(f"no answer for {API_SILENCE_S:.0f} s: {error}") from error
            listed = None
        if listed is not None:
            self._last_answer = self.clock()
            self.instances.clear()
            self.instances.update({str(row["instance_id"]): row for row in listed})
            self._follow(listed)
        self.watch_worlds()
        self._report_ends()

    def _follow(self, listed: list[dict[str, Any]]) -> None:
        for instance_id in list(self.tenants):
            row = self.instances.get(instance_id)
            if row is None or row["state"] == "shutting-down":
                self._end(instance_id, "terminated")
        queue_blocked = False
        for row in listed:
            instance_id, state = str(row["instance_id"]), row["state"]
            if instance_id in self.tenants or instance_id in self.unreported:
                continue
            if state == "shutting-down":
                self.unreported.setdefault(instance_id, "terminated")
                self.nobody_home.discard(instance_id)
            elif state == "running" and row.get("cpus") and instance_id not in self.nobody_home:
                # Running, but its world died with an earlier host: as after a crash of the guest.
                self.nobody_home.add(instance_id)
                self.unreported[instance_id] = "crash"
            elif state == "pending" and row.get("cpus") and not queue_blocked:
                queue_blocked = not self._admit(row)

    def _admit(self, row: dict[str, Any]) -> bool:
        """Start a world for a pending instance; False if its CPUs are taken, and then those behind it wait
        too."""
        instance_id, count = str(row["instance_id"]), int(row["cpus"])
        if not self.ladder.volume_in_memory and self._disk_for(row) < SMALLEST_VOLUME_BYTES:
            return False
        cpus = self.cpus.take(instance_id, count)
        if cpus is None:
            return False
        try:
            world = World(self._spec(row, cpus), self.limits)
        except OSError as error:
            LOG.error("%s: no world: %s", instance_id, error)
            self.cpus.release(instance_id)
            self._tell_started(instance_id)
            self.nobody_home.add(instance_id)
            self.unreported[instance_id] = "crash"
            return True
        self.tenants[instance_id] = Tenant(row, world)
        self.booted_before.add(instance_id)
        LOG.info("%s: %s world on CPUs %s", instance_id, self.ladder.chosen, cpus)
        return True

    def _spec(self, row: dict[str, Any], cpus: tuple[int, ...]) -> WorldSpec:
        instance_id = str(row["instance_id"])
        total = len(self.cpus.all)
        memory = memory_share(min(len(cpus), total), total, machine_memory())
        if self.ladder.volume_in_memory:
            asked = int(row.get("volume_gib") or DEFAULT_VOLUME_GIB) << 30
            disk, image = min(asked, memory // (4 if self.limits.needs_rlimits else 2)), None
        else:
            disk, image = self._disk_for(row), self.directory / f"{instance_id}.img"
        # cloud-init runs user data at the first boot of an instance, not after StopInstances and
        # StartInstances.
        data = (
            userdata.UserData(())
            if instance_id in self.booted_before
            else userdata.parse(row.get("user_data"))
        )
        environment = {"AWS_ENDPOINT_URL": self.api.endpoint}
        outside = None
        if self.isolate_net:
            outside = Outside(self.imds.sources, instance_id, self.api.endpoint)
        else:
            environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = self.imds.endpoint(instance_id)
        assert self.ladder.chosen is not None
        return WorldSpec(
            instance_id=instance_id,
            rung=self.ladder.chosen,
            budget=Budget(cpus, memory, PROCESSES_PER_WORLD, disk),
            userdata=data,
            environment=environment,
            private_ip=str(row["private_ip"]),
            hide=self.hide,
            image=image,
            outside=outside,
        )

    def _disk_for(self, row: dict[str, Any]) -> int:
        """Bytes of the volume: what is asked for, or what this machine has left when all worlds fill
        theirs."""
        reserved = sum(tenant.world.spec.budget.disk_bytes for tenant in self.tenants.values())
        free = shutil.disk_usage(self.directory).free - reserved - DISK_KEPT_FREE_BYTES
        return max(0, min(int(row.get("volume_gib") or DEFAULT_VOLUME_GIB) << 30, free))

    # ---- worlds ------------------------------------------------------------------------------------------

    def watch_worlds(self) -> None:
        """Events and console of every world; ends are noted for the API."""
        for instance_id, tenant in list(self.tenants.items()):
            tenant.unsent += tenant.world.read_console(CONSOLE_BYTES_PER_TICK)
            tenant.world.enforce_memory()
            for event in tenant.world.poll():
                if event["event"] == "booted":
                    tenant.booted = True
                elif event["event"] in ("reboot", "error"):
                    LOG.info("%s: %s", instance_id, event)
            how = tenant.world.how
            if (tenant.booted or how is not None) and not tenant.started_told:
                tenant.started_told = self._tell_started(instance_id)
            if how is not None:
                cause = "guest-poweroff" if how == "poweroff" else "crash"
                if cause == "crash":
                    LOG.error("%s: world crashed: %s", instance_id, how)
                    tenant.unsent += f"\nworld crashed: {how}\n".encode()
                self._end(instance_id, cause)
        if self.clock() - self._last_console >= CONSOLE_S:
            self._last_console = self.clock()
            for instance_id in self.tenants:
                self._ship_console(instance_id)

    def _tell_started(self, instance_id: str) -> bool:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            self.api.started(instance_id, now)
        except (ApiUnreachable, ApiRefused) as error:
            LOG.warning("%s: started not told: %s", instance_id, error)
            return isinstance(error, ApiRefused)
        return True

    def _ship_console(self, instance_id: str) -> None:
        tenant = self.tenants[instance_id]
        if not tenant.unsent:
            return
        data, tenant.unsent = tenant.unsent[-CONSOLE_KEPT:], b""
        tenant.kept = (tenant.kept + data)[-CONSOLE_KEPT:]
        (self.directory / f"{instance_id}.console").write_bytes(tenant.kept)
        try:
            self.api.console(instance_id, data)
        except (ApiUnreachable, ApiRefused) as error:
            LOG.warning("%s: console lost: %s", instance_id, error)

    def _end(self, instance_id: str, cause: str) -> None:
        tenant = self.tenants[instance_id]
        tenant.world.kill()
        if tenant.world.how == "poweroff" and cause == "terminated" and instance_id in self.instances:
            cause = "guest-poweroff" if self.instances[instance_id]["state"] == "running" else cause
        while data := tenant.world.read_console(CONSOLE_BYTES_PER_TICK):
            tenant.unsent = (tenant.unsent + data)[-CONSOLE_KEPT:]
        self._ship_console(instance_id)
        tenant.world.close()
        del self.tenants[instance_id]
        self.cpus.release(instance_id)
        if cause == "crash":
            self.nobody_home.add(instance_id)
        self.unreported[instance_id] = cause
        LOG.info("%s: ended: %s", instance_id, cause)
        self._report_ends()

    def _report_ends(self) -> None:
        for instance_id, cause in list(self.unreported.items()):
            try:
                self.api.ended(instance_id, cause)
            except ApiUnreachable:
                return
            except ApiRefused as error:
                LOG.warning("%s: end (%s) refused: %s", instance_id, cause, error)
            del self.unreported[instance_id]

    # ---- life --------------------------------------------------------------------------------------------

    def wait(self, timeout_s: float, also: list[int]) -> list[int]:
        """Sleep until a world or one of the descriptors `also` has something to say; returns those of
        `also`."""
        ready, _, _ = select.select([*self.tenants_by_fd(), *also], [], [], timeout_s)
        return [fd for fd in ready if fd in also]

    def tenants_by_fd(self) -> list[int]:
        """Descriptors on which worlds report."""
        return [tenant.world.fileno() for tenant in self.tenants.values()]

    def close(self) -> None:
        """Kill every world and stop the metadata service."""
        for tenant in self.tenants.values():
            tenant.world.close()
        self.tenants.clear()
        self.imds.stop()
        for name in self.limits.names():
            self.limits.kill(name)
            self.limits.remove(name)
        self.limits.close()


def sweep(directory: Path) -> list[str]:
    """End what hosts that were killed may have left: processes in their cgroups, volumes on disk. Returns
    names.

    Its worlds die with it (each process asked the kernel for SIGKILL at the death of its parent, and pid 1
    takes the rest along) and its mounts are private to them; this finds what slipped through.
    """
    found = limits.sweep()
    for image in directory.glob("*.img"):
        image.unlink()
        found.append(image.name)
    for console in directory.glob("*.console"):
        if time.time() - console.stat().st_mtime > 7 * 86400:
            console.unlink()
    return found


def own_directory(state_file: Path) -> Path:
    """The host's directory beside the state file, readable by its owner only."""
    directory = state_file.resolve().parent / "host"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(directory, 0o700)  # noqa: PTH101
    return directory
