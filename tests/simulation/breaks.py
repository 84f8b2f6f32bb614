"""Guards of the engine, each to be taken out on purpose: the simulation has to notice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from benchtui.aws import instances
from benchtui.engine import disarming
from benchtui.engine.launcher import Launcher
from benchtui.engine.placing import Placing


@dataclass(frozen=True, slots=True)
class Break:
    """A guard that is taken out, and the rules that are broken without it."""

    guard: str  # what the engine does, in words
    rules: tuple[str, ...]
    patches: tuple[tuple[str, Any], ...]  # dotted name and what stands there instead


async def _nothing(*_: object, **__: object) -> None:
    """Finds nothing, does nothing."""


async def _no(*_: object, **__: object) -> bool:
    return False


async def _without_looking_at_tags(cloud: Any, region: str, run: str) -> tuple[Any, ...]:
    return await instances._described(cloud, region, {f"tag:{instances.TAG_RUN}": [run]})


async def _everything(
    _cloud: Any, _clock: Any, _region: str, _run: str, listed: list[Any], _settled: bool
) -> list[Any]:
    return listed


async def _made(_cloud: Any, _region: str, wanted: Any, **_: object) -> Any:
    return wanted.at


BREAKS: dict[str, Break] = {
    "look-up": Break(
        "a job whose request got no clear answer is looked up before another token is used",
        ("second instance",),
        ((f"{Placing.__module__}.Placing._look_up", _nothing),),
    ),
    "reservation": Break(
        "nothing is requested whose worst case is not held",
        ("over budget", "second instance"),
        ((f"{Placing.__module__}.Placing._reserve", _nothing),),
    ),
    "tags": Break(
        "the tags of each listed instance are checked again before it is ended",
        ("foreign instance ended",),
        (
            ("benchtui.engine.kill_region.describe_run", _without_looking_at_tags),
            ("benchtui.engine.kill_scope.KillScope.covers", lambda *_: True),
        ),
    ),
    "mark": Break(
        "a launcher asks for control/kill before it requests",
        ("alive after a proven kill", "kill proven and something lives"),
        ((f"{Launcher.__module__}.Launcher._killed", _no),),
    ),
    "schedule": Break(
        "a schedule that is said to be armed is there",
        ("outlived its deadline",),
        (("benchtui.engine.deadman.put_schedule", _made),),
    ),
    "disarm": Break(
        "a schedule is removed only when what it ends was seen ending",
        ("outlived its deadline",),
        (
            (f"{disarming.__name__}._needless", _everything),
            ("benchtui.engine.snapshot.Snapshot.over", lambda *_: True),
        ),
    ),
}


@contextlib.contextmanager
def broken(name: str | None) -> Iterator[None]:
    """The engine without the guard ``name``; None: whole."""
    with contextlib.ExitStack() as stack:
        for target, instead in BREAKS[name].patches if name else ():
            stack.enter_context(patch(target, instead))
        yield
