"""Trends in the History pane: nothing waits for the index, and what it says is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Static

from benchtui.core.errors import BenchtuiError
from benchtui.engine.history_sync import SyncReport
from benchtui.engine.history_view import HistoryView, read_history
from benchtui.history.index import HistoryIndex
from benchtui.report.chart_specs import LineChart
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.panes.history import HistoryPane
from benchtui.tui.widgets.chart import ChartView
from benchtui.tui.widgets.trend_view import TrendView
from tests.history.made_up import nightly, run_id
from tests.tui.scripted import settled, until

SIZE = (120, 36)


@pytest.fixture
def history(tmp_path: Path) -> HistoryView:
    """Ten days at one level, five at another, of one of two types."""
    path = tmp_path / "history.sqlite"
    with HistoryIndex(path) as index:
        days = [nightly(day, {"c7g.large": 100.0, "c7i.large": 80.0}) for day in range(10)]
        days += [
            nightly(day, {"c7g.large": 90.0, "c7i.large": 80.0}, kernel="6.1.0-2") for day in range(10, 15)
        ]
        index.write(index.bucket("b"), days)
    return read_history(path, None)


def pane_of(app: BenchtuiApp) -> HistoryPane:
    return app.query_one(HistoryPane)


def words(app: BenchtuiApp) -> str:
    return str(app.query_one("#trend-words", Static).render())


@pytest.mark.long
async def test_nothing_waits_for_the_index(app: BenchtuiApp, engine) -> None:
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("5", "t")  # the engine never answers
        await settled(pilot)
        assert "Reading the index" in str(app.query_one("#history-empty", Static).render())
        await pilot.press("t")
        await settled(pilot)
        assert app.query_one("#history-table").display
        await pilot.press("1")
        await until(pilot, lambda: app.front.PANE == "jobs")


@pytest.mark.long
async def test_a_series_shows_its_levels_its_change_and_how_to_settle_it(
    app: BenchtuiApp, engine, history
) -> None:
    engine.answers |= {"history": history, "sync_history": SyncReport(read=2)}
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("5", "t")
        await until(pilot, lambda: "2 runs read" in str(app.query_one(TrendView).table.border_subtitle))
        table = app.query_one(TrendView).table
        assert table.row_count == 2
        assert "stream/triad.all" in str(table.border_title)
        assert "10.0 % worse" in words(app) or "9." in words(app)
        assert run_id(10) in words(app)
        assert "kernel 6.1.0-1 → 6.1.0-2" in words(app)
        assert "benchtui confirm --metric stream/triad.all --type c7g.large" in words(app)
        spec = app.query_one("#trend-chart", ChartView).spec
        assert isinstance(spec, LineChart)
        assert [series.label for series in spec.series] == ["c7g.large", "level 1", "level 2"]
        await pilot.press("down")
        await until(pilot, lambda: "no change came with it" in words(app))
        assert "suspect" not in words(app)


@pytest.mark.long
async def test_the_metric_is_stepped_and_asked_for_by_name(app: BenchtuiApp, engine, history) -> None:
    engine.answers |= {"history": history, "sync_history": SyncReport()}
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("5", "m")
        assert engine.calls("history") == []
        await pilot.press("t")
        await until(pilot, lambda: engine.calls("sync_history"))
        await settled(pilot)
        await pilot.press("m")
        await until(pilot, lambda: ("stream/triad.all",) in engine.calls("history"))


async def test_a_bucket_that_does_not_answer_is_said_and_the_index_shown(
    app: BenchtuiApp, engine, history
) -> None:
    engine.answers |= {"history": history, "sync_history": BenchtuiError("the bucket does not answer")}
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("5", "t")
        await until(pilot, lambda: "does not answer" in str(app.query_one(TrendView).table.border_subtitle))
        assert app.query_one(TrendView).table.row_count == 2
        assert pane_of(app).trending


async def test_an_empty_index_is_said_to_be(app: BenchtuiApp, engine) -> None:
    empty = HistoryView({"runs": 0, "measurements": 0, "samples": 0}, ())
    engine.answers |= {"history": empty, "sync_history": SyncReport()}
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("5", "t")
        await until(
            pilot, lambda: "holds no figure yet" in str(app.query_one("#history-empty", Static).render())
        )
