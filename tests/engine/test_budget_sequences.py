"""No sequence of launches, failures, lost answers, kills and restarts spends more than the budget.

Workspace, launcher, ledger, reservations, watcher and kill are the engine's own; S3, EC2 and Scheduler are
the models of tests/simulation, in memory and under a clock that jumps. What happens next is chosen by
Hypothesis, step by step, so that a counterexample is a short list of steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from benchtui.cli.failures import foreseen
from benchtui.core.budget import Book
from benchtui.core.documents import JobDocument, RunDocument
from benchtui.engine.kill_scope import KillScope
from benchtui.engine.ledger import Ledger
from benchtui.engine.reservations import Reservations
from tests.simulation.breaks import broken
from tests.simulation.drama import MEMORY, seeded
from tests.simulation.ec2 import Answer, Machine
from tests.simulation.invariants import Invariants
from tests.simulation.laptop import Laptop, SimulatedWorkspace, config_of, plan_of
from tests.simulation.loop import PROCESS, Process, VirtualLoop, bury
from tests.simulation.machine import JobTerms
from tests.simulation.network import Network
from tests.simulation.scenario import CALM, Scenario, scenario_of
from tests.simulation.world import HEARTBEAT_S, World

#: What can become of a request; None: it is answered.
FAULTS = ("throttle", "fault_before", "fault_after", "lost_request", "lost_answer", "reset", "twice")
#: Of the next requests; most are answered, for a launch whose every request fails launches nothing.
WEATHER = st.just([]) | st.lists(st.sampled_from((*(None,) * 4 * len(FAULTS), *FAULTS)), max_size=40)
INSTANCES = ("run_instances", "describe_instances")
OBJECTS = ("put_object", "list_objects_v2")
PLACES = ("here", "there")  # two machines; a launcher that comes again on one knows its ledger
MOST_LAUNCHERS = 3  # at the same time
MOST_AWAITS = 80  # an undisturbed launch of two jobs takes 53
#: Nothing is settled yet; it is; a lease is over; everything has ended.
SECONDS = st.sampled_from((3.0, 60.0, 730.0, 1200.0, 0.5))


LAUNCHED: Counter[int] = Counter()  # examples by the number of their instances


@dataclass(frozen=True)
class Launch:
    """A launcher, and the cloud in its first seconds."""

    place: str
    faults: list[str | None]  # of its first requests
    dies_at: int | None  # at this await of its, as by SIGKILL
    dry: bool  # EC2 has no capacity
    mute: Collection[str]  # operations that are carried out and answered with 500
    seconds: float


LAUNCH = st.builds(
    Launch,
    place=st.sampled_from(PLACES),
    faults=WEATHER,
    dies_at=st.none() | st.none() | st.integers(1, MOST_AWAITS),
    dry=st.sampled_from((*(False,) * 7, True)),
    mute=st.sampled_from((*((),) * 8, INSTANCES, INSTANCES, OBJECTS)),
    seconds=SECONDS,
)


class Choice(Network):
    """Faults come as they were ordered, request by request; then there are none."""

    def __init__(self, world: World) -> None:
        super().__init__(world.loop, world.rng, CALM, world.log.note)
        self._ordered: deque[str | None] = deque()
        self.mute: Collection[str] = ()  # see Launch

    def order(self, faults: list[str | None]) -> None:
        """What becomes of the next requests, whoever sends them."""
        self._ordered = deque(faults)

    async def request(
        self, who: str, service: str, region: str, operation: str, serve: Callable[[], Answer]
    ) -> Answer:
        self._operation = operation
        return await super().request(who, service, region, operation, serve)

    def _fault(self, service: str, region: str) -> str | None:
        if self._operation in self.mute and not self.still:
            return "fault_after"
        return self._ordered.popleft() if self._ordered and not self.still else None

    def _way(self) -> float:
        return 0.05


def a_world() -> Scenario:
    """Three jobs of one type each, instances that end by no hand but others', a cloud that works."""
    scenario = scenario_of(0)
    return replace(
        scenario,
        types=("c7g.large", "c8g.large", "m7g.large"),
        replicates=1,
        suites=("stream",),
        max_runtime_s=600,
        emergency_grace_s=120,
        boot_allowance_s=120,
        concurrency=2,
        weather=CALM,
        outages=(),
        ec2=replace(scenario.ec2, lag_s=8.0, no_capacity=0.0, quota=100, protected=0.0, stillborn=0.0,
                    sloppy=0.0, page=1000),
        machines=replace(scenario.machines, never_boots=1.0, reclaimed=0.0),
        s3_race=0.0,
        scheduler="works",
        scheduler_failing=0.0,
        laptop_skew_s=(0.0, 0.0),
        s3_skew_s=0.0,
        strangers=0,
    )  # fmt: skip


