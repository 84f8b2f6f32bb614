"""One job on a screen of its own: all that is known of it, and its log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from textual.containers import VerticalScroll
from textual.widgets import Static

from benchtui.core.documents import Check
from benchtui.core.errors import BenchtuiError
from benchtui.engine.job_log import LogTail
from benchtui.tui.screens.detail import DetailScreen, LogScreen
from benchtui.tui.screens.kill import KillScreen
from benchtui.tui.widgets.header import Header
from benchtui.tui.widgets.log_view import LogView
from tests.engine import fleet
from tests.tui.jobs import detail_of, log_of, measured, settled

JOB = "c7g.large-1"


@pytest.fixture(autouse=True)
def answers(engine, fleet_snapshot):
    """The engine knows the jobs of the fleet."""
    engine.answers |= {"detail": lambda job: detail_of(fleet_snapshot, job), "log": log_of}


async def opened(app, pilot, screen):
    await settled(pilot)
    app.push_screen(screen)
    await settled(pilot)
    return screen


def text(screen) -> str:
    return str(screen.query_one("#detail-text", Static).visual)


def shown(screen) -> list[str]:
    log = screen.query_one(LogView)
    return [log.render_line(y).text.rstrip() for y in range(log.size.height)]


async def test_all_that_is_known_of_a_job(app):
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await opened(app, pilot, DetailScreen(JOB))
        known = text(screen)
    for part in (
        "● running stream 3/5   heard 3s ago (period 30s)",
        "launched  14:00:00Z   ends by 18:00:20Z (hard 19:11:00Z)",
        "softdog ✗ not armed  panic ✓",
        "instance    $0.001209  60 s",
        "total       $0.001",
        "results 1/3",
        "triad.all",
        "✓ verified",
        "none yet  hpl fftw",
        "cpu       AWS Graviton3 arm64",
        "2 physical, 2 usable CPUs",
        "governor –",  # not observed
        "14:00:20Z    1 BOOTED",
        "14:00:30Z    2 RUNNING stream 3/5",
    ):
        assert part in known, part


async def test_what_costs_money_stays_in_sight(app):
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await opened(app, pilot, DetailScreen(JOB))
        assert "$0.08" in screen.query_one(Header).render().plain


async def test_before_the_bucket_answers_it_shows_what_the_watcher_knows(app, engine):
    del engine.answers["detail"]
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, DetailScreen(JOB))
        assert "● running stream 3/5" in text(screen)
        assert "asking the bucket" in text(screen)
        assert "layers    –" in text(screen)


async def test_a_declined_job_says_why_and_that_it_has_no_instance(app, engine, fleet_snapshot):
    engine.answers["detail"] = lambda job: replace(
        detail_of(fleet_snapshot, job), cost=None, system=None, results={}, said=(), layers={}
    )
    engine.answers["log"] = lambda job, after: LogTail(job)
    async with app.run_test(size=(80, 40)) as pilot:
        screen = await opened(app, pilot, DetailScreen("c7a.large-2"))
        assert "reason    capacity: InsufficientInstanceCapacity" in text(screen)
        assert "no instance is known" in text(screen)
        assert "not there yet" in text(screen)
        await pilot.press("l")
        await settled(pilot)
        assert shown(app.screen)[0] == "no log: this job has no instance"


async def test_a_result_that_is_not_verified_says_which_checks_failed_and_what_it_declined(
    app, engine, fleet_snapshot
):
    result = measured(JOB, 46.1, verified=False).model_copy(
        update={
            "checks": (Check(name="team.all", ok=False, value=1, limit=2),),
            "declined_metrics": {"triad.core": "no SMT here"},
        }
    )
    engine.answers["detail"] = lambda job: replace(detail_of(fleet_snapshot, job), results={"stream": result})
    async with app.run_test(size=(100, 40)) as pilot:
        known = text(await opened(app, pilot, DetailScreen(JOB)))
    assert "✗ NOT VERIFIED" in known
    assert "failed check team.all: 1, limit 2" in known
    assert "declined: no SMT here: triad.core" in known


@pytest.mark.long
async def test_it_follows_the_job_while_it_is_open(app, engine, fleet_snapshot, clock):
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, DetailScreen(JOB))
        changed = fleet.row(fleet.running(JOB, 5, 5))
        engine.tell(replace(fleet_snapshot, rows=(changed, *fleet_snapshot.rows[1:])))
        clock.at += timedelta(seconds=6)
        await settled(pilot)
        assert "running stream 5/5" in text(screen)
        assert len(engine.calls("detail")) == 2


@pytest.mark.long
async def test_where_it_was_scrolled_to_stays(app, clock):
    async with app.run_test(size=(80, 16)) as pilot:
        screen = await opened(app, pilot, DetailScreen(JOB))
        box = screen.query_one(VerticalScroll)
        await pilot.press("j", "j", "down", "k")
        await pilot.pause()
        assert box.scroll_offset.y == 2
        clock.at += timedelta(seconds=6)
        await settled(pilot)
        assert box.scroll_offset.y == 2
        await pilot.press("G")
        await pilot.pause()
        assert box.scroll_offset.y == box.max_scroll_y > 0
        await pilot.press("g")
        await pilot.pause()
        assert box.scroll_offset.y == 0


@pytest.mark.long
async def test_an_error_is_shown_and_asked_again(app, engine, clock):
    engine.answers["detail"] = BenchtuiError("access denied [/x]", fix="add s3:GetObject")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, DetailScreen(JOB))
        assert "access denied [/x] (fix: add s3:GetObject)" in text(screen)
        engine.answers["detail"] = lambda job: detail_of(app.view.snapshot, job)
        clock.at += timedelta(seconds=6)
        await settled(pilot)
        assert "access denied" not in text(screen)


@pytest.mark.long
async def test_keys_of_the_detail(app, engine):
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, DetailScreen(JOB))
        await pilot.press("y")
        assert app.clipboard == fleet.instance(JOB).instance_id
        await pilot.press("Y")
        assert '"state": "RUNNING"' in app.clipboard
        await pilot.press("ctrl+k")
        await settled(pilot)
        assert isinstance(app.screen, KillScreen)
        assert app.screen.scope.jobs == {JOB}
        await pilot.press("escape")
        await settled(pilot)
        await pilot.press("l")
        await settled(pilot)
        assert isinstance(app.screen, LogScreen)
        await pilot.press("d")
        await settled(pilot)
        assert isinstance(app.screen, DetailScreen)
        await pilot.press("escape")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        assert engine.calls("kill") == []


@pytest.mark.long
async def test_a_log_is_followed_from_chunk_to_chunk(app, engine, clock):
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, LogScreen(JOB))
        assert shown(screen)[-1].endswith("repetition 39: triad 46.39 GB/s")
        engine.answers["log"] = lambda job, after: replace(log_of(job, 0, "14:01:00Z more"), next=after + 1)
        clock.at += timedelta(seconds=6)
        await settled(pilot)
        assert shown(screen)[-1] == "14:01:00Z more"
        clock.at += timedelta(seconds=6)
        await settled(pilot)
        assert [after for _, after in engine.calls("log")] == [0, 1, 2]
        assert "42 lines" in screen.query_one(LogView)._border_title.plain


@pytest.mark.long
async def test_the_switches_of_a_log_stand_in_its_border_and_in_the_footer(app):
    async with app.run_test(size=(100, 24)) as pilot:
        screen = await opened(app, pilot, LogScreen(JOB))
        log = screen.query_one(LogView)
        assert log._border_subtitle.plain == "autoscroll on · wrap off · times on"
        await pilot.press("a", "w", "t")
        assert log._border_subtitle.plain == "autoscroll off · wrap on · times off"
        shown_keys = {
            active.binding.description for active in screen.active_bindings.values() if active.binding.show
        }
        assert {"Autoscroll", "Wrap", "Times", "Back", "Details"} <= shown_keys


async def test_a_log_can_be_copied(app):
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, LogScreen(JOB))
        await pilot.press("y")
        assert app.clipboard.splitlines()[0] == "14:00:00Z repetition 0: triad 46.0 GB/s"


@pytest.mark.long
async def test_a_job_of_another_run_is_said_to_be_none_of_this_one(app):
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, DetailScreen("m5.large-9"))
        assert "m5.large-9 is not in the run that is followed" in text(screen)
        await pilot.press("y", "Y", "l")
        await settled(pilot)
        assert shown(app.screen)[0] == "no job is looked at"


@pytest.mark.parametrize(
    ("screen", "size"),
    [(DetailScreen, (100, 50)), (DetailScreen, (60, 20)), (LogScreen, (80, 24))],
    ids=["detail", "detail small", "log"],
)
def test_the_picture(snap_compare, app, screen, size):
    async def filled(pilot):
        await opened(pilot.app, pilot, screen(JOB))

    assert snap_compare(app, terminal_size=size, run_before=filled)
