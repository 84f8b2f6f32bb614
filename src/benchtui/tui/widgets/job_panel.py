"""The job under the cursor, in short, with the end of its log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from benchtui.engine.job_log import LogLine
from benchtui.engine.snapshot import JobRow
from benchtui.tui.glyphs import BAD, FAINT
from benchtui.tui.job_facts import short
from benchtui.tui.job_feed import JobFeed
from benchtui.tui.safe_text import safe_text
from benchtui.tui.screens.detail import empty_log
from benchtui.tui.table_layout import fitted
from benchtui.tui.view import View
from benchtui.tui.widgets.log_view import LogView
from benchtui.tui.written import Written

if TYPE_CHECKING:
    from benchtui.tui.app import BenchtuiApp


class JobPanel(Vertical):
    """Three lines of facts and the log."""

    DEFAULT_CSS = """
    JobPanel { width: 1fr; border: round $primary; padding: 0 1; }
    JobPanel #panel-facts { height: 3; }
    JobPanel #panel-rule { height: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._feed: JobFeed | None = None
        self._row: JobRow | None = None
        self._view: View | None = None
        self._now: datetime | None = None
        self._written = Written()

    def compose(self) -> ComposeResult:
        """Facts, a line, the log."""
        yield Static("", id="panel-facts", markup=False)
        yield Static("", id="panel-rule", markup=False)
        yield LogView(id="panel-log")

    @property
    def main(self) -> BenchtuiApp:
        """The application, by its own type."""
        return cast("BenchtuiApp", self.app)

    @property
    def log_view(self) -> LogView:
        """The log."""
        return self.query_one(LogView)

    def show(self, view: View, row: JobRow | None, now: datetime) -> None:
        """Show a job; asks for its detail and log when they are due."""
        if self._feed is None:
            self._feed = JobFeed(self, self.main.engine, self._heard)
        self._view, self._row, self._now = view, row, now
        run = view.snapshot.run.run if view.snapshot else ""
        if self._feed.look(run, row, view.now, timedelta(seconds=view.config.watch.poll_seconds)):
            self.log_view.clear()
        self._paint()

    def _heard(self, lines: tuple[LogLine, ...]) -> None:
        self.log_view.append(lines)
        self._paint()

    def on_log_view_switched(self, _: LogView.Switched) -> None:
        """The switches stand in the border."""
        self.border_subtitle = Text(self.log_view.settings())

    def _paint(self) -> None:
        row, view, feed = self._row, self._view, self._feed
        if row is None or view is None or view.snapshot is None or feed is None:
            self._written.title(self, Text())
            self._write(Text("no job is under the cursor", style=FAINT))
            self._written.text(self.query_one("#panel-rule", Static), Text())
            self.log_view.say_empty("")
            return
        instance, glyphs = row.status.instance, self.main.glyphs
        title = safe_text(row.planned.job, 80, "bold")
        title.append_text(
            safe_text(f" {glyphs.separator} {instance.instance_id if instance else 'no instance'}", 80)
        )
        self._written.title(self, title)
        self._write(short(row, feed.detail, view.snapshot.run, self._now or view.now, glyphs))
        line = "-" if glyphs.ascii else "─"
        rule = Text(no_wrap=True, end="")
        rule.append(f"log {line * 2} ", style=FAINT)
        if feed.problem is not None:
            rule.append_text(safe_text(feed.problem.what, 200, BAD))
        else:
            rule.append_text(safe_text(row.status.suite or row.planned.job, 40))
        rule.append(f" {line * max(0, self.size.width - rule.cell_len - 1)}", style=FAINT)
        self._written.text(self.query_one("#panel-rule", Static), rule)
        self.log_view.say_empty(empty_log(row, feed))

    def _write(self, facts: Text) -> None:
        """Lines cut to the width, not folded."""
        dots = "." if self.main.glyphs.ascii else "…"
        room = self.query_one("#panel-facts").size.width
        cut = [line if line.cell_len <= room else fitted(line, room, ellipsis=dots) for line in facts.split()]
        facts = Text("\n").join(cut)
        self._written.text(self.query_one("#panel-facts", Static), facts)
