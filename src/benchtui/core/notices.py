"""What is worth telling somebody who does not look: the occasions, and the words of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from benchtui.core.text import clean_line

NOTICE_VERSION = 1
#: Amazon SNS, API reference of Publish: a subject is ASCII, of fewer than 100 characters.
LONGEST_SUBJECT = 99
LONGEST_TEXT = 1000


class Occasion(StrEnum):
    """Why a notice is sent; ``[notify] on`` chooses among them."""

    RUN_DONE = "run-done"
    BUDGET = "budget"
    KILL_INCOMPLETE = "kill-incomplete"
    REGRESSION = "regression"
    SCHEDULED_MISSING = "scheduled-missing"


#: Sent by ``benchtui notify`` alone, whatever ``[notify] on`` says.
TRIAL = "trial"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell: in words, and in fields for programs. Nothing in it is a secret."""

    occasion: str
    at: datetime
    text: str  # one line
    run: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As it is sent: ``{"v": 1, "type": "notice", "ts", "occasion", "run", "text", "fields"}``."""
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "v": NOTICE_VERSION,
            "type": "notice",
            "ts": at,
            "occasion": str(self.occasion),
            "run": self.run,
            "text": clean_line(self.text, LONGEST_TEXT),
            "fields": dict(self.fields),
        }

    @property
    def subject(self) -> str:
        """The head of a mail: ASCII, at most 99 characters."""
        about = f"benchtui {self.occasion}" + (f" {self.run}" if self.run else "")
        return about.encode("ascii", "replace").decode()[:LONGEST_SUBJECT]


def budget_reached(run: str, at: datetime, percent: int, spent: str, budget: str) -> Notice:
    """A share of the budget is spent; amounts in USD."""
    end = "; whoever launched the run ends it" if percent >= 100 else ""
    return Notice(
        Occasion.BUDGET,
        at,
        f"{run}: {percent} % of the budget is spent, {spent} of {budget} USD (est.){end}",
        run,
        {"percent": percent, "spent_usd": spent, "budget_usd": budget},
    )


def run_over(run: str, at: datetime, counts: Mapping[str, int], spent: str, alive: tuple[str, ...]) -> Notice:
    """A run is over.

    Args:
        run, at: which, and when it was seen.
        counts: of its census (``planned``, ``measured``, ``verified``, ``declined``), or jobs by state.
        spent: estimated, USD.
        alive: instances that live beyond their time.
    """
    counted = ", ".join(f"{count} {name}" for name, count in counts.items())
    ended = f"; STILL ALIVE: {', '.join(alive)}" if alive else "; every instance is gone"
    return Notice(
        Occasion.RUN_DONE,
        at,
        f"{run} is over: {counted}; {spent} USD (est.){ended}",
        run,
        {**counts, "spent_usd": spent, "still_alive": list(alive)},
    )


def regression_confirmed(run: str, at: datetime, words: str) -> Notice:
    """Fresh instances have shown that a figure is worse than it was; ``words``: which, and by how much."""
    return Notice(Occasion.REGRESSION, at, f"regression confirmed by {run}: {words}", run)


def not_begun(run: str, at: datetime, scheduled_for: datetime) -> Notice:
    """A scheduled run that should have begun and has not."""
    return Notice(
        Occasion.SCHEDULED_MISSING,
        at,
        f"{run} should have begun at {scheduled_for:%Y-%m-%d %H:%MZ}: there is no instance and no word of it",
        run,
        {"scheduled_for": f"{scheduled_for:%Y-%m-%dT%H:%M:%SZ}"},
    )


def kill_unproven(name: str, run: str | None, at: datetime, regions: tuple[str, ...], command: str) -> Notice:
    """A kill has ended without its proof.

    Args:
        name: what was killed, in words.
        run: if it was a run.
        at: when it ended.
        regions: of which it is not proven.
        command: the command that tries again.
    """
    where = ", ".join(regions) or "a region that could not be listed"
    return Notice(
        Occasion.KILL_INCOMPLETE,
        at,
        f"{name}: instances may still be running in {where}; again: {command}",
        run,
        {"regions": list(regions), "command": command},
    )
