"""A report as plain text: aligned columns, lines of at most 100 characters where nothing in it is longer."""

from __future__ import annotations

import textwrap

from rich.cells import cell_len

from benchtui.core.text import clean_line
from benchtui.report.blocks import (
    SIGNS,
    Block,
    Bullets,
    Cards,
    Datum,
    Facts,
    Figure,
    Folded,
    Paragraph,
    Report,
    Section,
    Table,
)
from benchtui.report.charts import TO_ASCII, render_terminal

WIDTH = 80
GAP = 2
CHART_LINES = 18
LONG = 2_000
LONGEST_CELL = 60
_MORE_ASCII = str.maketrans({"▲": "+", "▼": "-", "◆": "*", "○": "o", "≥": ">=", "█": "#", "▒": "="})


def render_text(report: Report, *, ascii: bool = False) -> str:
    """The report.

    Args:
        report: what it says.
        ascii: no character beyond ASCII but those of names.
    """
    title = clean_line(report.title)
    parts = [f"{title}\n{'=' * cell_len(title)}\n{_wrapped(report.subtitle)}\n"]
    parts += [_section(section, ascii) for section in report.sections]
    text = "\n".join([*parts, clean_line(report.made)]) + "\n"
    return text.translate(TO_ASCII).translate(_MORE_ASCII) if ascii else text


def _section(section: Section, ascii: bool) -> str:
    heading = clean_line(section.heading)
    body = "\n".join(text for block in section.blocks if (text := _block(block, ascii)))
    return f"{heading}\n{'-' * cell_len(heading)}\n{body}"


def _block(block: Block, ascii: bool) -> str:
    match block:
        case Paragraph():
            return _wrapped(block.text) + "\n"
        case Bullets():
            return "\n".join(_wrapped(item, "- ", "  ") for item in block.items) + "\n"
        case Facts():
            return "\n".join(_wrapped(f"{name}: {text}", "", "  ") for name, text in block.pairs) + "\n"
        case Cards():
            return _cards(block)
        case Figure():
            chart = render_terminal(block.chart, WIDTH, CHART_LINES, ascii=ascii, color=False)
            drawn = "\n".join(line.plain.rstrip() for line in chart)
            return f"{drawn}\n\n{_table(block.table)}{_wrapped(block.origin)}\n"
        case Table():
            return _table(block)
        case Folded():
            return _wrapped(f"({block.summary}: in the HTML report, and in `benchtui export`.)") + "\n"


def _cards(block: Cards) -> str:
    said = []
    for card in block.cards:
        said.append(_wrapped(f"{card.heading}: {card.detail}"))
        for line in card.lines:
            sign = SIGNS.get(line.tone, " ")
            said.append(_wrapped(f"{sign} {line.subject}  {line.value}  {line.words}", "  ", "      "))
        if card.foot:
            said.append(_wrapped(card.foot, "  ", "  "))
        said.append("")
    return "\n".join(said)


def _table(table: Table) -> str:
    cells = [[_cell(datum) for datum in row] for row in table.rows]
    heads = [clean_line(heading.text, LONGEST_CELL) for heading in table.headings]
    widths = [max(cell_len(row[at]) for row in [heads, *cells]) for at in range(len(heads))]
    lines = [_wrapped(table.caption)]
    if sum(widths) + GAP * (len(widths) - 1) > WIDTH:
        return "\n".join([*lines, *(_as_list(table, row) for row in table.rows)]) + "\n\n"
    for row in [heads, *cells]:
        padded = [
            " " * (wide - cell_len(text)) + text if heading.numeric else text + " " * (wide - cell_len(text))
            for text, wide, heading in zip(row, widths, table.headings, strict=True)
        ]
        lines.append((" " * GAP).join(padded).rstrip())
    return "\n".join(lines) + "\n\n"


def _as_list(table: Table, row: tuple[Datum, ...]) -> str:
    """A row of a table that is too wide: a line for each column."""
    name, *others = row
    said = [_wrapped(name.text, "  ", "    ")]
    for heading, datum in zip(table.headings[1:], others, strict=True):
        said.append(_wrapped(f"{heading.text}: {_cell(datum, LONG)}", "    ", "      "))
    return "\n".join(said)


def _cell(datum: Datum, most: int = LONGEST_CELL) -> str:
    text = clean_line(datum.text, most)
    sign = SIGNS.get(datum.tone) if datum.signed else None
    return f"{sign} {text}" if sign else text


def _wrapped(text: str, first: str = "", others: str = "") -> str:
    return textwrap.fill(
        clean_line(text, LONG),
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
