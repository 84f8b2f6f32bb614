"""Which columns fit, and texts in exactly the cells they have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from benchtui.core.text import clean_line
from benchtui.tui.glyphs import Glyphs
from benchtui.tui.job_cells import columns
from benchtui.tui.table_layout import GAP, Column, arrange, fitted
from tests.tui.hostile_text import HOSTILE

COLUMNS = columns(11, "TRIAD GB/s", Glyphs())


def kept(cells: int) -> list[str]:
    return [placed.column.key for placed in arrange(COLUMNS, cells)]


def test_everything_has_room_on_a_wide_terminal():
    assert kept(115) == [column.key for column in COLUMNS]


def test_columns_drop_in_the_order_of_their_importance():
    gone = []
    for cells in range(115, 40, -1):
        gone += [column.key for column in COLUMNS if column.key not in kept(cells) and column.key not in gone]
    assert gone == ["zone", "arch", "price", "spread", "bar", "measure", "spent"]


@pytest.mark.parametrize(
    ("terminal", "expected"),
    [
        (80, ["job", "state", "steps", "measure", "spent", "ends"]),
        (60, ["job", "state", "steps", "spent", "ends"]),
    ],
)
def test_what_is_left_on_a_narrow_terminal(terminal: int, expected: list[str]):
    assert kept(terminal - 2 - 3) == expected


@given(
    st.lists(
        st.builds(
            Column,
            key=st.uuids().map(str),
            title=st.just("T"),
            width=st.integers(1, 30),
            most=st.integers(0, 40),
            drop=st.integers(0, 9),
        ),
        max_size=12,
    ),
    st.integers(0, 200),
)
def test_columns_never_take_more_than_there_is_unless_none_may_be_dropped(columns, cells):
    placed = arrange(columns, cells)
    taken = sum(each.width for each in placed) + GAP * max(0, len(placed) - 1)
    assert taken <= cells or all(each.column.drop == 0 for each in placed)
    assert [each.column for each in placed] == [c for c in columns if c in {p.column for p in placed}]
    assert all(each.width >= each.column.width for each in placed)


@given(st.text(max_size=60), st.integers(1, 40), st.booleans(), st.sampled_from(["…", "."]))
def test_a_cell_takes_exactly_its_width(text: str, width: int, right: bool, ellipsis: str):
    cell = Text(clean_line(text), style="red")
    assert cell_len(fitted(cell, width, right=right, ellipsis=ellipsis).plain) == width


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_cell_takes_exactly_its_width(name: str):
    cell = Text(clean_line(HOSTILE[name]))
    for width in range(1, 30):
        assert cell_len(fitted(cell, width).plain) == width


def test_a_wide_character_is_not_cut_in_half():
    assert fitted(Text("你好世界"), 6).plain == "你好 …"
    assert fitted(Text("你好世界"), 5).plain == "你好…"


def test_styles_of_what_is_left_stay():
    text = Text.assemble(("! lost", "red"), " silent")
    cut = fitted(text, 5)
    assert cut.plain == "! lo…"
    assert cut.spans[0].style == "red"
