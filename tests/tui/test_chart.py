"""The chart widget: at its own size, drawn once for each."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from benchtui.report.chart_specs import Bar, BarChart
from benchtui.tui.widgets import chart
from benchtui.tui.widgets.chart import ChartView

BARS = BarChart("triad", "GB/s", (Bar("c7g.large", 46.1, n=3), Bar("c7a.large", 21.7, n=1, ranked=False)))


class Alone(App[None]):
    """Nothing but a chart."""

    def compose(self) -> ComposeResult:
        yield ChartView()


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Sizes the renderer was asked for."""
    sizes: list[tuple[int, int]] = []
    real = chart.render_terminal

    def noted(spec, width, height, *, ascii):
        sizes.append((width, height))
        return real(spec, width, height, ascii=ascii)

    monkeypatch.setattr(chart, "render_terminal", noted)
    return sizes


async def test_a_chart_fills_its_widget_and_follows_its_size(drawn):
    app = Alone()
    async with app.run_test(size=(60, 12)) as pilot:
        app.query_one(ChartView).show(BARS)
        await pilot.pause()
        assert drawn[-1] == (60, 12)
        await pilot.resize_terminal(40, 8)
        await pilot.pause()
        assert drawn[-1] == (40, 8)


async def test_the_same_chart_is_not_drawn_again(drawn):
    app = Alone()
    async with app.run_test(size=(60, 12)) as pilot:
        view = app.query_one(ChartView)
        view.show(BARS)
        await pilot.pause()
        before = len(drawn)
        view.show(BarChart(BARS.title, BARS.unit, BARS.bars))
        view.refresh()
        await pilot.pause()
        assert len(drawn) == before
        view.show(BARS, ascii=True)
        await pilot.pause()
        assert len(drawn) == before + 1


async def test_hostile_labels_end_nothing():
    app = Alone()
    async with app.run_test(size=(60, 12)) as pilot:
        hostile = "[/x][bold]\x1b[2J表" * 9
        app.query_one(ChartView).show(BarChart(hostile, hostile, (Bar(hostile, 1.0, note=hostile),)))
        await pilot.pause()
        assert "\x1b" not in app.query_one(ChartView).render().plain
