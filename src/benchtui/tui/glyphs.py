"""Signs, words and colours of states: a state is told three times, so that none of them is needed."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from benchtui.core.keys import JobState
from benchtui.engine.snapshot import SourceState

UNKNOWN = "–"
#: Colours by what they mean: names of the 16 that every terminal has and every theme redefines.
GOOD, BAD, WARN, BUSY, FAINT = "green", "red", "yellow", "cyan", "dim"


@dataclass(frozen=True, slots=True)
class StateLook:
    """How a state is shown."""

    glyph: str
    ascii: str
    word: str
    style: str


_STATES: Mapping[JobState, StateLook] = {
    JobState.PLANNED: StateLook("·", ".", "planned", FAINT),
    JobState.LAUNCHED: StateLook("○", "o", "booting", BUSY),
    JobState.BOOTED: StateLook("○", "o", "booted", BUSY),
    JobState.PREPARING: StateLook("◐", "o", "preparing", BUSY),
    JobState.RUNNING: StateLook("●", "*", "running", GOOD),
    JobState.COLLECTED: StateLook("●", "*", "collected", GOOD),
    JobState.COMPLETED: StateLook("✓", "+", "done", GOOD),
    JobState.FAILED: StateLook("✗", "x", "failed", BAD),
    JobState.TIMED_OUT: StateLook("✗", "x", "timed out", BAD),
    JobState.EMERGENCY_STOP: StateLook("✗", "x", "emergency", BAD),
    JobState.KILLED: StateLook("■", "#", "killed", WARN),
    JobState.LOST: StateLook("!", "!", "lost", BAD),
    JobState.NEVER_STARTED: StateLook("!", "!", "never started", BAD),
    JobState.DECLINED: StateLook("–", "-", "declined", WARN),
}

_SOURCES: Mapping[SourceState, StateLook] = {
    SourceState.CONNECTING: StateLook("○", "o", "connecting", BUSY),
    SourceState.LIVE: StateLook("●", "*", "live", GOOD),
    SourceState.RETRYING: StateLook("◐", "~", "retrying", WARN),
    SourceState.STALE: StateLook("◌", "?", "stale", WARN),
    SourceState.DOWN: StateLook("✗", "x", "down", BAD),
}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """Signs in Unicode or in ASCII."""

    ascii: bool = False

    @property
    def unknown(self) -> str:
        """For what is not known. Never 0."""
        return "-" if self.ascii else UNKNOWN

    @property
    def marked(self) -> str:
        """For a marked row."""
        return "*" if self.ascii else "▪"

    @property
    def cursor(self) -> str:
        """For the row the cursor is on."""
        return ">" if self.ascii else "▸"

    @property
    def rising(self) -> str:
        """Sorted from small to large."""
        return "^" if self.ascii else "▲"

    @property
    def falling(self) -> str:
        """Sorted from large to small."""
        return "v" if self.ascii else "▼"

    @property
    def separator(self) -> str:
        """Between parts of one line."""
        return "-" if self.ascii else "·"

    @property
    def yes(self) -> str:
        """True."""
        return "yes" if self.ascii else "✓"

    @property
    def no(self) -> str:
        """False."""
        return "NO" if self.ascii else "✗"

    def bar(self, done: float, width: int) -> str:
        """A bar of ``width`` cells, filled to the share ``done`` of 0 to 1."""
        full, empty = ("#", ".") if self.ascii else ("▓", "░")
        filled = round(min(1.0, max(0.0, done)) * width)
        return full * filled + empty * (width - filled)

    def state(self, state: JobState) -> Text:
        """Glyph, word and colour of a job's state."""
        return self._told(_STATES[state])

    def source(self, state: SourceState) -> Text:
        """Glyph, word and colour of a source's state."""
        return self._told(_SOURCES[state])

    def _told(self, look: StateLook) -> Text:
        return Text(f"{look.ascii if self.ascii else look.glyph} {look.word}", style=look.style, no_wrap=True)


def state_look(state: JobState) -> StateLook:
    """How ``state`` is shown."""
    return _STATES[state]


def speaks_unicode() -> bool:
    """Whether this terminal's encoding has more than ASCII."""
    if os.environ.get("TERM") == "linux":
        return False  # the console's font lacks the blocks
    return "utf" in (locale.getpreferredencoding(False) or "").lower()
