"""Rows and columns of the Compare pane's table."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from benchtui.core import quoting
from benchtui.core.compare import Comparison, TypeRow
from benchtui.tui.glyphs import BAD, FAINT, GOOD, WARN, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.table_layout import Column

#: Glyph, ASCII and colour of each verdict; the word stands beside them.
LOOKS: Mapping[str, tuple[str, str, str]] = {
    "better": ("▲", "+", GOOD),
    "worse": ("▼", "-", BAD),
    "equivalent": ("=", "=", ""),
    "inconclusive": ("?", "?", WARN),
    "baseline": ("◆", "*", "bold"),
    "not ranked": ("○", "o", FAINT),
    "no verdict": ("○", "o", FAINT),
}


def columns(comparison: Comparison) -> tuple[Column, ...]:
    """The chosen metric in full, the others as values; narrow terminals keep type, value and verdict."""
    longest = max((len(row.name) for row in comparison.rows), default=4)
    chosen = comparison.columns[0]
    reasons = any(quoting.why(row.cells[0]) for row in comparison.rows)
    others = tuple(
        Column(
            f"other{at}", safe_text(column.key.name, 14).plain.upper(), 9, most=14, drop=5 + at, right=True
        )
        for at, column in enumerate(comparison.columns[1:], 1)
    )
    shown = (
        Column("type", "TYPE", min(longest, 14), most=min(longest, 24)),
        Column("n", "N", 2, most=3, right=True),
        Column("price", "$/H", 6, drop=2, right=True),
        Column("value", safe_text(chosen.key.name, 12).plain.upper(), 9, most=12, right=True),
        Column("interval", f"{comparison.confidence * 100:g} % INTERVAL", 13, most=15, drop=1, right=True),
        Column("verdict", "VERDICT", 15, most=17),
        *others,
        Column("why", "WHY NOT", 12, most=40, drop=3) if reasons else None,
    )
    return tuple(column for column in shown if column is not None)


def cells(comparison: Comparison, row: TypeRow, glyphs: Glyphs) -> dict[str, Text]:
    """One type."""
    chosen = row.cells[0]
    shown = {
        "type": safe_text(row.name, 40),
        "n": Text(str(chosen.n)),
        "price": _known(quoting.usd_per_hour(row.usd_per_hour), glyphs),
        "value": _known(quoting.value_text(chosen), glyphs, "" if chosen.ranked else FAINT),
        "interval": _known(quoting.interval_text(chosen), glyphs, FAINT),
        "verdict": verdict(comparison, row, glyphs),
        "why": safe_text(quoting.why(chosen) or " ", 200, FAINT),
    }
    for at, cell in enumerate(row.cells[1:], 1):
        shown[f"other{at}"] = _known(quoting.value_text(cell), glyphs, "" if cell.ranked else FAINT)
    return shown


def verdict(comparison: Comparison, row: TypeRow, glyphs: Glyphs) -> Text:
    """Glyph, word and colour, with the ratio."""
    word = quoting.verdict_word(comparison, row, 0)
    text = quoting.verdict_text(comparison, row, 0)
    if word not in LOOKS:
        return safe_text(text.replace(quoting.UNKNOWN, glyphs.unknown), 200, FAINT)
    unicode, ascii, style = LOOKS[word]
    said = text.replace("×", "x") if glyphs.ascii else text
    return safe_text(f"{ascii if glyphs.ascii else unicode} {said}", 200, style)


def _known(text: str, glyphs: Glyphs, style: str = "") -> Text:
    if text == quoting.UNKNOWN:
        return Text(glyphs.unknown, style=FAINT)
    return Text(text.replace("…", "..") if glyphs.ascii else text, style=style)
