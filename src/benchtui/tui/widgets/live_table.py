"""A table of thousands of rows that change while they are looked at.

Only the lines on the screen are ever built, and a refresh repaints those that came out differently. Cursor
and marks belong to keys, not to positions, so rows may come, go and change places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from benchtui.tui.glyphs import FAINT, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.table_layout import GAP, Column, Placed, arrange, fitted

#: Cells of a row by column.
Cells = Mapping[str, Text]
LEAD = 3  # cells before the first column: cursor, mark, blank
HEADER = 1  # lines


class LiveTable(ScrollView, can_focus=True):
    """Rows by key, columns by importance.

    Args:
        cells: makes the cells of a key; called for what is on the screen only, again and again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "live-table--header",
        "live-table--cursor",
        "live-table--marked",
    }
    DEFAULT_CSS = """
    LiveTable {
        height: 1fr; background: $background;
        overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
    }
    LiveTable > .live-table--header { text-style: bold; color: $foreground; }
    LiveTable > .live-table--cursor { background: $surface; }
    LiveTable:focus > .live-table--cursor { background: $primary-muted; text-style: bold; }
    LiveTable > .live-table--marked { text-style: bold; }
    LiveTable:ansi { background: ansi_default; }
    LiveTable:ansi > .live-table--header { text-style: bold; color: ansi_default; }
    LiveTable:ansi > .live-table--cursor { background: ansi_default; }
    LiveTable:ansi:focus > .live-table--cursor { background: ansi_default; text-style: reverse; }
    """

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, key: str | None) -> None:
            super().__init__()
            self.key = key

    class Chosen(Message):
        """The row under the cursor was clicked again."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, cells: Callable[[str], Cells], id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = Glyphs()
        self.marks: set[str] = set()
        self.empty = ""  # what stands here when there are no rows
        self._cells = cells
        self._keys: tuple[str, ...] = ()
        self._places: dict[str, int] = {}
        self._columns: tuple[Column, ...] = ()
        self._placed: tuple[Placed, ...] = ()
        self._cursor: str | None = None
        self._painted: dict[int, Strip] = {}  # by line of the widget

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in their order."""
        return self._keys

    @property
    def cursor(self) -> str | None:
        """Key of the row the cursor is on; None in an empty table."""
        return self._cursor

    @property
    def placed(self) -> tuple[Placed, ...]:
        """The columns that fit, with their widths."""
        return self._placed

    def show(self, keys: Iterable[str], columns: Sequence[Column]) -> None:
        """Show these rows in this order. Cursor, marks and what is in sight stay as far as they can."""
        before, place = self._cursor, self._places.get(self._cursor or "", 0)
        offset, keys = place - self.scroll_offset.y, tuple(keys)
        if keys != self._keys:
            self._keys = keys
            self._places = {key: index for index, key in enumerate(keys)}
            self.marks &= self._places.keys()
        if self._cursor not in self._places:
            self._cursor = self._keys[min(place, len(self._keys) - 1)] if self._keys else None
        if tuple(columns) != self._columns:
            self._columns = tuple(columns)
            self._arrange()
        size = Size(self._width, len(self._keys) + HEADER)
        if size != self.virtual_size:
            self.virtual_size = size
        if 0 <= offset < self._page() and self._cursor is not None:
            # The cursor was in sight: it stays where it is on the screen, whatever moved around it.
            self._scroll(self._places[self._cursor] - offset)
        self._repaint_changed()
        if self._cursor != before:
            self.post_message(self.Moved(self._cursor))

    def mark(self, key: str) -> None:
        """Mark a row, or take its mark away."""
        self.marks ^= {key}
        self._repaint_rows(key)

    def unmark_all(self) -> None:
        """Take every mark away."""
        marked, self.marks = self.marks, set()
        self._repaint_rows(*marked)

    def move_to(self, key: str) -> None:
        """Put the cursor on a row and bring it into sight."""
        if key not in self._places or key == self._cursor:
            return
        before, self._cursor = self._cursor, key
        place, top, page = self._places[key], self.scroll_offset.y, self._page()
        if place < top:
            self._scroll(place)
        elif place >= top + page:
            self._scroll(place - page + 1)
        self._repaint_rows(*((before,) if before else ()), key)
        self.post_message(self.Moved(key))

    def action_move(self, by: int) -> None:
        """Rows up or down."""
        if self._cursor is not None:
            place = self._places[self._cursor] + by
            self.move_to(self._keys[max(0, min(len(self._keys) - 1, place))])

    def action_page(self, by: int) -> None:
        """Screens up or down."""
        self.action_move(by * max(1, self._page() - 1))

    def action_first(self) -> None:
        """To the first row."""
        self.action_move(-len(self._keys))

    def action_last(self) -> None:
        """To the last row."""
        self.action_move(len(self._keys))

    def on_resize(self) -> None:
        """Other columns may fit."""
        self._arrange()
        self.virtual_size = Size(self._width, len(self._keys) + HEADER)
        self._keep_in_sight()

    def on_focus(self) -> None:
        """The cursor looks different."""
        self._forget()

    def on_blur(self) -> None:
        """The cursor looks different."""
        self._forget()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row; on the row it is on already: choose it."""
        index = self.scroll_offset.y + event.y - HEADER
        if event.y < HEADER or not 0 <= index < len(self._keys):
            return
        key = self._keys[index]
        if key == self._cursor and event.chain > 1:
            self.post_message(self.Chosen(key))
        self.move_to(key)

    def render_line(self, y: int) -> Strip:
        """Line ``y`` of what is in sight."""
        strip = self._line(y, self.scroll_offset.y)
        self._painted[y] = strip
        return strip

    def notify_style_update(self) -> None:
        """Another theme."""
        super().notify_style_update()
        self._painted.clear()

    def _line(self, y: int, top: int) -> Strip:
        width, base = self._width, self.rich_style
        if y < HEADER:
            header = Text(" " * LEAD, end="")
            for number, placed in enumerate(self._placed):
                title = Text(placed.column.title)
                header.append_text(self._in_place(title, placed, last=number == len(self._placed) - 1))
            return self._strip(header, base + self._style("live-table--header"), width)
        index = top + y - HEADER
        if y == HEADER and not self._keys:
            return self._strip(safe_text(" " * LEAD + self.empty, style=FAINT), base, width)
        if index >= len(self._keys):
            return Strip.blank(width, base)
        key = self._keys[index]
        line = self._lead(key)
        cells = self._cells(key)
        for number, placed in enumerate(self._placed):
            cell = cells.get(placed.column.key) or Text(self.glyphs.unknown)
            line.append_text(self._in_place(cell, placed, last=number == len(self._placed) - 1))
        style = base
        if key in self.marks:
            style += self._style("live-table--marked")
        if key == self._cursor:
            style += self._style("live-table--cursor")
        return self._strip(line, style, width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(name, partial=True)

    def _lead(self, key: str) -> Text:
        cursor = self.glyphs.cursor if key == self._cursor else " "
        mark = self.glyphs.marked if key in self.marks else " "
        return Text(f"{cursor}{mark} ", end="")

    def _in_place(self, cell: Text, placed: Placed, *, last: bool) -> Text:
        dots = "." if self.glyphs.ascii else "…"
        shown = fitted(cell, placed.width, right=placed.column.right, ellipsis=dots)
        if last:
            return shown
        shown = shown.copy() if shown is cell else shown
        shown.append(" " * GAP)
        return shown

    def _strip(self, line: Text, style: Style, width: int) -> Strip:
        segments = list(Segment.apply_style(line.render(self.app.console), style))
        return Strip(segments).adjust_cell_length(width, style).simplify()

    def _arrange(self) -> None:
        self._placed = arrange(self._columns, max(0, self._width - LEAD))
        self._forget()

    @property
    def _width(self) -> int:
        """Cells beside the scrollbar."""
        return self.scrollable_content_region.width

    def _page(self) -> int:
        """Rows in sight."""
        return max(1, self.size.height - HEADER)

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=max(0, min(top, len(self._keys) - self._page())), animate=False, immediate=True)

    def _keep_in_sight(self) -> None:
        if self._cursor is not None:
            place, top = self._places[self._cursor], self.scroll_offset.y
            if not top <= place < top + self._page():
                self._scroll(place - self._page() // 2)

    def _forget(self) -> None:
        """Everything has to be painted anew."""
        self._painted.clear()
        self.refresh()

    def _repaint_rows(self, *keys: str) -> None:
        for key in keys:
            y = self._places.get(key, -1) - self.scroll_offset.y + HEADER
            if HEADER <= y < self.size.height:
                self.refresh(Region(0, y, self.size.width, 1))

    def _repaint_changed(self) -> None:
        """Build the lines in sight and repaint those that differ from what was painted."""
        top = self.scroll_offset.y
        for y in range(self.size.height):
            if self._painted.get(y) != self._line(y, top):
                self.refresh(Region(0, y, self.size.width, 1))
