"""Where events go: JSON Lines on stdout for programs, words on stderr for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from benchtui.cli import diagnostics, output
from benchtui.engine.events import Event
from benchtui.engine.narration import words


class Stream:
    """The event stream of one command.

    Args:
        json: write JSON Lines.
        reader_gone: called once if nobody reads stdout any more. The engine is not disturbed by it: what
            is being launched is launched in good order.
    """

    def __init__(self, *, json: bool, reader_gone: Callable[[], None] = lambda: None) -> None:
        self.json = json
        self.closed = False
        self._seq = 0
        self._reader_gone = reader_gone
        # With events on the terminal as JSON, the same in words between them helps nobody.
        self._launched: set[str] = set()  # jobs whose launch was told already
        self._narrates = not (json and output.is_terminal())

    def emit(self, event: Event) -> None:
        """An event of the engine."""
        if self.json:
            self._seq += 1
            self._write(event.record(self._seq))
        said = words(event) if self._narrates and not self._told(event) else None
        if said is not None:
            diagnostics.say(said)

    def _told(self, event: Event) -> bool:
        """Whether the launcher's own word said the same before the bucket did."""
        job = str(event.fields.get("job"))
        if event.type == "launched":
            self._launched.add(job)
            return False
        return event.type == "state" and event.fields["state"] == "LAUNCHED" and job in self._launched

    def tell(self, kind: str, fields: Mapping[str, Any]) -> None:
        """An event of the command itself; only programs hear it."""
        if self.json:
            self._seq += 1
            self._write(Event(kind, datetime.now(UTC), fields).record(self._seq))

    def _write(self, record: Mapping[str, Any]) -> None:
        if self.closed:
            return
        try:
            output.record(record)
        except BrokenPipeError:
            self.closed = True
            output.discard()
            self._reader_gone()
