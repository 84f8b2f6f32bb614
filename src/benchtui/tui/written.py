"""Compare before write: a border's title or a text that is set again paints its whole widget again."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget
from textual.widgets import Static


class Written:
    """What was last written where."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], Text] = {}

    def title(self, widget: Widget, text: Text) -> None:
        """The title in the upper border."""
        if self._new(widget, "title", text):
            widget.border_title = text

    def subtitle(self, widget: Widget, text: Text) -> None:
        """The title in the lower border."""
        if self._new(widget, "subtitle", text):
            widget.border_subtitle = text

    def text(self, widget: Static, text: Text, *, layout: bool = False) -> None:
        """The content; ``layout`` if its size may be another one."""
        if self._new(widget, "text", text):
            widget.update(text, layout=layout)

    def _new(self, widget: Widget, what: str, text: Text) -> bool:
        key = id(widget), what
        last = self._last.get(key)
        if last is not None and (last.plain, last.style, last.spans) == (text.plain, text.style, text.spans):
            return False
        self._last[key] = text
        return True
