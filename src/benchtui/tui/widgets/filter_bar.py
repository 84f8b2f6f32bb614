"""Where a filter is typed: it works as it is typed, and says what is wrong with it."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from benchtui.core.filter import Filter, FilterError
from benchtui.engine.job_fields import FIELDS, parse_filter
from benchtui.tui.glyphs import BAD, FAINT
from benchtui.tui.safe_text import safe_text

EXAMPLE = "arch=arm64 state!=done spent>0.05 c7g"


class FilterBar(Vertical):
    """Appears on demand. An expression that is none leaves the last one that was at work."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "clear", "Clear and close")]
    DEFAULT_CSS = """
    FilterBar { height: 2; display: none; padding: 0 1; }
    FilterBar Input { height: 1; border: none; padding: 0; background: $surface; }
    FilterBar Input:ansi { background: ansi_default; }
    FilterBar #filter-says { height: 1; }
    """

    class Changed(Message):
        """Another filter is at work."""

        def __init__(self, wanted: Filter) -> None:
            super().__init__()
            self.wanted = wanted

    class Closed(Message):
        """The table has the keys again."""

    def compose(self) -> ComposeResult:
        """The line to type in, and one that answers."""
        yield Input(placeholder=EXAMPLE, compact=True, id="filter-input")
        yield Static("", id="filter-says", markup=False)

    def open(self) -> None:
        """Appear, with the filter that is at work."""
        self.display = True
        self._say(None)
        self.query_one(Input).focus()

    def action_clear(self) -> None:
        """No filter, and away."""
        self.query_one(Input).value = ""
        self.display = False
        self.post_message(self.Changed(Filter()))
        self.post_message(self.Closed())

    def on_input_changed(self, message: Input.Changed) -> None:
        """Try it as far as it is typed."""
        message.stop()
        wanted, error = as_far_as_typed(message.value)
        self._say(error)
        self.post_message(self.Changed(wanted))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep it, if it is one."""
        message.stop()
        try:
            wanted = parse_filter(message.value)
        except FilterError as error:
            self._say(error)
            return
        self.post_message(self.Changed(wanted))
        self.display = False
        self.post_message(self.Closed())

    def _say(self, error: FilterError | None) -> None:
        says = self.query_one("#filter-says", Static)
        if error is None:
            names = " ".join(field.name for field in FIELDS)
            says.update(Text(f"= != ~ < <= > >=   fields: {names}", style=FAINT, no_wrap=True))
            return
        what = error.what.removeprefix("filter: ")
        says.update(safe_text(f"column {error.at + 1}: {what}; {error.fix or ''}", 300, BAD))


def as_far_as_typed(text: str) -> tuple[Filter, FilterError | None]:
    """The filter of the words that are finished, and what is wrong with the one that is not.

    A last word that can still become ``field=value`` is not looked for yet.
    """
    head, blank, last = text.rpartition(" ")
    if last and any(field.name.startswith(last.casefold()) for field in FIELDS):
        text = head + blank
    try:
        return parse_filter(text), None
    except FilterError as error:
        before = text[: error.at].rpartition(" ")[0]
        try:
            return parse_filter(before), error
        except FilterError:
            return Filter(), error
