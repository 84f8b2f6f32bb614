"""States of instances over time: pending, running, shutting-down, terminated, forgotten.

moto changes state at once; here a change is started by the API or the instance host and completed by the
host's word, or by a timer where nobody is home. Time passes lazily: `advance` is called before anyone looks.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models.instances import InstanceState, StateReason

from .clock import Clock

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
CONSOLE_BYTES = 64 * 1024
LIVE = frozenset({"pending", "running", "shutting-down"})
USER_SHUTDOWN = ("Client.UserInitiatedShutdown", "User initiated shutdown")
SPOT_TERMINATION = ("Server.SpotInstanceTermination", "Spot instance termination")
GUEST_SHUTDOWN = ("Client.InstanceInitiatedShutdown", "Instance initiated shutdown")


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds.

    Attributes:
        alone_s: length of pending, stopping and shutting-down where no host answers for the instance.
        host_grace_s: how long a host may take to end a world before it counts as ended anyway.
        kept_s: how long a terminated instance is described.
    """

    alone_s: float = 0.2
    host_grace_s: float = 5.0
    kept_s: float = 3600.0


@dataclass
class Life:
    """What moto does not know about one instance."""

    instance: Any
    backend: Any
    reservation_id: str
    hosted: bool
    since: float
    world_ended: bool = False
    console: bytearray = field(default_factory=bytearray)
    console_at: float | None = None
    reclaim_at: float | None = None  # EC2 takes it back then, and has said so


