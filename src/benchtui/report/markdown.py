"""A report as GitHub's Markdown: for pull requests and the summary of a workflow's step.

Text from outside is made inert: nothing of it formats, links, mentions anyone or ends a table's row.
"""

from __future__ import annotations

import re

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
    Tone,
)

#: GitHub refuses a step's summary above 1 MiB as a whole ("supports content up to a size of 1024k").
SUMMARY_BYTES = (1 << 20) - 4096
LONG = 2_000
#: Rows of a table in a comment that people read; the page has all.
MOST_ROWS = 60
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")
#: What begins a list or a heading at the begin of a line.
_BEGIN = re.compile(r"^(\d*)([-+=.)])(?=\s|$)")
_LINK = re.compile(r"(?i)(https?|ftp|mailto|www)([:.])")


def render_markdown(report: Report, most: int | None = None) -> str:
    """The report.

    Args:
        report: what it says.
        most: bytes; sections that do not fit are left out, and that is said.
    """
    head = f"## {inert(report.title)}\n\n{inert(report.subtitle)}\n\n"
    foot = f"\n<sub>{inert(report.made)}</sub>\n"
    parts = [_section(section) for section in report.sections]
    if most is None:
        return head + "".join(parts) + foot
    kept, left = [], most - len((head + foot).encode()) - 100 * len(parts)
    for section, part in zip(report.sections, parts, strict=True):
        fits = len(part.encode()) <= left
        kept.append(part if fits else f"{inert(section.heading)}: left out, a summary has at most 1 MiB.\n\n")
        left -= len(part.encode()) if fits else 0
    return head + "".join(kept) + foot


def inert(text: str, limit: int = LONG) -> str:
    """Text from outside that Markdown takes for letters only."""
    said = _SPECIAL.sub(r"\\\1", clean_line(text, limit))
    said = _BEGIN.sub(r"\1\\\2", said)
    said = _LINK.sub(lambda found: f"{found[1]}&#{ord(found[2])};", said)
    # A mention notifies people, a number after # links an issue.
    return said.replace("@", "&#64;").replace("\\#", "&#35;").replace("\\<", "&lt;").replace("\\>", "&gt;")


def _section(section: Section) -> str:
    body = "".join(_block(block) for block in section.blocks)
    if section.name in ("method", "provenance", "cost"):
        return f"<details><summary>{inert(section.heading)}</summary>\n\n{body}</details>\n\n"
    return f"### {inert(section.heading)}\n\n{body}"


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return f"{inert(block.text)}\n\n"
        case Bullets():
            return "".join(f"- {inert(item)}\n" for item in block.items) + "\n"
        case Facts():
            return "".join(f"- {inert(name)}: {inert(text)}\n" for name, text in block.pairs) + "\n"
        case Cards():
            return ""  # the matrix below says the same, and fits a comment
        case Figure():
            return f"{_table(block.table)}{inert(block.origin)}\n\n"
        case Table():
            return _table(block)
        case Folded():
            inner = "".join(_block(one) for one in block.blocks)
            return f"<details><summary>{inert(block.summary)}</summary>\n\n{inner}</details>\n\n"


def _table(table: Table) -> str:
    heads = " | ".join(inert(heading.text) for heading in table.headings)
    rule = " | ".join("---:" if heading.numeric else "---" for heading in table.headings)
    rows = "".join(f"| {' | '.join(_datum(one) for one in row)} |\n" for row in table.rows[:MOST_ROWS])
    more = len(table.rows) - MOST_ROWS
    rest = f"\nand {more} rows more\n" if more > 0 else ""
    return f"**{inert(table.caption)}**\n\n| {heads} |\n| {rule} |\n{rows}{rest}\n"


def _datum(datum: Datum) -> str:
    text = inert(datum.text)
    sign = SIGNS.get(datum.tone) if datum.signed else None
    text = f"{sign} {text}" if sign else text
    return f"**{text}**" if datum.tone is Tone.BETTER else text
