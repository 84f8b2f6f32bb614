"""What the engine tells whoever listens: one flat record per thing that happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

EVENT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for the JSON Lines stream and for the Events pane.

    Types: ``plan launching launched declined retry state result stale recovered alarm progress kill
    sweep schedule budget released census note summary``. Readers ignore types they do not know.
    """

    type: str
    at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)

    def record(self, seq: int) -> dict[str, Any]:
        """The line of the stream: version, time, sequence number, type, then the event's own fields."""
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {"v": EVENT_VERSION, "ts": at, "seq": seq, "type": self.type, **self.fields}


Emit = Callable[[Event], None]
