"""A run with more instances than EC2 describes in one answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import Failure, FailureKind
from benchtui.aws.instances import PAGE
from benchtui.aws.objects import Page
from benchtui.core.keys import JobState
from benchtui.engine.snapshot import SourceState
from benchtui.engine.watcher import Periods, Watcher
from tests.engine import fleet

PERIODS = Periods(poll=timedelta(seconds=5), ec2=timedelta(seconds=10))


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.at = fleet.T0 + timedelta(minutes=2)

    def now(self) -> datetime:
        return self.at


class EmptyBucket:
    """Nothing was said yet, and the first time it takes a while to say so."""

    def __init__(self, clock: Clock, first_takes_s: float = 0.0) -> None:
        self.clock, self.first_takes_s = clock, first_takes_s

    async def list_keys(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        self.clock.at += timedelta(seconds=self.first_takes_s)
        self.first_takes_s = 0.0
        return
        yield

    async def list_page(self, *_: Any, **__: Any) -> Any:
        return Page((), (), None)

    async def exists(self, _key: str) -> bool:
        return False

    async def get(self, key: str, _most: int) -> bytes:
        raise CloudError(Failure(FailureKind.MISSING, "NoSuchKey", key, "us-west-2"))

    def server_now(self, now: datetime) -> datetime:
        return now


@pytest.mark.parametrize(("jobs", "seconds"), [(3, 10), (PAGE + 1, 10), (4 * PAGE, 20)])
async def test_each_thousand_instances_take_their_time_and_are_no_older_for_it(monkeypatch, jobs, seconds):
    asked: list[datetime] = []
    clock = Clock()
    names = [f"c7g.large-{number}" for number in range(1, jobs + 1)]
    views = tuple(fleet.instance(name, launched_at=fleet.T0) for name in names)

    async def described(*_: Any) -> Any:
        asked.append(clock.now())
        return views

    monkeypatch.setattr("benchtui.engine.watcher.describe_run", described)
    run = fleet.run_of([fleet.planned(name) for name in names], created_at=fleet.T0)
    given: Any = (fleet.NoAnswer(), EmptyBucket(clock), run, clock, lambda _: None, PERIODS)
    watcher = Watcher(*given)
    for _ in range(12):
        snapshot = await watcher.poll()
        (ec2,) = (source for source in snapshot.sources if source.name.startswith("EC2"))
        assert ec2.state(clock.now()) is SourceState.LIVE
        clock.at += PERIODS.poll
    assert snapshot.counts == {JobState.LAUNCHED: jobs}
    assert {later - sooner for sooner, later in pairwise(asked)} == {timedelta(seconds=seconds)}


@pytest.mark.parametrize(("takes_s", "times"), [(5, 1), (40, 2)])
async def test_what_ec2_said_before_a_long_first_look_is_asked_again(monkeypatch, takes_s, times):
    asked: list[datetime] = []
    clock = Clock()

    async def described(*_: Any) -> Any:
        asked.append(clock.now())
        return (fleet.instance("c7g.large-1", launched_at=fleet.T0),)

    monkeypatch.setattr("benchtui.engine.watcher.describe_run", described)
    run = fleet.run_of([fleet.planned("c7g.large-1")], created_at=fleet.T0)
    given: Any = (fleet.NoAnswer(), EmptyBucket(clock, takes_s), run, clock, lambda _: None, PERIODS)
    snapshot = await Watcher(*given).poll()
    assert len(asked) == times
    assert snapshot.ec2_fresh()
