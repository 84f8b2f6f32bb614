"""The Jobs pane: what it shows of a fleet, and what each key does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widgets import Input, Static

from benchtui.core.errors import BenchtuiError
from benchtui.core.keys import JobState
from benchtui.core.plausibility import About, Finding, Judgement
from benchtui.core.states import JobStatus
from benchtui.engine.updates import Listed, Trouble
from benchtui.tui.screens.detail import DetailScreen, LogScreen
from benchtui.tui.screens.kill import KillScreen
from benchtui.tui.start import Look
from benchtui.tui.widgets.chart import ChartView
from benchtui.tui.widgets.job_panel import JobPanel
from benchtui.tui.widgets.live_table import LiveTable
from benchtui.tui.widgets.log_view import LogView
from tests.engine import fleet
from tests.tui.conftest import SIZES
from tests.tui.hostile_text import HOSTILE, NAMES, harmless
from tests.tui.jobs import collected, detail_of, log_of, measured, settled

WIDE, NARROW, SMALL = (120, 36), (80, 24), (60, 20)


@pytest.fixture(autouse=True)
def answers(engine, fleet_snapshot):
    """The engine knows the jobs of the fleet."""
    engine.answers |= {"detail": lambda job: detail_of(fleet_snapshot, job), "log": log_of}


def table(app) -> LiveTable:
    return app.screen_stack[0].query_one(LiveTable)


def lines(app) -> list[str]:
    shown = table(app)
    return [shown.render_line(y).text for y in range(shown.size.height)]


def title(app) -> str:
    return table(app)._border_title.plain


def said(app, name: str) -> str:
    return str(app.screen_stack[0].query_one(name, Static).visual)


async def typed(pilot, text: str) -> None:
    await pilot.press(*("space" if c == " " else c for c in text))
    await pilot.pause()


async def test_each_job_is_a_row_the_worst_first(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert table(app).keys[0] == "c7a.large-1"
        assert table(app).keys[-1] == "c7i.large-2"
        header, first = lines(app)[:2]
        assert header.split() == [
            "JOB",
            "ARCH",
            "AZ",
            "STATE",
            "PROGRESS",
            "N/M",
            "RESULT",
            "±",
            "$/H",
            "SPENT",
            "ENDS",
            "BY",
        ]
        assert "! lost silent" in first
        assert "● running stream 3/5" in lines(app)[2]
        assert title(app) == "Jobs 6/6   sort: state ▲"
        assert "2 running" in table(app)._border_subtitle.plain
        assert "6 jobs" in table(app)._border_subtitle.plain


async def test_what_is_not_known_is_a_dash(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        declined = next(line for line in lines(app) if "c7a.large-2" in line)
        expected = "c7a.large-2 x86_64 – – declined capacity ░░░░░░░░ 0/2 – – 0.0725 – –"
        assert " ".join(declined.split()) == expected


@pytest.mark.parametrize(
    ("size", "present", "absent"),
    [
        (NARROW, ["STATE", "N/M", "SPENT", "ENDS BY"], ["AZ", "ARCH", "$/H", "±"]),
        (SMALL, ["STATE"], ["RESULT"]),
    ],
)
async def test_columns_drop_on_narrow_terminals(app, size, present, absent):
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        header = lines(app)[0]
        assert all(column in header for column in present)
        assert all(column not in header.split() for column in absent)
        assert not app.query_one(JobPanel).parent.display


async def test_results_are_shown_as_soon_as_they_are_collected(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        app.told.collected = collected(
            measured("c7g.large-1", 46.1), measured("c7a.large-1", 21.7, repetitions=1, verified=None)
        )
        await settled(pilot)
        assert "TRIAD GB/s" in lines(app)[0]
        assert "46.1" in lines(app)[2]
        assert "21.7      –" in lines(app)[1]  # one repetition has no spread
        assert "c7g.large" in app.query_one("#jobs ChartView", ChartView).render().plain


async def test_a_result_that_is_not_plausible_is_shown_as_one(app, engine):
    finding = Finding("replayed-samples", About.NUMBERS, "its samples are those of c7a.large-1")
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        here = collected(measured("c7g.large-1", 46.1), measured("c7a.large-1", 21.7))
        here.judgements["c7g.large-1", "stream"] = Judgement("c7g.large-1", (finding,))
        app.told.collected = here
        await settled(pilot)
        assert "46.1?" in lines(app)[2]
        assert "21.7?" not in lines(app)[1]


async def test_a_state_is_not_cut_on_a_wide_terminal(engine, app):
    engine.first = (fleet.snapshot([fleet.row(fleet.running("local.1cpu-1", 10, 30))]),)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "● running stream 10/30 " in lines(app)[1]


async def test_the_worst_thing_is_named_with_the_keys_for_it(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        worst = said(app, "#jobs-worst")
        assert "! c7a.large-1: i-0ab12cd34ef567890 is running, but silent. It ends by itself at" in worst
        assert "ctrl+k kill" in worst


async def test_nothing_is_wrong_when_all_is_well(engine, app):
    engine.first = (fleet.snapshot([fleet.row(fleet.running("c7g.large-1"))]),)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "nothing needs attention" in said(app, "#jobs-worst")


@pytest.mark.long
async def test_a_filter_works_as_it_is_typed_and_stands_in_the_title(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await typed(pilot, "arch=arm64 spent<0.1")
        assert table(app).keys == ("c7g.large-1", "c7g.large-2")
        await pilot.press("enter")
        await pilot.pause()
        assert app.focused is table(app)
        assert title(app) == "Jobs 2/6   filter: arch=arm64 spent<0.1   sort: state ▲"
        await pilot.press("j")
        assert table(app).cursor == "c7g.large-2"
        await pilot.press("escape")
        await pilot.pause()
        assert len(table(app).keys) == 6
        assert table(app).cursor == "c7g.large-2"


@pytest.mark.long
async def test_a_filter_that_is_none_says_what_is_wrong_and_the_finished_words_stay_at_work(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await typed(pilot, "arch=arm64 zon=x")
        assert "column 12: there is no field 'zon'; did you mean zone?" in said(app, "#filter-says")
        assert table(app).keys == ("c7g.large-1", "c7g.large-2")
        await pilot.press("enter")
        assert isinstance(app.focused, Input)  # it stays until it is mended
        await pilot.press("escape")
        await pilot.pause()
        assert app.focused is table(app)
        assert len(table(app).keys) == 6


@pytest.mark.long
async def test_half_a_field_is_not_yet_looked_for(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await typed(pilot, "state")
        assert len(table(app).keys) == 6
        await typed(pilot, "=lost")
        assert table(app).keys == ("c7a.large-1",)


@pytest.mark.long
async def test_a_filter_that_nothing_passes_says_how_to_be_rid_of_it(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await typed(pilot, "nowhere")
        await pilot.press("enter")
        await pilot.pause()
        assert "esc clears it" in lines(app)[1]
        for key in ("enter", "l", "space", "y", "Y", "j"):
            await pilot.press(key)
        assert len(app.screen_stack) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", ["closing markup", "escape", "right to left"])
async def test_a_hostile_filter_is_only_a_filter(app, name):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        app.query_one("#filter-input", Input).value = HOSTILE[name]
        await settled(pilot)
        assert harmless(title(app))


@pytest.mark.long
async def test_the_order_goes_round_and_its_direction_is_shown(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("o")
        await pilot.pause()
        assert "sort: job ▲" in title(app)
        assert table(app).keys == tuple(sorted(table(app).keys))
        assert table(app).cursor == "c7a.large-1"
        await pilot.press("O")
        await pilot.pause()
        assert "sort: job ▼" in title(app)
        assert table(app).keys == tuple(sorted(table(app).keys, reverse=True))
        for _ in range(8):
            await pilot.press("o")
        await pilot.pause()
        assert "sort: state ▲" in title(app)


@pytest.mark.long
async def test_space_marks_and_goes_on(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("space", "space")
        await pilot.pause()
        assert app.front.selected_jobs() == table(app).keys[:2]
        assert "2 marked" in title(app)
        assert table(app).cursor == table(app).keys[2]
        await pilot.press("escape")
        assert app.front.selected_jobs() == (table(app).cursor,)


@pytest.mark.long
async def test_y_copies_the_instance_or_those_that_are_marked(app, tmp_path):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("y")
        expected = fleet.instance("c7a.large-1").instance_id
        assert app.clipboard == expected
        assert (tmp_path / "copied.txt").read_text() == expected + "\n"
        await pilot.press("space", "G", "k", "space", "y")
        assert app.clipboard.splitlines() == [expected, "c7a.large-2"]  # which has no instance
        assert any("copied.txt" in entry.text for entry in app.view.events.entries)


async def test_capital_y_copies_json(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("Y")
        copied = json.loads(app.clipboard)
        assert (copied["job"], copied["state"], copied["spent_usd"]) == ("c7a.large-1", "LOST", "0.0551")
        await pilot.press("space", "space", "Y")
        assert [job["job"] for job in json.loads(app.clipboard)] == list(table(app).keys[:2])


@pytest.mark.long
@pytest.mark.parametrize(("key", "screen"), [("enter", DetailScreen), ("d", DetailScreen), ("l", LogScreen)])
async def test_a_job_opens_on_a_screen_of_its_own(app, key, screen):
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        await pilot.press("j", key)
        await settled(pilot)
        assert isinstance(app.screen, screen)
        assert app.screen.job == "c7g.large-1"
        await pilot.press("escape")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert table(app).cursor == "c7g.large-1"


@pytest.mark.long
async def test_the_kill_screen_opens_for_the_marked_jobs_and_nothing_is_killed(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("space", "space", "ctrl+k")
        await pilot.pause()
        assert isinstance(app.screen, KillScreen)
        assert app.screen.scope.jobs == set(table(app).keys[:2])
        assert engine.calls("kill") == []


@pytest.mark.long
async def test_the_job_under_the_cursor_is_shown_beside_the_table_on_a_wide_terminal(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("j")
        await settled(pilot)
        facts = said(app, "#panel-facts")
        assert "running stream 3/5" in facts
        assert "softdog ✗ not armed" in facts
        assert "ends by 18:00:20Z" in facts
        panel = app.query_one(JobPanel)
        assert "c7g.large-1" in panel._border_title.plain
        assert panel.log_view.lines[-1].text.startswith("repetition 39")
        assert panel._border_subtitle.plain == "autoscroll on · wrap off · times on"
        await pilot.press("w", "t", "a")
        await pilot.pause()
        assert panel._border_subtitle.plain == "autoscroll off · wrap on · times off"


@pytest.mark.long
async def test_detail_and_log_are_asked_once_a_period_and_go_on_where_they_were(app, engine, clock):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await settled(pilot)
        assert engine.calls("log") == [("c7a.large-1", 0)]
        clock.at += timedelta(seconds=6)
        await settled(pilot)
        assert engine.calls("log") == [("c7a.large-1", 0), ("c7a.large-1", 1)]
        assert len(engine.calls("detail")) == 2
        await pilot.press("j")
        await settled(pilot)
        assert engine.calls("log")[-1] == ("c7g.large-1", 0)


@pytest.mark.long
async def test_a_job_that_is_over_is_asked_once_more_and_then_no_more(app, engine, clock):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("G")
        await settled(pilot)
        for _ in range(5):
            clock.at += timedelta(seconds=10)
            await settled(pilot)
        assert engine.calls("log").count(("c7i.large-2", 0)) == 1
        assert engine.calls("log").count(("c7i.large-2", 1)) == 0


async def test_nothing_is_asked_where_nothing_is_shown(app, engine):
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        assert engine.calls("log") == []


async def test_an_engine_that_cannot_answer_is_said_beside_the_log(app, engine, clock):
    engine.answers["log"] = BenchtuiError("the bucket does not answer", fix="wait")
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "the bucket does not answer" in said(app, "#panel-rule")
        engine.answers["log"] = log_of
        clock.at += timedelta(seconds=6)
        await settled(pilot)
        assert "does not answer" not in said(app, "#panel-rule")
        assert app.query_one(JobPanel).log_view.lines


async def test_cursor_marks_filter_order_and_scroll_survive_each_refresh(app, engine):
    names = [f"c7g.large-{number}" for number in range(1, 101)]
    rows = [fleet.row(JobStatus(name, JobState.PLANNED), None) for name in names]
    engine.first = (fleet.snapshot(rows),)
    async with app.run_test(size=NARROW) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await typed(pilot, "c7g")
        await pilot.press("enter", "o", *("j" * 50), "space")
        await pilot.pause()
        shown, cursor, scroll = lines(app), table(app).cursor, table(app).scroll_offset.y
        assert scroll > 0
        for number in range(3):
            changed = [*rows]
            changed[number] = fleet.row(fleet.running(names[number]))
            engine.tell(fleet.snapshot(changed))
            await settled(pilot)
        assert (table(app).cursor, table(app).scroll_offset.y) == (cursor, scroll)
        assert table(app).marks == {"c7g.large-51"}
        assert lines(app) == shown
        assert "/c7g" in title(app)
        assert "sort job" in title(app)


@pytest.mark.long
async def test_a_filter_that_is_being_typed_survives_a_refresh(app, engine, fleet_snapshot):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("slash")
        await typed(pilot, "arch=ar")
        engine.tell(replace(fleet_snapshot, taken_at=fleet.after(61)))
        await settled(pilot)
        await typed(pilot, "m64")
        assert app.query_one("#filter-input", Input).value == "arch=arm64"
        assert table(app).keys == ("c7g.large-1", "c7g.large-2")


@pytest.mark.long
async def test_pause_freezes_the_pane(app, engine, clock, fleet_snapshot):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await settled(pilot)
        before = lines(app)
        clock.at += timedelta(seconds=90)
        engine.tell(fleet.snapshot([fleet.row(fleet.running("c7g.large-1"))], at=150))
        await settled(pilot)
        assert lines(app) == before
        assert "PAUSED" in title(app)
        await pilot.press("p")
        await settled(pilot)
        assert table(app).keys == ("c7g.large-1",)


async def test_rows_of_a_bucket_that_is_silent_are_dim_and_say_their_age(app, clock):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        clock.at += timedelta(seconds=40)
        await settled(pilot)
        assert "as of 42s ago" in title(app)
        row = table(app).render_line(2)
        assert all(segment.style.dim for segment in row if segment.text.strip(" ▸"))


@pytest.mark.long
async def test_before_anything_is_known_it_says_what_it_waits_for(make, engine):
    engine.first = ()
    app = make()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "Asking the bucket for its runs" in said(app, "#jobs-empty")
        engine.tell(Listed(()))
        await settled(pilot)
        assert "Launch one with 2" in said(app, "#jobs-empty")
        engine.tell(Trouble("runs", BenchtuiError("no credentials [/x]", fix="aws sso login")))
        await settled(pilot)
        assert "no credentials [/x]" in said(app, "#jobs-empty")
        assert "aws sso login" in said(app, "#jobs-empty")
        for key in ("enter", "l", "space", "y", "Y", "o", "O", "j", "escape", "slash", "escape"):
            await pilot.press(key)
        assert len(app.screen_stack) == 1


async def test_the_table_has_the_keys_as_soon_as_it_is_there(make, engine, fleet_snapshot):
    engine.first = ()
    app = make()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        engine.tell(fleet_snapshot)
        await settled(pilot)
        assert app.focused is table(app)


async def test_nothing_of_the_run_before_stays(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("space")
        app.told.follow("20261124-140000-aaaa")
        await settled(pilot)
        assert not table(app).display
        assert "20261124-140000-aaaa" in said(app, "#jobs-empty")
        assert app.front.selected_jobs() == ()


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
async def test_hostile_texts_from_everywhere_are_letters_only_and_move_no_column(make, engine, name):
    text = HOSTILE[name]
    status = fleet.running(
        "c7g.large-1",
        suite=text,
        alarm=text,
        reason=text,
        instance=fleet.instance("c7g.large-1", zone=text, instance_id=text, state_reason=text),
    )
    hostile = fleet.snapshot([fleet.row(status), fleet.row(fleet.running("c7g.large-2"))])
    engine.first = (hostile,)
    engine.answers |= {
        "detail": lambda job: detail_of(hostile, job, reason=text.encode("utf-8", "replace").decode()),
        "log": lambda job, after: log_of(job, after, text),
    }
    app = make()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        shown = table(app)
        assert all(harmless(line) for line in lines(app))
        assert {shown.render_line(y).cell_length for y in range(4)} == {shown.size.width}
        places = [shown.render_line(y).crop(shown.size.width - 8).text for y in (1, 2)]
        assert [place.strip() for place in places] == ["3h59m", "3h59m"]
        assert harmless(said(app, "#jobs-worst"))
        for keys in (("y",), ("Y",), ("enter",), ("escape", "l"), ("escape",)):
            await pilot.press(*keys)
            await settled(pilot)
        assert len(app.screen_stack) == 1


async def test_ascii_uses_ascii_for_what_is_ours(make):
    app = make(look=Look(ascii=True))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert all(line.isascii() for line in lines(app))
        assert title(app).isascii()
        assert app.query_one(LogView).settings().isascii()
        assert said(app, "#panel-facts").isascii()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_picture(snap_compare, app, size):
    async def filled(pilot):
        await settled(pilot)
        pilot.app.told.collected = collected(measured("c7g.large-1", 46.1), measured("c7g.large-2", 45.9))
        await pilot.press("j")
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=filled)
