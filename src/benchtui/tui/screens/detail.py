"""One job on a screen of its own: all that is known of it, or its log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from benchtui.core.text import clean_line
from benchtui.engine.job_log import LogLine
from benchtui.tui.glyphs import BAD, FAINT
from benchtui.tui.job_cells import state
from benchtui.tui.job_facts import folded, full
from benchtui.tui.job_feed import JobFeed
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import View
from benchtui.tui.widgets.footer import KeyFooter
from benchtui.tui.widgets.header import Header
from benchtui.tui.widgets.log_view import LogView
from benchtui.tui.written import Written

if TYPE_CHECKING:
    from benchtui.engine.snapshot import JobRow
    from benchtui.tui.app import BenchtuiApp


class JobScreen(Screen[None]):
    """What both have in common: a job, followed while the screen is open."""

    DETAIL: ClassVar[bool] = False
    LOG: ClassVar[bool] = False

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job
        self.row: JobRow | None = None
        self.feed: JobFeed | None = None
        self.followed: str | None = None  # the run the job is of
        self.written = Written()

    @property
    def main(self) -> BenchtuiApp:
        """The application, by its own type."""
        return cast("BenchtuiApp", self.app)

    def header(self) -> Header:
        """The same as that of the panes: what costs money is always in sight."""
        return Header(self.app.screen_stack[0].query_one(Header).panes)

    def on_mount(self) -> None:
        """Begin to follow."""
        self.feed = JobFeed(self, self.main.engine, self.heard, detail=self.DETAIL, log=self.LOG)
        self.show_view(self.main.view)

    def show_view(self, view: View) -> None:
        """Another second, or another snapshot."""
        if self.feed is None:
            return
        if self.followed is not None and view.run != self.followed:
            self.dismiss()  # another run is looked at; its job of this name is another one
            return
        self.followed = view.run
        self.query_one(Header).show(view, "jobs", self.main.glyphs)
        rows = view.snapshot.rows if view.snapshot else ()
        self.row = next((row for row in rows if row.planned.job == self.job), None)
        run = view.snapshot.run.run if view.snapshot else ""
        self.feed.look(run, self.row, view.now, timedelta(seconds=view.config.watch.poll_seconds))
        self.paint(view)

    def heard(self, lines: tuple[LogLine, ...]) -> None:
        """The engine answered."""
        self.paint(self.main.view)

    def paint(self, view: View) -> None:
        """Show what is known."""
        raise NotImplementedError

    def title_of(self, view: View) -> Text:
        """Job and instance."""
        instance = self.row.status.instance if self.row else None
        title = Text()
        title.append_text(safe_text(self.job, 80, "bold"))
        if instance is not None:
            title.append_text(safe_text(f" {self.main.glyphs.separator} {instance.instance_id}", 80))
        if view.paused:
            title.append(" PAUSED", style="reverse")
        return title

    def problem_text(self) -> str | None:
        """Why the engine could not answer."""
        problem = self.feed.problem if self.feed else None
        if problem is None:
            return None
        return f"{problem.what}{f' (fix: {problem.fix})' if problem.fix else ''}"

    def action_copy_json(self) -> None:
        """Copy the job as JSON."""
        if self.row is not None:
            from benchtui.engine.job_records import rows_json

            self.main.copy(rows_json([self.row]), f"{self.job} as JSON")

    def action_copy_id(self) -> None:
        """Copy the id of the instance."""
        if self.row is not None:
            view = self.row.status.instance
            self.main.copy(clean_line(view.instance_id) if view else self.job, "the id")

    def action_kill_job(self) -> None:
        """The kill screen for this job; ends nothing by itself."""
        self.main.open_kill((self.job,))


class DetailScreen(JobScreen):
    """All that is known of a job."""

    DETAIL = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d", "dismiss", "Back"),
        Binding("l", "logs", "Logs"),
        Binding("y", "copy_id", "Copy id"),
        Binding("Y", "copy_json", "Copy JSON"),
        Binding("ctrl+k", "kill_job", "Kill…"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("g,home", "scroll(-100000)", show=False),
        Binding("G,end", "scroll(100000)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
    ]
    DEFAULT_CSS = """
    DetailScreen VerticalScroll {
        border: round $primary; padding: 0 1; height: 1fr; scrollbar-size-vertical: 1;
    }
    DetailScreen #detail-text { width: 1fr; height: auto; }
    """

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        yield self.header()
        with VerticalScroll(id="detail-box"):
            yield Static("", id="detail-text", markup=False)
        yield KeyFooter()

    def paint(self, view: View) -> None:
        """Write it only if it differs."""
        self.written.title(self.query_one("#detail-box"), self.title_of(view))
        self.written.text(self.query_one("#detail-text", Static), self._text(view), layout=True)

    def _text(self, view: View) -> Text:
        if self.row is None or view.snapshot is None:
            return safe_text(f"{self.job} is not in the run that is followed")
        detail = self.feed.detail if self.feed else None
        now = view.snapshot.taken_at if view.paused else view.now
        lines = full(self.row, detail, view.snapshot.run, now, self.main.glyphs)
        problem = self.problem_text()
        if problem is not None:
            lines += (safe_text(problem, 1000, BAD),)
        return folded(lines, self.query_one("#detail-text").size.width, self.app.console)

    def on_resize(self) -> None:
        """Lines fold elsewhere."""
        self.call_after_refresh(lambda: self.paint(self.main.view))

    def action_logs(self) -> None:
        """The log in its place."""
        self.app.switch_screen(LogScreen(self.job))

    def action_scroll(self, lines: int) -> None:
        """Lines up or down."""
        box = self.query_one("#detail-box", VerticalScroll)
        box.scroll_to(y=max(0, box.scroll_offset.y + lines), animate=False)

    def action_page(self, pages: int) -> None:
        """Screens up or down."""
        self.action_scroll(pages * max(1, self.query_one("#detail-box").size.height - 1))


class LogScreen(JobScreen):
    """The log of a job, live."""

    LOG = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,l", "dismiss", "Back"),
        Binding("d", "details", "Details"),
        Binding("y", "copy_log", "Copy log"),
        Binding("ctrl+k", "kill_job", "Kill…"),
    ]
    DEFAULT_CSS = "LogScreen LogView { border: round $primary; }"

    def compose(self) -> ComposeResult:
        """The log alone."""
        yield self.header()
        yield LogView(id="log")
        yield KeyFooter()

    def on_mount(self) -> None:
        """The log has the keys."""
        log = self.query_one(LogView)
        log.focus()

    def heard(self, lines: tuple[LogLine, ...]) -> None:
        """More of it."""
        self.query_one(LogView).append(lines)
        super().heard(lines)

    def paint(self, view: View) -> None:
        """Title and what stands where there is no log yet."""
        log = self.query_one(LogView)
        title = self.title_of(view)
        if self.row is not None:
            title.append("  ")
            title.append_text(state(self.row, view.now, self.main.glyphs))
        problem = self.problem_text()
        if problem is not None:
            title.append_text(safe_text(f"  {problem}", 300, BAD))
        title.append(f"  {len(log.lines)} lines", style=FAINT)
        self.written.title(log, title)
        log.say_empty(empty_log(self.row, self.feed))

    def action_details(self) -> None:
        """The detail in its place."""
        self.app.switch_screen(DetailScreen(self.job))

    def action_copy_log(self) -> None:
        """Copy what is held of the log."""
        from benchtui.engine.job_log import as_text

        self.main.copy(as_text(self.query_one(LogView).lines), f"the log of {self.job}")


def empty_log(row: JobRow | None, feed: JobFeed | None) -> str:
    """What stands where there is no log: why there is none, and what will fill it."""
    if row is None:
        return "no job is looked at"
    if row.status.instance is None:
        return "no log: this job has no instance"
    if feed is None or not feed.answered:
        return "asking the bucket"
    if row.status.over:
        return "no log: the instance ended without one"
    return "no log yet: the first lines come within a heartbeat period of the boot"
