"""One world: cloud, instances and processes under one clock, with a log of all that happens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from tests.simulation.account import HOME, Account, SimulatedCloud
from tests.simulation.ec2 import Ec2, Machine
from tests.simulation.loop import VirtualLoop, outside
from tests.simulation.machine import Inside, JobTerms
from tests.simulation.network import Network, SignedOut
from tests.simulation.s3 import S3
from tests.simulation.scenario import Scenario
from tests.simulation.scheduler import Scheduler

EPOCH = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
HEARTBEAT_S = 30


class Clock:
    """The clock of one machine, which may be wrong."""

    def __init__(self, loop: VirtualLoop, skew_s: float = 0.0) -> None:
        self.loop, self.skew = loop, timedelta(seconds=skew_s)

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.loop.time()) + self.skew

    async def sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


class Log:
    """What happened, in its order; two worlds are the same if their digests are."""

    def __init__(self, loop: VirtualLoop, keep: bool) -> None:
        self.loop, self.keep = loop, keep
        self.lines: list[str] = []
        self.events = 0
        self._hash = hashlib.sha256()
        self.after: Callable[[], None] = lambda: None

    def note(self, *words: object) -> None:
        """Something happened."""
        line = f"{self.loop.time():10.3f} " + " ".join(str(word) for word in words)
        self.events += 1
        self._hash.update(line.encode() + b"\n")
        if self.keep:
            self.lines.append(line)
        self.after()

    @property
    def digest(self) -> str:
        """Of every line so far."""
        return self._hash.hexdigest()


class World:
    """Everything but the processes."""

    def __init__(self, scenario: Scenario, loop: VirtualLoop, *, keep_log: bool = False) -> None:
        self.scenario, self.loop = scenario, loop
        self.rng = Random(f"world {scenario.seed}")
        self.log = Log(loop, keep_log)
        true = Clock(loop)
        s3_clock = Clock(loop, scenario.s3_skew_s)
        self.now = true.now
        self.s3 = S3(s3_clock.now, self._dice("s3"), scenario.s3_race, self._written)
        self.ec2 = Ec2(scenario.ec2, self._dice("ec2"), loop.time, EPOCH, self.later, self._changed)
        self.scheduler = Scheduler(
            self.ec2, self._dice("scheduler"), loop.time, true.now, self.later,
            scenario.scheduler_failing, lambda region, name: self.log.note("schedule fires", region, name),
        )  # fmt: skip
        self.scheduler.works = scenario.scheduler != "idle"
        self.network = Network(loop, self._dice("network"), scenario.weather, self.log.note, scenario.outages)
        if scenario.signed_out_s is not None:
            self.network.signed_out = (SignedOut("laptop", *scenario.signed_out_s),)
        self.account = Account(self.ec2, self.s3, self.scheduler)
        self.ec2.booted = self._booted
        self.terms: dict[str, JobTerms] = {}  # by run
        self.inside: dict[str, Inside] = {}  # by instance
        self.on_change: list[Callable[[Machine, str, str], None]] = []
        self.on_write: list[Callable[[str], None]] = []
        for number in range(scenario.strangers):
            # The second looks like ours to whoever does not look closely.
            tags = {"Name": "stranger"} if number == 0 else {"LaunchedBy": "SomeoneElse", "benchtui:job": "x"}
            stranger = self.ec2.add_stranger(HOME, tags)
            self.later(1.0, lambda it=stranger: self.ec2._start(it))

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Happens whatever becomes of any process."""
        outside(self.loop, delay_s, call)

    def cloud(self, who: str, clock: Clock, rng: Random, tries: int) -> SimulatedCloud:
        """The account, as one process reaches it."""
        cloud = SimulatedCloud(None, (HOME,), random=rng, sleep=clock.sleep, tries=tries, now=clock.now)
        cloud.account, cloud.network, cloud.who = self.account, self.network, who
        return cloud

    def _dice(self, what: str) -> Random:
        return Random(f"{what} {self.scenario.seed}")

    def _booted(self, machine: Machine) -> None:
        terms = self.terms.get(machine.run or "")
        if terms is None:
            return
        inside = Inside(
            machine, terms, self.scenario.machines, Random(f"machine {machine.number} {self.scenario.seed}"),
            self.ec2, self.s3, self.loop, EPOCH, self.log.note,
        )  # fmt: skip
        self.inside[machine.id] = inside
        inside.start()

    def _changed(self, machine: Machine, before: str, state: str) -> None:
        by = machine.ended_by if state == "shutting-down" else ""
        self.log.note("machine", machine.number, machine.job, f"{before or '-'} -> {state}", by or "")
        for call in self.on_change:
            call(machine, before, state)

    def _written(self, key: str) -> None:
        self.log.note("object", key)
        for call in self.on_write:
            call(key)
