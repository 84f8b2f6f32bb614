"""Run the checks of `benchtui doctor`: all at the same time, each in its own time, none hiding another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchtui.core.errors import BenchtuiError, ExitCode, foremost
from benchtui.core.text import clean_line
from benchtui.engine.doctor.finding import Check, Finding, Said, Status, refused, unknown, waiting
from benchtui.engine.doctor.subject import Subject

Key = tuple[str, str]  # check, region


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is."""

    done: int
    of: int
    finding: Finding  # the newest
    asking: tuple[str, ...]  # still under way


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found, in the order of the checks."""

    findings: tuple[Finding, ...]
    seconds: float

    def count(self, status: Status) -> int:
        """How many lines have this status."""
        return sum(finding.status is status for finding in self.findings)

    @property
    def exit_code(self) -> ExitCode:
        """3 if anything fails; what is only unknown or not as it should be is no failure."""
        return ExitCode.DENIED if self.count(Status.FAIL) else ExitCode.OK


async def examine(
    subject: Subject, checks: Iterable[Check], told: Callable[[Progress], None] = lambda _: None
) -> Diagnosis:
    """Ask everything of ``subject``; raises nothing that a check raises.

    Args:
        subject: what is looked at.
        checks: in the order in which they are shown; what one needs comes before it.
        told: hears of each finding when it is there.
    """
    begun = time.monotonic()
    placed = _placed(checks, subject)
    tasks: dict[Key, asyncio.Task[Finding]] = {}
    pending = {_name(key) for key in placed}

    async def ask(key: Key, check: Check) -> Finding:
        said = await _missing(check, key[1], tasks) or await _answered(check, subject, key[1])
        finding = Finding(check.name, said.status, said.found, said.means, said.fix, key[1], said.needs)
        pending.discard(_name(key))
        told(Progress(len(placed) - len(pending), len(placed), finding, tuple(sorted(pending))))
        return finding

    try:
        async with asyncio.TaskGroup() as group:
            for key, check in placed.items():
                tasks[key] = group.create_task(ask(key, check))
    finally:
        await subject.close()
    return Diagnosis(tuple(task.result() for task in tasks.values()), time.monotonic() - begun)


def _name(key: Key) -> str:
    return " ".join(filter(None, key))


def _placed(checks: Iterable[Check], subject: Subject) -> dict[Key, Check]:
    """Each check with the places it is asked in."""
    placed: dict[Key, Check] = {}
    for check in checks:
        places: tuple[str, ...] = ("",)
        if check.regional:
            places = subject.launch_regions
        elif check.everywhere:
            places = subject.regions
        placed |= {(check.name, place): check for place in places}
    return placed


async def _missing(check: Check, place: str, tasks: Mapping[Key, asyncio.Task[Finding]]) -> Said | None:
    """Why the check can say nothing: what it needs is not well. The first cause is named, not the last."""
    for need in check.needs:
        # Of the same region where there is such a line, else of the account; else of the first region.
        key = next(
            (key for key in ((need, place), (need, "")) if key in tasks),
            next(key for key in tasks if key[0] == need),
        )
        finding = await tasks[key]
        if finding.bad:
            return waiting(finding.needs or finding.name)
    return None


async def _answered(check: Check, subject: Subject, place: str) -> Said:
    try:
        async with asyncio.timeout(check.seconds):
            return await check.work(subject, place)
    except TimeoutError:
        return unknown(
            f"no answer in {check.seconds:.0f} s", "it may be well or not", "run benchtui doctor again"
        )
    except BenchtuiError as problem:
        return refused(problem)
    except ExceptionGroup as problems:
        first = foremost(problems)
        return refused(first) if isinstance(first, BenchtuiError) else _defect(first)
    except Exception as defect:  # a defect of one check hides no other
        return _defect(defect)


def _defect(problem: Exception) -> Said:
    what = clean_line(f"{type(problem).__name__}: {problem}", 300)
    return unknown(what, "a mistake in benchtui: please report it", "benchtui info --bundle FILE")
