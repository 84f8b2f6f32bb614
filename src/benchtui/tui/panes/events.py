"""The Events pane: everything that happened, newest last, each with the command that shows the same."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from benchtui.tui import actions
from benchtui.tui.glyphs import BAD, FAINT, WARN
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import Entry, View
from benchtui.tui.widgets.pane import Pane

_STYLES = {"error": BAD, "warning": WARN}


class EventsPane(Pane):
    """Every error, decision and change of state."""

    PANE = "events"
    TITLE = "Events"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings("events"),
        Binding("j", "down", show=False),
        Binding("k", "up", show=False),
        Binding("G", "last", show=False),
        Binding("g", "first", show=False),
    ]

    DEFAULT_CSS = """
    EventsPane OptionList { height: 1fr; text-wrap: nowrap; text-overflow: ellipsis; }
    EventsPane #events-command { height: 1; padding: 0 1; }
    EventsPane #events-empty { height: 1fr; padding: 1 2; border: round $primary; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown = 0  # number of the newest entry shown
        self._entries: list[Entry] = []

    def compose(self) -> ComposeResult:
        """The list, and the command behind the line the cursor is on."""
        yield Static(
            "Nothing has happened yet. Launch a run with 2, or follow one of the bucket with r.",
            id="events-empty",
            markup=False,
        )
        yield OptionList(id="events-list", markup=False)
        yield Static("", id="events-command", markup=False)

    def first_focus(self) -> Widget:
        """The list."""
        return self.query_one(OptionList)

    def show(self, view: View) -> None:
        """Append what is new; the cursor stays unless it was on the last line."""
        events = self.query_one(OptionList)
        new = [entry for entry in view.events.entries if entry.number > self._shown]
        self.query_one("#events-empty").display = not (new or self._entries)
        events.display = bool(new or self._entries)
        if not new:
            return
        at_end = events.highlighted is None or events.highlighted >= events.option_count - 1
        self._shown = new[-1].number
        self._entries += new
        events.add_options([Option(_line(entry)) for entry in new])
        excess = len(self._entries) - (view.events.entries.maxlen or len(self._entries))
        if excess > 0:  # the log forgot them as well
            self._entries = self._entries[excess:]
            events.clear_options()
            events.add_options([Option(_line(entry)) for entry in self._entries])
        if at_end:
            events.highlighted = events.option_count - 1
        events.border_title = f"Events {len(self._entries)} of {view.events.version}"

    def on_option_list_option_highlighted(self, message: OptionList.OptionHighlighted) -> None:
        """Show the command of the line."""
        command = self._entries[message.option_index].command
        line = Text("same: ", style=FAINT) if command else Text()
        line.append_text(safe_text(command))
        self.query_one("#events-command", Static).update(line)

    def action_copy(self) -> None:
        """Copy the line's command, or the line if it has none."""
        index = self.query_one(OptionList).highlighted
        if index is None:
            self.main.note("there is nothing to copy yet")
            return
        entry = self._entries[index]
        self.main.copy(entry.command or _line(entry).plain, "the command" if entry.command else "the line")

    def action_down(self) -> None:
        """One line down."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """One line up."""
        self.query_one(OptionList).action_cursor_up()

    def action_first(self) -> None:
        """To the oldest."""
        self.query_one(OptionList).action_first()

    def action_last(self) -> None:
        """To the newest."""
        self.query_one(OptionList).action_last()


def _line(entry: Entry) -> Text:
    line = Text(f"{entry.at:%H:%M:%SZ} ", style=FAINT, no_wrap=True)
    line.append_text(safe_text(f"{entry.source:<10} ", 12))
    line.append_text(safe_text(entry.text.replace("\n", " "), 400, _STYLES.get(entry.severity, "")))
    return line
