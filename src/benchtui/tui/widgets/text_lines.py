"""Lines of text in as much room as there is, folded to its width; what does not fit is scrolled to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from benchtui.report.decision_text import wrapped
from benchtui.tui.safe_text import safe_text

LONGEST = 400


class TextLines(VerticalScroll, can_focus=True):
    """Shows lines; the same again are not written again."""

    DEFAULT_CSS = """
    TextLines { height: 1fr; width: 1fr; }
    TextLines > Static { width: 100%; height: auto; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._make: Callable[[int], Sequence[str]] = lambda _: ()
        self._written: tuple[tuple[str, ...], int] | None = None

    def compose(self) -> ComposeResult:
        """The text."""
        yield Static("", markup=False)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is shown, unfolded."""
        return tuple(self._make(self._room))

    def show(self, make: Callable[[int], Sequence[str]]) -> None:
        """Show the lines that ``make`` gives for a width."""
        self._make = make
        self._write()

    def on_resize(self) -> None:
        """Fold anew."""
        self._write()

    @property
    def _room(self) -> int:
        """Columns for text. The scroll bar's are kept whether it is there or not, or the folds would move."""
        return self.container_size.width - self.gutter.width - self.scrollbar_size_vertical

    def _write(self) -> None:
        width = self._room
        if width < 1:
            return
        lines = self.lines
        if self._written != (lines, width):
            self._written = (lines, width)
            folded = wrapped([safe_text(line, LONGEST).plain for line in lines], width)
            self.query_one(Static).update(Text("\n").join(Text(line) for line in folded))
