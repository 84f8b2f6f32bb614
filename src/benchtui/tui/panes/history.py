"""The History pane: the runs the bucket holds; any of them can be followed or compared again."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import DataTable, Static

from benchtui.tui import actions
from benchtui.tui.glyphs import BAD
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import View
from benchtui.tui.widgets.pane import Pane

if TYPE_CHECKING:
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

    def compose(self) -> ComposeResult:
        """The table, or what would fill it."""
        yield Static("", id="history-empty", markup=False)
        yield RunsTable(id="history-table", cursor_type="row")

    def on_mount(self) -> None:
        """The columns."""
        table = self._table()
        for label, width in _COLUMNS:
            table.add_column(Text(label), key=label, width=width)
        table.display = False

    def first_focus(self) -> Widget:
        """The table, if there is anything in it."""
        table = self._table()
        return table if table.display else self

    def show(self, view: View) -> None:
        """Write the table anew only when the runs are others."""
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

    def action_adopt(self) -> None:
        """Follow the run the cursor is on."""
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
