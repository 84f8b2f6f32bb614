"""What happens inside an instance: it boots or does not, works, hangs, speaks late or twice, switches off.

Its agent is a sketch of the real one with the real keys and documents; what it is there for is to do all
that an instance can do to whoever watches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from benchtui.core import keys
from benchtui.core.document_fields import to_json
from benchtui.core.documents import CellOutcome, Metric, Outcome, ResultDocument, Sample, SentinelBody
from benchtui.core.keys import JobState, Progress, Sentinel
from tests.simulation.ec2 import Ec2, Machine
from tests.simulation.loop import VirtualLoop, outside
from tests.simulation.network import Refused
from tests.simulation.s3 import S3

POWER_OFF_S = 12.0


@dataclass(frozen=True, slots=True)
class MachineNature:
    """How likely an instance of a world does what."""

    never_boots: float = 0.0  # no line of user data is executed, so no timer is armed
    no_soft_stop: float = 0.0  # the timer at max_runtime does not work
    no_hard_stop: float = 0.0  # the last resort does not work
    hangs: float = 0.0  # the agent stands still, and its heartbeat goes on
    dies: float = 0.0  # the agent is gone, and the machine goes on
    fails: float = 0.0  # a suite ends in an error
    late: float = 0.0  # an upload takes minutes
    doubled: float = 0.0  # a sentinel is written a second time under another stamp
    reclaimed: float = 0.0  # EC2 takes the instance away, with two minutes' notice
    skew_s: float = 0.0  # most that its clock is wrong


@dataclass(frozen=True, slots=True)
class JobTerms:
    """What the run says about each of its jobs."""

    run: str
    suites: tuple[str, ...]
    max_runtime_s: int
    emergency_grace_s: int
    heartbeat_s: int
    suite_s: float  # about how long one takes


class Inside:
    """One instance from its start to its end."""

    def __init__(
        self, machine: Machine, terms: JobTerms, nature: MachineNature, rng: Random,
        ec2: Ec2, s3: S3, loop: VirtualLoop, epoch: datetime, note: Callable[..., None],
    ) -> None:  # fmt: skip
        self.machine, self.terms, self.rng = machine, terms, rng
        self.ec2, self.s3, self.loop, self.epoch, self.note = ec2, s3, loop, epoch, note
        self.nature = nature
        self.boots = rng.random() >= nature.never_boots
        self.soft_stop = self.boots and rng.random() >= nature.no_soft_stop
        self.hard_stop = self.boots and rng.random() >= nature.no_hard_stop
        self.skew_s = rng.uniform(-nature.skew_s, nature.skew_s)
        self.seq = 0
        self.working = False
        self.last_word = False
        fate = rng.random()
        self.fate = "works"
        for name in ("hangs", "dies", "fails"):
            share = getattr(nature, name)
            if fate < share:
                self.fate = name
                break
            fate -= share
        self.stumbles_at = rng.randrange(len(terms.suites))

    def start(self) -> None:
        """EC2 shows it running."""
        if self.rng.random() < self.nature.reclaimed:
            outside(self.loop, self.rng.uniform(20, 1.2 * self.terms.max_runtime_s), self._reclaimed)
        if not self.boots:
            self.note("machine", self.machine.number, "never boots")
            return
        armed = self.rng.uniform(3, 20)
        terms = self.terms
        if self.soft_stop:
            stop_s = armed + terms.max_runtime_s
            self._later(stop_s, lambda: self._stopped(JobState.TIMED_OUT))
        if self.hard_stop:
            hard_s = armed + terms.max_runtime_s + terms.emergency_grace_s
            self._later(hard_s - 5, lambda: self._word(JobState.EMERGENCY_STOP))
            self._later(hard_s, lambda: self._off("hard stop"))
        self._later(armed + self.rng.uniform(1, 15), lambda: self._task(self._agent()))

    @property
    def alive(self) -> bool:
        """Whether its CPU executes anything."""
        return self.machine.timeline[-1][1] == "running"

    def _later(self, delay_s: float, call: Callable[[], None]) -> None:
        outside(self.loop, delay_s, lambda: call() if self.alive else None)

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        Context().run(self.loop.create_task, work)

    async def _agent(self) -> None:
        terms = self.terms
        self.working = True
        self._say(JobState.BOOTED)
        self._task(self._beat())
        await self._pass(self.rng.uniform(1, 20))
        self._say(JobState.PREPARING)
        await self._pass(self.rng.uniform(2, 30))
        for number, suite in enumerate(terms.suites):
            steps = self.rng.randint(2, 5)
            for step in range(1, steps + 1):
                if not self._goes_on():
                    return
                self._say(JobState.RUNNING, suite, Progress(step, steps))
                await self._pass(self.rng.uniform(0.5, 1.5) * terms.suite_s / steps)
            if self.fate != "works" and number == self.stumbles_at:
                self.note("machine", self.machine.number, self.fate)
                if self.fate == "hangs":
                    return
                if self.fate == "dies":
                    self.working = False
                    return
                self._finish(JobState.FAILED, suite)
                return
            if not self._goes_on():
                return
            self._upload(keys.result_key(terms.run, self._job, suite), self._result(suite))
            await self._pass(self.rng.uniform(0.1, 3))
            if not self._goes_on():
                return
            self._say(JobState.COLLECTED, suite)
        self._finish(JobState.COMPLETED)

    async def _beat(self) -> None:
        while self._goes_on():
            key = keys.heartbeat_key(self.terms.run, self._job)
            self._upload(key, b'{"schema":"benchtui.heartbeat/1"}', once=False)
            if keys.kill_key(self.terms.run) in self.s3.objects and self.rng.random() < 0.8:
                self._finish(JobState.KILLED)
                return
            await self._pass(self.terms.heartbeat_s * self.rng.uniform(0.95, 1.1))

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _goes_on(self) -> bool:
        return self.alive and self.working and not self.last_word

    def _finish(self, state: JobState, failed: str | None = None) -> None:
        if self._goes_on():
            self.working = False
            self._word(state, failed)
            self._later(self.rng.uniform(1, POWER_OFF_S), lambda: self._off("agent"))

    def _stopped(self, state: JobState) -> None:
        """The timer at max_runtime: the agent is told to end, says so, and the machine goes off."""
        self.working = False
        self._word(state)
        self._later(self.rng.uniform(1, POWER_OFF_S), lambda: self._off("soft stop"))

    def _word(self, state: JobState, failed: str | None = None) -> None:
        if not self.last_word:
            self.last_word = True
            self._say(state, failed=failed)

    def _off(self, by: str) -> None:
        self.ec2.end(self.machine, "Client.InstanceInitiatedShutdown", by)

    def _reclaimed(self) -> None:
        self.ec2.end(self.machine, "Server.SpotInstanceTermination", "reclaimed")

    @property
    def _job(self) -> str:
        assert self.machine.job is not None
        return self.machine.job

    def _now(self) -> datetime:
        return self.epoch + timedelta(seconds=self.loop.time() + self.skew_s)

    def _say(
        self, state: JobState, suite: str | None = None, progress: Progress | None = None,
        *, failed: str | None = None,
    ) -> None:  # fmt: skip
        self.seq += 1
        outcomes = {failed: CellOutcome(outcome=Outcome.DECLINED, reason="exit code 1")} if failed else {}
        body = to_json(SentinelBody(instance_id=self.machine.id, outcomes=outcomes))
        sentinel = Sentinel(self._now(), self._job, self.seq, state, suite, progress)
        self._upload(sentinel.key(self.terms.run), body)
        if self.rng.random() < self.nature.doubled:
            shifted = Sentinel(
                sentinel.at + timedelta(seconds=2), self._job, self.seq, state, suite, progress
            )
            self._upload(shifted.key(self.terms.run), body)

    def _upload(self, key: str, body: bytes, *, once: bool = True) -> None:
        """On its way now; it arrives even if the machine is switched off meanwhile."""
        late = self.rng.random() < self.nature.late
        wait = self.rng.uniform(5, 150) if late else self.rng.expovariate(1 / 0.3)
        params = {"Key": key, "Body": body, **({"IfNoneMatch": "*"} if once else {})}

        def arrive() -> None:
            # A wait of minutes is the agent trying again: it needs a machine that is still on.
            if late and not self.alive:
                return
            try:
                self.s3.put_object(params)
            except Refused as refused:
                if refused.code == "ConditionalRequestConflict":
                    outside(self.loop, 1.0, arrive)

        outside(self.loop, wait, arrive)

    def _result(self, suite: str) -> bytes:
        value = self.rng.uniform(10, 20)
        metric = Metric(unit="GB/s", higher_is_better=True, samples=(Sample(value=value),), median=value)
        return to_json(
            ResultDocument(
                run=self.terms.run,
                job=self._job,
                suite=suite,
                mode="quick",
                outcome=Outcome.MEASURED,
                provider="aws",
                instance_id=self.machine.id,
                instance_type=self.machine.params["InstanceType"],
                started_at=self._now() - timedelta(seconds=self.terms.suite_s),
                finished_at=self._now(),
                metrics={"triad_gb_per_s": metric},
            )
        )
