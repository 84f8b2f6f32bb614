"""Text from outside: an instance, a bucket, an API. Made harmless before anyone reads it."""

from __future__ import annotations

import unicodedata

#: Categories that steer a terminal or hide what a text says: controls, formats (bidirectional
#: overrides, zero-width characters), surrogates, private use, unassigned, line and paragraph separators.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def clean_line(text: str, limit: int = 200) -> str:
    """One printable line of at most ``limit`` characters.

    Tabs and line ends become blanks, every other character that could steer a terminal or hide
    becomes U+FFFD, and what is too long ends in an ellipsis.
    """
    if len(text) <= limit and text.isprintable():  # no character of `_UNSAFE` is, nor a tab or a line end
        return text
    cut = text[: limit + 1]
    clean = "".join(_clean(character) for character in cut)
    return clean if len(cut) <= limit else clean[: limit - 1] + "…"


def clean_lines(text: str, limit: int = 1_000_000, line_limit: int = 2_000) -> str:
    """Printable text of several lines, of at most ``limit`` characters in all."""
    lines = text[:limit].replace("\r\n", "\n").split("\n")
    return "\n".join(clean_line(line, line_limit) for line in lines)


def _clean(character: str) -> str:
    if character in "\t\n\r":
        return " "
    return REPLACEMENT if unicodedata.category(character) in _UNSAFE else character
