"""Runs that the account itself starts, at a time that was set before: their schedules' names and times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from benchtui.core.errors import UsageError
from benchtui.core.keys import KeyNotOurs, check_run

PREFIX = "benchtui.start."
#: EventBridge Scheduler tries again for so long; a launch that comes later would end later than was counted.
START_WINDOW = timedelta(minutes=5)
#: A schedule is never made for a time nearer than this.
SOONEST = timedelta(minutes=2)
#: Images, prices and policies grow old: no further ahead is planned.
FURTHEST = timedelta(days=62)
MOST_OCCURRENCES = 62
_NUMBER = re.compile(r"[1-9]\d{0,3}")
_PERIOD = re.compile(r"([1-9]\d{0,2})([hdw])")
_UNIT = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class StartName:
    """The schedule that launches the ``number``-th job of a run: ``benchtui.start.<run>.<number>``."""

    run: str
    number: int  # from 1, in the order of run.json

    @classmethod
    def parse(cls, text: str) -> StartName:
        """The inverse of ``str``.

        Raises:
            KeyNotOurs: it is no name of ours.
        """
        run, _, number = text.removeprefix(PREFIX).partition(".")
        if not text.startswith(PREFIX) or not _NUMBER.fullmatch(number):
            raise KeyNotOurs(f"not a schedule that starts a job: {text[:80]!r}")
        return cls(check_run(run), int(number))

    def __str__(self) -> str:
        return f"{PREFIX}{check_run(self.run)}.{self.number}"


def prefix_of(run: str | None) -> str:
    """How the names of a run's starts begin; None: those of every run."""
    return PREFIX if run is None else f"{PREFIX}{check_run(run)}."


def occurrences(first: datetime, every: str | None, count: int, now: datetime) -> tuple[datetime, ...]:
    """The times of a plan's runs, UTC, whole minutes.

    Args:
        first: the first.
        every: ``12h``, ``1d``, ``2w`` between two; None: there is one.
        count: how many.
        now: the time.

    Raises:
        UsageError: too soon, too far ahead, too many, or not a period.
    """
    if first.tzinfo is None:
        raise UsageError("--first needs a time zone", fix="write it as 2026-11-29T02:00Z")
    first = first.astimezone(UTC).replace(second=0, microsecond=0)
    if first - now < SOONEST:
        raise UsageError(
            f"--first {first:%Y-%m-%dT%H:%MZ} is not ahead",
            fix=f"at least {SOONEST.seconds // 60} minutes from now, {now:%Y-%m-%dT%H:%MZ}",
        )
    if not 1 <= count <= MOST_OCCURRENCES:
        raise UsageError(f"--count {count}: 1 to {MOST_OCCURRENCES}")
    if (every is None) != (count == 1):
        raise UsageError("--every and --count go together")
    period = timedelta(0) if every is None else _period(every)
    times = tuple(first + period * number for number in range(count))
    if times[-1] - now > FURTHEST:
        raise UsageError(
            f"the last run would be at {times[-1]:%Y-%m-%dT%H:%MZ}, more than {FURTHEST.days} days ahead",
            fix="fewer now, and more later: images and prices of today are used",
        )
    return times


def _period(text: str) -> timedelta:
    found = _PERIOD.fullmatch(text)
    if found is None:
        raise UsageError(f"--every {text}: not a period", fix="write it as 12h, 1d or 2w")
    return int(found[1]) * _UNIT[found[2]]


def missed(scheduled_for: datetime, launched: bool, never_started_s: int, now: datetime) -> bool:
    """Whether a run should have begun and has not: no instance and no sentinel though its time is over."""
    return not launched and now > scheduled_for + START_WINDOW + timedelta(seconds=never_started_s)
