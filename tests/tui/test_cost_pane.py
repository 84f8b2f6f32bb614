"""The Cost & kill pane: every figure has its basis, every layer says what it is, every orphan has its end."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from benchtui.core.errors import BenchtuiError
from benchtui.engine.accounts import by_run, elsewhere, total
from benchtui.engine.kill_scope import KillScope
from benchtui.engine.layers import LayerState, layers
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.updates import Swept, Trouble
from benchtui.report.chart_specs import EmptyChart, LineChart
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.glyphs import Glyphs
from benchtui.tui.money_cells import elsewhere_cells, layers_text, runs_text
from benchtui.tui.panes.cost import CostPane, scope_of
from benchtui.tui.screens.kill import KillScreen
from benchtui.tui.start import Look
from benchtui.tui.widgets.chart import ChartView
from benchtui.tui.widgets.live_table import LiveTable
from tests.engine import fleet
from tests.tui.conftest import SIZES
from tests.tui.hostile_text import TEXTS, harmless
from tests.tui.killing import SILENT, STRAYS, lived, stray, surveyed, swept
from tests.tui.scripted import ScriptedEngine, introduced, listings, settled

WIDE, MEDIUM, NARROW = (120, 36), (80, 24), (60, 20)


@pytest.fixture
def fleet_snapshot(fleet_snapshot: Snapshot) -> Snapshot:
    return lived(fleet_snapshot)


@pytest.fixture
def engine(fleet_snapshot: Snapshot) -> ScriptedEngine:
    alive = [row.status.instance for row in fleet_snapshot.alive if row.status.instance]
    sweep = swept(*STRAYS, *alive, unanswered=SILENT)
    return ScriptedEngine({"survey": surveyed}, first=(*introduced(fleet_snapshot), Swept(sweep)))


async def opened(pilot: Pilot) -> CostPane:
    await settled(pilot)
    await pilot.press("3")
    await settled(pilot)
    await settled(pilot)
    pane = pilot.app.front
    assert isinstance(pane, CostPane)
    return pane


def said(pane: CostPane, name: str) -> str:
    return str(pane.query_one(f"#{name}", Static).render())


async def test_one_row_a_run_and_a_total(app: BenchtuiApp):
    async with app.run_test(size=(160, 40)) as pilot:
        lines = said(await opened(pilot), "cost-runs").splitlines()
    assert lines[0].split() == ["RUN", "LIVE", "SPENT", "HELD", "WORST", "CAP", "$/H", "ENDS"]
    assert lines[1].split()[:6] == [fleet.RUN, "4", "0.0815", "1.45", "1.52", "5.00"]
    assert lines[2].split() == ["20261120-091500-aaaa", "2", *"–––––", "19:11Z"]
    assert lines[3].split()[:3] == ["no", "run", "1"]
    assert lines[-1].split()[:2] == ["total", "7"]
    assert "≥0.0815" in lines[-1], "what other runs spent is not known"


async def test_the_basis_of_prices_and_its_date_are_there(app: BenchtuiApp):
    async with app.run_test(size=WIDE) as pilot:
        prospect = said(await opened(pilot), "cost-prospect")
    assert "price: list price, 2026-11-24 14:00Z; all amounts est." in prospect
    assert "projected $" in prospect
    assert "of the cap of $5.00" in prospect


@pytest.mark.long
async def test_every_layer_says_what_it_is_now(app: BenchtuiApp):
    async with app.run_test(size=WIDE) as pilot:
        lines = said(await opened(pilot), "cost-layers").splitlines()
    assert lines[0] == "us-west-2"
    assert "? unproven" in lines[1]
    assert "3 of 4 spoke" in lines[1]
    assert "? unproven" in lines[2]
    assert "armed, no drill yet: tag 19:13Z, id 4/4" in lines[2]
    assert "✓ armed" in lines[3]


async def test_the_curve_has_its_cap_and_its_projection(app: BenchtuiApp):
    async with app.run_test(size=WIDE) as pilot:
        pane = await opened(pilot)
        spec = pane.query_one(ChartView).spec
        assert isinstance(spec, LineChart)
        assert spec.cap is not None
        assert spec.cap.at == 5
        assert [series.dashed for series in spec.series] == [False, True]
        assert spec.series[0].points[-1][1] == pytest.approx(0.0815)
        await pilot.press("z")
        await pilot.pause()
        zoomed = pane.query_one(ChartView).spec
        assert isinstance(zoomed, LineChart)
        assert zoomed.cap is None


@pytest.mark.long
async def test_where_one_has_room_a_key_brings_the_chart_in_front(app: BenchtuiApp):
    async with app.run_test(size=MEDIUM) as pilot:
        pane = await opened(pilot)
        assert not pane.query_one("#cost-right").display
        await pilot.press("c")
        await settled(pilot)
        assert pane.query_one("#cost-right").display
        assert not pane.query_one("#cost-left").display
        await pilot.press("c")
        await settled(pilot)
        assert pane.query_one("#cost-left").display


@pytest.mark.long
async def test_where_both_have_room_the_key_says_so(app: BenchtuiApp):
    async with app.run_test(size=WIDE) as pilot:
        pane = await opened(pilot)
        await pilot.press("c")
        assert "side by side" in app.told.events.entries[-1].text
        assert pane.query_one("#cost-left").display


@pytest.mark.long
async def test_what_else_is_alive_is_listed_oldest_first_with_its_reason(app: BenchtuiApp):
    async with app.run_test(size=WIDE) as pilot:
        pane = await opened(pilot)
        table = pane.query_one(LiveTable)
        assert list(table.keys) == [view.instance_id for view in reversed(STRAYS)]
        title = str(table.border_title)
        assert "Alive elsewhere 3" in title
        assert "3 orphans" in title
        assert "swept 30s ago" in title
        assert "UNKNOWN eu-north-1" in title


@pytest.mark.long
async def test_the_key_opens_the_kill_screen_for_the_row_and_ends_nothing(
    app: BenchtuiApp, engine: ScriptedEngine
):
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("x")
        await settled(pilot)
        assert isinstance(app.screen, KillScreen)
        assert app.screen.scope == KillScope.of_jobs("20261120-091500-aaaa", ["c7i.large-3"])
        assert engine.calls("kill") == []


@pytest.mark.long
async def test_the_key_without_a_row_says_what_to_do(app: BenchtuiApp, engine: ScriptedEngine):
    engine.first = engine.first[:-1]
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("x")
        assert "ctrl+k" in app.told.events.entries[-1].text


def test_an_instance_whose_tags_name_nothing_is_ended_with_everything():
    def scope(**changes: Any) -> KillScope:
        (found,) = elsewhere(None, swept(stray(1, **changes)), None, fleet.T0)
        return scope_of(found)

    assert scope() == KillScope.of_jobs("20261120-091500-aaaa", ["c7i.large-3"])
    assert scope(job=None) == KillScope.of_run("20261120-091500-aaaa")
    assert scope(run=None) == KillScope.of_account()
    assert scope(run="[/x]") == KillScope.of_account()
    assert scope(job="../x") == KillScope.of_account()


async def test_before_anything_is_known_nothing_is_zero(make: Any, engine: ScriptedEngine):
    engine.first = ()
    async with make().run_test(size=WIDE) as pilot:
        pane = await opened(pilot)
        assert "launch one with 2" in said(pane, "cost-runs")
        assert "0.00" not in said(pane, "cost-runs")
        assert "not been swept" in pane.query_one(LiveTable).empty
        assert isinstance(pane.query_one(ChartView).spec, EmptyChart)


async def test_a_problem_is_said_in_its_place(make: Any, engine: ScriptedEngine):
    engine.first = (Trouble("runs", BenchtuiError("no credentials [/x]")),)
    async with make().run_test(size=WIDE) as pilot:
        assert "no credentials [/x]" in said(await opened(pilot), "cost-runs")


@pytest.mark.long
async def test_nothing_elsewhere_is_only_said_where_everyone_answered(app: BenchtuiApp, engine: Any):
    async with app.run_test(size=WIDE) as pilot:
        pane = await opened(pilot)
        engine.tell(Swept(swept(unanswered=SILENT)))
        await settled(pilot)
        assert "not every region answered" in pane.query_one(LiveTable).empty
        engine.tell(Swept(swept()))
        await settled(pilot)
        assert pane.query_one(LiveTable).empty == "Nothing else that benchtui launched is alive."


def test_the_money_of_a_run_that_is_not_followed_is_what_its_live_instances_tell():
    document = fleet.run_of([fleet.planned("c7i.large-3")], run="20261120-091500-aaaa")
    known = listings(fleet.snapshot([fleet.row(fleet.running("c7i.large-3"))], run=document))
    (row,) = by_run(None, swept(stray(1)), known, fleet.T0)
    assert row.at_least
    assert row.spent_usd is not None
    assert row.spent_usd > 0
    assert row.held_usd is None
    assert row.cap_usd == 5
    (unknown,) = by_run(None, swept(stray(1)), None, fleet.T0)
    assert (unknown.spent_usd, unknown.cap_usd, unknown.burn_usd_per_hour) == (None, None, None)
    assert not total([row]).complete


def test_an_end_that_has_passed_is_late():
    rows = by_run(None, swept(STRAYS[2]), None, fleet.T0)
    text = runs_text(rows, total(rows), None, fleet.T0, 80, Glyphs())
    assert text.plain.splitlines()[1].endswith("late")


def test_an_instance_of_a_listed_run_that_goes_on_is_no_orphan():
    known = listings(fleet.snapshot([fleet.row(fleet.running("c7g.large-1"))]))
    view = fleet.instance("c7g.large-1")
    (found,) = elsewhere("20261120-091500-aaaa", swept(view), known, fleet.T0)
    assert found.orphaned is None
    (found,) = elsewhere("20261120-091500-aaaa", swept(view), None, fleet.T0)
    assert found.orphaned is None, "which runs the bucket has is not known: nobody is accused"


def test_layers_of_a_region_that_was_not_swept_are_unproven(fleet_snapshot: Snapshot):
    def fourth(sweep: Any) -> Any:
        return next(layer for layer in layers(fleet_snapshot, sweep, fleet.after(60)) if layer.number == 4)

    assert fourth(None).state is LayerState.UNPROVEN
    assert fourth(swept()).state is LayerState.PARTLY
    assert fourth(swept(regions=())).state is LayerState.UNPROVEN
    silent = swept(regions=(), unanswered=(("us-west-2", BenchtuiError("denied")),))
    assert "denied" in fourth(silent).why
    old = dataclasses.replace(swept(), taken_at=fleet.after(-600))
    assert fourth(old).state is LayerState.UNPROVEN


def test_a_live_instance_without_the_tag_of_its_end_is_not_armed(fleet_snapshot: Snapshot):
    rows = list(fleet_snapshot.rows)
    view = dataclasses.replace(rows[0].status.instance, expires_at=None)  # type: ignore[type-var]
    rows[0] = dataclasses.replace(rows[0], status=dataclasses.replace(rows[0].status, instance=view))
    found = layers(dataclasses.replace(fleet_snapshot, rows=tuple(rows)), None, fleet.after(60))
    third = next(layer for layer in found if layer.number == 3)
    assert third.state is LayerState.NOT_ARMED
    assert "3 of 4" in third.why


def test_layers_of_a_run_that_is_over_protect_nothing_and_claim_nothing():
    found = layers(fleet.snapshot([fleet.row(fleet.running("c7g.large-1", instance=None))]), None, fleet.T0)
    assert [layer.state for layer in found if layer.number in (1, 3)] == [LayerState.IDLE] * 2


@pytest.mark.parametrize("hostile", TEXTS)
def test_hostile_tags_are_only_text(hostile: str):
    glyphs = Glyphs()
    view = stray(1, run=hostile, job=hostile, region=hostile, instance_type=hostile, instance_id=hostile)
    found = elsewhere(None, swept(view), (), fleet.T0)
    cells = elsewhere_cells(found[0], fleet.T0, glyphs, 20)
    rows = by_run(None, swept(view), None, fleet.T0)
    text = runs_text(rows, total(rows), None, fleet.T0, 60, glyphs)
    assert all(harmless(cell.plain) for cell in (*cells.values(), text))


@pytest.mark.long
@pytest.mark.parametrize("hostile", TEXTS)
async def test_hostile_tags_do_not_end_the_pane(app: BenchtuiApp, engine: ScriptedEngine, hostile: str):
    view = stray(1, run=hostile, job=hostile, region=hostile)
    engine.first = (*engine.first, Swept(swept(view, unanswered=((hostile, BenchtuiError(hostile)),))))
    async with app.run_test(size=NARROW) as pilot:
        await opened(pilot)
        await pilot.press("x")
        await settled(pilot)
        assert isinstance(app.screen, KillScreen)


def test_without_unicode_it_is_all_ascii(fleet_snapshot: Snapshot):
    glyphs = Glyphs(ascii=True)
    rows = by_run(None, swept(*STRAYS), None, fleet.T0)
    plain = runs_text(rows, total(rows), None, fleet.T0, 60, glyphs).plain
    plain += layers_text(layers(fleet_snapshot, None, fleet.T0), glyphs).plain
    assert plain.isascii()


async def figures(pilot: Pilot) -> None:
    await opened(pilot)


async def chart(pilot: Pilot) -> None:
    await opened(pilot)
    await pilot.press("c", "z")
    await settled(pilot)
    await settled(pilot)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_picture(snap_compare: Any, app: BenchtuiApp, size: tuple[int, int]):
    assert snap_compare(app, terminal_size=size, run_before=figures)


@pytest.mark.long
@pytest.mark.parametrize("size", [NARROW, MEDIUM], ids=str)
def test_picture_of_the_chart(snap_compare: Any, app: BenchtuiApp, size: tuple[int, int]):
    assert snap_compare(app, terminal_size=size, run_before=chart)


@pytest.mark.long
def test_picture_in_ascii(snap_compare: Any, make: Any):
    assert snap_compare(make(look=Look(ascii=True)), terminal_size=WIDE, run_before=figures)


@pytest.mark.long
def test_picture_of_nothing(snap_compare: Any, make: Any, engine: ScriptedEngine):
    engine.first = ()
    assert snap_compare(make(), terminal_size=MEDIUM, run_before=figures)
