"""Bars of the results so far, beside the job under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from benchtui.tui.glyphs import FAINT
from benchtui.tui.widgets.chart import ChartView

if TYPE_CHECKING:
    from benchtui.core.documents import RunDocument
    from benchtui.engine.collector import Collected

KEYS = "4 compare: more charts, per vCPU, core and dollar"


class ResultChart(Vertical):
    """One bar per type, as far as results have come in."""

    DEFAULT_CSS = """
    ResultChart { width: 1fr; border: round $primary; padding: 0 1; }
    ResultChart ChartView { height: 1fr; }
    ResultChart #chart-keys { height: 1; }
    """

    def compose(self) -> ComposeResult:
        """The chart, and where there is more."""
        yield ChartView()
        yield Static(Text(KEYS, style=FAINT, no_wrap=True), id="chart-keys", markup=False)

    def show(self, run: RunDocument, collected: Collected | None, *, ascii_only: bool) -> None:
        """Draw what was collected; to be called when that is another."""
        # Comparing needs the statistics; the first paint does not.
        from benchtui.core.instance_results import MetricKey
        from benchtui.engine.glance import glance
        from benchtui.report.chart_specs import EmptyChart
        from benchtui.report.comparison import triad_by_type

        if collected is None:
            spec = EmptyChart("STREAM triad by type", "no result is collected yet")
            self.query_one(ChartView).show(spec, ascii=ascii_only)
        else:
            found = glance(run, collected, MetricKey("stream", "triad.all"))
            self.query_one(ChartView).show(triad_by_type(found), ascii=ascii_only)
