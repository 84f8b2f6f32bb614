"""A report as one HTML file that needs nothing else: no network, no other file.

Everything that came from outside is escaped; style and script are named by their digests in a content
security policy that forbids everything else. So a text that slipped through could still not run or load.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from benchtui.report.blocks import (
    SIGNS,
    Block,
    Bullets,
    Card,
    Cards,
    Datum,
    Facts,
    Figure,
    Folded,
    Heading,
    Line,
    Paragraph,
    Report,
    Section,
    Table,
    Tone,
)
from benchtui.report.chart_specs import EmptyChart
from benchtui.report.svg import NARROW, WIDE, render_svg
from benchtui.report.svg_text import safe

LONG = 2_000
_ICON = (
    "data:image/svg+xml,"
    + "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    + ("%3Cpath fill='%230072b2' d='M1 2h14v3H1zM1 7h10v3H1zM1 12h6v3H1z'/%3E%3C/svg%3E")
)


def render_html(report: Report, data: Mapping[str, Any]) -> str:
    """The page.

    Args:
        report: what it says.
        data: the same as values, embedded as JSON for programs.
    """
    style, script = _part("page.css"), _part("page.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    links = "".join(f'<a href="#{section.name}">{safe(section.heading)}</a>' for section in report.sections)
    body = "".join(_section(section) for section in report.sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f'<link rel="icon" href="{_ICON}">\n'
        f"<title>{safe(report.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#answer">Skip to the answer</a>\n<div class="page">\n'
        f'<header class="top"><p class="mark">BENCHTUI REPORT</p><h1>{safe(report.title)}</h1>'
        f'<p class="sub">{safe(report.subtitle, LONG)}</p></header>\n'
        f'<nav aria-label="Sections">{links}</nav>\n'
        f"<main>\n{body}</main>\n"
        f"<footer><p>Written by {safe(report.made)}. One file, no network. The figures are embedded as JSON: "
        "element <code>benchtui-data</code>.</p></footer>\n"
        '<p id="said" class="said" aria-live="polite"></p>\n</div>\n'
        f'<script type="application/json" id="benchtui-data">{embedded(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def embedded(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _part(name: str) -> str:
    return (Path(__file__).with_name(name)).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _section(section: Section) -> str:
    body = "\n".join(_grouped(section.blocks))
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-head">'
        f'<h2 id="{section.name}-head">{safe(section.heading)}</h2>\n{body}\n</section>\n'
    )


def _grouped(blocks: Iterable[Block]) -> Iterator[str]:
    """The blocks, charts in a row side by side where there is room."""
    for charts, several in groupby(blocks, key=lambda block: isinstance(block, Figure)):
        inner = "\n".join(_block(block) for block in several)
        yield f'<div class="figures">{inner}</div>' if charts else inner


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            class_ = ' class="strong"' if block.strong else ""
            return f"<p{class_}>{safe(block.text, LONG)}</p>"
        case Bullets():
            return f"<ul>{''.join(f'<li>{safe(item, LONG)}</li>' for item in block.items)}</ul>"
        case Facts():
            pairs = "".join(f"<dt>{safe(name)}</dt><dd>{safe(text, LONG)}</dd>" for name, text in block.pairs)
            return f"<dl>{pairs}</dl>"
        case Cards():
            return f'<div class="cards">{"".join(_card(card) for card in block.cards)}</div>'
        case Figure():
            return _figure(block)
        case Table():
            return _table(block)
        case Folded():
            inner = "\n".join(_block(one) for one in block.blocks)
            return f"<details><summary>{safe(block.summary)}</summary>\n{inner}</details>"


def _card(card: Card) -> str:
    lines = "".join(_line(line) for line in card.lines)
    more = f'<p class="foot">and {card.more} more in the table below</p>' if card.more else ""
    foot = f'<p class="foot">{safe(card.foot, LONG)}</p>' if card.foot else ""
    return (
        f'<article class="card"><h3>{safe(card.heading)}</h3><p class="detail">{safe(card.detail)}</p>'
        f"<ol>{lines}</ol>{more}{foot}</article>"
    )


def _line(line: Line) -> str:
    return (
        f'<li><div class="head"><span>{safe(line.subject)}</span>'
        f'<span class="value">{safe(line.value)}</span></div>'
        f'<div class="words tone-{line.tone or "plain"}">{_sign(line.tone)}{safe(line.words)}</div></li>'
    )


def _sign(tone: Tone) -> str:
    sign = SIGNS.get(tone)
    return "" if sign is None else f'<span class="sign" aria-hidden="true">{sign}</span>'


def _figure(figure: Figure) -> str:
    title = figure.chart.title
    images = "".join(
        render_svg(figure.chart, f"{figure.name}-{size}", figure.alternative, size) for size in (WIDE, NARROW)
    )
    if isinstance(figure.chart, EmptyChart) or not images:
        images = f"<p>{safe(figure.alternative, LONG)}</p>"
    table = _table(figure.table)
    if figure.folded:
        table = f"<details><summary>The numbers of this chart</summary>\n{table}</details>"
    return (
        f'<figure id="{figure.name}"><figcaption>{safe(title)}</figcaption>'
        f'<div class="drawing">{images}</div><p class="reading">{safe(figure.reading, LONG)}</p>\n{table}'
        f'<p class="origin">{safe(figure.origin, LONG)}</p></figure>'
    )


def _table(table: Table) -> str:
    heads = "".join(_heading(heading) for heading in table.headings)
    rows = "".join(_row(row, table.headings) for row in table.rows)
    caption = safe(table.caption)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
        f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead>\n<tbody>{rows}</tbody></table></div>"
    )


def _heading(heading: Heading) -> str:
    class_ = ' class="num"' if heading.numeric else ""
    button = f'<button type="button">{safe(heading.text)}</button>'
    return f'<th scope="col" aria-sort="none"{class_}>{button}</th>'


def _row(row: tuple[Datum, ...], headings: tuple[Heading, ...]) -> str:
    cells = []
    for at, (datum, heading) in enumerate(zip(row, headings, strict=True)):
        name = "td" if at else "th"
        kinds = (("num", heading.numeric), ("code", heading.code), ("words", heading.words))
        classes = [kind for kind, given in kinds if given and at]
        class_ = f' class="{" ".join(classes)}"' if classes else ""
        scope = "" if at else ' scope="row"'
        cells.append(f"<{name}{scope}{class_}{_sorted_by(datum)}>{_datum(datum)}</{name}>")
    return f"<tr>{''.join(cells)}</tr>\n"


def _sorted_by(datum: Datum) -> str:
    if datum.sort is None:
        return ""
    if isinstance(datum.sort, str):
        return f' data-sort="{safe(datum.sort)}"'
    return f' data-sort="{float(datum.sort)!r}" data-kind="number"'


def _datum(datum: Datum) -> str:
    text = safe(datum.text, LONG)
    if datum.tone is Tone.PLAIN:
        return text
    return f'<span class="tone-{datum.tone}">{_sign(datum.tone) if datum.signed else ""}{text}</span>'
