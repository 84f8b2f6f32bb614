"""Text in SVG: escaped, harmless, and about as wide as a browser will draw it."""

from __future__ import annotations

import html
import unicodedata

from benchtui.core.text import clean_line

#: Most characters of a label; what is cut off stands in the table beside the chart.
LONGEST = 120
#: Width of a character of a common sans-serif face, in parts of its size. Rather too wide than too narrow.
_NARROW, _MIDDLE, _WIDE = 0.32, 0.58, 0.9
_FULL = 1.05  # East Asian wide
_THIN = frozenset("iljtfrI.,:;|!'`()[]{} ")
_BROAD = frozenset("mwMW@%—…")


def safe(text: str, limit: int = 400) -> str:
    """Text from outside as content of HTML or SVG or an attribute: one printable line, none of it markup."""
    # Most texts are plain, and a page has tens of thousands.
    plain = len(text) <= limit and text.isascii() and text.isprintable()
    return html.escape(text if plain else clean_line(text, limit), quote=True)


def width(text: str, size: float) -> float:
    """Pixels that a text of ``size`` pixels takes, estimated."""
    return sum(_width(character) for character in text) * size


def _width(character: str) -> float:
    if character in _THIN:
        return _NARROW
    if character in _BROAD:
        return _WIDE
    if unicodedata.combining(character):
        return 0.0
    return _FULL if unicodedata.east_asian_width(character) in "WF" else _MIDDLE


def fitted(text: str, room: float, size: float) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis. Not escaped yet."""
    text = clean_line(text, LONGEST)
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def element(name: str, content: str = "", **attributes: object) -> str:
    """An element; ``class_`` is class, other underscores are hyphens, numbers are rounded to a tenth.

    Args:
        name: of the element.
        content: markup, already escaped.
        attributes: None is left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{content}</{name}>" if content else f"<{name}{given}/>"


def label(x: float, y: float, text: str, class_: str = "", anchor: str | None = None) -> str:
    """A line of text at its base line. The text is escaped here."""
    return element("text", safe(text), x=x, y=y, class_=class_ or None, text_anchor=anchor)


def _attribute(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".rstrip("0").rstrip(".")
    return html.escape(str(value), quote=True)
