"""The application around the panes: what it shows of age and money, and how it is left."""

import subprocess
import sys
from datetime import timedelta

import pytest
from textual.widgets import OptionList

from benchtui.core.errors import BenchtuiError
from benchtui.engine.events import Event
from benchtui.engine.runs import RunListing
from benchtui.engine.sweep import Sweep
from benchtui.engine.updates import Listed, Swept, Trouble
from benchtui.tui.screens.help import HelpScreen
from benchtui.tui.screens.quit import QuitScreen
from benchtui.tui.screens.runs import RunsScreen
from benchtui.tui.start import Look
from benchtui.tui.widgets.header import Header
from tests.engine import fleet, protection
from tests.tui.hostile_text import HOSTILE, NAMES, harmless
from tests.tui.scripted import ScriptedEngine, introduced, listings, make_app, settled, until

WIDE = (120, 36)
UNARMED = dict.fromkeys(fleet.mechanisms(), "not armed")


def header(app):
    return app.screen_stack[0].query_one(Header).render().plain


def _first(options):
    return str(options.get_option_at_index(0).prompt)


async def test_says_connecting_before_the_engine_has_told_anything(make, engine):
    engine.first = ()
    app = make()
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "connecting" in header(app)
        assert "spent –" in header(app)


async def test_the_header_names_run_account_mode_money_and_ages(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        shown = header(app)
    for part in (
        fleet.RUN,
        "1234…9012",
        "READ-WRITE",
        "spent ~$0.08",
        "cap $5.00",
        "live",
        "S3 2s",
        "EC2 2s",
    ):
        assert part in shown


@pytest.mark.long
async def test_ages_grow_while_nothing_is_heard(app, clock):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        clock.at += timedelta(seconds=31)
        await settled(pilot)
        assert "S3 33s" in header(app)
        assert "stale" in header(app)
        clock.at += timedelta(minutes=5)
        await settled(pilot)
        assert "down" in header(app)
        assert fleet.RUN in header(app)


async def test_read_only_stands_in_the_header(make):
    app = make(read_only=True)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "READ-ONLY" in header(app)


async def test_the_header_counts_layers_and_what_burns_elsewhere(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        assert "layers 1/5" in header(app)
        mine = fleet.instance("c7g.large-1")
        other = fleet.instance("m7i.large-1", run="20261123-101112-abcd", instance_id="i-0other")
        engine.tell(Swept(Sweep(fleet.after(60), (mine, other), ("us-west-2",))))
        await settled(pilot)
        assert "! 1 orphan" in header(app), "its run is not in the bucket"


@pytest.mark.long
@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "layers 5/5"),
        ({"schedules": {}}, "layers 4/5"),
        ({"schedules": {}, "run": protection.denied()}, "layers 4/5"),
        ({"armed": {job: UNARMED for job in protection.JOBS}}, "layers 4/5"),
        ({"armed": {job: fleet.mechanisms("softdog") for job in protection.JOBS}}, "layers 4/5"),
        ({"armed": {}, "schedules": {}}, "layers 3/5"),
    ],
    ids=["all armed", "no schedule", "scheduler denied", "no timer", "softdog not armed", "neither"],
)
async def test_the_header_counts_a_layer_only_where_it_is_armed(app, engine, changes, shown):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await settled(pilot)
        engine.tell(protection.protected(**changes))
        engine.tell(Swept(protection.swept()))
        await settled(pilot)
        assert shown in header(app)


