"""A log as it comes in: followed, or read at leisure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from benchtui.engine.job_log import MAX_LINES, LogLine
from benchtui.tui.widgets.log_view import LogView
from tests.tui.hostile_text import HOSTILE, harmless


class Logged(App[None]):
    """A log alone."""

    CSS = "LogView { border: round white; }"

    def compose(self) -> ComposeResult:
        yield LogView()

    @property
    def log_view(self) -> LogView:
        return self.query_one(LogView)

    def shown(self) -> list[str]:
        view = self.log_view
        return [view.render_line(y).text.rstrip() for y in range(view.size.height)]


def lines(first: int, last: int) -> list[LogLine]:
    return [LogLine(f"14:00:{number % 60:02d}Z", f"line {number}") for number in range(first, last)]


@asynccontextmanager
async def logged(
    content: list[LogLine], size: tuple[int, int] = (40, 8)
) -> AsyncIterator[tuple[Logged, Pilot[None]]]:
    app = Logged()
    async with app.run_test(size=size) as pilot:
        app.log_view.focus()
        app.log_view.append(content)
        await pilot.pause()
        yield app, pilot


async def test_the_end_is_shown_and_followed():
    async with logged(lines(0, 100)) as (app, pilot):
        assert app.shown()[-1] == "14:00:39Z line 99"
        app.log_view.append(lines(100, 103))
        await pilot.pause()
        assert app.shown()[-1].endswith("line 102")


@pytest.mark.long
@pytest.mark.parametrize("key", ["k", "up", "pageup", "g", "a"])
async def test_who_reads_above_is_not_carried_away(key: str):
    async with logged(lines(0, 100)) as (app, pilot):
        await pilot.press(key)
        await pilot.pause()
        before = app.shown()
        app.log_view.append(lines(100, 110))
        await pilot.pause()
        assert app.shown() == before
        assert "autoscroll off" in app.log_view.settings()
        await pilot.press("G")
        await pilot.pause()
        assert app.shown()[-1].endswith("line 109")
        assert "autoscroll on" in app.log_view.settings()


async def test_times_can_be_left_out():
    async with logged(lines(0, 3)) as (app, pilot):
        assert app.shown()[0] == "14:00:00Z line 0"
        await pilot.press("t")
        assert app.shown()[0] == "line 0"
        assert "times off" in str(app.log_view.border_subtitle)


async def test_a_long_line_is_cut_or_folded_and_nothing_of_it_is_lost():
    text = "0123456789" * 10
    async with logged([LogLine(None, text)]) as (app, pilot):
        assert app.shown()[0].strip() == text[:28]
        await pilot.press("w")
        await pilot.pause()
        assert "".join(line.strip() for line in app.shown()) == text
        await pilot.resize_terminal(70, 8)
        await pilot.pause()
        assert "".join(line.strip() for line in app.shown()) == text


@pytest.mark.long
async def test_a_long_line_can_be_read_sideways():
    async with logged([LogLine(None, "x" * 60 + "END")]) as (app, pilot):
        await pilot.press(*["right"] * 9)
        assert app.shown()[0].endswith("xEND")
        await pilot.press(*["left"] * 9)
        assert app.shown()[0].strip() == "x" * 28


async def test_what_is_held_is_bounded():
    async with logged(lines(0, 4_000)) as (app, pilot):
        app.log_view.append(lines(4_000, 8_000))
        await pilot.pause()
        assert len(app.log_view.lines) == MAX_LINES
        assert app.log_view.lines[0].text == f"line {8_000 - MAX_LINES}"
        assert app.shown()[-1].endswith("line 7999")


async def test_an_empty_log_says_why():
    async with logged([]) as (app, pilot):
        app.log_view.say_empty("no log yet")
        await pilot.pause()
        assert app.shown()[0] == "no log yet"


@pytest.mark.long
@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_lines_are_letters_only(name: str, wrap: bool):
    async with logged([LogLine(None, HOSTILE[name]), LogLine(None, "after")]) as (app, pilot):
        if wrap:
            await pilot.press("w")
        await pilot.pause()
        shown = app.shown()
        assert all(harmless(line) for line in shown)
        width = app.log_view.scrollable_content_region.width
        assert all(cell_len(line) <= width for line in shown)
        assert shown[-1].strip() == "after" or "after" in "".join(shown)
