"""The Cost & kill pane: what runs cost, what will end their instances, and what else is alive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from benchtui.core.keys import KeyNotOurs
from benchtui.core.spending import Spending, spending_of
from benchtui.engine.accounts import Elsewhere, by_run, elsewhere, total
from benchtui.engine.kill_scope import KillScope
from benchtui.engine.layers import layers
from benchtui.engine.snapshot import QUIET, Snapshot
from benchtui.tui import actions
from benchtui.tui.glyphs import BAD, FAINT, GOOD
from benchtui.tui.money_cells import (
    ELSEWHERE,
    elsewhere_cells,
    layers_text,
    prospect_text,
    runs_text,
    types_text,
)
from benchtui.tui.safe_text import safe_text
from benchtui.tui.screens.kill import KillScreen
from benchtui.tui.view import View
from benchtui.tui.widgets.chart import ChartView
from benchtui.tui.widgets.live_table import Cells, LiveTable
from benchtui.tui.widgets.pane import Pane

WIDE = 120
#: Lines of the table of what else is alive: as many as there are rows, within these.
LEAST_BELOW, MOST_BELOW = 4, 12


class CostPane(Pane):
    """What the run costs, and what else of this account is alive."""

    PANE = "cost"
    TITLE = "Cost & kill"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("cost")
    DEFAULT_CSS = """
    CostPane #cost-above { height: 1fr; }
    CostPane #cost-left {
        width: 3fr; height: 1fr; border: round $primary; padding: 0 1; scrollbar-size-vertical: 1;
    }
    CostPane #cost-left:focus { border: round $text-accent; }
    CostPane #cost-right { width: 2fr; height: 1fr; border: round $primary; padding: 0 1; }
    CostPane ChartView { height: 1fr; min-height: 6; }
    CostPane Static { height: auto; }
    CostPane .heading { text-style: bold; margin-top: 1; }
    CostPane LiveTable { border: round $primary; }
    CostPane LiveTable:focus { border: round $text-accent; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._view: View | None = None
        self._spending: Spending | None = None
        self._counted: tuple[Snapshot, Spending] | None = None
        self._to_cap = True
        self._chart_in_front = False
        self._elsewhere: Mapping[str, Elsewhere] = {}
        self._shown: dict[str, Text] = {}

    def compose(self) -> ComposeResult:
        """Money and layers; the curve and the types; what else is alive."""
        with Horizontal(id="cost-above"):
            with VerticalScroll(id="cost-left"):
                yield Static("", id="cost-runs", markup=False)
                yield Static("", id="cost-prospect", markup=False)
                yield Static("Layers that end an instance", classes="heading", markup=False)
                yield Static("", id="cost-layers", markup=False)
            with Vertical(id="cost-right"):
                yield ChartView(id="cost-chart")
                yield Static("", id="cost-types", markup=False)
        yield LiveTable(self._cells, id="cost-elsewhere")

    def first_focus(self) -> Widget:
        """What else is alive, if anything is; else the figures, to be scrolled."""
        table = self.query_one(LiveTable)
        return table if table.keys else self.query_one("#cost-left")

    def on_resize(self) -> None:
        """Two halves side by side, or one in front of the other."""
        self._place()
        if self._view is not None:
            self.show(self._view)

    def show(self, view: View) -> None:
        """Show ``view``; only what differs is painted."""
        self._view = view
        self._spending = self._money_of(view)
        self._show_money(view)
        self._show_elsewhere(view)
        self._place()

    def _money_of(self, view: View) -> Spending | None:
        """The money of what is shown: the engine's, or of the snapshot at which the view was paused."""
        snapshot = view.snapshot
        if snapshot is None:
            return None
        if snapshot is view.live and view.spending is not None:
            return view.spending
        if self._counted is None or self._counted[0] is not snapshot:
            self._counted = (snapshot, spending_of(snapshot, over=snapshot.over(QUIET)))
        return self._counted[1]

    def _show_money(self, view: View) -> None:
        spending, glyphs = self._spending, self.glyphs
        left = self.query_one("#cost-left")
        width = max(30, left.scrollable_content_region.width)
        rows = by_run(spending, view.sweep, view.listings, view.now)
        as_of = f", as of {spending.at:%H:%M:%SZ}" if spending is not None else ""
        self._entitle(left, Text(f"Cost, USD est.{as_of}"))
        if not rows:
            self._write("cost-runs", self._nothing(view))
            self._write("cost-prospect", Text(""))
        else:
            self._write("cost-runs", runs_text(rows, total(rows), view.run, view.now, width, glyphs))
            self._write("cost-prospect", prospect_text(spending, glyphs) if spending else Text(""))
        found = layers(view.snapshot, view.sweep, view.now) if view.snapshot is not None else ()
        empty = Text("No run is followed; they belong to its instances.", style=FAINT)
        self._write("cost-layers", layers_text(found, glyphs) if found else empty)
        self._show_curve(view)

    def _show_curve(self, view: View) -> None:
        # plotext is only needed once this pane has been looked at.
        from benchtui.report.chart_specs import EmptyChart
        from benchtui.report.spending import TITLE, spending_chart

        spending = self._spending
        right = self.query_one("#cost-right")
        self._entitle(right, Text("Spent over time and by type"))
        if spending is None:
            self.query_one(ChartView).show(EmptyChart(TITLE, "no run is followed"), ascii=view.ascii)
            self._write("cost-types", Text(""))
            return
        self.query_one(ChartView).show(spending_chart(spending, to_cap=self._to_cap), ascii=view.ascii)
        width = max(30, right.size.width - 4)
        self._write("cost-types", types_text(spending, width, self.glyphs))

    def _nothing(self, view: View) -> Text:
        if view.problem is not None:
            return safe_text(view.problem.what, style=BAD)
        if view.run is not None:
            return safe_text(f"Asking for {view.run}.", style=FAINT)
        return Text("No run is followed: launch one with 2, or choose one with r.", style=FAINT)

    def _show_elsewhere(self, view: View) -> None:
        table = self.query_one(LiveTable)
        table.glyphs = self.glyphs
        if view.sweep is None:
            self._elsewhere, table.empty = {}, "The account has not been swept yet."
            self._entitle(table, Text("Alive elsewhere"))
            table.border_subtitle = ""
            table.show((), ELSEWHERE)
            return
        found = elsewhere(view.run, view.sweep, view.listings, view.now)
        self._elsewhere = {each.view.instance_id: each for each in found}
        table.empty = "Nothing else that benchtui launched is alive."
        if not view.sweep.known:
            table.empty = "Nothing else was found; not every region answered."
        table.show(self._elsewhere, ELSEWHERE)
        self._entitle(table, self._title(view, found))
        table.border_subtitle = "x kill screen for the row under the cursor" if found else ""

    def _title(self, view: View, found: tuple[Elsewhere, ...]) -> Text:
        """How many, how many of them orphans, how old, and who did not answer."""
        assert view.sweep is not None
        orphans = sum(each.orphaned is not None for each in found)
        dot = f" {self.glyphs.separator} "
        title = Text(f"Alive elsewhere {len(found)}, oldest first{dot}")
        noun = "orphan" if orphans == 1 else "orphans"
        title.append(f"{orphans} {noun}", style=f"bold {BAD}" if orphans else GOOD)
        silent = [region for region, _ in view.sweep.unanswered]
        if view.sweep.regions_error is not None:
            title.append(f"{dot}regions UNKNOWN", style=f"bold {BAD}")
        elif silent:
            said = f"{dot}UNKNOWN {', '.join(silent[:3])}{' and more' if len(silent) > 3 else ''}"
            title.append_text(safe_text(said, 80, f"bold {BAD}"))
        age = max(0, round((view.now - view.sweep.taken_at).total_seconds()))
        return title.append(f"{dot}swept {age}s ago")

    def _cells(self, key: str) -> Cells:
        assert self._view is not None
        placed = self.query_one(LiveTable).placed
        room = next((each.width for each in placed if each.column.key == "run"), 0)
        return elsewhere_cells(self._elsewhere[key], self._view.now, self.glyphs, room)

    def _place(self) -> None:
        """What there is room for."""
        wide = self.app.size.width >= WIDE
        left, right = self.query_one("#cost-left"), self.query_one("#cost-right")
        left.display = wide or not self._chart_in_front
        right.display = wide or self._chart_in_front
        table = self.query_one(LiveTable)
        most = max(LEAST_BELOW, min(MOST_BELOW, self.app.size.height // 3))
        table.styles.height = max(LEAST_BELOW, min(most, len(table.keys) + 3))

    def _entitle(self, widget: Widget, title: Text) -> None:
        if self._shown.get(f"title of {widget.id}") != title:
            self._shown[f"title of {widget.id}"] = title
            widget.border_title = title

    def _write(self, name: str, text: Text) -> None:
        if self._shown.get(name) != text:
            self._shown[name] = text
            self.query_one(f"#{name}", Static).update(text)

    def action_chart(self) -> None:
        """The curve in front of the figures, or behind; side by side where there is room."""
        if self.app.size.width >= WIDE:
            self.main.note("figures and chart are side by side here")
            return
        self._chart_in_front = not self._chart_in_front
        self._place()
        if self._view is not None:
            self.call_after_refresh(self.show, self._view)

    def action_zoom(self) -> None:
        """The curve up to the cap, or as far as the money goes."""
        self._to_cap = not self._to_cap
        if self._view is not None:
            self._show_curve(self._view)

    def action_end(self) -> None:
        """The kill screen for the instance under the cursor; ends nothing by itself."""
        found = self._elsewhere.get(self.query_one(LiveTable).cursor or "")
        if found is None:
            self.main.note("nothing else is alive here; ctrl+k ends the run that is followed")
            return
        self.app.push_screen(KillScreen(scope_of(found)))


def scope_of(found: Elsewhere) -> KillScope:
    """The smallest kill that ends an instance: its job, its run, or everything if its tags name neither."""
    view = found.view
    try:
        if view.run is None:
            return KillScope.of_account()
        return KillScope.of_run(view.run) if view.job is None else KillScope.of_jobs(view.run, [view.job])
    except KeyNotOurs:
        return KillScope.of_account()