class Spending(RuleBasedStateMachine):
    """A run, its launchers on two machines, whoever watches it and whoever kills."""

    def __init__(self) -> None:
        super().__init__()
        gc.freeze()  # at the end only what is made from here on has to be looked through
        self.scenario = a_world()
        self.open = contextlib.ExitStack()
        where = MEMORY if MEMORY.is_dir() else None
        folder = self.open.enter_context(tempfile.TemporaryDirectory(prefix="benchtui-spending-", dir=where))
        self.folder = Path(folder)
        self.open.enter_context(seeded(self.scenario))
        self.loop = VirtualLoop()
        self.world = World(self.scenario, self.loop)
        self.network = Choice(self.world)
        self.world.network = self.network
        self.watched = Invariants(self.world)
        self.launchers: list[tuple[Process, asyncio.Task[Any]]] = []
        self.ledgers: list[tuple[Process | None, Ledger]] = []
        self.open.enter_context(patch("benchtui.engine.workspace.Ledger", self._ledger))
        self.killed = False
        self.run: RunDocument | None = None

    @initialize(covered=st.sampled_from((1, 2)), more=st.sampled_from(("0", "0.5", "0.999999")), first=LAUNCH)
    def begin(self, covered: int, more: str, first: Launch) -> None:
        """run.json is there, with a budget for some of its three jobs; the first launcher is at work."""
        worst = plan_of(config_of(self.scenario, Decimal(1000)), self.scenario).plan.jobs[0].worst_case_usd
        budget_usd = worst * covered + (worst * Decimal(more)).quantize(Decimal("0.000001"))
        config = config_of(self.scenario, budget_usd)
        self.planned = plan_of(config, self.scenario)
        self.machines = {
            name: Laptop(self.world, self.watched, name, self.folder, 0.0, config) for name in PLACES
        }
        self.loop.run_until_complete(self._start())
        self._launch(first)

    async def _start(self) -> None:
        async with self.machines["here"].workspace() as workspace:
            self.run = await workspace.start(self.planned)
        self.watched.adopt(self.run)
        scenario = self.scenario
        self.world.terms[self.run.run] = JobTerms(
            self.run.run, scenario.suites, scenario.max_runtime_s, scenario.emergency_grace_s,
            HEARTBEAT_S, scenario.suite_s,
        )  # fmt: skip

    # What can happen.

    @rule(launch=LAUNCH)
    def goes_on(self, launch: Launch) -> None:
        """Another launcher goes on with the run, while others are at it or after they are gone."""
        if len(self._at_work()) < MOST_LAUNCHERS:
            self._launch(launch)

    def _launch(self, launch: Launch) -> None:
        self.network.order(launch.faults)
        self.network.mute = launch.mute
        self.world.ec2.nature = replace(self.world.ec2.nature, no_capacity=1.0 if launch.dry else 0.0)
        workspace = self.machines[launch.place].workspace()
        process, task = self.loop.spawn("launcher", self._launching(workspace))
        process.crash_at = launch.dies_at
        process.died = lambda: self._let_go(process)
        self.launchers.append((process, task))
        self.passes(launch.seconds)
        self.network.mute = ()
        self.world.ec2.nature = replace(self.world.ec2.nature, no_capacity=0.0)

    async def _launching(self, workspace: SimulatedWorkspace) -> None:
        assert self.run is not None
        async with workspace:
            await workspace.launch(self.run, self.planned)

    @rule(seconds=SECONDS)
    def passes(self, seconds: float) -> None:
        """Time goes on."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @rule(which=st.integers(0, MOST_LAUNCHERS - 1))
    def dies(self, which: int) -> None:
        """A launcher is killed wherever it is."""
        for process in self._at_work()[which : which + 1]:
            process.crash()

    @rule(which=st.integers(0, 1))
    def ends(self, which: int) -> None:
        """An instance powers itself off."""
        for machine in self._alive()[which : which + 1]:
            self.world.ec2.end(machine, "Client.InstanceInitiatedShutdown", "itself")

    @rule(place=st.sampled_from(PLACES), faults=WEATHER)
    def look(self, place: str, faults: list[str | None]) -> None:
        """Someone watches: what was seen ending is released, what has cost its budget is ended."""
        self.network.order(faults)
        self._attempt(self._looking(self.machines[place].workspace()))

    async def _looking(self, workspace: SimulatedWorkspace) -> None:
        assert self.run is not None
        async with workspace:
            snapshot = await (await workspace.watcher(self.run)).poll()
            if await workspace.tend(snapshot, acts=True, launching=False):
                await workspace.kill(KillScope.of_run(self.run.run))

    @rule(whole=st.sampled_from((False, False, True)), place=st.sampled_from(PLACES))
    def kill(self, whole: bool, place: str) -> None:
        """All of the run is ended, or one job of it."""
        assert self.run is not None
        if self.killed:
            return
        self.killed = whole
        run = self.run.run
        scope = KillScope.of_run(run) if whole else KillScope.of_jobs(run, [self.run.jobs[0].job])
        self._attempt(self._killing(self.machines[place].workspace(), scope))

    async def _killing(self, workspace: SimulatedWorkspace, scope: KillScope) -> None:
        async with workspace:
            await workspace.kill(scope)

    # What must be true.

    @invariant()
    def costs_no_more_than_the_budget_and_a_minute_each(self) -> None:
        """Counted with what is alive living to the latest end that layer 2 promises."""
        if self.run is not None:
            self.watched._check_money(self.run.run)
        assert not self.watched.violations, "; ".join(map(str, self.watched.violations))

    @invariant()
    def fails_only_in_ways_that_were_foreseen(self) -> None:
        """A launcher that came to its end by an error says which, and what to do."""
        for process, task in self.launchers:
            if task.done() and not process.dead and not task.cancelled():
                _check_foreseen(task.exception())

    def teardown(self) -> None:
        """Nothing of it is executed any more."""
        LAUNCHED[len(self.world.ec2.machines)] += 1
        for process, _ in self.launchers:
            process.crash()
        bury(self.loop)
        self.open.close()
        gc.unfreeze()

    def _at_work(self) -> list[Process]:
        return [process for process, task in self.launchers if not process.dead and not task.done()]

    def _alive(self) -> list[Machine]:
        return [machine for machine in self.world.ec2.machines.values() if machine.alive]

    def _attempt(self, work: Coroutine[Any, Any, None]) -> None:
        """A process beside the launchers; a command that failed is an outcome like another."""
        _, task = self.loop.spawn("beside", work)
        self.loop.run_until_complete(asyncio.wait({task}))
        _check_foreseen(task.exception())

    def _ledger(self, folder: Path, run: str) -> Ledger:
        ledger = Ledger(folder, run)
        self.ledgers.append((PROCESS.get(), ledger))
        return ledger

    def _let_go(self, process: Process) -> None:
        """What the kernel does with the files of a process that is gone: others may lock them."""
        for owner, ledger in self.ledgers:
            if owner is process:
                ledger.__exit__(None, None, None)


def _check_foreseen(problem: BaseException | None) -> None:
    assert problem is None or foreseen(problem) is not None, problem


STEPS = 20


def test_no_sequence_of_steps_spends_more_than_the_budget_and_a_minute_for_each_instance() -> None:
    LAUNCHED.clear()
    fewer = settings(max_examples=settings().max_examples // 2, stateful_step_count=STEPS)
    run_state_machine_as_test(Spending, settings=fewer)
    assert LAUNCHED.total() - LAUNCHED[0] > LAUNCHED.total() / 6, f"there was something to spend: {LAUNCHED}"


def test_a_launcher_that_comes_late_and_dies_leaves_what_ends_an_instance_nobody_heard_of() -> None:
    """Found by these steps: it set the run's schedule to its own, later time before it had looked."""
    world = Spending()
    world.begin(covered=1, more="0", first=Launch("here", [], None, dry=False, mute=INSTANCES, seconds=730.0))
    (machine,) = world._alive()
    world._launch(Launch("there", [], dies_at=25, dry=False, mute=(), seconds=1200.0))
    world.costs_no_more_than_the_budget_and_a_minute_each()
    assert machine.ended_by == "schedule by tag"
    world.teardown()


