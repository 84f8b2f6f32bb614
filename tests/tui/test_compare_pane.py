"""The Compare pane: every action, what it shows when there is nothing, and pictures of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from benchtui.core.compare import compare
from benchtui.core.decision import decide
from benchtui.core.errors import BenchtuiError
from benchtui.core.instance_results import Basis, headline_keys
from benchtui.core.text import clean_line
from benchtui.engine.collector import Collected
from benchtui.engine.comparing import results_of
from benchtui.engine.updates import Gathered, Listed
from benchtui.report.chart_specs import BarChart, EmptyChart, LineChart, ScatterChart
from benchtui.report.decision_text import decision_lines
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.panes.compare import ComparePane
from benchtui.tui.start import Look
from benchtui.tui.widgets.chart import ChartView
from benchtui.tui.widgets.text_lines import TextLines
from tests.comparing import census_of, document, result
from tests.engine import fleet
from tests.tui.conftest import SIZES
from tests.tui.scripted import ScriptedEngine, listings, until

TRIADS = {"c7g.large": (46.1, 45.9, 46.3), "c7i.large": (30.2, 29.8, 30.5), "c7a.large": (21.7, 22.0)}
RUNGS = (16, 256, 4096, 65536)


def metrics(triad: float, **more: Any) -> dict[str, Any]:
    """Two bandwidths, and latencies by size in KiB."""
    found = {"triad.all": ("GB/s", True, triad), "triad.one": ("GB/s", True, triad * 0.6)}
    found |= {f"latency.{size}KiB": ("ns", False, size**0.4 * 100 / triad) for size in RUNGS}
    return {
        name: {"unit": unit, "higher_is_better": higher, "samples": [{"value": value}]}
        for name, (unit, higher, value) in (found | more).items()
    }


@pytest.fixture
def fleet_snapshot():
    """Three types, one of them twice only, and one that was not measured."""
    jobs = [f"{name}-{number}" for name, values in TRIADS.items() for number, _ in enumerate(values, 1)]
    prices = {"c7g.large": "0.0725", "c7i.large": "0.0893", "c7a.large": "0.1026", "c8g.large": "0.0798"}
    rows = []
    for job in [*jobs, "c8g.large-1"]:
        name = job.rpartition("-")[0]
        price = fleet.planned(job).price.model_copy(update={"usd_per_hour": Decimal(prices[name])})
        cores = 1 if name == "c7i.large" else 2
        rows.append(fleet.row(fleet.running(job), suites=("stream",), price=price, cores=cores))
    return fleet.snapshot(rows)


@pytest.fixture
def collected(fleet_snapshot, tmp_path: Path) -> Collected:
    run = fleet_snapshot.run
    results: dict[tuple[str, str], Any] = {
        (f"{name}-{number}", "stream"): document(run, f"{name}-{number}", metrics=metrics(value))
        for name, values in TRIADS.items()
        for number, value in enumerate(values, 1)
    }
    return Collected(census_of(run), results, tmp_path, 0, 0)


async def opened(pilot: Pilot[Any], engine: ScriptedEngine, *told: Any) -> ComparePane:
    app: Any = pilot.app
    await pilot.pause()
    engine.tell(*told)
    await pilot.pause()
    app.show_pane("compare")
    await pilot.pause()
    return app.query_one(ComparePane)


def sentence(pane: ComparePane) -> str:
    return str(pane.query_one("#compare-sentence", Static).render())


def title(pane: ComparePane) -> str:
    return str(pane.table.border_title)


def line_of(pane: ComparePane, name: str) -> str:
    table = pane.table
    return table.render_line(1 + table.keys.index(name)).text


async def test_types_stand_in_order_with_value_interval_and_verdict(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        assert pane.table.keys == ("c7g.large", "c7i.large", "c7a.large", "c8g.large")
        assert "46.10" in line_of(pane, "c7g.large")
        assert "baseline" in line_of(pane, "c7g.large")
        assert "▼ worse 0.654×" in line_of(pane, "c7i.large")
        assert "2 instances, 3 needed" in line_of(pane, "c7a.large")
        assert "not ranked" in line_of(pane, "c7a.large")
        assert " 0 " not in line_of(pane, "c8g.large").replace("  0  ", "", 1)
        assert "no result" in line_of(pane, "c8g.large")
        assert "2 of 4 types ranked" in title(pane)


@pytest.mark.long
async def test_b_makes_the_type_under_the_cursor_the_baseline(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        await pilot.press("down", "b")
        assert "baseline" in line_of(pane, "c7i.large")
        assert "▲ better 1.53×" in line_of(pane, "c7g.large")
        assert pane.table.cursor == "c7i.large"


@pytest.mark.long
async def test_g_goes_through_the_charts(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(120, 36)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        view = pane.query_one(ChartView)
        assert isinstance(view.spec, BarChart)
        kinds = []
        for _ in range(4):
            await pilot.press("g")
            await pilot.pause()
            kinds.append(type(view.spec))
        assert kinds == [ScatterChart, LineChart, EmptyChart, BarChart]


@pytest.mark.long
async def test_d_decides_and_f_predicts_and_d_draws_again(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(120, 36)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        view = pane.query_one(TextLines)
        assert not view.display
        await pilot.press("d")
        await pilot.pause()
        assert view.display
        assert not pane.query_one(ChartView).display
        assert view.lines[0].startswith(
            "decision by stream triad.all GB/s, higher is better; prices: list price"
        )
        assert any("c7i.large: wins if its spot discount > 47 %" in line for line in view.lines)
        assert view.lines[-1] == "1 more c7a.large ($0.01) would give c7a.large a rank"
        await pilot.press("f")
        assert "predicted for 0.1 flop/byte: min(peak, 0.1 x bandwidth)" in view.lines
        await pilot.press("down", "b")
        assert "break-even with c7i.large, per unit of work:" in view.lines
        await pilot.press("d")
        await pilot.pause()
        assert not view.display
        assert pane.query_one(ChartView).display
        assert isinstance(pane.query_one(ChartView).spec, BarChart)


@pytest.mark.long
async def test_the_decision_is_that_of_the_command(app: BenchtuiApp, engine, collected, fleet_snapshot):
    async with app.run_test(size=(120, 36)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        await pilot.press("d")
        results = results_of(fleet_snapshot.run, collected)
        told = decision_lines(decide(compare(results, keys=headline_keys(results))), 110)
        assert list(pane.query_one(TextLines).lines[: len(told)]) == told


@pytest.mark.long
async def test_m_goes_through_the_metrics_and_M_back(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        assert "stream/triad.all GB/s · metric 1 of 6" in title(pane)
        await pilot.press("m")
        assert "stream/triad.one GB/s · metric 2 of 6" in title(pane)
        await pilot.press("m")
        assert "latency.16KiB ns" in title(pane)
        assert "lower is better" in str(pane.table.border_subtitle)
        assert pane.table.keys[0] == "c7g.large"
        await pilot.press("M", "M", "M")
        assert "metric 6 of 6" in title(pane)


@pytest.mark.long
@pytest.mark.parametrize(
    ("key", "basis", "value", "unit"),
    [
        ("v", Basis.VCPU, "15.08", "GB/s per vCPU"),
        ("c", Basis.CORE, "30.17", "GB/s per core"),
        ("dollar_sign", Basis.DOLLAR, "337.8", "GB/s per $/h"),
    ],
)
async def test_keys_normalise(app: BenchtuiApp, engine, collected, key, basis, value, unit):
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        await pilot.press(key)
        assert pane.basis is basis
        assert value in line_of(pane, "c7i.large")
        assert unit in title(pane)
        await pilot.press("i")
        assert pane.basis is Basis.INSTANCE
        assert "30.17" in line_of(pane, "c7i.large")


@pytest.mark.long
async def test_the_sentence_is_that_of_the_type_under_the_cursor(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        assert sentence(pane).startswith("c7g.large: stream triad.all 46.10 GB/s (n = 3")
        await pilot.press("j")
        await pilot.pause()
        assert sentence(pane).startswith("c7i.large has 0.654 times")


async def test_y_copies_the_whole_sentence(app: BenchtuiApp, engine, collected, tmp_path: Path):
    async with app.run_test(size=(60, 16)) as pilot:
        await opened(pilot, engine, Gathered(collected))
        await pilot.press("down", "y")
        await pilot.pause()
        copied = (tmp_path / "copied.txt").read_text()
        assert copied.startswith("c7i.large has 0.654 times the stream triad.all of c7g.large")
        assert copied.rstrip().endswith(f"Run {fleet.RUN}.")


@pytest.mark.long
@pytest.mark.parametrize("key", ["b", "d", "f", "g", "m", "M", "y"])
async def test_with_nothing_to_compare_a_key_says_so(app: BenchtuiApp, engine, key):
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, engine)
        await pilot.press(key)
        await pilot.pause()
        assert any("there is nothing to" in entry.text for entry in app.told.events.entries)


async def test_an_empty_pane_says_what_would_fill_it_and_the_key(app: BenchtuiApp, engine):
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot, engine)
        words = str(pane.query_one("#compare-empty", Static).render())
        assert "No results of" in words
        assert "1 shows the jobs" in words
        assert not pane.table.display


async def test_without_a_run_it_says_how_to_get_one(make: Callable[..., BenchtuiApp], engine: ScriptedEngine):
    engine.first = ()
    app = make()
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await opened(pilot, engine)
        assert "Launch one with 2" in str(pane.query_one("#compare-empty", Static).render())


async def test_a_run_that_measured_nothing_says_why(app: BenchtuiApp, engine, fleet_snapshot, tmp_path: Path):
    results = {("c7g.large-1", "stream"): "result not valid: [/x] \x1b[31mnot JSON"}
    async with app.run_test(size=(100, 24)) as pilot:
        pane = await opened(
            pilot, engine, Gathered(Collected(census_of(fleet_snapshot.run), results, tmp_path, 0, 0))
        )
        words = str(pane.query_one("#compare-empty", Static).render())
        assert "No job has measured anything yet." in words
        assert "[/x]" in words
        assert "\x1b" not in words


@pytest.mark.long
async def test_new_results_keep_cursor_baseline_and_chart(
    app: BenchtuiApp, engine, collected, fleet_snapshot, tmp_path
):
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        await pilot.press("down", "b", "g", "v")
        more = dict(collected.results)
        more["c8g.large-1", "stream"] = document(fleet_snapshot.run, "c8g.large-1", metrics=metrics(60.0))
        engine.tell(Gathered(Collected(collected.census, more, tmp_path, 0, 0)))
        await pilot.pause()
        app.flush()
        await pilot.pause()
        assert pane.table.cursor == "c7i.large"
        assert "baseline" in line_of(pane, "c7i.large")
        assert isinstance(pane.query_one(ChartView).spec, ScatterChart)
        assert pane.basis is Basis.VCPU
        assert "30.00" in line_of(pane, "c8g.large")


async def test_many_results_are_read_aside_and_the_newest_are_shown(
    app: BenchtuiApp, engine, collected, fleet_snapshot, tmp_path, monkeypatch
):
    monkeypatch.setattr("benchtui.tui.panes.compare.READ_AT_ONCE", 2)
    may_read = threading.Event()

    def when_told(run, found):
        assert threading.current_thread() is not threading.main_thread()
        assert may_read.wait(30)
        return results_of(run, found)

    monkeypatch.setattr("benchtui.tui.panes.compare.results_of", when_told)
    more = dict(collected.results)
    more["c8g.large-1", "stream"] = document(fleet_snapshot.run, "c8g.large-1", metrics=metrics(60.0))
    async with app.run_test(size=(140, 40)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        words = str(pane.query_one("#compare-empty", Static).render())
        assert f"Reading {len(collected.results)} results of {fleet_snapshot.run.run}" in words
        assert not pane.table.display
        engine.tell(Gathered(Collected(collected.census, more, tmp_path, 0, 0)))
        await pilot.pause()
        app.flush()
        await pilot.pause()
        may_read.set()
        await until(pilot, lambda: pane.table.display)
        assert "60.00" in line_of(pane, "c8g.large")


async def test_the_same_results_are_not_compared_again(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(100, 30)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        before = pane.comparison
        app.flush()
        await pilot.pause()
        assert pane.comparison is before


@pytest.mark.long
async def test_another_run_takes_the_old_figures_away(app: BenchtuiApp, engine, collected):
    async with app.run_test(size=(100, 30)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        app.told.follow("20261124-150000-abcd")
        app.flush()
        await pilot.pause()
        assert not pane.table.display
        assert "20261124-150000-abcd" in str(pane.query_one("#compare-empty", Static).render())


@pytest.mark.long
async def test_history_asks_for_the_runs_before_once(app: BenchtuiApp, engine, collected, fleet_snapshot):
    earlier = fleet_snapshot.run.model_copy(update={"run": "20261123-135100-aaaa"})
    runs = listings(fleet_snapshot, fleet.snapshot([])) + tuple(
        one.__class__(earlier.run, earlier.created_at, earlier) for one in listings(fleet_snapshot)
    )
    at = fleet.after(-86400)
    engine.answers["results"] = lambda asked: tuple(
        result("c7g.large", 1, 40.0, run=run, planned_at=at) for run in asked
    )
    async with app.run_test(size=(120, 36)) as pilot:
        pane = await opened(pilot, engine, Gathered(collected), Listed(runs))
        app.flush()
        await pilot.press("g", "g", "g")
        await pilot.pause()
        await pilot.pause()
        spec = pane.query_one(ChartView).spec
        assert engine.calls("results") == [(["20261123-135100-aaaa"],)]
        assert isinstance(spec, LineChart)
        assert next(series for series in spec.series if series.label == "c7g.large").points[0][1] == 40.0
        await pilot.press("g", "g", "g", "g")
        assert len(engine.calls("results")) == 1


async def test_history_that_cannot_be_had_is_said(app: BenchtuiApp, engine, collected, fleet_snapshot):
    earlier = fleet_snapshot.run.model_copy(update={"run": "20261123-135100-aaaa"})
    one = listings(fleet_snapshot)[0]
    engine.answers["results"] = BenchtuiError("the bucket does not answer")
    async with app.run_test(size=(120, 36)) as pilot:
        await opened(
            pilot, engine, Gathered(collected), Listed((one, type(one)(earlier.run, one.started_at, earlier)))
        )
        app.flush()
        await pilot.press("g", "g", "g")
        await pilot.pause()
        assert any("history: the bucket does not answer" in entry.text for entry in app.told.events.entries)


@pytest.mark.long
async def test_hostile_metric_names_and_reasons_reach_no_terminal(
    app: BenchtuiApp, engine, fleet_snapshot, tmp_path: Path
):
    hostile = clean_line("[/x]\x1b[31m表[bold]" * 20)
    run = fleet_snapshot.run
    results: dict[tuple[str, str], Any] = {
        (f"c7g.large-{n}", "stream"): document(
            run, f"c7g.large-{n}", metrics={hostile: metrics(9.0)["triad.all"] | {"unit": "[/y]\x1b[2J"}}
        )
        for n in (1, 2, 3)
    }
    async with app.run_test(size=(100, 30)) as pilot:
        pane = await opened(pilot, engine, Gathered(Collected(census_of(run), results, tmp_path, 0, 0)))
        for key in ("g", "g", "g", "g", "m", "v", "dollar_sign", "i"):
            await pilot.press(key)
        await pilot.pause()
        assert "\x1b" not in sentence(pane) + title(pane)
        assert "[/x]" in sentence(pane)


@pytest.mark.long
@pytest.mark.parametrize("size", [(60, 16), (60, 20), (80, 24), (120, 36), (240, 80)])
async def test_all_that_matters_is_on_the_screen_at_every_size(app: BenchtuiApp, engine, collected, size):
    async with app.run_test(size=size) as pilot:
        pane = await opened(pilot, engine, Gathered(collected))
        placed = [each.column.key for each in pane.table.placed]
        assert {"type", "n", "value", "verdict"} <= set(placed)
        assert pane.query_one(ChartView).size.height >= 4
        assert pane.query_one("#compare-sentence").size.height >= 1


async def looks(pilot: Pilot[Any], engine: ScriptedEngine, collected: Collected, *keys: str) -> None:
    await opened(pilot, engine, Gathered(collected))
    await pilot.press(*keys)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("keys", [(), ("g",), ("g", "g")], ids=["bars", "pareto", "cache"])
def test_picture(snap_compare, app: BenchtuiApp, engine, collected, size, keys):
    async def before(pilot: Pilot[Any]) -> None:
        await looks(pilot, engine, collected, *keys)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.long
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_picture_of_the_decision(snap_compare, app: BenchtuiApp, engine, collected, size):
    async def before(pilot: Pilot[Any]) -> None:
        await looks(pilot, engine, collected, "d")

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.long
def test_picture_in_ascii(snap_compare, make: Callable[..., BenchtuiApp], engine, collected):
    async def before(pilot: Pilot[Any]) -> None:
        await looks(pilot, engine, collected)

    assert snap_compare(make(look=Look(ascii=True)), terminal_size=(80, 24), run_before=before)


@pytest.mark.long
def test_picture_of_nothing(snap_compare, app: BenchtuiApp, engine):
    async def before(pilot: Pilot[Any]) -> None:
        await opened(pilot, engine)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
