"""The engine of a client that stays: what it refuses, what it tells, what goes on when nobody looks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchtui.aws.objects import ListedObject
from benchtui.core.errors import BenchtuiError
from benchtui.core.keys import JobState
from benchtui.engine.commands import READING, Command, ReadOnlyError
from benchtui.engine.events import Event
from benchtui.engine.kept_files import kept
from benchtui.engine.kill_scope import KillProgress, KillScope
from benchtui.engine.operations import Operations
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.updates import Account, Following, Launching, Listed, Spent, Swept, Trouble

from .conftest import Bench

RUN = "20261124-135100-k3f7"
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "adopt": (RUN,),
    "plan": (None, 1),
    "types": (None,),
    "detail": ("c7g.large-1",),
    "log": ("c7g.large-1", 0),
    "results": ((RUN,),),
    "survey": (KillScope.of_run(RUN),),
    "launch": (None, None),
    "kill": (KillScope.of_run(RUN),),
    "history": (None,),
}
COMMANDS = sorted(
    name
    for name, method in inspect.getmembers(Operations, inspect.iscoroutinefunction)
    if not name.startswith("_")
)


class Told:
    """What was told, and a way to wait for it."""

    def __init__(self) -> None:
        self.updates: list[Any] = []
        self._more = asyncio.Event()

    def __call__(self, update: Any) -> None:
        self.updates.append(update)
        self._more.set()

    def of(self, kind: type) -> list[Any]:
        return [update for update in self.updates if isinstance(update, kind)]

    async def until(self, kind: type, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        while True:
            for update in self.of(kind):
                if fits(update):
                    return update
            self._more.clear()
            await self._more.wait()


@asynccontextmanager
async def operating(bench: Bench, told: Told, **options: Any) -> AsyncIterator[Operations]:
    """Operations over the bench's own settings."""
    from benchtui.engine.workspace import Workspace

    kept = bench.workspace

    def opened(emit: Callable[[Event], None]) -> Workspace:
        return Workspace(kept.config, kept.folders, kept.clock, kept.rng, emit)

    async with Operations(opened, told, **options) as operations:
        yield operations


@pytest.mark.parametrize("name", COMMANDS)
async def test_what_is_not_allowed_is_refused_before_anything_is_asked(bench: Bench, name: str):
    async with operating(bench, Told(), allowed=frozenset(), find=False) as operations:
        with pytest.raises(ReadOnlyError, match="refused"):
            await getattr(operations, name)(*ARGUMENTS.get(name, ()))


def test_read_only_allows_everything_but_what_acts():
    assert set(Command) - READING == {Command.RUN, Command.KILL}


async def test_read_only_launches_and_kills_nothing(bench: Bench):
    told = Told()
    planned = await bench.workspace.plan(1)
    async with operating(bench, told, allowed=READING, find=False) as operations:
        with pytest.raises(ReadOnlyError):
            await operations.launch(planned, bench.workspace.config)
        with pytest.raises(ReadOnlyError):
            await operations.kill(KillScope.of_account())
        assert await operations.plan(bench.workspace.config, 1)


@pytest.mark.long
async def test_it_introduces_itself_and_follows_the_newest_run(bench: Bench):
    run = await bench.start()
    told = Told()
    async with operating(bench, told):
        assert (await told.until(Account)).account == "123456789012"
        await told.until(Listed, lambda update: any(each.run == run.run for each in update.listings))
        await told.until(Swept)
        followed = await told.until(Following)
        snapshot = await told.until(Snapshot)
        spent = await told.until(Spent)
    assert snapshot.run.run == followed.run
    assert spent.snapshot.run.run == followed.run


@pytest.mark.long
async def test_a_launch_goes_on_though_nobody_waits_for_it_and_a_kill_is_proven_before_it_ends(bench: Bench):
    told = Told()
    async with operating(bench, told, find=False) as operations:
        planned = await operations.plan(bench.workspace.config, 1)
        run = await operations.launch(planned, bench.workspace.config)
        assert operations.unfinished
        await told.until(Launching, lambda update: not update.active)
        await told.until(Snapshot, lambda snapshot: len(snapshot.alive) == len(planned.plan.jobs))
        await operations.kill(KillScope.of_run(run))
    # Left at once: it waited for the proof.
    last = told.of(KillProgress)[-1]
    assert last.done
    assert last.proven
    bench.run = planned and await bench.workspace.load(run)
    assert bench.instances("pending", "running") == []


@pytest.mark.long
async def test_adopting_another_run_leaves_the_first_one_alone(bench: Bench):
    first, told = await bench.start(), Told()
    second = await bench.start(seed=2)
    async with operating(bench, told, find=False) as operations:
        await operations.adopt(first.run)
        await told.until(Snapshot, lambda snapshot: snapshot.run.run == first.run)
        await operations.adopt(second.run)
        told.updates.clear()
        snapshot = await told.until(Snapshot)
        assert snapshot.run.run == second.run
        assert {row.status.state for row in snapshot.rows} == {JobState.PLANNED}


@pytest.mark.long
async def test_what_cannot_be_had_in_the_background_is_told_and_had_later(bench: Bench):
    told = Told()
    bench.fault(service="s3", status=403, code="AccessDenied")
    async with operating(bench, told):
        trouble = await told.until(Trouble, lambda update: update.source == "runs" and update.problem)
        assert "AccessDenied" in trouble.problem.what or "denied" in trouble.problem.what.lower()
        bench.cloud.private("DELETE", "faults")
        await told.until(Listed)
        await told.until(Trouble, lambda update: update.source == "runs" and update.problem is None)


