"""The Compare pane: types side by side, a chart of them, and the sentence that can be quoted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from benchtui.core import quoting
from benchtui.core.compare import Comparison, TypeRow, compare
from benchtui.core.decision import decide
from benchtui.core.errors import BenchtuiError
from benchtui.core.instance_results import Basis, InstanceResult, MetricKey, headline_keys, metric_keys
from benchtui.core.settling import settlements
from benchtui.engine.comparing import results_of
from benchtui.report.comparison import KINDS, chart
from benchtui.report.decision_text import decision_lines, in_ascii
from benchtui.report.settling_text import settlement_line
from benchtui.tui import actions
from benchtui.tui.comparison_cells import cells, columns
from benchtui.tui.glyphs import FAINT
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import View
from benchtui.tui.widgets.chart import ChartView
from benchtui.tui.widgets.live_table import Cells, LiveTable
from benchtui.tui.widgets.pane import Pane
from benchtui.tui.widgets.text_lines import TextLines

if TYPE_CHECKING:
    from benchtui.core.documents import RunDocument
    from benchtui.engine.collector import Collected

#: Results that are read while the screen waits: some tens of milliseconds.
READ_AT_ONCE = 32
#: Flop per byte that a speed is predicted for, in turn; None predicts nothing.
INTENSITIES = (None, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
#: Runs before this one whose results the history chart shows.
EARLIER_RUNS = 9
SHORT = 20  # lines below which the chart needs the room of the sentence's end; y copies all of it
ROOMY = 26  # lines from which the chart has a frame with the names of the charts
FRAME = 3  # lines of the table beside its rows: border and header


class TypesTable(LiveTable, inherit_bindings=False):
    """A table that leaves ``g`` to the chart."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end,G", "last", show=False),
    ]


