"""Columns in the cells there are: which fit, how wide they are, and texts cut to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

GAP = 2  # cells between columns


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Args:
        key: by which its cells are found.
        title: of the header.
        width: cells it needs; it is dropped where these are not to be had.
        most: cells it takes where there is room.
        drop: columns with the highest number are dropped first; 0 never.
        right: numbers stand at the right.
    """

    key: str
    title: str
    width: int
    most: int = 0
    drop: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A column with the width it has got."""

    column: Column
    width: int


def arrange(columns: Sequence[Column], cells: int) -> tuple[Placed, ...]:
    """The columns that fit into ``cells``, from left to right, with their widths.

    What is left over goes to the columns that can use it, the most important first.
    """
    kept = list(columns)
    while _needed(kept) > cells:
        droppable = [column for column in kept if column.drop]
        if not droppable:
            break
        kept.remove(max(droppable, key=lambda column: column.drop))
    left = max(0, cells - _needed(kept))
    more: dict[str, int] = {}
    for column in sorted(kept, key=lambda column: column.drop):
        more[column.key] = min(left, max(0, column.most - column.width))
        left -= more[column.key]
    return tuple(Placed(column, column.width + more[column.key]) for column in kept)


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.width for column in columns) + GAP * max(0, len(columns) - 1)


def fitted(text: Text, width: int, *, right: bool = False, ellipsis: str = "…") -> Text:
    """``text`` in exactly ``width`` cells of the terminal, cut or filled up.

    Characters of two cells and of none count as what they take.
    """
    length = cell_len(text.plain)
    if length == width:
        return text
    if length < width:
        shown = text.copy()
        (shown.pad_left if right else shown.pad_right)(width - length)
        return shown
    if width <= len(ellipsis):
        return Text(ellipsis[:width], style=text.style)
    # set_cell_size puts a blank where a character of two cells would be cut in half.
    kept = set_cell_size(text.plain, width - len(ellipsis)) + ellipsis
    shown = Text(kept, style=text.style, end="")
    for span in text.spans:
        if span.start < len(kept):
            shown.stylize(span.style, span.start, min(span.end, len(kept)))
    return shown
