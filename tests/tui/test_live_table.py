"""A table whose rows change while they are looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.text import Text
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from benchtui.tui.safe_text import safe_text
from benchtui.tui.table_layout import Column
from benchtui.tui.widgets.live_table import LiveTable
from tests.tui.hostile_text import HOSTILE, harmless

COLUMNS = (
    Column("name", "NAME", 8, most=20),
    Column("value", "VALUE", 8, right=True),
    Column("end", "END", 3),
)


class Tabled(App[None]):
    """A table alone, with values that a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, str] = {}
        self.made: list[str] = []  # keys whose cells were asked for
        self.moves: list[str | None] = []
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield LiveTable(self._cells)

    def on_mount(self) -> None:
        self.table.focus()

    @property
    def table(self) -> LiveTable:
        return self.query_one(LiveTable)

    def _cells(self, key: str) -> dict[str, Text]:
        self.made.append(key)
        return {"name": safe_text(key), "value": safe_text(self.values.get(key, "0")), "end": Text("E")}

    def on_live_table_moved(self, message: LiveTable.Moved) -> None:
        self.moves.append(message.key)

    def on_live_table_chosen(self, message: LiveTable.Chosen) -> None:
        self.chosen.append(message.key)

    def lines(self) -> list[str]:
        return [self.table.render_line(y).text for y in range(self.table.size.height)]


def keys(*numbers: int) -> list[str]:
    return [f"row-{number}" for number in numbers]


@asynccontextmanager
async def tabled(
    rows: list[str], size: tuple[int, int] = (40, 8)
) -> AsyncIterator[tuple[Tabled, Pilot[None]]]:
    app = Tabled()
    async with app.run_test(size=size) as pilot:
        app.table.show(rows, COLUMNS)
        await pilot.pause()
        yield app, pilot


async def test_keys_move_the_cursor_and_it_stops_at_the_ends():
    async with tabled(keys(*range(20))) as (app, pilot):
        assert app.table.cursor == "row-0"
        await pilot.press("j", "j", "down", "k")
        assert app.table.cursor == "row-2"
        await pilot.press("G")
        assert app.table.cursor == "row-19"
        await pilot.press("j")
        assert app.table.cursor == "row-19"
        await pilot.press("g", "up")
        assert app.table.cursor == "row-0"
        await pilot.press("pagedown")
        assert app.table.cursor == "row-6"


async def test_the_row_the_cursor_is_on_is_always_in_sight():
    async with tabled(keys(*range(50))) as (app, pilot):
        for key in ("G", "pageup", "g", "pagedown", "pagedown", "k"):
            await pilot.press(key)
            await pilot.pause()
            assert any(line.startswith("▸") for line in app.lines()), key


async def test_the_cursor_stays_on_its_key_when_rows_change_places():
    async with tabled(keys(*range(20))) as (app, pilot):
        await pilot.press(*"jjj")
        app.table.show(reversed(keys(*range(20))), COLUMNS)
        assert app.table.cursor == "row-3"
        await pilot.pause()
        assert sum(line.startswith("▸") for line in app.lines()) == 1


async def test_the_cursor_stays_where_it_is_on_the_screen_when_rows_come_above():
    async with tabled(keys(*range(20))) as (app, pilot):
        await pilot.press(*"jjj")
        await pilot.pause()
        before = [line.startswith("▸") for line in app.lines()].index(True)
        app.table.show(keys(*range(100, 130), *range(20)), COLUMNS)
        await pilot.pause()
        assert [line.startswith("▸") for line in app.lines()].index(True) == before


async def test_a_cursor_whose_row_is_gone_takes_the_one_in_its_place():
    async with tabled(keys(*range(6))) as (app, pilot):
        await pilot.press(*"jj")
        app.table.show(keys(0, 1, 3, 4, 5), COLUMNS)
        assert app.table.cursor == "row-3"
        app.table.show(keys(0), COLUMNS)
        assert app.table.cursor == "row-0"
        app.table.show([], COLUMNS)
        assert app.table.cursor is None
        await pilot.press("j", "k", "G")
        app.table.show(keys(7), COLUMNS)
        assert app.table.cursor == "row-7"
        await pilot.pause()
        assert app.moves == ["row-0", "row-1", "row-2", "row-3", "row-0", None, "row-7"]