class ComparePane(Pane):
    """Instance types against each other."""

    PANE = "compare"
    TITLE = "Compare"
    BINDINGS: ClassVar[list[BindingType]] = actions.bindings("compare")
    DEFAULT_CSS = """
    ComparePane TypesTable { border: round $primary; height: 6; }
    ComparePane TypesTable:focus { border: round $text-accent; }
    ComparePane ChartView { padding: 0 2; }
    ComparePane.-roomy ChartView { border: round $primary; padding: 0 1; }
    ComparePane #compare-decision { border: round $primary; padding: 0 1; }
    ComparePane #compare-decision:focus { border: round $text-accent; }
    ComparePane #compare-sentence { height: auto; max-height: 5; padding: 0 2; }
    ComparePane #compare-empty { height: 1fr; border: round $primary; padding: 1 2; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.basis = Basis.INSTANCE
        self.baseline: str | None = None  # None: the first ranked type
        self.metric: MetricKey | None = None  # None: the most telling one
        self.kind = KINDS[0]
        self.deciding = False  # whether the decision view stands in place of chart and sentence
        self.intensity: float | None = None
        self.comparison: Comparison | None = None
        self._results: tuple[InstanceResult, ...] = ()
        self._earlier: tuple[InstanceResult, ...] = ()
        self._earlier_of: str | None = None  # run whose predecessors they are
        self._collected: Collected | None = None
        self._reading = False  # the results of ``_collected``, aside
        self._ascii = False
        self._rows: Mapping[str, TypeRow] = {}

    def compose(self) -> ComposeResult:
        """Table, chart, sentence; or what would fill them."""
        yield Static("", id="compare-empty", markup=False)
        yield TypesTable(self._cells, id="compare-table")
        yield ChartView(id="compare-chart")
        yield TextLines(id="compare-decision")
        yield Static("", id="compare-sentence", markup=False)

    @property
    def table(self) -> TypesTable:
        """The table."""
        return self.query_one(TypesTable)

    def first_focus(self) -> Widget:
        """The table, if there is anything in it."""
        return self.table if self.table.display else self

    def show(self, view: View) -> None:
        """Compare again when results were collected; nothing else that a view holds changes a comparison."""
        self._ascii = view.ascii
        self.table.glyphs = self.glyphs
        if view.collected is None or view.snapshot is None:
            self._collected, self._results, self.comparison, self._reading = None, (), None, False
            self._show_empty(view)
            return
        if view.collected is not self._collected:
            self._collected = view.collected
            self._read(view.snapshot.run, view.collected)
        elif self.comparison is None and not self._reading:
            self._compare()

    def _read(self, run: RunDocument, collected: Collected) -> None:
        """The results of a collection: a few at once, many where no key waits for them."""
        self._reading = len(collected.results) > READ_AT_ONCE
        if not self._reading:
            self._results = results_of(run, collected)
            self._compare()
            return
        if self.comparison is None:
            self._display(False)
            words = f"Reading {len(collected.results)} results of {run.run}."
            self.query_one("#compare-empty", Static).update(safe_text(words))
        self.run_worker(self._read_aside(run, collected), group="read", exclusive=True, exit_on_error=False)

    async def _read_aside(self, run: RunDocument, collected: Collected) -> None:
        try:
            results = await asyncio.to_thread(results_of, run, collected)
        except BenchtuiError as problem:
            results = ()
            self.main.note(f"compare: {problem.what}", "error")
        if collected is self._collected:
            self._reading, self._results = False, results
            self._compare()

    def on_resize(self) -> None:
        """The table leaves most of the room to the chart."""
        self._share_room()

    def on_live_table_moved(self, _: LiveTable.Moved) -> None:
        """Another type: its sentence."""
        self._say()

    def action_baseline(self) -> None:
        """Compare with the type under the cursor."""
        if self._ready() and self.table.cursor is not None:
            self.baseline = self.table.cursor
            self._compare()

    def action_chart(self) -> None:
        """The next kind of chart."""
        if self._ready():
            self.kind = KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)]
            if self.kind == "history":
                self._fetch_earlier()
            self._draw()

    def action_decide(self) -> None:
        """The decision view, or the chart again."""
        if self._ready():
            self.deciding = not self.deciding
            self._display(True)
            self._draw()

    def action_intensity(self) -> None:
        """Predict speeds for the next arithmetic intensity, in the decision view."""
        if self._ready():
            at = INTENSITIES.index(self.intensity) if self.deciding else 0
            self.intensity = INTENSITIES[(at + 1) % len(INTENSITIES)]
            self.deciding = True
            self._display(True)
            self._draw()

    def action_metric_next(self) -> None:
        """The next metric."""
        self._step(1)

    def action_metric_previous(self) -> None:
        """The metric before."""
        self._step(-1)

    def action_by(self, basis: str) -> None:
        """Per instance, vCPU, physical core or dollar."""
        self.basis = Basis(basis)
        if self._ready():
            self._compare()

    def action_write(self) -> None:
        """Write a report or an export."""
        snapshot = self.main.view.snapshot
        if not self._ready() or self._collected is None or snapshot is None:
            return
        from benchtui.tui.screens.write_results import WriteResults

        self.app.push_screen(WriteResults(self._collected, snapshot, self.baseline), self._tell_written)

    def _tell_written(self, said: str | None) -> None:
        if said is not None:
            self.main.note(said)

    def action_copy_sentence(self) -> None:
        """Copy the sentence."""
        said = self._sentence()
        if said:
            self.main.copy(said, "the sentence")
        else:
            self.main.note("there is nothing to quote yet")

    def _ready(self) -> bool:
        if self.comparison is None or not self.comparison.columns:
            self.main.note("there is nothing to compare yet")
            return False
        return True

    def _step(self, by: int) -> None:
        if not self._ready():
            return
        keys = metric_keys(self._results)
        assert self.comparison is not None
        at = keys.index(self.comparison.columns[0].key)
        self.metric = keys[(at + by) % len(keys)]
        self._compare()

    def _compare(self) -> None:
        """Everything anew: some choice or some result is another one."""
        known = metric_keys(self._results)
        types = {result.instance_type for result in self._results}
        if self.baseline not in types:
            self.baseline = None
        lead = self.metric if self.metric in known else next(iter(known), None)
        others = [key for key in headline_keys(self._results) if key != lead]
        keys = [lead, *others] if lead is not None else []
        self.comparison = compare(self._results, keys=keys, basis=self.basis, baseline=self.baseline)
        self._rows = {row.name: row for row in self.comparison.rows}
        filled = bool(self.comparison.columns)
        self._display(filled)
        if not filled:
            self.query_one("#compare-empty", Static).update(self._no_figures())
            return
        order = [row.name for row in self.comparison.in_order(0)]
        self.table.show(order, columns(self.comparison))
        self._entitle(len(known), known.index(self.comparison.columns[0].key) + 1)
        self._share_room()
        self._draw()
        self._say()

    def _cells(self, key: str) -> Cells:
        assert self.comparison is not None
        return cells(self.comparison, self._rows[key], self.glyphs)

    def _entitle(self, metrics: int, place: int) -> None:
        comparison, table = self.comparison, self.table
        assert comparison is not None
        column, dot = comparison.columns[0], self.glyphs.separator
        ranked = sum(row.cells[0].ranked for row in comparison.rows)
        table.border_title = safe_text(
            f"Compare {ranked} of {len(comparison.rows)} types ranked {dot} {column.key} {column.unit} "
            f"{dot} metric {place} of {metrics}"
        )
        better = "higher" if column.higher_is_better else "lower"
        table.border_subtitle = safe_text(
            f"{better} is better {dot} baseline {comparison.baseline or self.glyphs.unknown} "
            f"{dot} noise floor {comparison.floor * 100:g} %"
        )

    def _draw(self) -> None:
        if self.comparison is None:
            return
        if self.deciding:
            self._decide(self.comparison)
            return
        names = " ".join(f"[{kind}]" if kind == self.kind else kind for kind in KINDS)
        chart_view = self.query_one(ChartView)
        chart_view.border_title = Text(f"Chart {names}")
        results = (*self._earlier, *self._results) if self.kind == "history" else self._results
        chart_view.show(chart(self.kind, results, self.comparison, 0), ascii=self._ascii)

    def _decide(self, comparison: Comparison) -> None:
        """What to rent, and what more instances would settle."""
        decision, wanted = decide(comparison, 0, self.intensity), settlements(comparison, 0)

        def lines(width: int) -> list[str]:
            made = [*decision_lines(decision, width), *map(settlement_line, wanted)]
            return [in_ascii(line) for line in made] if self._ascii else made

        view = self.query_one(TextLines)
        view.border_title = Text("Decision")
        view.show(lines)

    def _sentence(self) -> str:
        cursor = self.table.cursor
        if self.comparison is None or cursor is None or cursor not in self._rows:
            return ""
        return quoting.sentence(self.comparison, cursor, 0)

    def _say(self) -> None:
        said = safe_text(self._sentence(), 900)
        said.no_wrap = False
        if self.comparison is not None:
            for remark in quoting.remarks(self.comparison, 0):
                said.append_text(Text("\n")).append_text(safe_text(f"! {remark}", 300, FAINT))
        self.query_one("#compare-sentence", Static).update(said)

    def _show_empty(self, view: View) -> None:
        self._display(False)
        if view.run is None:
            words = "No run to compare. Launch one with 2, or follow one of the bucket with r."
        else:
            words = (
                f"No results of {view.run} yet. They come in as its jobs finish a suite; until then 1 shows "
                "the jobs, and r follows another run."
            )
        if view.problem is not None:
            words = f"{view.problem.what}. {view.problem.fix or ''}"
        self.query_one("#compare-empty", Static).update(safe_text(words))

    def _no_figures(self) -> Text:
        reasons = dict.fromkeys(
            f"{one.instance_type} {one.suite}: {one.problem}" for one in self._results if one.problem
        )
        shown = Text("No job has measured anything yet.")
        for reason in list(reasons)[:12]:
            shown.append("\n").append_text(safe_text(reason, 200, FAINT))
        return shown

    def _display(self, filled: bool) -> None:
        changed = self.table.display != filled
        self.table.display = filled
        for name in ("#compare-chart", "#compare-sentence"):
            self.query_one(name).display = filled and not self.deciding
        self.query_one(TextLines).display = filled and self.deciding
        self.query_one("#compare-empty").display = not filled
        if changed and filled and self.has_focus:
            self.table.focus()

    def _share_room(self) -> None:
        rows = len(self._rows) + FRAME
        self.table.styles.height = max(FRAME + 1, min(rows, self.size.height // 2))
        self.query_one("#compare-sentence").styles.max_height = 2 if self.size.height < SHORT else 5
        self.set_class(self.size.height >= ROOMY, "-roomy")

    def _fetch_earlier(self) -> None:
        """Ask for the results of the runs before, once per run that is followed."""
        view = self.main.view
        if view.run is None or view.run == self._earlier_of or view.listings is None:
            return
        self._earlier_of, self._earlier = view.run, ()
        earlier = [one.run for one in view.listings if one.document is not None and one.run < view.run]
        if earlier:
            self.run_worker(
                self._earlier_results(view.run, sorted(earlier, reverse=True)[:EARLIER_RUNS]),
                group="earlier",
                exclusive=True,
                exit_on_error=False,
            )

    async def _earlier_results(self, run: str, runs: list[str]) -> None:
        try:
            results = await self.main.engine.results(runs)
        except BenchtuiError as problem:
            self._earlier_of = None
            self.main.note(f"history: {problem.what}", "error")
            return
        if run == self._earlier_of:
            self._earlier = results
            self._draw()
