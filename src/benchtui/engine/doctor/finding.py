"""What a check of `benchtui doctor` says, and what a check is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from benchtui.core.errors import BenchtuiError
from benchtui.core.text import clean_line

if TYPE_CHECKING:
    from benchtui.engine.doctor.subject import Subject

#: What others wrote, in the words of a finding.
LONGEST = 400


class Status(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"  # a run is possible, and something of it is not as it should be
    FAIL = "fail"  # a run is not possible, or not safe
    UNKNOWN = "unknown"  # could not be looked at


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what was found, what it means, what mends it."""

    check: str
    status: Status
    found: str
    means: str = ""  # empty where all is well
    fix: str | None = None  # a command or a setting
    where: str = ""  # the region; empty: of the account or of this machine
    needs: str | None = None  # of UNKNOWN: the line that has to be mended first

    @property
    def name(self) -> str:
        """What was looked at, with its place."""
        return f"{self.check} {self.where}" if self.where else self.check

    @property
    def bad(self) -> bool:
        """Whether checks that build on this one can say nothing."""
        return self.status in (Status.FAIL, Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Said:
    """What a check says of itself; its name and place are added by whoever runs it."""

    status: Status
    found: str
    means: str = ""
    fix: str | None = None
    needs: str | None = None


def ok(found: str) -> Said:
    """All is well."""
    return Said(Status.OK, clean_line(found, LONGEST))


def warn(found: str, means: str, fix: str | None = None) -> Said:
    """A run is possible, and something is not as it should be."""
    return Said(Status.WARN, clean_line(found, LONGEST), means, fix)


def fail(found: str, means: str, fix: str | None = None) -> Said:
    """No run is possible, or none that is safe."""
    return Said(Status.FAIL, clean_line(found, LONGEST), means, fix)


def unknown(found: str, means: str = "this was not looked at", fix: str | None = None) -> Said:
    """It could not be looked at."""
    return Said(Status.UNKNOWN, clean_line(found, LONGEST), means, fix)


def waiting(need: str) -> Said:
    """It builds on what is not well, or not known."""
    return Said(Status.UNKNOWN, f"needs {need}", f"looked at once {need} is ok", needs=need)


def refused(problem: BenchtuiError, means: str = "this was not looked at") -> Said:
    """The question itself failed: nothing is known of what was asked."""
    return unknown(problem.what, means, problem.fix)


Work = Callable[["Subject", str], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class Check:
    """One question. ``work`` gets the subject and, of a regional check, the region (else an empty text)."""

    name: str
    about: str  # what it looks at and why, for the documentation and for --json
    work: Work
    needs: tuple[str, ...] = ()  # names of checks without which it can say nothing
    regional: bool = False  # asked in every region that instances are launched in
    everywhere: bool = False  # asked in every configured region, launched in or not
    seconds: float = 30.0  # its time
