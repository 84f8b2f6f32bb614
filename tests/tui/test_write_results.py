"""The Compare pane's w: a report or an export of the run that is followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Static

from benchtui.engine.collector import Collected
from benchtui.engine.updates import Gathered
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.screens.write_results import WriteResults
from tests.comparing import census_of, document
from tests.engine import fleet
from tests.tui.scripted import until


@pytest.fixture
def fleet_snapshot():
    jobs = [f"{name}-{number}" for name in ("c7g.large", "c7i.large") for number in (1, 2, 3)]
    return fleet.snapshot([fleet.row(fleet.running(job), suites=("stream",)) for job in jobs])


@pytest.fixture
def collected(fleet_snapshot, tmp_path: Path) -> Collected:
    run = fleet_snapshot.run
    results: dict[tuple[str, str], Any] = {(job.job, "stream"): document(run, job.job) for job in run.jobs}
    return Collected(census_of(run), results, tmp_path, 0, 0)


async def opened(pilot: Pilot[Any], engine: Any, *told: Any) -> WriteResults:
    await pilot.pause()
    engine.tell(*told)
    await pilot.pause()
    pilot.app.show_pane("compare")  # type: ignore[attr-defined]
    await pilot.pause()
    await pilot.press("w")
    await pilot.pause()
    assert isinstance(pilot.app.screen, WriteResults)
    return pilot.app.screen


def says(screen: WriteResults) -> str:
    return str(screen.query_one("#write-says", Static).render())


@pytest.mark.long
async def test_enter_writes_the_report_where_it_says(
    app: BenchtuiApp, engine, collected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, engine, Gathered(collected))
        assert screen.query_one(Input).value == f"benchtui-{fleet.RUN}.html"
        assert "a report as one HTML page. Never overwrites." in says(screen)
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(app.screen, WriteResults))
        page = (tmp_path / f"benchtui-{fleet.RUN}.html").read_text()
        assert page.startswith("<!doctype html>")
        assert "c7i.large" in page
        assert any(f"written: benchtui-{fleet.RUN}.html" in one.text for one in app.told.events.entries)


@pytest.mark.long
async def test_the_ending_says_the_form_and_nothing_is_overwritten(
    app: BenchtuiApp, engine, collected, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text("mine")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, engine, Gathered(collected))
        screen.query_one(Input).value = "x.pdf"
        await pilot.pause()
        assert "no form has the ending .pdf" in says(screen)
        screen.query_one(Input).value = "mine.csv"
        await pilot.pause()
        assert "every measurement as CSV" in says(screen)
        await pilot.press("enter")
        await until(pilot, lambda: "is there already" in says(screen))
        assert (tmp_path / "mine.csv").read_text() == "mine"
        await pilot.press("escape")
        await pilot.pause()
        assert not isinstance(app.screen, WriteResults)


async def test_with_nothing_to_write_the_key_says_so(app: BenchtuiApp, engine):
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app.show_pane("compare")
        await pilot.pause()
        await pilot.press("w")
        await pilot.pause()
        assert not isinstance(app.screen, WriteResults)
        assert any("there is nothing to compare yet" in one.text for one in app.told.events.entries)
