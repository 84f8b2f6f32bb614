"""Texts that someone may have put where a name or a reason is expected."""

import pytest

HOSTILE = {
    "closing markup": "[/x]",
    "opening markup": "[bold red on white]",
    "link": "[link=https://example.com]x[/link]",
    "escape": "\x1b[2J\x1b[31mred",
    "window title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "c1": "\x9b31m",
    "a megabyte": "x" * (1 << 20),
    "right to left": "\u202egnp.exe\u202c",
    "hebrew": "שלום עולם",
    "zero width": "a\u200bb\u200dc\ufeff",
    "combining": "e" + "\u0301" * 50,
    "wide": "你好世界" * 20,
    "emoji": "👩‍👩‍👧‍👦" * 8,
    "line ends": "one\r\ntwo\n\tthree\x0b\x0c",
    "surrogate": "\udc80\ud800",
    "nothing": "",
}

#: Tried in every pane by every run of the tests; the others by `make test-all`.
ESSENTIAL = {"closing markup", "escape", "right to left"}
NAMES = [pytest.param(name, id=name, marks=() if name in ESSENTIAL else pytest.mark.long) for name in HOSTILE]
TEXTS = [
    pytest.param(text, id=name, marks=() if name in ESSENTIAL else pytest.mark.long)
    for name, text in HOSTILE.items()
]


def harmless(text: str) -> bool:
    """Whether a terminal would take ``text`` for letters only."""
    return not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text.replace("\n", ""))
