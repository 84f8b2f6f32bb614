"""EC2 as its documentation describes it: client tokens, zones, protected instances, answers that lag behind.

Every region answers from one of two copies of its state. The truth is in `Machine`; what a copy shows is
the truth of some seconds ago, so an answer can be older than the one before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.simulation.limits import Limits
from tests.simulation.network import Refused

#: EC2 shows a terminated instance for about an hour.
REMEMBERED_S = 3600.0
#: For so long a zone has capacity for a type, or has not.
CAPACITY_S = 45.0
ZONES = ("a", "b", "c")
ALIVE = ("pending", "running", "stopping", "stopped")
Answer = dict[str, Any]


@dataclass
class Machine:
    """One instance as it truly is."""

    id: str
    region: str
    zone: str
    params: Answer
    token: str
    born_s: float
    tags: dict[str, str]
    timeline: list[tuple[float, str]] = field(default_factory=list)  # when it came into which state
    reason: str = "pending"
    protected: bool = False
    number: int = 0  # in the order of launch, over all regions
    ended_by: str | None = None

    @property
    def alive(self) -> bool:
        """Billed, or about to be."""
        return self.timeline[-1][1] in ALIVE

    @property
    def ended_s(self) -> float | None:
        """When it began to shut down."""
        return next((at for at, state in self.timeline if state in ("shutting-down", "terminated")), None)

    @property
    def job(self) -> str | None:
        return self.tags.get("benchtui:job")

    @property
    def run(self) -> str | None:
        return self.tags.get("benchtui:run")

    def state_at(self, at: float) -> str | None:
        """Its state at a time; None before its birth."""
        state = None
        for since, name in self.timeline:
            if since <= at:
                state = name
        return state


@dataclass(frozen=True, slots=True)
class Ec2Nature:
    """How a world's EC2 behaves."""

    lag_s: float = 2.0  # most that the slower copy of a region is behind
    no_capacity: float = 0.0  # share of a zone's time in which it has none of a type
    quota: int = 10_000  # instances alive in a region
    protected: float = 0.0  # of the instances, by someone's hand
    stillborn: float = 0.0  # pending, then terminated by the server
    sloppy: float = 0.0  # of the listings: the filter by tag is not heeded
    page: int = 1000