@pytest.mark.long
async def test_a_defect_in_one_part_ends_no_other(bench: Bench):
    run, told = await bench.start(), Told()
    async with operating(bench, told, find=False) as operations:

        async def broken() -> None:
            raise RuntimeError("a defect")

        operations._start(broken, "kill")
        error = await told.until(Event, lambda event: event.type == "error")
        assert "a defect" in error.fields["text"]
        await operations.adopt(run.run)
        await told.until(Snapshot)


async def test_a_kill_is_proven_only_after_the_launch_it_concerns_has_settled(bench: Bench):
    """A reply that was lost leaves a request to be repeated: not after a kill, and the proof waits for it."""
    told = Told()
    bench.fault(service="ec2", action="RunInstances", status=500, code="InternalError", times=2)
    async with operating(bench, told, find=False) as operations:
        planned = await operations.plan(bench.workspace.config, 1)
        run = await operations.launch(planned, bench.workspace.config)
        await operations.kill(KillScope.of_run(run))
        done = await told.until(KillProgress, lambda progress: progress.done)
        assert done.proven
        ended = next(
            n for n, each in enumerate(told.updates) if isinstance(each, Launching) and not each.active
        )
        assert told.updates.index(done) > ended
    bench.run = await bench.workspace.load(run)
    assert bench.instances("pending", "running") == []


@pytest.mark.long
async def test_leaving_before_anything_was_requested_launches_nothing(bench: Bench):
    told = Told()
    async with operating(bench, told, find=False) as operations:
        planned = await operations.plan(bench.workspace.config, 1)
        run = await operations.launch(planned, bench.workspace.config)
    bench.run = await bench.workspace.load(run)
    assert bench.instances() == []
    with pytest.raises(BenchtuiError, match="being left"):
        await operations.kill(KillScope.of_run(run))


@pytest.mark.long
async def test_a_selection_that_is_killed_before_its_turn_is_never_launched(bench: Bench):
    told = Told()
    async with operating(bench, told, find=False) as operations:
        planned = await operations.plan(bench.workspace.config, 1)
        run = await operations.launch(planned, bench.workspace.config)
        chosen = planned.plan.jobs[-1].job
        await operations.kill(KillScope.of_jobs(run, {chosen}))
        await told.until(KillProgress, lambda progress: progress.done)
    bench.run = await bench.workspace.load(run)
    tags = [
        {tag["Key"]: tag["Value"] for tag in row["Tags"]} for row in bench.instances("pending", "running")
    ]
    assert sorted(each["benchtui:job"] for each in tags) == sorted(
        job.job for job in planned.plan.jobs if job.job != chosen
    )


@pytest.mark.long
async def test_a_defect_of_this_machine_does_not_end_watching(bench: Bench):
    run, told = await bench.start(), Told()
    folder = bench.folders.results / run.run
    folder.parent.mkdir(parents=True, exist_ok=True)
    async with operating(bench, told, find=False) as operations:
        await operations.adopt(run.run)
        await told.until(Snapshot)
        assert operations._followed is not None

        async def broken() -> None:
            raise PermissionError("results")

        real = operations._followed.watcher.poll
        operations._followed.watcher.poll = broken  # type: ignore[method-assign]
        await told.until(Trouble, lambda update: update.problem and "PermissionError" in update.problem.what)
        operations._followed.watcher.poll = real  # type: ignore[method-assign]
        told.updates.clear()
        await told.until(Snapshot)


@pytest.mark.long
async def test_every_event_names_the_run_or_the_kill_it_belongs_to(bench: Bench):
    told = Told()
    async with operating(bench, told, find=False) as operations:
        planned = await operations.plan(bench.workspace.config, 1)
        run = await operations.launch(planned, bench.workspace.config)
        await told.until(Event, lambda event: event.type == "launched")
        await told.until(Event, lambda event: event.type == "state")
        await operations.kill(KillScope.of_run(run))
        await told.until(KillProgress, lambda progress: progress.done)
    events = told.of(Event)
    assert {event.fields.get("run") for event in events if event.type in {"launched", "state"}} == {run}
    kills = [event.fields.get("command") for event in events if event.type in {"kill", "sweep"}]
    assert set(kills) == {KillScope.of_run(run).command}


async def test_a_result_that_cannot_be_read_here_names_the_setting(tmp_path: Path):
    item = ListedObject("some/key", 1, datetime.now(UTC), "etag")
    with pytest.raises(BenchtuiError, match="cannot read") as error:
        kept(tmp_path, item)  # a folder in its place
    assert "[output] results_dir" in str(error.value.fix)


async def test_a_kill_of_every_run_also_catches_the_one_that_is_about_to_launch(bench: Bench) -> None:
    told = Told()
    async with operating(bench, told, find=False) as operations:
        planned = await operations.plan(bench.workspace.config, 1)
        real = operations.workspace.start

        async def killed_meanwhile(*arguments: Any) -> Any:
            run = await real(*arguments)
            await operations.kill(KillScope.of_account())
            return run

        operations.workspace.start = killed_meanwhile  # type: ignore[method-assign]
        with pytest.raises(BenchtuiError, match="killed meanwhile"):
            await operations.launch(planned, bench.workspace.config)
    assert told.of(Launching) == []