def _everything_fits(*_: object) -> bool:
    return True


def test_a_job_that_ran_and_that_ec2_has_forgotten_is_not_launched_a_second_time() -> None:
    """Found by these steps: its money was held for it still, and no instance of it was listed any more."""
    world = Spending()
    world.begin(covered=1, more="0", first=Launch("here", [], None, dry=False, mute=(), seconds=1200.0))
    (machine,) = world.world.ec2.machines.values()
    assert not machine.alive
    world.passes(4_000.0)
    world._launch(Launch("there", [], None, dry=False, mute=(), seconds=60.0))
    world.costs_no_more_than_the_budget_and_a_minute_each()
    assert list(world.world.ec2.machines.values()) == [machine]
    world.teardown()


def test_money_that_was_held_for_a_day_and_never_asked_with_is_there_for_who_has_its_ledger() -> None:
    for dies_at in range(20, MOST_AWAITS):
        world = Spending()
        day = Launch("here", [], dies_at, dry=False, mute=(), seconds=86_400.0)
        world.begin(covered=1, more="0", first=day)
        if any("/reservations/" in key for key in world.world.s3.objects):
            break
        world.teardown()
    assert not world.world.ec2.machines, "it died between reservation and request"
    world._launch(Launch("here", [], None, dry=False, mute=(), seconds=60.0))
    world.costs_no_more_than_the_budget_and_a_minute_each()
    assert len(world._alive()) == 1
    world.teardown()


_release = Reservations.release


async def _for_nothing(held: Reservations, job: JobDocument, _usd: Decimal, **said: Any) -> bool:
    return await _release(held, job, Decimal(0), **said)


@pytest.mark.long
@pytest.mark.parametrize(
    "guard",
    [
        pytest.param(
            lambda: patch.object(Reservations, "release", _for_nothing), id="what has ended costs nothing"
        ),
        pytest.param(lambda: broken("reservation"), id="nothing is reserved"),
        pytest.param(lambda: patch.object(Book, "fits", _everything_fits), id="what does not fit is held"),
    ],
)
def test_without_its_guard_the_budget_is_overspent_and_the_steps_to_it_are_found(guard: Any) -> None:
    once = settings(
        max_examples=100, stateful_step_count=STEPS, deadline=None, database=None, derandomize=True,
        phases=(Phase.generate,), report_multiple_bugs=False,
    )  # fmt: skip
    with guard(), pytest.raises(AssertionError, match="over budget"):
        run_state_machine_as_test(Spending, settings=once)
