"""A large book is read in several looks and shown when read to its end; a launcher does not list it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from benchtui.aws.objects import Bucket
from benchtui.core.budget import Book, book_of, with_entries
from benchtui.core.documents import RunDocument
from benchtui.engine.book_watch import BookWatch
from benchtui.engine.reservations import BookReader, Hold, Reservations
from tests.engine import fleet
from tests.simulation.account import BUCKET
from tests.simulation.loop import VirtualLoop, bury
from tests.simulation.scenario import CALM, scenario_of
from tests.simulation.world import Clock, World

JOBS = 25
PERIOD = timedelta(seconds=30)


def run_of(jobs: int) -> RunDocument:
    planned = [fleet.planned(f"c7g.large-{n + 1}") for n in range(jobs)]
    return fleet.run_of(planned, budget_usd=Decimal("0.38") * jobs)


def in_a_world(work: Callable[[Bucket, World, Clock], Coroutine[Any, Any, Any]]) -> Any:
    """What comes of ``work`` on a simulated bucket where nothing goes wrong."""
    loop = VirtualLoop()
    scenario = replace(scenario_of(1), weather=CALM, outages=(), s3_race=0.0, s3_skew_s=0.0)
    try:
        world = World(scenario, loop)
        clock = Clock(loop)
        return loop.run_until_complete(
            work(Bucket(world.cloud("w", clock, Random(1), 1), BUCKET), world, clock)
        )
    finally:
        bury(loop)


async def reserved(bucket: Bucket, clock: Clock, run: RunDocument) -> Reservations:
    reservations = Reservations(bucket, run, clock)
    for job in run.jobs:
        assert await reservations.hold(job) is Hold.MINE
    return reservations


def test_a_book_is_shown_when_it_was_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchtui.engine.book_watch.MOST_A_LOOK", 10)

    async def work(bucket: Bucket, world: World, clock: Clock) -> None:
        run = run_of(JOBS)
        await reserved(bucket, clock, run)
        watch = BookWatch(bucket, run.run, clock, PERIOD)
        for read in (10, 20):
            await watch.look()
            assert watch.view is not None
            assert watch.view.book is None
            assert f"{read} entries are read" in str(watch.view.error)
        await watch.look()
        assert watch.view.error is None
        assert watch.view.book is not None
        assert watch.view.book.entries == JOBS
        before = bucket.requests
        await watch.look()
        assert bucket.requests == before, "until the period is over"
        whole = BookWatch(bucket, run.run, clock, PERIOD)
        await whole.read_whole()
        assert whole.view is not None
        assert whole.view.book == watch.view.book

    in_a_world(work)


def test_a_reservation_that_fits_takes_one_request() -> None:
    async def work(bucket: Bucket, world: World, clock: Clock) -> None:
        run = run_of(JOBS)
        first, *others = run.jobs
        reservations = Reservations(bucket, run, clock)
        await reservations.hold(first)
        before = bucket.requests
        for job in others:
            await reservations.hold(job)
        assert bucket.requests - before == len(others)

    in_a_world(work)


def test_two_launchers_that_do_not_list_still_hold_no_more_than_there_is() -> None:
    async def work(bucket: Bucket, world: World, clock: Clock) -> None:
        run = run_of(JOBS)
        launchers = [Reservations(bucket, run, clock) for _ in range(3)]

        async def launch(reservations: Reservations) -> int:
            held = [await reservations.hold(job) for job in run.jobs]
            return held.count(Hold.MINE)

        assert sum(await asyncio.gather(*map(launch, launchers))) == JOBS
        book = await BookReader(bucket, run.run).read()
        assert book.held_usd == run.budget_usd
        assert book.entries == JOBS

    in_a_world(work)


def test_entries_come_to_the_same_one_by_one_and_together() -> None:
    async def work(bucket: Bucket, world: World, clock: Clock) -> None:
        run = run_of(5)
        reservations = await reserved(bucket, clock, run)
        await reservations.give_back(run.jobs[0], "no instance")
        reader = BookReader(bucket, run.run)
        await reader.read()
        book = Book()
        for entry in reader.entries:
            book = with_entries(book, [entry])
        assert book == book_of(reversed(reader.entries)) == reader.book
        with pytest.raises(ValueError, match="does not follow"):
            with_entries(book, [reader.entries[0]])

    in_a_world(work)
