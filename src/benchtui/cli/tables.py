"""Tables for people. Every cell is a `Text`: nothing that came from outside is ever read as markup."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from benchtui.core.money import usd_text as usd

if TYPE_CHECKING:
    from rich.console import JustifyMethod

__all__ = [
    "BAD",
    "FAINT",
    "GOOD",
    "WARN",
    "Glyphs",
    "Text",
    "add",
    "age",
    "clock",
    "new_table",
    "seconds",
    "usd",
]

#: Colours by what they mean; names of the 16 colours every terminal has.
GOOD, BAD, WARN, FAINT = "green", "red", "yellow", "dim"


class Glyphs:
    """Signs for yes, no and unknown; a word stands beside or in place of each of them."""

    def __init__(self, unicode: bool) -> None:
        self.unknown = "–" if unicode else "-"
        self.times = "×" if unicode else "x"
        self._yes, self._no = ("✓ yes", "✗ no") if unicode else ("yes", "NO")

    def verified(self, verified: bool | None) -> Text:
        """True, False, or None: not checked."""
        if verified is None:
            return Text(f"{self.unknown} not checked", style=WARN)
        return Text(self._yes, style=GOOD) if verified else Text(self._no, style=BAD)

    def or_unknown(self, value: object) -> str:
        """The value, or the sign for one that is not known. Never 0."""
        return self.unknown if value is None else str(value)


def new_table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table with these headings; those in ``right`` hold numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    at_right = set(right)
    for number, column in enumerate(columns):
        justify: JustifyMethod = "right" if column in at_right else "left"
        # On a narrow terminal texts fold; what a row is about and its numbers stay in one piece.
        whole = number == 0 or column in at_right
        table.add_column(Text(column), justify=justify, overflow="fold", no_wrap=whole)
    return table


def add(table: Table, *cells: object) -> None:
    """One row; what is no Text yet becomes one."""
    table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in cells))


def seconds(count: float) -> str:
    """``90`` → ``1m30s``."""
    from benchtui.config.durations import format_duration

    return format_duration(round(count))


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in seconds below two minutes; ``never`` for what has not been."""
    if since is None:
        return "never"
    passed = max(0, round((now - since).total_seconds()))
    return f"{passed}s" if passed < 120 else seconds(passed - passed % 60)


def clock(at: datetime | None) -> str:
    """``2026-11-24 02:15:33Z``."""
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M:%SZ}"
