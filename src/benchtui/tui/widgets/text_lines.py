"""Lines of text in as much room as there is, folded to its width; what does not fit is scrolled to."""

from __future__ import annotations

from collections.abc import Sequence

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
        self._lines: tuple[str, ...] = ()
        self._written: tuple[tuple[str, ...], int] | None = None

    def compose(self) -> ComposeResult:
        """The text."""
        yield Static("", markup=False)

    @property
    def lines(self) -> tuple[str, ...]:
        """What is shown, unfolded."""
        return self._lines

    def show(self, lines: Sequence[str]) -> None:
        """Show ``lines``."""
        self._lines = tuple(lines)
        self._write()

    def on_resize(self) -> None:
        """Fold anew."""
        self._write()

    def _write(self) -> None:
        # Room for the scroll bar is kept, whether it is there or not: the folds must not depend on it.
        width = self.size.width - self.scrollbar_size_vertical
        if width < 1 or self._written == (self._lines, width):
            return
        self._written = (self._lines, width)
        folded = wrapped([safe_text(line, LONGEST).plain for line in self._lines], width)
        self.query_one(Static).update(Text("\n").join(Text(line) for line in folded))
