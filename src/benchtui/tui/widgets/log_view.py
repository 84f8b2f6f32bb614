"""A log as it comes in: follows its end, or stands still while it is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from benchtui.engine.job_log import MAX_LINES, LogLine
from benchtui.tui import actions
from benchtui.tui.glyphs import FAINT, Glyphs
from benchtui.tui.safe_text import safe_text

LINE_LIMIT = 2_000


class LogView(ScrollView, can_focus=True):
    """The newest lines of a log, each cleaned."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings("log"),
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("left", "sideways(-1)", show=False),
        Binding("right", "sideways(1)", show=False),
    ]
    DEFAULT_CSS = """
    LogView {
        height: 1fr; background: $background; overflow-x: hidden; overflow-y: auto;
        scrollbar-size-vertical: 1;
    }
    LogView:ansi { background: ansi_default; }
    """

    class Switched(Message):
        """A switch was turned."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.glyphs = Glyphs()
        self.autoscroll, self.wrap, self.times = True, False, True
        self.empty = "nothing yet"
        self._lines: deque[LogLine] = deque(maxlen=MAX_LINES)
        self._rows: list[Text] = []  # as laid out
        self._longest = 0  # cells of the longest of them
        self._left = 0  # the first cell in sight

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """What is held."""
        return tuple(self._lines)

    def clear(self) -> None:
        """Another log."""
        self._lines.clear()
        self._lay_out()

    def append(self, lines: Sequence[LogLine]) -> None:
        """More of it."""
        if not lines:
            return
        full = len(self._lines) + len(lines) > MAX_LINES
        self._lines.extend(lines)
        if full:
            self._lay_out()
            return
        for line in lines:
            self._rows += self._laid_out(line)
        self._resized()

    def say_empty(self, text: str) -> None:
        """What stands here while there are no lines."""
        if text != self.empty:
            self.empty = text
            if not self._rows:
                self.refresh()

    def settings(self) -> str:
        """The switches, for a border."""
        dot = self.glyphs.separator
        words = (("autoscroll", self.autoscroll), ("wrap", self.wrap), ("times", self.times))
        return f" {dot} ".join(f"{name} {'on' if on else 'off'}" for name, on in words)

    def action_autoscroll(self) -> None:
        """Follow the end, or stand still."""
        self.autoscroll = not self.autoscroll
        self._switched()

    def action_wrap(self) -> None:
        """Fold long lines, or scroll sideways."""
        self.wrap = not self.wrap
        self._lay_out()
        self._switched()

    def action_times(self) -> None:
        """Show the time of each line, or not."""
        self.times = not self.times
        self._lay_out()
        self._switched()

    def action_scroll_up(self) -> None:
        """Reading what is above stops following."""
        self._stand_still()
        super().action_scroll_up()

    def action_page_up(self) -> None:
        """Reading what is above stops following."""
        self._stand_still()
        super().action_page_up()

    def action_scroll_home(self) -> None:
        """Reading what is above stops following."""
        self._stand_still()
        super().action_scroll_home()

    def action_sideways(self, direction: int) -> None:
        """Half a screen to the left or right, where lines are longer than the screen."""
        self._left = max(0, min(self._left + direction * self._width // 2, self._longest - self._width))
        self.refresh()

    def action_scroll_end(self) -> None:
        """To the end, and follow it."""
        if not self.autoscroll:
            self.action_autoscroll()
        super().action_scroll_end()

    def on_mouse_scroll_up(self) -> None:
        """Reading what is above stops following."""
        self._stand_still()

    def on_mount(self) -> None:
        """The switches stand in the border."""
        self.glyphs = getattr(self.app, "glyphs", self.glyphs)
        self._switched()

    def on_resize(self) -> None:
        """Folded lines fold elsewhere."""
        if self.wrap:
            self._lay_out()
        else:
            self._resized()

    def render_line(self, y: int) -> Strip:
        """Line ``y`` of what is in sight."""
        width, style = self._width, self.rich_style
        left, top = self._left, self.scroll_offset.y
        if not self._rows and y == 0:
            shown = safe_text(self.empty, style=FAINT)
        elif top + y < len(self._rows):
            shown = self._rows[top + y]
        else:
            return Strip.blank(width, style)
        strip = Strip(list(Segment.apply_style(shown.render(self.app.console), style)))
        return strip.crop_extend(left, left + width, style)

    @property
    def _width(self) -> int:
        """Cells beside the scrollbar."""
        return self.scrollable_content_region.width

    def _stand_still(self) -> None:
        if self.autoscroll:
            self.action_autoscroll()

    def _switched(self) -> None:
        self.border_subtitle = Text(self.settings())
        self.post_message(self.Switched())
        if self.autoscroll:
            self._to_end()

    def _lay_out(self) -> None:
        self._rows = [row for line in self._lines for row in self._laid_out(line)]
        self._resized()

    def _laid_out(self, line: LogLine) -> list[Text]:
        time = f"{line.time or '':<9} " if self.times else ""
        text = safe_text(line.text, LINE_LIMIT).plain
        room = self._width - len(time)
        if not self.wrap or room < 10 or cell_len(text) <= room:
            return [Text.assemble((time, FAINT), text, end="")]
        return [
            Text.assemble((time if number == 0 else " " * len(time), FAINT), part, end="")
            for number, part in enumerate(chop_cells(text, room))
        ]

    def _resized(self) -> None:
        self._longest = max((cell_len(row.plain) for row in self._rows), default=0)
        self._left = max(0, min(self._left, self._longest - self._width))
        self.virtual_size = Size(max(self._width, 1), len(self._rows))
        if self.autoscroll:
            self._to_end()
        self.refresh()

    def _to_end(self) -> None:
        # After the layout: only then is it known how many lines are in sight.
        self.scroll_end(animate=False, x_axis=False)
