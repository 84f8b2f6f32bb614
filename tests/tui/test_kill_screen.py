"""The kill screen: nothing happens by an enter too many, and nothing unproven ever looks proven."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import Button, Input, Static

from benchtui.core.errors import BenchtuiError
from benchtui.engine.kill_scope import KillScope, RegionSurvey, ScopeKind
from benchtui.tui.app import BenchtuiApp
from benchtui.tui.glyphs import Glyphs
from benchtui.tui.screens.kill import KillScreen
from benchtui.tui.screens.kill_text import proof_text, survey_text
from benchtui.tui.start import Look
from tests.engine import fleet
from tests.tui.conftest import SIZES
from tests.tui.hostile_text import TEXTS, harmless
from tests.tui.killing import (
    ALL,
    GOING,
    PROVEN,
    RUN,
    UNPROVEN,
    lived,
    progress,
    proof,
    surveyed,
)
from tests.tui.scripted import ScriptedEngine, introduced, settled, until

SIZE = (120, 36)
TOKEN = fleet.RUN[-4:]


@pytest.fixture
def fleet_snapshot(fleet_snapshot):
    return lived(fleet_snapshot)


@pytest.fixture
def engine(fleet_snapshot) -> ScriptedEngine:
    return ScriptedEngine({"survey": surveyed, "kill": None}, first=introduced(fleet_snapshot))


async def opened(pilot: Pilot, scope: KillScope = RUN) -> KillScreen:
    await settled(pilot)
    screen = KillScreen(scope)
    await pilot.app.push_screen(screen)
    await settled(pilot)
    return screen


def said(screen: KillScreen, name: str) -> str:
    return str(screen.query_one(f"#{name}", Static).render())


def button(screen: KillScreen) -> Button:
    return screen.query_one("#terminate", Button)


async def type_token(pilot: Pilot, screen: KillScreen, token: str = TOKEN) -> None:
    """Each step is waited for: the focus comes by a message, and keys before it go astray."""
    field = screen.query_one(Input)
    field.focus()
    await until(pilot, lambda: screen.focused is field)
    before = field.value
    await pilot.press(*token)
    await until(pilot, lambda: field.value == (before + token)[:4])
    await pilot.pause()


async def test_opens_with_cancel_focused_and_the_button_locked(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert screen.focused is screen.query_one("#cancel", Button)
        assert button(screen).disabled
        assert "locked" in said(screen, "kill-lock")


async def test_says_what_would_end_what_it_stops_and_what_is_spared(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        what = said(await opened(pilot), "kill-what")
    assert f"4 instances tagged benchtui:run={fleet.RUN}" in what
    assert "at least" in what, "a region did not answer"
    assert "us-west-2    3   c7g.large ×2, c7i.large ×1" in what
    assert "Stops about $0.33/h (est.)" in what
    assert "Not touched: 3 other live instances" in what
    assert "eu-north-1 UNKNOWN" in what


async def test_enter_without_the_token_ends_nothing(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen, TOKEN[:3])
        await pilot.press("enter")
        assert button(screen).disabled
        await type_token(pilot, screen, "x")
        await pilot.press("enter")
        await settled(pilot)
        assert "not the token" in said(screen, "kill-lock")
        assert engine.calls("kill") == []


@pytest.mark.long
async def test_enter_on_cancel_closes_and_ends_nothing(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert not isinstance(app.screen, KillScreen)
        assert engine.calls("kill") == []


async def test_the_token_unlocks_and_enter_ends_what_was_shown(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen)
        assert not button(screen).disabled
        assert "Terminate 4" in str(button(screen).label)
        await pilot.press("enter")
        await settled(pilot)
        assert engine.calls("kill") == [(RUN,)]


async def test_a_second_enter_does_not_begin_a_second_kill(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: engine.calls("kill"))
        screen.query_one(Input).focus()
        await pilot.press(*TOKEN, "enter")
        await settled(pilot)
        assert engine.calls("kill") == [(RUN,)]


@pytest.mark.long
async def test_told_before_it_has_its_parts_and_after_it_is_closed_it_does_nothing(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        KillScreen(RUN).show_view(app.view)
        screen = await opened(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is not screen)
        await settled(pilot)
        screen.show_view(app.view)


def nothing_alive(scope: KillScope) -> Any:
    return surveyed(scope, regions=(RegionSurvey("us-west-2", (), 0),), usd_per_hour=None)


async def old_proof(pilot: Pilot, engine: ScriptedEngine) -> KillScreen:
    await settled(pilot)
    engine.tell(PROVEN)
    await settled(pilot)
    return await opened(pilot)


@pytest.mark.long
@pytest.mark.parametrize("answer", ["counting", "failed", "incomplete", "alive"])
async def test_an_old_proof_hides_no_button_while_it_is_not_known_that_nothing_is_alive(
    app: BenchtuiApp, engine: ScriptedEngine, answer: str
):
    if answer == "counting":
        del engine.answers["survey"]
    elif answer == "failed":
        engine.answers["survey"] = BenchtuiError("no credentials")
    elif answer == "incomplete":
        engine.answers["survey"] = lambda scope: surveyed(scope, regions=surveyed(scope).regions[:1])
    async with app.run_test(size=SIZE) as pilot:
        screen = await old_proof(pilot, engine)
        assert "PROVEN: every instance is gone, 2 regions, at 14:01:00Z" in said(screen, "kill-proven")
        assert screen.query_one("#kill-survey").display
        await type_token(pilot, screen)
        assert not button(screen).disabled
        await pilot.press("enter")
        await until(pilot, lambda: engine.calls("kill"))


@pytest.mark.long
async def test_an_old_proof_is_enough_once_every_region_says_that_nothing_is_alive(
    app: BenchtuiApp, engine: ScriptedEngine
):
    engine.answers["survey"] = nothing_alive
    async with app.run_test(size=SIZE) as pilot:
        screen = await old_proof(pilot, engine)
        await until(pilot, lambda: not button(screen).display)


@pytest.mark.long
async def test_a_proof_that_ends_while_it_is_looked_at_needs_no_count(
    app: BenchtuiApp, engine: ScriptedEngine
):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(GOING)
        await settled(pilot)
        screen = await opened(pilot)
        del engine.answers["survey"]
        engine.tell(PROVEN)
        await settled(pilot)
        assert not button(screen).display


@pytest.mark.long
async def test_a_defect_is_told_as_well(app: BenchtuiApp, engine: ScriptedEngine):
    def broken(scope: KillScope) -> None:
        raise ZeroDivisionError("of nothing")

    engine.answers |= {"survey": broken, "kill": broken}
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert "UNKNOWN: ZeroDivisionError: of nothing" in said(screen, "kill-what")
        await type_token(pilot, screen)
        await pilot.press("enter")
        await until(pilot, lambda: screen.query_one(Input).display)
        assert "nothing was ended: ZeroDivisionError" in app.told.events.entries[-1].text


@pytest.mark.long
async def test_the_button_ends_them_too(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen)
        await pilot.click("#terminate")
        await settled(pilot)
        assert engine.calls("kill") == [(RUN,)]


@pytest.mark.long
async def test_closing_at_once_does_not_take_the_kill_back(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen)
        await pilot.press("enter", "escape")
        await settled(pilot)
        assert not isinstance(app.screen, KillScreen)
        assert engine.calls("kill") == [(RUN,)]


@pytest.mark.long
async def test_typing_a_token_never_switches_the_scope(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen, "sra")
        assert screen.scope == RUN
        assert screen.query_one(Input).value == "sra"


@pytest.mark.long
async def test_the_keys_switch_the_scope_while_the_field_has_no_focus(
    app: BenchtuiApp, engine: ScriptedEngine
):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("space")  # marks the first job
        screen = await opened(pilot)
        marked = frozenset(app.front.selected_jobs())
        await pilot.press("s")
        await settled(pilot)
        assert screen.scope == KillScope(fleet.RUN, marked)
        await pilot.press("a")
        await settled(pilot)
        assert screen.scope == ALL
        await pilot.press("r")
        await settled(pilot)
        assert screen.scope == RUN
        assert [scope.kind for (scope,) in engine.calls("survey")] == [
            ScopeKind.RUN,
            ScopeKind.SELECTION,
            ScopeKind.ALL,
            ScopeKind.RUN,
        ]


@pytest.mark.long
async def test_a_token_typed_for_one_scope_does_not_count_for_another(app: BenchtuiApp):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen)
        screen.query_one("#cancel", Button).focus()
        await pilot.press("a")
        await settled(pilot)
        assert screen.query_one(Input).value == ""
        assert button(screen).disabled


@pytest.mark.long
async def test_everything_asks_for_the_account(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot, ALL)
        assert "digits of the account" in said(screen, "kill-question")
        await type_token(pilot, screen)
        assert button(screen).disabled
        screen.query_one(Input).value = ""
        await type_token(pilot, screen, "9012")
        await pilot.press("enter")
        await settled(pilot)
        assert engine.calls("kill") == [(ALL,)]


@pytest.mark.long
async def test_an_account_that_is_not_known_cannot_be_confirmed(make, engine: ScriptedEngine):
    engine.first = ()
    engine.answers["survey"] = lambda scope: surveyed(scope, account=None)
    async with make().run_test(size=SIZE) as pilot:
        screen = await opened(pilot, ALL)
        assert screen.query_one(Input).disabled
        assert "not known yet" in said(screen, "kill-question")


async def test_read_only_says_so_and_asks_the_engine_nothing_that_acts(make, engine: ScriptedEngine):
    app = make(read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert "read-only" in said(screen, "kill-lock")
        assert screen.query_one(Input).disabled
        screen.query_one(Input).value = TOKEN
        screen.query_one(Input).post_message(Input.Submitted(screen.query_one(Input), TOKEN))
        await settled(pilot)
        assert button(screen).disabled
        assert engine.calls("kill") == []


@pytest.mark.long
async def test_a_refusal_of_the_engine_is_told_and_the_screen_can_be_used_again(
    app: BenchtuiApp, engine: ScriptedEngine
):
    engine.answers["kill"] = BenchtuiError("read-only: kill is refused")
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen)
        await pilot.press("enter")
        await settled(pilot)
        last = app.told.events.entries[-1]
        assert "nothing was ended: read-only" in last.text
        assert last.severity == "error"
        assert screen.query_one(Input).display


@pytest.mark.long
async def test_the_kill_works_while_the_count_has_not_come(app: BenchtuiApp, engine: ScriptedEngine):
    del engine.answers["survey"]
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert "counting" in said(screen, "kill-what")
        await type_token(pilot, screen)
        await pilot.press("enter")
        await settled(pilot)
        assert engine.calls("kill") == [(RUN,)]


async def test_the_count_shows_each_region_as_it_answers(app: BenchtuiApp, engine: ScriptedEngine):
    del engine.answers["survey"]
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        engine.tell(surveyed(RUN, usd_per_hour=None, pending=14))
        await settled(pilot)
        what = said(screen, "kill-what")
        assert "so far 4 instances" in what
        assert "3 of 17 regions answered" in what
        assert "Stops" not in what


async def test_a_survey_that_failed_leaves_it_unknown(app: BenchtuiApp, engine: ScriptedEngine):
    engine.answers["survey"] = BenchtuiError("no credentials [/x]")
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        assert "UNKNOWN: no credentials [/x]" in said(screen, "kill-what")


@pytest.mark.long
async def test_the_proof_goes_on_region_by_region(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(pilot)
        await type_token(pilot, screen)
        await pilot.press("enter")
        await settled(pilot)
        assert "handed to the engine" in said(screen, "kill-proven")
        assert not screen.query_one(Input).display
        engine.tell(GOING)
        await settled(pilot)
        proven = said(screen, "kill-proven")
        assert "under way, 12 s" in proven
        assert "asked 3 → shutting-down 3 → gone 2  sweep 1 ✓  sweep 2 …" in proven
        assert "us-east-1  asked 1 → shutting-down 0 → gone 0  alive 1  ? UNKNOWN, not proven" in proven
        engine.tell(PROVEN)
        await settled(pilot)
        assert "PROVEN: every instance is gone" in said(screen, "kill-proven")


@pytest.mark.long
async def test_opened_again_it_shows_the_kill_under_way_whatever_it_was_opened_for(
    app: BenchtuiApp, engine: ScriptedEngine
):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(GOING)
        await settled(pilot)
        screen = await opened(pilot, KillScope.of_jobs(fleet.RUN, ["c7g.large-1"]))
        assert screen.scope == RUN
        assert "under way" in said(screen, "kill-proven")
        assert not button(screen).display


async def test_an_unproven_kill_does_not_stand_in_the_way_of_another_runs(
    app: BenchtuiApp, engine: ScriptedEngine
):
    other = KillScope.of_jobs("20261120-091500-aaaa", ["c7i.large-3"])
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(UNPROVEN)
        screen = await opened(pilot, other)
        assert screen.scope == other
        await pilot.press("r")
        await settled(pilot)
        assert screen.scope == KillScope.of_run("20261120-091500-aaaa"), "the run it was opened for"


@pytest.mark.long
@pytest.mark.parametrize("scope", [ALL, KillScope.of_jobs(fleet.RUN, ["c7g.large-1"])], ids=lambda s: s.kind)
async def test_a_kill_that_ended_without_proof_is_named_and_does_not_take_the_place_of_another_scope(
    app: BenchtuiApp, engine: ScriptedEngine, scope: KillScope
):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(UNPROVEN)
        await settled(pilot)
        screen = await opened(pilot, scope)
        assert screen.scope == scope
        named = said(screen, "kill-others")
        assert named == f"! another kill is NOT proven: benchtui kill {fleet.RUN}"


@pytest.mark.long
async def test_a_narrower_kill_under_way_is_named_and_the_wider_one_can_be_asked(
    app: BenchtuiApp, engine: ScriptedEngine
):
    narrow = progress(scope=KillScope.of_jobs(fleet.RUN, ["c7g.large-1"]))
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(narrow)
        await settled(pilot)
        screen = await opened(pilot)
        assert screen.scope == RUN
        assert button(screen).display
        assert "another kill is under way" in said(screen, "kill-others")


@pytest.mark.long
async def test_the_keys_go_back_to_the_run_it_was_opened_for(app: BenchtuiApp, engine: ScriptedEngine):
    other = "20261120-091500-aaaa"
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("space")  # marks a job of the run that is followed
        screen = await opened(pilot, KillScope.of_run(other))
        for key, scope in (("a", ALL), ("s", ALL), ("r", KillScope.of_run(other))):
            await pilot.press(key)
            await settled(pilot)
            assert screen.scope == scope


async def test_while_a_kill_goes_on_the_scope_stays(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(GOING)
        screen = await opened(pilot)
        await pilot.press("a")
        assert screen.scope == RUN


@pytest.mark.long
async def test_what_was_not_proven_stays_red_and_can_be_asked_again(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(UNPROVEN)
        await settled(pilot)
        screen = await opened(pilot)
        assert "NOT PROVEN: instances may still be running" in said(screen, "kill-proven")
        await type_token(pilot, screen)
        await pilot.press("enter")
        await settled(pilot)
        assert engine.calls("kill") == [(RUN,)]
        assert "handed to the engine" in said(screen, "kill-proven")
        engine.tell(dataclasses.replace(GOING, started_at=fleet.after(59)))
        await settled(pilot)
        assert "under way, 1 s" in said(screen, "kill-proven")


@pytest.mark.long
async def test_at_the_end_of_a_kill_everything_is_counted_anew(app: BenchtuiApp, engine: ScriptedEngine):
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        engine.tell(GOING)
        await opened(pilot)
        before = len(engine.calls("survey"))
        engine.tell(PROVEN)
        await settled(pilot)
        assert len(engine.calls("survey")) == before + 1


def test_many_regions_that_do_not_answer_are_one_line_before_the_others():
    silent = [RegionSurvey(f"ap-south-{n}", error="AccessDenied") for n in range(5)]
    survey = surveyed(RUN, regions=(*surveyed(RUN).regions[1:], *silent))
    lines = survey_text(survey, Glyphs()).plain.splitlines()
    assert lines[1] == "? UNKNOWN in 5 regions, ap-south-0, ap-south-1, ap-south-2 and more: AccessDenied"
    assert sum("UNKNOWN" in line for line in lines) == 1


async def test_what_has_no_room_can_be_paged_to_while_the_field_keeps_the_keys(
    app: BenchtuiApp, engine: ScriptedEngine
):
    regions = tuple(RegionSurvey(f"eu-west-{n}", (fleet.instance("c7g.large-1"),), 0) for n in range(17))
    engine.answers["survey"] = lambda scope: surveyed(scope, regions=regions)
    async with app.run_test(size=(60, 16)) as pilot:
        screen = await opened(pilot)
        screen.query_one(Input).focus()
        await pilot.press("pagedown")
        await pilot.pause()
        assert screen.query_one("#kill-survey").scroll_offset.y > 0
        assert screen.focused is screen.query_one(Input)


def styles_of(text: Text, word: str) -> set[str]:
    """Styles of the spans that begin with or hold ``word``."""
    return {str(span.style) for span in text.spans if word in text.plain[span.start : span.end]}


@pytest.mark.parametrize("done", [False, True])
def test_unknown_is_red_during_the_kill_and_after_it(done: bool):
    text = proof_text(dataclasses.replace(GOING, done=done), Glyphs(), fleet.after(60))
    assert styles_of(text, "UNKNOWN") == {"bold red"}


def test_the_region_that_is_not_known_stands_first():
    lines = proof_text(GOING, Glyphs(), fleet.after(60)).plain.splitlines()
    assert lines[1].startswith("us-east-1")


def test_regions_without_an_instance_are_summed_up():
    many = [proof(f"r-{n}", 0, sweeps=2 if n < 5 else 1) for n in range(16)]
    assert "16 regions without any: 5 swept twice" in proof_text(progress(*many), Glyphs(), fleet.T0).plain


def test_a_kill_whose_regions_are_not_known_says_so():
    text = proof_text(progress(regions_error="DescribeRegions denied", done=True), Glyphs(), fleet.T0)
    assert "UNKNOWN: DescribeRegions denied" in text.plain
    assert "NOT PROVEN" in text.plain


@pytest.mark.parametrize("hostile", TEXTS)
def test_hostile_text_is_only_text(hostile: str):
    glyphs = Glyphs()
    view = dataclasses.replace(fleet.instance("c7g.large-1"), instance_type=hostile, region=hostile)
    survey = surveyed(
        RUN, regions=(RegionSurvey(hostile, (view,)), RegionSurvey("b", error=hostile)), regions_error=hostile
    )
    kill = progress(proof(hostile, 1, error=hostile), regions_error=hostile, notes=(hostile,), done=True)
    kill = dataclasses.replace(kill, error=hostile)
    for text in (survey_text(survey, glyphs), proof_text(kill, glyphs, fleet.T0)):
        assert harmless(text.plain)
        assert len(text.plain) < 5_000


@pytest.mark.long
@pytest.mark.parametrize("hostile", TEXTS)
async def test_hostile_text_does_not_end_the_screen(app: BenchtuiApp, engine: ScriptedEngine, hostile: str):
    engine.answers["survey"] = lambda scope: surveyed(
        scope, regions=(RegionSurvey(hostile, error=hostile),), regions_error=hostile
    )
    async with app.run_test(size=(60, 16)) as pilot:
        await opened(pilot)
        engine.tell(progress(proof(hostile, 1, error=hostile), notes=(hostile,), done=True))
        await settled(pilot)
        assert isinstance(app.screen, KillScreen)


def test_without_unicode_it_is_all_ascii():
    glyphs = Glyphs(ascii=True)
    plain = survey_text(surveyed(RUN), glyphs).plain + proof_text(GOING, glyphs, fleet.T0).plain
    assert plain.isascii()


async def confirming(pilot: Pilot) -> None:
    screen = await opened(pilot)
    await type_token(pilot, screen, TOKEN[:2])


async def going(pilot: Pilot) -> None:
    await settled(pilot)
    pilot.app.engine.tell(GOING)
    await opened(pilot)


async def not_proven(pilot: Pilot) -> None:
    await settled(pilot)
    pilot.app.engine.tell(UNPROVEN)
    await opened(pilot)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("before", [confirming, going, not_proven])
def test_picture(snap_compare: Any, app: BenchtuiApp, size: tuple[int, int], before: Any):
    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.long
def test_picture_in_ascii(snap_compare: Any, make: Any):
    assert snap_compare(make(look=Look(ascii=True)), terminal_size=(80, 24), run_before=not_proven)
