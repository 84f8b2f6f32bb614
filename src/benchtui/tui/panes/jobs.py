"""The Jobs pane: every job of the run, the worst thing that is going on, and the job under the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Static

from benchtui.core.filter import Filter
from benchtui.core.text import clean_line
from benchtui.engine.concerns import Concern, Urgency, worst
from benchtui.engine.headline import Headline, headline
from benchtui.engine.job_fields import Order, chosen
from benchtui.engine.job_records import rows_json
from benchtui.engine.snapshot import JobRow, Snapshot, SourceState
from benchtui.tui import actions
from benchtui.tui.glyphs import BAD, FAINT, WARN
from benchtui.tui.job_cells import cells, columns
from benchtui.tui.job_titles import counted, empty_words, titled
from benchtui.tui.safe_text import safe_text
from benchtui.tui.screens.detail import DetailScreen, LogScreen
from benchtui.tui.view import View
from benchtui.tui.widgets.filter_bar import FilterBar
from benchtui.tui.widgets.job_panel import JobPanel
from benchtui.tui.widgets.live_table import Cells, LiveTable
from benchtui.tui.widgets.pane import Pane
from benchtui.tui.widgets.result_chart import ResultChart
from benchtui.tui.written import Written

if TYPE_CHECKING:
    from benchtui.engine.collector import Collected

WIDE = 120
#: Below it the table alone has the room it needs.
HIGH = 26
FRAME = 3  # lines of a table around its rows
MOST_OF_HEIGHT = 0.55


def _unseen(bindings: Iterable[BindingType]) -> list[BindingType]:
    """The same keys, not in the footer."""
    return [replace(each, show=False) for each in bindings if isinstance(each, Binding)]


class JobsPane(Pane):
    """Jobs of the run that is followed."""

    PANE = "jobs"
    TITLE = "Jobs"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings("jobs"),
        *_unseen(actions.bindings("log")),
        Binding("escape", "clear", show=False),
    ]
    DEFAULT_CSS = """
    JobsPane LiveTable { border: round $primary; }
    JobsPane LiveTable:focus { border: round $text-accent; }
    JobsPane #jobs-empty { height: 1fr; border: round $primary; padding: 1 2; }
    JobsPane #jobs-below { height: 1fr; min-height: 11; }
    JobsPane #jobs-worst { height: auto; max-height: 2; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.wanted = Filter()
        self.order = Order()
        self._view: View | None = None
        self._chosen_from: tuple[Snapshot, Filter, Order] | None = None  # the keys in the table
        self._longest = 0  # characters of a job id
        self._rows: Mapping[str, JobRow] = {}
        self._now: datetime | None = None  # what times count to; stands while paused
        self._results: Headline | None = None
        self._results_of: tuple[str, Collected | None] | None = None  # run and collection they were read from
        self._written = Written()

    def compose(self) -> ComposeResult:
        """Filter, table, the job under the cursor, the worst thing."""
        yield FilterBar()
        yield Static("", id="jobs-empty", markup=False)
        yield LiveTable(self._cells, id="jobs-table")
        with Horizontal(id="jobs-below"):
            yield JobPanel()
            yield ResultChart()
        yield Static("", id="jobs-worst", markup=False)

    def first_focus(self) -> Widget:
        """The table, if there is one."""
        return self.table if self.table.display else self

    @property
    def table(self) -> LiveTable:
        """The table."""
        return self.query_one("#jobs-table", LiveTable)

    def marked_jobs(self) -> tuple[str, ...]:
        """The marked jobs that are shown."""
        return tuple(key for key in self.table.keys if key in self.table.marks)

    def selected_jobs(self) -> tuple[str, ...]:
        """The marked jobs, else the one under the cursor."""
        under = (self.table.cursor,) if self.table.cursor is not None else ()
        return self.marked_jobs() or under

    def show(self, view: View) -> None:
        """Show ``view``; only what differs is painted."""
        self._view = view
        self.table.glyphs = self.glyphs
        snapshot = view.snapshot
        self._show_empty(view)
        if snapshot is None:
            self._rows, self._now = {}, None
            self.table.show((), ())
            return
        if not view.paused or self._now is None:
            self._now = view.now
        self._read_results(view)
        self._select(snapshot)
        self._written.title(self.table, self._title(view, snapshot))
        self._written.subtitle(self.table, counted(snapshot, self.size.width - 6, self.glyphs))
        self._show_worst(snapshot, view.now)
        self._show_below(view)

    def on_resize(self) -> None:
        """The job under the cursor has a place here only where there is room."""
        below = self.query_one("#jobs-below")
        below.display = self.app.size.width >= WIDE and self.app.size.height >= HIGH
        self._size_table()
        if self._view is not None:
            self.show(self._view)

    def on_live_table_moved(self, _: LiveTable.Moved) -> None:
        """Another job."""
        if self._view is not None:
            self._show_below(self._view)

    def on_live_table_chosen(self, _: LiveTable.Chosen) -> None:
        """A double click."""
        self.action_details()

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        """Show the jobs that pass."""
        self.wanted = message.wanted
        self._again()

    def on_filter_bar_closed(self, _: FilterBar.Closed) -> None:
        """The table has the keys."""
        self.first_focus().focus()

    def action_details(self) -> None:
        """All that is known of the job under the cursor."""
        if self.table.cursor is not None:
            self.app.push_screen(DetailScreen(self.table.cursor))

    def action_logs(self) -> None:
        """The log of the job under the cursor."""
        if self.table.cursor is not None:
            self.app.push_screen(LogScreen(self.table.cursor))

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterBar).open()

    def action_clear(self) -> None:
        """Take the marks away; where there are none, the filter."""
        if self.table.marks:
            self.table.unmark_all()
        else:
            self.query_one(FilterBar).action_clear()
        self._again()

    def action_sort_next(self) -> None:
        """The next order."""
        self.order = self.order.next()
        self._again()

    def action_sort_reverse(self) -> None:
        """The other way round."""
        self.order = self.order.reversed()
        self._again()

    def action_mark(self) -> None:
        """Mark the job, and on to the next."""
        if self.table.cursor is not None:
            self.table.mark(self.table.cursor)
            self.table.action_move(1)
            self._again()

    def action_copy_id(self) -> None:
        """Copy the ids of the instances, and of a job that has none its own."""
        rows = self._selected_rows()
        if rows:
            views = ((row.planned.job, row.status.instance) for row in rows)
            ids = [clean_line(view.instance_id) if view else job for job, view in views]
            self.main.copy("\n".join(ids), ids[0] if len(ids) == 1 else f"{len(ids)} ids")

    def action_copy_json(self) -> None:
        """Copy the jobs as JSON."""
        rows = self._selected_rows()
        if rows:
            self.main.copy(rows_json(rows), f"{len(rows)} {'job' if len(rows) == 1 else 'jobs'} as JSON")

    def action_autoscroll(self) -> None:
        """The log beside the table follows its end, or stands still."""
        self.query_one(JobPanel).log_view.action_autoscroll()

    def action_wrap(self) -> None:
        """The log beside the table folds long lines, or not."""
        self.query_one(JobPanel).log_view.action_wrap()

    def action_times(self) -> None:
        """The log beside the table shows times, or not."""
        self.query_one(JobPanel).log_view.action_times()

    def _selected_rows(self) -> list[JobRow]:
        rows = [self._rows[job] for job in self.selected_jobs() if job in self._rows]
        if not rows:
            self.main.note("there is no job here to copy")
        return rows

    def _again(self) -> None:
        if self._view is not None:
            self.show(self._view)

    def _select(self, snapshot: Snapshot) -> None:
        """Filter and sort where anything changed that they depend on; paint what differs."""
        before, self._chosen_from = self._chosen_from, (snapshot, self.wanted, self.order)
        keys = self.table.keys
        if before is None or before[0] is not snapshot or before[1:] != (self.wanted, self.order):
            self._rows = {row.planned.job: row for row in snapshot.rows}
            self._longest = max(map(len, self._rows), default=0)
            self._size_table()
            keys = tuple(row.planned.job for row in chosen(snapshot, self.wanted, self.order, self._now))
        self.table.empty = "no job passes the filter; esc clears it" if self.wanted else "no jobs"
        measure = self._results.title if self._results else None
        self.table.show(keys, columns(self._longest, measure, self.glyphs))

    def _cells(self, key: str) -> Cells:
        view, of, now = self._view, self._chosen_from, self._now
        assert view is not None
        assert of is not None
        assert now is not None
        stale = self._stale(view) is not None
        return cells(self._rows[key], of[0].run, now, self._results, self.glyphs, stale)

    def _size_table(self) -> None:
        """As high as all jobs need, so that a filter moves nothing, but no more than its share."""
        styles = self.table.styles
        if self.query_one("#jobs-below").display:
            lines = min(max(6, len(self._rows) + FRAME), int(self.size.height * MOST_OF_HEIGHT))
            if styles.height is None or styles.height.value != lines or styles.height.is_fraction:
                styles.height = lines
        elif styles.has_rule("height"):
            styles.clear_rule("height")

    def _stale(self, view: View) -> datetime | None:
        """When the bucket last answered, if that is too long ago."""
        snapshot = view.live or view.snapshot
        source = next((each for each in snapshot.sources if each.name == "S3"), None) if snapshot else None
        if source is None or source.state(view.now) not in (SourceState.STALE, SourceState.DOWN):
            return None
        return source.answered_at

    def _read_results(self, view: View) -> None:
        """The measure of each job, anew only when results were collected."""
        if view.snapshot is None:
            return
        before, self._results_of = self._results_of, (view.snapshot.run.run, view.collected)
        if before is not None and before[0] == view.snapshot.run.run and before[1] is view.collected:
            return
        here = view.collected
        self._results = headline(
            view.snapshot.run, here.summaries if here else None, here.judgements if here else None
        )
        self.query_one(ResultChart).show(view.snapshot.run, view.collected, ascii_only=view.ascii)

    def _show_empty(self, view: View) -> None:
        empty, table = self.query_one("#jobs-empty", Static), self.table
        hidden = table.display != (view.snapshot is not None)
        table.display, empty.display = view.snapshot is not None, view.snapshot is None
        if view.snapshot is None:
            self.query_one("#jobs-below").display = False
            self._written.text(empty, empty_words(view))
        elif hidden:
            self.on_resize()
            if self.has_focus or self.app.focused is None:
                table.focus()

    def _title(self, view: View, snapshot: Snapshot) -> Text:
        return titled(
            len(self.table.keys),
            len(snapshot.rows),
            self.wanted,
            self.order,
            self.glyphs,
            marked=len(self.table.marks),
            paused=view.paused,
            stale_since=self._stale(view),
            now=view.now,
            wide=self.app.size.width >= WIDE,
        )

    def _show_worst(self, snapshot: Snapshot, now: datetime) -> None:
        line = _worst_line(worst(snapshot, now), self.size.width - 2, self.glyphs.separator)
        self._written.text(self.query_one("#jobs-worst", Static), line, layout=True)

    def _show_below(self, view: View) -> None:
        if not self.query_one("#jobs-below").display or view.snapshot is None:
            return
        row = self._rows.get(self.table.cursor or "")
        self.query_one(JobPanel).show(view, row, self._now or view.now)


def _worst_line(concern: Concern | None, width: int, dot: str) -> Text:
    """The concern, with the keys for it where there is room."""
    line = Text(end="")
    if concern is None:
        line.append("nothing needs attention", style=FAINT)
        return line
    line.append("! ", style=BAD if concern.urgency > Urgency.NOTE else WARN)
    if concern.job:
        line.append_text(safe_text(f"{concern.job}: ", 80, "bold"))
    line.append_text(safe_text(concern.text, 400))
    more = f"  (+{concern.more} more)" if concern.more else ""
    keys = f"enter details {dot} ctrl+k kill" if concern.job else "6 events"
    if line.cell_len + len(more) <= width - len(keys) - 2:
        line.append(more, style=FAINT)
    room = width - len(keys) - line.cell_len
    if room >= 2:
        line.append(" " * room + keys, style=FAINT)
    return line