async def test_where_it_was_scrolled_to_stays_when_the_cursor_is_out_of_sight():
    async with tabled(keys(*range(100))) as (app, pilot):
        app.table.scroll_to(y=50, animate=False, immediate=True)
        app.table.show(keys(*range(100)), COLUMNS)
        await pilot.pause()
        assert app.table.scroll_offset.y == 50


async def test_marks_belong_to_keys():
    async with tabled(keys(*range(6))) as (app, pilot):
        app.table.mark("row-1")
        app.table.mark("row-2")
        app.table.mark("row-2")
        app.table.mark("row-4")
        app.table.show(keys(5, 4, 3, 2, 1, 0), COLUMNS)
        assert app.table.marks == {"row-1", "row-4"}
        await pilot.pause()
        assert [line.split()[1] for line in app.lines() if line[1] == "▪"] == ["row-4", "row-1"]
        app.table.show(keys(0, 1), COLUMNS)
        assert app.table.marks == {"row-1"}
        app.table.unmark_all()
        assert app.table.marks == set()


async def test_only_lines_that_differ_are_painted_again(monkeypatch: pytest.MonkeyPatch):
    async with tabled(keys(*range(20))) as (app, _):
        regions = []
        monkeypatch.setattr(app.table, "refresh", lambda *given, **_: regions.extend(given))
        app.table.show(keys(*range(20)), COLUMNS)
        assert regions == []
        app.values["row-3"] = "9"
        app.values["row-15"] = "9"  # out of sight
        app.table.show(keys(*range(20)), COLUMNS)
        assert [region.y for region in regions] == [4]


async def test_cells_are_made_for_what_is_in_sight_only():
    async with tabled(keys(*range(10_000))) as (app, pilot):
        app.made.clear()
        await pilot.press("G")
        await pilot.pause()
        app.table.show(keys(*range(10_000)), COLUMNS)
        assert len(set(app.made)) <= 2 * app.table.size.height
        assert len(app.made) < 100


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_texts_move_no_column(name: str):
    async with tabled([HOSTILE[name] or "nothing", "row-1"]) as (app, pilot):
        app.values = {"row-1": HOSTILE[name]}
        app.table.show(app.table.keys, COLUMNS)
        await pilot.pause()
        for y in range(3):
            strip = app.table.render_line(y)
            assert strip.cell_length == app.table.scrollable_content_region.width
            assert harmless(strip.text)
        assert app.table.render_line(0).crop(35, 38).text == "END"
        assert app.table.render_line(1).crop(35, 38).text == "E  "
        assert app.table.render_line(2).crop(35, 38).text == "E  "


async def test_a_click_moves_the_cursor_and_a_double_click_chooses():
    async with tabled(keys(*range(6))) as (app, pilot):
        await pilot.click(LiveTable, offset=(5, 3))
        assert app.table.cursor == "row-2"
        assert app.chosen == []
        await pilot.click(LiveTable, offset=(5, 3), times=2)
        assert app.chosen == ["row-2"]
        await pilot.click(LiveTable, offset=(5, 0))  # the header
        assert app.table.cursor == "row-2"


async def test_an_empty_table_says_what_it_lacks():
    async with tabled([]) as (app, pilot):
        app.table.empty = "nothing here"
        app.table.show([], COLUMNS)
        await pilot.pause()
        assert "nothing here" in app.lines()[1]


async def test_another_width_brings_other_columns():
    async with tabled(keys(0)) as (app, pilot):
        narrow = (Column("name", "NAME", 8), Column("value", "VALUE", 8, drop=1), Column("end", "END", 3))
        app.table.show(keys(0), narrow)
        assert [placed.column.key for placed in app.table.placed] == ["name", "value", "end"]
        await pilot.resize_terminal(20, 8)
        await pilot.pause()
        assert [placed.column.key for placed in app.table.placed] == ["name", "end"]