class Ec2:
    """All regions."""

    def __init__(
        self,
        nature: Ec2Nature,
        rng: Random,
        time: Callable[[], float],
        epoch: datetime,
        later: Callable[[float, Callable[[], None]], None],
        changed: Callable[[Machine, str, str], None],
    ) -> None:
        self.nature, self.rng, self.time, self.epoch = nature, rng, time, epoch
        self.later, self.changed = later, changed
        self.machines: dict[str, Machine] = {}
        self.booted: Callable[[Machine], None] = lambda _: None
        self.limits: Limits | None = None  # None: as many requests as anyone likes
        self._tokens: dict[tuple[str, str, str], tuple[str, Machine]] = {}
        self._capacity = Random(rng.random())
        self._dry: dict[tuple[str, str, int], bool] = {}
        self._lags: dict[str, tuple[float, float]] = {}
        self._listings: list[list[Answer]] = []

    # What is asked.

    def run_instances(self, region: str, params: Answer) -> Answer:
        if self.limits is not None:
            self.limits.take(region)
        token = params["ClientToken"]
        zone = (params.get("Placement") or {}).get("AvailabilityZone", "")
        said = json.dumps(params, sort_keys=True, default=str)
        known = self._tokens.get((region, zone, token))
        if known is not None:
            before, machine = known
            if before != said:
                raise Refused("IdempotentParameterMismatch", "the token was used with other parameters")
            if not machine.alive:
                raise Refused("IdempotentInstanceTerminated", "the instance of the token is terminated")
            return {"Instances": [self._row(machine, self.time())]}
        if sum(m.alive for m in self.machines.values() if m.region == region) >= self.nature.quota:
            raise Refused("VcpuLimitExceeded", "you have requested more vCPU capacity than your limit")
        machine = self._launch(region, zone, params, token)
        self._tokens[region, zone, token] = said, machine
        return {"Instances": [self._row(machine, self.time())]}

    def describe_instances(self, region: str, params: Answer) -> Answer:
        if "NextToken" in params:  # the pages of a listing are of one moment
            number, start = (int(part) for part in params["NextToken"].split("-"))
            rows = self._listings[number]
        else:
            number, start, rows = len(self._listings), 0, self._listed(region, params)
            self._listings.append(rows)
        end = start + min(self.nature.page, params.get("MaxResults", 1000))
        answer: Answer = {"Reservations": [{"Instances": [row]} for row in rows[start:end]]}
        if end < len(rows):
            answer["NextToken"] = f"{number}-{end}"
        return answer

    def _listed(self, region: str, params: Answer) -> list[Answer]:
        as_of = self.time() - self._lag(region)
        wanted = {each["Name"]: set(each["Values"]) for each in params.get("Filters", ())}
        if self.rng.random() < self.nature.sloppy:
            wanted = {name: values for name, values in wanted.items() if not name.startswith("tag:")}
        return [
            self._row(machine, as_of)
            for machine in self.machines.values()
            if machine.region == region and self._shown(machine, as_of) and _matches(machine, as_of, wanted)
        ]

    def terminate_instances(self, region: str, params: Answer, by: str = "api") -> Answer:
        ids = params["InstanceIds"]
        as_of = self.time() - self._lag(region)
        unknown = [
            each
            for each in ids
            if each not in self.machines
            or self.machines[each].region != region
            or not self._shown(self.machines[each], as_of)
        ]
        if unknown:
            names = ", ".join(f"'{each}'" for each in unknown)
            word = "ID" if len(unknown) == 1 else "IDs"
            raise Refused("InvalidInstanceID.NotFound", f"The instance {word} {names} do not exist")
        machines = [self.machines[each] for each in ids]
        spared = {machine.zone for machine in machines if machine.protected and machine.alive}
        for machine in machines:
            if machine.zone not in spared:
                self.end(machine, "Client.UserInitiatedShutdown", by)
        if spared:
            raise Refused("OperationNotPermitted", "an instance may not be terminated: it is protected")
        return {"TerminatingInstances": [{"InstanceId": each} for each in ids]}

    def modify_instance_attribute(self, region: str, params: Answer) -> Answer:
        machine = self.machines.get(params["InstanceId"])
        if machine is None or machine.region != region:
            raise Refused(
                "InvalidInstanceID.NotFound", f"The instance ID '{params['InstanceId']}' does not exist"
            )
        if "DisableApiTermination" in params:
            machine.protected = params["DisableApiTermination"]["Value"]
        return {}

    # What happens.

    def end(self, machine: Machine, reason: str, by: str, took_s: float | None = None) -> None:
        """It shuts down now, and is terminated a little later."""
        if not machine.alive:
            return
        machine.reason, machine.ended_by = reason, by
        self._to(machine, "shutting-down")
        took = self.rng.uniform(3, 45) if took_s is None else took_s
        self.later(took, lambda: self._to(machine, "terminated"))

    def by_tag(self, region: str, key: str, value: str) -> list[Machine]:
        """What Systems Manager would find now."""
        as_of = self.time() - self._lag(region)
        return [
            machine
            for machine in self.machines.values()
            if machine.region == region
            and machine.tags.get(key) == value
            and machine.state_at(as_of) in ALIVE
        ]

    def add_stranger(self, region: str, tags: dict[str, str]) -> Machine:
        """An instance that is none of ours."""
        params = {"InstanceType": "c7g.large", "ImageId": "ami-stranger", "ClientToken": ""}
        return self._add(region, "a", params, "", tags)

    def _launch(self, region: str, zone: str, params: Answer, token: str) -> Machine:
        zones = [zone.removeprefix(region)] if zone else list(ZONES)
        free = [each for each in zones if not self._no_capacity(region, each, params["InstanceType"])]
        if not free:
            raise Refused("InsufficientInstanceCapacity", "there is not enough capacity", 500)
        specification = next(s for s in params["TagSpecifications"] if s["ResourceType"] == "instance")
        tags = {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
        machine = self._add(region, self.rng.choice(free), params, token, tags)
        machine.protected = self.rng.random() < self.nature.protected
        if self.rng.random() < self.nature.stillborn:
            self.later(
                self.rng.uniform(2, 20),
                lambda: self.end(machine, "Server.InternalError", "stillborn", took_s=0.0),
            )
        else:
            self.later(self.rng.uniform(4, 40), lambda: self._start(machine))
        return machine

    def _add(self, region: str, zone: str, params: Answer, token: str, tags: dict[str, str]) -> Machine:
        number = len(self.machines) + 1
        machine = Machine(
            id=f"i-{number:08x}{self.rng.getrandbits(36):09x}",
            region=region,
            zone=region + zone,
            params=params,
            token=token,
            born_s=self.time(),
            tags=tags,
            timeline=[(self.time(), "pending")],
            number=number,
        )
        self.machines[machine.id] = machine
        self.changed(machine, "", "pending")
        return machine

    def _start(self, machine: Machine) -> None:
        if machine.timeline[-1][1] == "pending":
            self._to(machine, "running")
            self.booted(machine)

    def _to(self, machine: Machine, state: str) -> None:
        before = machine.timeline[-1][1]
        machine.timeline.append((self.time(), state))
        if before == "pending" or state != "running":
            machine.reason = machine.reason if machine.reason != "pending" else ""
        self.changed(machine, before, state)

    def _no_capacity(self, region: str, zone: str, instance_type: str) -> bool:
        where = (region + zone, instance_type, int(self.time() // CAPACITY_S))
        if where not in self._dry:
            self._dry[where] = self._capacity.random() < self.nature.no_capacity
        return self._dry[where]

    def _lag(self, region: str) -> float:
        if region not in self._lags:
            most = self.nature.lag_s
            self._lags[region] = (self.rng.uniform(0, 0.2 * most), self.rng.uniform(0.2 * most, most))
        return self._lags[region][self.rng.random() < 0.4]

    def _shown(self, machine: Machine, as_of: float) -> bool:
        state = machine.state_at(as_of)
        if state is None:
            return False
        gone = next((at for at, name in machine.timeline if name == "terminated"), None)
        return gone is None or as_of - gone < REMEMBERED_S

    def _row(self, machine: Machine, as_of: float) -> Answer:
        state = machine.state_at(as_of) or "pending"
        return {
            "InstanceId": machine.id,
            "InstanceType": machine.params["InstanceType"],
            "ImageId": machine.params["ImageId"],
            "Placement": {"AvailabilityZone": machine.zone},
            "State": {"Name": state},
            "StateReason": {"Code": machine.reason if state in ("shutting-down", "terminated") else ""},
            "LaunchTime": (self.epoch + timedelta(seconds=machine.born_s)).replace(microsecond=0),
            "ClientToken": machine.token,
            "Tags": [{"Key": key, "Value": value} for key, value in machine.tags.items()],
        }


def _matches(machine: Machine, as_of: float, wanted: dict[str, set[str]]) -> bool:
    for name, values in wanted.items():
        if name.startswith("tag:"):
            found = machine.tags.get(name.removeprefix("tag:"))
        elif name == "client-token":
            found = machine.token
        elif name == "instance-state-name":
            found = machine.state_at(as_of)
        elif name == "instance-id":
            found = machine.id
        else:
            raise Refused("InvalidParameterValue", f"the filter '{name}' is invalid")
        if found not in values:
            return False
    return True
