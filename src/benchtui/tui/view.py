"""What the screen shows at one moment, frozen: made by the app at each flush, read by every pane."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from benchtui.core.errors import BenchtuiError
from benchtui.engine.events import Event
from benchtui.engine.narration import words
from benchtui.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from benchtui.config.schema import Config
    from benchtui.core.spending import Spending
    from benchtui.engine.collector import Collected
    from benchtui.engine.kill_scope import KillProgress, KillSurvey
    from benchtui.engine.runs import RunListing
    from benchtui.engine.sweep import Sweep

KEPT_EVENTS = 5_000
_SEVERITIES: Mapping[str, str] = {
    "error": "error",
    "alarm": "error",
    "declined": "warning",
    "retry": "warning",
    "stale": "warning",
    "kill": "warning",
    "budget": "warning",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the Events pane."""

    number: int
    at: datetime
    source: str  # event type, or what the app did
    text: str  # as it came; cleaned where it is shown
    severity: str = "information"  # or "warning", "error"
    command: str = ""  # headless command that shows or does the same


@dataclass(slots=True)
class EventLog:
    """The newest events, and how many there were."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    version: int = 0

    def hear(self, event: Event, command: str = "") -> Entry | None:
        """Keep an event of the engine; None if it is nothing for people."""
        if event.type == "error":
            fix = f" ({event.fields['fix']})" if event.fields.get("fix") else ""
            text: str | None = f"{event.fields['source']}: {event.fields['text']}{fix}"
        else:
            said = words(event)
            text = None if said is None else said.partition(" ")[2]  # the line's time is a column here
        if text is None:
            return None
        return self.add(event.at, event.type, text, _SEVERITIES.get(event.type, "information"), command)

    def add(
        self, at: datetime, source: str, text: str, severity: str = "information", command: str = ""
    ) -> Entry:
        """Keep a line."""
        self.version += 1
        entry = Entry(self.version, at, source, text, severity, command)
        self.entries.append(entry)
        return entry


@dataclass(frozen=True, slots=True)
class View:
    """Everything there is to show. What is not known is None and shown as such."""

    now: datetime
    config: Config
    flags: str = ""  # what a headless command needs to do the same: " --local", " --bucket NAME"
    read_only: bool = False
    account: str | None = None  # twelve digits
    snapshot: Snapshot | None = None  # of the run shown; stands still while paused
    live: Snapshot | None = None  # the same, never paused
    spending: Spending | None = None  # of ``live``
    run: str | None = None  # the run that is followed, also before its first snapshot
    problem: BenchtuiError | None = None  # why there is nothing to show
    listings: tuple[RunListing, ...] | None = None  # None: not known yet
    collected: Collected | None = None
    sweep: Sweep | None = None
    kills: tuple[KillProgress, ...] = ()
    surveys: tuple[KillSurvey, ...] = ()  # one a scope, while its regions are still answering
    launching: bool = False
    paused: bool = False
    ascii: bool = False
    events: EventLog = field(default_factory=EventLog)
