"""The History pane: the runs the bucket holds, any of which can be followed again, and trends over them.

Trends come from the index, which is read when they are first asked for and brought up to the bucket then;
until it answers the pane says so. Nothing else of the application waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import DataTable, Static

from benchtui.core.errors import BenchtuiError
from benchtui.tui import actions
from benchtui.tui.glyphs import BAD
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import View
from benchtui.tui.widgets.pane import Pane
from benchtui.tui.widgets.trend_view import TrendView

if TYPE_CHECKING:
    from benchtui.engine.history_view import HistoryView
    from benchtui.engine.runs import RunListing

_COLUMNS = (
    ("RUN", 22),
    ("STARTED", 17),
    ("NAME", 16),
    ("MODE", 6),
    ("JOBS", 5),
    ("WORST $", 9),
    ("TYPES", 40),
)


class RunsTable(DataTable[Text], inherit_bindings=False):
    """A table whose enter is the pane's, so that the footer shows it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor_up", show=False),
        Binding("down,j", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("g,home,ctrl+home", "scroll_top", show=False),
        Binding("G,end,ctrl+end", "scroll_bottom", show=False),
    ]


class HistoryPane(Pane):
    """The runs of the bucket, newest first."""

    PANE = "history"
    TITLE = "History"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("history")

    DEFAULT_CSS = """
    HistoryPane DataTable { height: 1fr; overflow-x: hidden; }
    HistoryPane #history-empty { height: 1fr; border: round $primary; padding: 1 2; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[RunListing, ...] | None = None
        self._followed: str | None = None
        self.trending = False  # trends are shown in the place of the runs
        self._history: HistoryView | None = None
        self._metric: str | None = None  # None: the most telling one
        self._note = ""
        self._synced = False

    def compose(self) -> ComposeResult:
        """The table, or what would fill it."""
        yield Static("", id="history-empty", markup=False)
        yield RunsTable(id="history-table", cursor_type="row")
        yield TrendView(id="history-trends")

    def on_mount(self) -> None:
        """The columns."""
        table = self._table()
        for label, width in _COLUMNS:
            table.add_column(Text(label), key=label, width=width)
        table.display = False
        self.query_one(TrendView).display = False

    def first_focus(self) -> Widget:
        """The table, if there is anything in it."""
        table = self.query_one(TrendView).table if self.trending else self._table()
        return table if table.display else self

    def show(self, view: View) -> None:
        """Write the table anew only when the runs are others."""
        if self.trending:
            self._show_trends(view)
            return
        if view.listings is None:
            said = f"{view.problem.what}" if view.problem else "Asking the bucket for its runs…"
            self.query_one("#history-empty", Static).update(safe_text(said))
            return
        if (view.listings, view.run) == (self._shown, self._followed):
            return
        self._shown, self._followed = view.listings, view.run
        table, empty = self._table(), self.query_one("#history-empty", Static)
        table.display, empty.display = bool(view.listings), not view.listings
        empty.update("The bucket holds no run yet. Launch one with 2.")
        at = table.cursor_row
        table.clear()
        for listing in view.listings:
            table.add_row(*_cells(listing, listing.run == view.run, self.glyphs.cursor), key=listing.run)
        table.move_cursor(row=min(at, max(0, len(view.listings) - 1)))
        table.border_title = f"Runs {len(view.listings)}, newest first"

    def action_trends(self) -> None:
        """Trends, or the runs again."""
        self.trending = not self.trending
        self.query_one(TrendView).display = self.trending
        if not self.trending:
            self._shown = None  # the runs have to be written anew
            self.show(self.main.view)
        else:
            self._table().display = False
            self._show_trends(self.main.view)
            self._read()
            if not self._synced:
                self.action_sync()
        self.first_focus().focus()

    def action_metric_next(self) -> None:
        """The next metric."""
        self._step(1)

    def action_metric_previous(self) -> None:
        """The metric before."""
        self._step(-1)

    def action_sync(self) -> None:
        """Read from the bucket what is new."""
        self._synced = True
        self._note = "reading the bucket"
        self.run_worker(self._sync(), group="history-sync", exclusive=True, exit_on_error=False)

    def _step(self, by: int) -> None:
        if not self.trending or self._history is None or self._history.metric is None:
            self.main.note("there is no trend to step through; t shows them")
            return
        names = [str(one.key) for one in self._history.metrics]
        at = names.index(str(self._history.metric.key))
        self._metric = names[(at + by) % len(names)]
        self._read()

    def _read(self) -> None:
        self.run_worker(self._fetch(), group="history-read", exclusive=True, exit_on_error=False)

    async def _fetch(self) -> None:
        try:
            self._history = await self.main.engine.history(self._metric)
        except BenchtuiError as problem:
            self._note = problem.what
            self.main.note(f"history: {problem.what}", "error")
        if self.trending:
            self._show_trends(self.main.view)

    async def _sync(self) -> None:
        try:
            report = await self.main.engine.sync_history()
        except BenchtuiError as problem:
            self._note = f"not up to date: {problem.what}"
            self.main.note(f"history: {problem.what}", "error")
        else:
            fresh = report.read + report.rolled_up
            self._note = f"{fresh} runs read" if fresh else "up to date"
        await self._fetch()

    def _show_trends(self, view: View) -> None:
        """The trends, or what would fill them."""
        trends, empty = self.query_one(TrendView), self.query_one("#history-empty", Static)
        history = self._history
        filled = history is not None and history.metric is not None
        trends.display, empty.display = filled, not filled
        if history is not None and filled:
            trends.show(history, self.glyphs, ascii=view.ascii, note=self._note)
        elif history is None:
            empty.update("Reading the index…")
        else:
            empty.update(safe_text(f"The index holds no figure yet. {self._note}".strip()))

    def action_adopt(self) -> None:
        """Follow the run the cursor is on."""
        if self.trending:
            self.main.note("t shows the runs")
            return
        if not self._shown:
            self.main.note("the bucket holds no run yet: launch one with 2")
            return
        self.main.adopt(self._shown[self._table().cursor_row].run)

    def on_data_table_row_selected(self, _: DataTable.RowSelected) -> None:
        """Enter, or a click."""
        self.action_adopt()

    def _table(self) -> RunsTable:
        return self.query_one(RunsTable)


def _cells(listing: RunListing, followed: bool, sign: str) -> list[Text]:
    run = safe_text(f"{sign if followed else ' '} {listing.run}", 40, "bold" if followed else "")
    started = Text(f"{listing.started_at:%m-%d %H:%M:%SZ}")
    document = listing.document
    if document is None:
        return [run, started, safe_text(listing.problem or "unreadable", 200, BAD)] + [Text("")] * 4
    types = dict.fromkeys(job.instance_type for job in document.jobs)
    return [
        run,
        started,
        safe_text(document.name, 40),
        safe_text(document.mode, 10),
        Text(str(len(document.jobs)), justify="right"),
        Text(f"{document.worst_case_usd:.2f}", justify="right"),
        safe_text(" ".join(types), 120),
    ]
