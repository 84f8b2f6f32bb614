"""A driver that can let nothing but ASCII out, whatever a widget draws: frames, bars, names from outside."""

from __future__ import annotations

import re

from rich.cells import cell_len
from textual.drivers.linux_driver import LinuxDriver

_BEYOND = re.compile(r"[^\x00-\x7f]")
_LINES = dict.fromkeys("─━═╌┄┈╴╶╸╺▔▁▂─", "-") | dict.fromkeys("│┃║╎┆┊▏▎▍▕▐▌", "|")
_CORNERS = dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝┏┓┗┛", "+")
_BLOCKS = dict.fromkeys("█▉▊▋▓▒▄▅▆▇▀■▪▙▟▛▜", "#") | dict.fromkeys("░▖▗▘▝", ".")
_SIGNS = {
    "–": "-", "—": "-", "…": ".", "·": "-", "•": "*", "●": "*", "○": "o", "◐": "o", "◌": "?", "✓": "+",
    "✗": "x", "×": "x", "›": ">", "‹": "<", "▸": ">", "▶": ">", "▲": "^", "▼": "v", "→": ">", "←": "<",
    "↑": "^", "↓": "v", "≤": "<", "≥": ">", "±": "~", "⏎": "<", "\N{REPLACEMENT CHARACTER}": "?",
    "µ": "u", "²": "2", "³": "3", "⁹": "9", "°": "o", "“": '"', "”": '"', "„": '"', "’": "'",
}  # fmt: skip
_ASCII = _LINES | _CORNERS | _BLOCKS | _SIGNS


def to_ascii(text: str) -> str:
    """``text`` in ASCII, as wide as it was: what has no likeness becomes ``?``, twice for a wide one."""
    if text.isascii():
        return text
    return _BEYOND.sub(lambda found: _ASCII.get(found[0], "?" * cell_len(found[0])), text)


class TerminalDriver(LinuxDriver):
    """Textual's own driver; in ASCII from the moment the application wants it."""

    def write(self, data: str) -> None:
        """Write ``data``; the sequences that steer a terminal are ASCII already."""
        look = getattr(self._app, "look", None)
        super().write(to_ascii(data) if look is not None and look.ascii else data)
