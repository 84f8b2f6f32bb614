"""The schedules that end a run from outside: their names, rendered and parsed here alone, and their times.

A run has one schedule per region, made before its first launch, which ends whatever carries the run's tag;
each instance has one more, by its id. Both come shortly after the instance's own end (``benchtui:expires``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from benchtui.core.keys import KeyNotOurs, check_run

PREFIX = "benchtui."
#: EventBridge Scheduler takes names of at most 64 characters.
LONGEST_NAME = 64
#: From ``benchtui:expires`` to the schedule, at least: what ends inside an instance goes first.
MARGIN = timedelta(minutes=1)
#: How much later a run's schedule may be than its newest instance needs, so that not every launch moves it.
SLACK = timedelta(minutes=1)
#: EventBridge Scheduler fires within this long after the minute it was given.
PRECISION = timedelta(minutes=1)
MINUTE = timedelta(minutes=1)

_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass(frozen=True, slots=True)
class ScheduleName:
    """Whom a schedule ends: an instance of a run, or everything that carries the run's tag."""

    run: str
    instance_id: str | None = None  # None: the run's own, by tag

    @classmethod
    def parse(cls, text: str) -> ScheduleName:
        """The inverse of ``str``.

        Raises:
            KeyNotOurs: it is no name of ours.
        """
        prefix, dot, rest = text.partition(".")
        run, separator, instance_id = rest.partition(".")
        if prefix + dot != PREFIX or bool(separator) != bool(instance_id):
            raise KeyNotOurs(f"not a schedule of benchtui: {text[:80]!r}")
        return cls(check_run(run), check_instance(instance_id) if instance_id else None)

    def __str__(self) -> str:
        run = check_run(self.run)
        return f"{PREFIX}{run}" + (f".{check_instance(self.instance_id)}" if self.instance_id else "")


def check_instance(text: str) -> str:
    """Return ``text`` if it is an instance id, ``i-`` and 8 to 17 hexadecimal digits.

    Raises:
        KeyNotOurs: it is not.
    """
    if not _INSTANCE.fullmatch(text):
        raise KeyNotOurs(f"not an instance id: {text[:80]!r}")
    return text


def prefix_of(run: str | None) -> str:
    """How the names of a run's schedules begin; None: those of every run.

    Raises:
        KeyNotOurs: it is no run's id.
    """
    return PREFIX if run is None else f"{PREFIX}{check_run(run)}"


def instance_deadline(expires_at: datetime) -> datetime:
    """When an instance is ended from outside, UTC: a whole minute, so that it never comes early."""
    return _whole_minute(expires_at + MARGIN)


def run_deadline(expires_at: datetime) -> datetime:
    """When a run's schedule is to fire whose newest instance expires at ``expires_at``, UTC."""
    return _whole_minute(expires_at + MARGIN + SLACK)


#: The latest an instance ends by its schedules after ``benchtui:expires``, if AWS fires them in time.
LATEST = MARGIN + SLACK + MINUTE + PRECISION


def _whole_minute(at: datetime) -> datetime:
    down = at.replace(second=0, microsecond=0)
    return down if down == at else down + MINUTE