async def test_the_header_names_the_command_that_ends_the_expired(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await settled(pilot)
        late = fleet.instance("c7g.large-1", expires_at=fleet.after(-60))
        engine.tell(Swept(Sweep(fleet.after(60), (late,), ("us-west-2",))))
        await settled(pilot)
        assert "! 1 expired: benchtui reap" in header(app)


@pytest.mark.long
@pytest.mark.parametrize("size", [(60, 16), (80, 24), (119, 30), (120, 36), (240, 80)])
async def test_the_header_fits_and_keeps_the_money(app, size):
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        assert all(len(line) <= size[0] for line in header(app).splitlines())
        assert "$0.08" in header(app)


@pytest.mark.long
@pytest.mark.parametrize(
    ("spent", "mark"),
    [("2.49", None), ("2.50", "50 % spent"), ("4.20", "80 % spent"), ("5.01", "!100 % spent")],
)
async def test_the_header_shows_which_mark_of_the_budget_is_passed(app, engine, spent, mark):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        engine.tell(fleet.snapshot([fleet.row(fleet.running("c7g.large-1"), spent)]))
        await settled(pilot, 2)
        assert f"spent ~${spent}" in header(app)
        if mark is None:
            assert "% spent" not in header(app)
        else:
            assert f" {mark}" in header(app)


async def test_a_narrow_header_shows_the_mark_too(app, engine):
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        engine.tell(fleet.snapshot([fleet.row(fleet.running("c7g.large-1"), "5.01")]))
        await settled(pilot, 2)
        assert "~$5.01+0.00/5.00 !100%" in header(app)


@pytest.mark.long
async def test_pause_freezes_the_panes_and_not_the_header(app, engine, fleet_snapshot):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("p")
        later = fleet.snapshot(fleet_snapshot.rows[:2], at=62)
        engine.tell(later)
        await settled(pilot)
        assert app.view.snapshot is fleet_snapshot
        assert app.view.live is later
        assert "PAUSED" in header(app)
        await pilot.press("p")
        await settled(pilot)
        assert app.view.snapshot is later


@pytest.mark.long
@pytest.mark.parametrize(
    ("key", "pane"),
    [("1", "jobs"), ("2", "launch"), ("3", "cost"), ("4", "compare"), ("5", "history"), ("6", "events")],
)
async def test_numbers_change_the_pane(app, key, pane):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("6" if key != "6" else "1", key)
        await settled(pilot)
        assert pane == app.front.PANE
        assert app.focused is not None


@pytest.mark.long
async def test_help_names_a_headless_command_for_every_key(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("question_mark")
        await settled(pilot)
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("question_mark")
        await settled(pilot)
        assert not isinstance(app.screen, HelpScreen)


@pytest.mark.long
async def test_the_palette_finds_an_action_and_carries_it_out(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("colon")
        await pilot.pause()
        await pilot.press(*"history")
        found = app.screen.query_one(OptionList)
        await until(
            pilot, lambda: found.option_count and "History" in str(found.get_option_at_index(0).prompt)
        )
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.front.PANE == "history")


@pytest.mark.long
async def test_keys_can_be_given_by_the_configuration(make):
    app = make(look=Look(keys={"app.help": "f9"}))
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("f9")
        await settled(pilot)
        assert isinstance(app.screen, HelpScreen)


@pytest.mark.long
async def test_the_run_switcher_narrows_down_and_follows(app, engine, fleet_snapshot):
    other = fleet.snapshot(
        fleet_snapshot.rows[:1],
        run=fleet.run_of([fleet.planned("c8g.large-1")], run="20261123-101112-abcd", name="older"),
    )
    engine.answers["adopt"] = other.run
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        engine.tell(Listed(listings(fleet_snapshot, other)))
        await settled(pilot)
        await pilot.press("r")
        await pilot.press(*"older", "enter")
        await settled(pilot)
        assert engine.calls("adopt") == [("20261123-101112-abcd",)]
        assert app.view.run == "20261123-101112-abcd"
        assert app.view.snapshot is None, "rows of the run before must not stay"


@pytest.mark.long
async def test_the_run_switcher_says_that_nothing_matches(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("r")
        await pilot.press(*"zzz", "enter")
        await settled(pilot)
        assert isinstance(app.screen, RunsScreen)
        await pilot.press("escape")
        await settled(pilot)
        assert not isinstance(app.screen, RunsScreen)


async def test_a_run_that_is_not_there_is_an_event_with_its_fix(app, engine):
    engine.answers["adopt"] = BenchtuiError("the bucket holds no run x", fix="benchtui runs")
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        app.adopt("20261123-101112-abcd")
        await until(pilot, lambda: app.told.events.entries)
        assert any(
            "holds no run x" in entry.text and "benchtui runs" in entry.text
            for entry in app.told.events.entries
        )


async def test_history_follows_the_run_under_the_cursor(app, engine, fleet_snapshot):
    engine.answers["adopt"] = fleet_snapshot.run
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("5", "enter")
        await settled(pilot)
        assert engine.calls("adopt") == [(fleet.RUN,)]


@pytest.mark.long
async def test_every_event_is_a_line_with_its_command(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        engine.tell(Event("alarm", fleet.after(61), {"job": "c7a.large-1", "text": "silent"}))
        await settled(pilot)
        entry = app.told.events.entries[-1]
        assert (entry.severity, entry.command) == ("error", f"benchtui status {fleet.RUN} c7a.large-1")
        await pilot.press("6")
        await settled(pilot)
        await pilot.press("y")
        await settled(pilot)
        assert app.clipboard == entry.command
        assert (app.state_dir / "copied.txt").read_text().strip() == entry.command


async def test_a_trouble_is_said_once_and_its_end_as_well(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        trouble = Trouble("runs", BenchtuiError("the bucket does not answer"))
        engine.tell(trouble, trouble, Trouble("runs", None), Trouble("runs", None))
        await settled(pilot)
        said = [entry.text for entry in app.told.events.entries]
        assert said == ["runs: the bucket does not answer", "runs: answers again"]


async def test_ctrl_c_never_quits(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+c")
        await settled(pilot)
        assert app.is_running
        assert "ctrl+q quits" in app.told.events.entries[-1].text


async def test_quitting_with_live_instances_asks(app):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+q")
        await settled(pilot)
        assert isinstance(app.screen, QuitScreen)
        assert app.return_value is None


async def test_quitting_with_nothing_alive_leaves_at_once(tmp_path, clock, fleet_snapshot):
    done = fleet.snapshot([row for row in fleet_snapshot.rows if row.status.over])
    app = make_app(ScriptedEngine(first=introduced(done)), tmp_path, clock)
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert app.return_value == "leave"


@pytest.mark.long
async def test_ctrl_k_opens_the_kill_screen_and_asks_nothing_of_the_engine_that_acts(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+k")
        await settled(pilot)
        assert type(app.screen).__name__ == "KillScreen"
        assert engine.calls("kill") == []


async def test_refresh_asks_for_runs_and_sweeps(app, engine, fleet_snapshot):
    engine.answers |= {"runs": listings(fleet_snapshot), "sweep": None}
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: engine.calls("runs") and engine.calls("sweep"))


@pytest.mark.long
async def test_the_events_pane_keeps_the_cursor_when_lines_come(app, engine):
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        for number in range(5):
            engine.tell(Event("note", fleet.after(61), {"text": f"line {number}"}))
        await pilot.press("6")
        await settled(pilot)
        await pilot.press("g", "j")
        engine.tell(Event("note", fleet.after(62), {"text": "one more"}))
        await settled(pilot)
        events = app.front.query_one(OptionList)
        assert events.highlighted == 1
        assert events.option_count == 6
        await pilot.press("G")
        engine.tell(Event("note", fleet.after(63), {"text": "and one more"}))
        await settled(pilot)
        assert events.highlighted == 6


def screen_lines(app):
    """Every line of the screen in front, as it goes to the terminal."""
    width = app.size.width
    return [
        "".join(segment.text for segment in strip)
        for strip in app.screen._compositor.render_strips(app.size)
        if strip.cell_length <= width
    ]


@pytest.mark.parametrize("name", NAMES)
async def test_hostile_texts_reach_the_terminal_as_letters_only(app, engine, name):
    text = HOSTILE[name]
    async with app.run_test(size=WIDE) as pilot:
        await settled(pilot)
        engine.tell(
            Listed((RunListing("20261124-135100-k3f7", fleet.T0, None, text),)),
            Trouble("runs", BenchtuiError(text or "x", fix=text)),
            Event("note", fleet.after(61), {"text": text}),
            Event("alarm", fleet.after(61), {"job": text, "text": text}),
            Event("error", fleet.after(61), {"source": text, "text": text, "fix": text}),
        )
        app.note(text or "x", "error", text)
        for key in ("5", "6", "r", "escape", "question_mark", "escape"):
            await pilot.press(key)
            await settled(pilot)
            drawn = screen_lines(app)
            assert len(drawn) == WIDE[1], "every line is as wide as the screen"
            assert all(harmless(line) for line in drawn)


def test_importing_the_application_imports_nothing_of_aws_and_no_pane():
    code = (
        "import sys, benchtui.cli.tui, benchtui.tui.app\n"
        "unwanted = ('botocore', 'aiohttp', 'pydantic', 'plotext', 'benchtui.tui.panes.jobs')\n"
        "print(*(name for name in unwanted if name in sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert ended.stdout.strip() == ""
