"""Trends of a metric: series as rows, a chart of the one under the cursor, and its changes in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import DataTable, Static

from benchtui.core.trend import State
from benchtui.report.trend import change_words, mark_words, series_name, settled_words, trend_chart
from benchtui.tui.glyphs import BAD, FAINT, GOOD, WARN, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.widgets.chart import ChartView

if TYPE_CHECKING:
    from benchtui.core.trend import Trend
    from benchtui.engine.history_view import HistoryView

_COLUMNS = (("SERIES", 30), ("CHANGES", 24), ("NOW", 9), ("FIRST", 9), ("RUNS", 5), ("N", 5))
_STYLES: Mapping[State, str] = {
    State.CONFIRMED: BAD,
    State.SUSPECT: WARN,
    State.UNDECIDED: WARN,
    State.NOT_CONFIRMED: FAINT,
    State.IMPROVED: GOOD,
}
WORDS = 3  # changes told of one series; the chart shows all


class SeriesTable(DataTable[Text], inherit_bindings=False):
    """Moves by the keys of the other tables."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", show=False),
        Binding("down,j", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("g,home,ctrl+home", "scroll_top", show=False),
        Binding("G,end,ctrl+end", "scroll_bottom", show=False),
    ]


class TrendView(Vertical):
    """Shows a history view; what has not changed is not written again."""

    DEFAULT_CSS = """
    TrendView { height: 1fr; }
    TrendView SeriesTable { height: auto; max-height: 40%; border: round $primary; overflow-x: hidden; }
    TrendView ChartView { padding: 0 2; }
    TrendView #trend-words { height: auto; max-height: 6; padding: 0 2; }
    """

    class Moved(Message):
        """The cursor is on another series."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._history: HistoryView | None = None
        self._ascii = False

    def compose(self) -> ComposeResult:
        """Table, chart, words."""
        yield SeriesTable(cursor_type="row")
        yield ChartView(id="trend-chart")
        yield Static("", id="trend-words", markup=False)

    def on_mount(self) -> None:
        """The columns."""
        for label, width in _COLUMNS:
            self.table.add_column(Text(label), key=label, width=width)

    @property
    def table(self) -> SeriesTable:
        """The table."""
        return self.query_one(SeriesTable)

    @property
    def chosen(self) -> Trend | None:
        """The series under the cursor."""
        trends = self._history.trends if self._history is not None else ()
        at = self.table.cursor_row
        return trends[at] if 0 <= at < len(trends) else None

    def show(self, history: HistoryView, glyphs: Glyphs, *, ascii: bool, note: str = "") -> None:
        """Show it.

        Args:
            history: what the index holds.
            glyphs: signs to use.
            ascii: whether charts use no others.
            note: what is going on with the index.
        """
        row, dot = history.metric, glyphs.separator
        place = [one.key for one in history.metrics].index(row.key) + 1 if row is not None else 0
        self.table.border_title = safe_text(
            f"Trend of {row.key} {row.unit} {dot} metric {place} of {len(history.metrics)}"
            if row
            else "Trend"
        )
        counted = f" {dot} ".join(f"{count} {what}" for what, count in history.totals.items())
        self.table.border_subtitle = safe_text(f"{note} {dot} {counted}" if note else counted)
        if history is self._history and ascii == self._ascii:
            return
        self._history, self._ascii = history, ascii
        at = self.table.cursor_row
        self.table.clear()
        for trend in history.trends:
            self.table.add_row(*_cells(trend, glyphs))
        self.table.move_cursor(row=min(at, max(0, len(history.trends) - 1)))
        self._draw()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Another series: its chart and its words."""
        event.stop()
        self._draw()

    def _draw(self) -> None:
        trend = self.chosen
        self.query_one(ChartView).show(trend_chart(() if trend is None else (trend,)), ascii=self._ascii)
        words = self.query_one("#trend-words", Static)
        words.update(Text("\n").join(_words(trend)) if trend is not None else "")


def _cells(trend: Trend, glyphs: Glyphs) -> list[Text]:
    ends = (trend.levels[0].value, trend.levels[-1].value) if trend.levels else None
    changes = Text()
    for change in trend.changes[-3:]:
        said = f"{(change.ratio - 1) * 100:+.1f} % {change.state.value}"
        changes.append(", " if changes.plain else "").append(said, _STYLES[change.state])
    first, now = (glyphs.unknown,) * 2 if ends is None else (f"{value:.4g}" for value in ends)
    return [
        safe_text(series_name(trend), 80),
        changes if changes.plain else Text("none", FAINT),
        Text(now, justify="right"),
        Text(first, justify="right"),
        Text(str(trend.runs), justify="right"),
        Text(str(trend.instances), justify="right"),
    ]


def _words(trend: Trend) -> list[Text]:
    """The newest changes with what came with them, what was settled, and how to settle the rest."""
    lines = [
        safe_text(change_words(trend, change), 600, _STYLES[change.state])
        for change in trend.changes[-WORDS:]
    ]
    told = {one.since.run for one in trend.changes if one.fresh}
    lines += [safe_text(settled_words(trend, one), 400) for one in trend.settled if one.since not in told]
    loose = [mark for mark in trend.marks if all(mark not in one.marks for one in trend.changes)]
    lines += [safe_text(f"{mark_words(mark)}, and no change came with it", 300, FAINT) for mark in loose[-2:]]
    if trend.suspects:
        key = trend.key
        command = f"benchtui confirm --metric {key.metric} --type {key.instance_type}"
        lines.append(safe_text(f"settle it: {command}", 300))
    for line in lines:
        line.no_wrap = False
    return lines