class Lifecycle:
    """The lives of all instances of all regions. Not thread-safe: callers hold the cloud's lock."""

    def __init__(self, clock: Clock, timings: Timings) -> None:
        self.clock = clock
        self.timings = timings
        self.lives: dict[str, Life] = {}
        self.on_forgotten: list[Callable[[str], None]] = []

    def admit(self, instance: Any, backend: Any, reservation_id: str, *, hosted: bool) -> None:
        """A new instance starts pending; `hosted` = the instance host will run it."""
        life = Life(instance, backend, reservation_id, hosted, self.clock.now())
        self.lives[instance.id] = life
        instance.launch_time = self.clock.utc()
        self._enter(life, "pending")
        instance.state_reason = StateReason("pending", "pending")

    def _enter(self, life: Life, state: str) -> None:
        # A new object: moto's replies hold references to the old one.
        life.instance._state = InstanceState(state, CODES[state])
        life.since = self.clock.now()

    def started(self, instance_id: str, launch_time: Any = None) -> None:
        """pending → running. KeyError for an unknown id; any other state is left alone (a late word)."""
        life = self.lives[instance_id]
        if life.instance.state != "pending":
            return
        self._enter(life, "running")
        life.instance.launch_time = launch_time or self.clock.utc()
        life.instance._reason = ""
        life.instance.state_reason = None

    def shut_down(self, instance_id: str) -> None:
        """TerminateInstances: anything but terminated → shutting-down, by the user."""
        life = self.lives[instance_id]
        if life.instance.state in ("shutting-down", "terminated"):
            return
        if life.instance.state == "stopped":
            life.world_ended = True
        self._user_reason(life)
        self._enter(life, "shutting-down")

    def reclaim(self, instance_id: str, in_s: float) -> None:
        """Give a spot instance notice and take it back after ``in_s`` seconds.

        KeyError for an unknown id, ValueError for one that is not of the spot market.
        """
        life = self.lives[instance_id]
        if life.instance.lifecycle != "spot":
            raise ValueError(f"{instance_id} is not of the spot market")
        if life.instance.state in ("pending", "running"):
            life.reclaim_at = self.clock.now() + in_s

    def _take_back(self, life: Life) -> None:
        life.instance._reason = ""
        life.instance.state_reason = StateReason(
            f"{SPOT_TERMINATION[0]}: {SPOT_TERMINATION[1]}", SPOT_TERMINATION[0]
        )
        self._enter(life, "shutting-down")

    def stop(self, instance_id: str) -> None:
        """StopInstances: running or pending → stopping, by the user."""
        life = self.lives[instance_id]
        if life.instance.state in ("pending", "running"):
            self._user_reason(life)
            self._enter(life, "stopping")

    def start(self, instance_id: str) -> None:
        """StartInstances: stopped → pending."""
        life = self.lives[instance_id]
        if life.instance.state == "stopped":
            life.world_ended = False
            life.instance._reason = ""
            life.instance.state_reason = StateReason("pending", "pending")
            self._enter(life, "pending")

    def ended(self, instance_id: str, cause: str) -> None:
        """The host's word that a world ended. KeyError for an unknown id, ValueError for an unknown cause.

        `guest-poweroff` starts the shutdown behaviour, `terminated` completes a shutdown under way, `crash`
        changes nothing: EC2 shows a crashed guest as running.
        """
        life = self.lives[instance_id]
        if cause == "crash":
            return
        if cause == "terminated":
            life.world_ended = True
            self._complete(life)
            return
        if cause != "guest-poweroff":
            raise ValueError(f"unknown cause {cause!r}")
        if life.instance.state not in ("pending", "running"):
            return
        life.world_ended = True
        life.instance._reason = ""
        life.instance.state_reason = StateReason(
            f"{GUEST_SHUTDOWN[0]}: {GUEST_SHUTDOWN[1]}", GUEST_SHUTDOWN[0]
        )
        terminate = life.instance.instance_initiated_shutdown_behavior == "terminate"
        self._enter(life, "shutting-down" if terminate else "stopping")

    def _user_reason(self, life: Life) -> None:
        life.instance._reason = f"User initiated ({self.clock.utc():%Y-%m-%d %H:%M:%S} GMT)"
        life.instance.state_reason = StateReason(f"{USER_SHUTDOWN[0]}: {USER_SHUTDOWN[1]}", USER_SHUTDOWN[0])

    def _complete(self, life: Life) -> None:
        if life.instance.state == "shutting-down":
            self._terminate(life)
        elif life.instance.state == "stopping":
            self._enter(life, "stopped")

    def _terminate(self, life: Life) -> None:
        instance = life.instance
        reason, state_reason = instance._reason, instance.state_reason
        doomed = [d.volume_id for _, d in instance.get_block_device_mapping if d.delete_on_termination]
        nics = list(instance.nics.values())
        instance.terminate()
        for nic in nics:
            if nic.delete_on_termination:
                doomed.append(nic.id)
            else:
                nic.instance, nic.attachment_id, nic.status = None, None, "available"
        for resource_id in doomed:
            life.backend.tags.pop(resource_id, None)
        # A terminated instance shows no address, network or groups.
        instance.nics, instance._subnet_id, instance.security_groups = {}, None, []
        instance._reason, instance.state_reason = reason, state_reason
        self._enter(life, "terminated")

    def advance(self) -> None:
        """Let the time that has passed take effect."""
        now = self.clock.now()
        for instance_id, life in list(self.lives.items()):
            state, age = life.instance.state, now - life.since
            alone = not life.hosted or life.world_ended
            if life.reclaim_at is not None and state in ("pending", "running") and now >= life.reclaim_at:
                self._take_back(life)
            elif state == "pending" and not life.hosted and age >= self.timings.alone_s:
                self.started(instance_id)
            elif state in ("shutting-down", "stopping"):
                limit = self.timings.alone_s if alone else self.timings.host_grace_s
                if age >= limit:
                    self._complete(life)
            elif state == "terminated" and age >= self.timings.kept_s:
                self._forget(instance_id, life)

    def _forget(self, instance_id: str, life: Life) -> None:
        reservation = life.backend.reservations[life.reservation_id]
        reservation.instances = [i for i in reservation.instances if i.id != instance_id]
        if not reservation.instances:
            del life.backend.reservations[reservation.id]
        life.backend.tags.pop(instance_id, None)
        del self.lives[instance_id]
        for callback in self.on_forgotten:
            callback(instance_id)

    def append_console(self, instance_id: str, text: bytes) -> None:
        """Add console output, of which the last 64 KiB are kept. KeyError for an unknown id."""
        life = self.lives[instance_id]
        life.console += text
        del life.console[:-CONSOLE_BYTES]
        life.console_at = self.clock.now()

    def console_base64(self, instance_id: str) -> str:
        return base64.b64encode(bytes(self.lives[instance_id].console)).decode()

    def live_count(self) -> int:
        """Instances pending, running or shutting down."""
        return sum(life.instance.state in LIVE for life in self.lives.values())
