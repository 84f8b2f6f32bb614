"""A chart in as much room as there is, drawn again only when it, its room or its signs changed."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from benchtui.report.chart_specs import Chart, EmptyChart
from benchtui.report.charts import render_terminal

NOTHING = EmptyChart("", "")


class ChartView(Widget):
    """Shows a chart."""

    DEFAULT_CSS = """
    ChartView { height: 1fr; width: 1fr; }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spec: Chart = NOTHING
        self._ascii = False
        self._drawn: tuple[Chart, int, int, bool] | None = None
        self._text = Text()

    @property
    def spec(self) -> Chart:
        """What is shown."""
        return self._spec

    def show(self, spec: Chart, *, ascii: bool = False) -> None:
        """Show ``spec``; the same again is not drawn again."""
        if (spec, ascii) != (self._spec, self._ascii):
            self._spec, self._ascii = spec, ascii
            self.refresh()

    def render(self) -> Text:
        """The chart, at the size this has now."""
        wanted = (self._spec, self.size.width, self.size.height, self._ascii)
        if wanted != self._drawn:
            # Where there is no colour (NO_COLOR), Textual takes it out.
            lines = render_terminal(self._spec, self.size.width, self.size.height, ascii=self._ascii)
            self._text, self._drawn = Text("\n", no_wrap=True, end="").join(lines), wanted
        return self._text
