"""Labels in a grid of cells: printable, and as wide as they say."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from benchtui.core.text import clean_line

LONGEST = 400


def width_of(text: str) -> int:
    """Cells a label takes once it is made printable."""
    return cell_len(clean_line(text, LONGEST))


def fit(content: str | Text, width: int, style: str = "") -> Text:
    """One line of at most ``width`` cells; what is too long ends in an ellipsis."""
    text = content.copy() if isinstance(content, Text) else Text(clean_line(content, LONGEST), style)
    text.no_wrap, text.end = True, ""
    text.truncate(max(width, 0), overflow="ellipsis" if width > 1 else "crop")
    return text


def padded(content: str, width: int, style: str = "", *, right: bool = False) -> Text:
    """Exactly ``width`` cells, with a blank at the side of the next column."""
    if width <= 0:
        return Text(end="")
    text = fit(content, width - 1, style)
    blanks = " " * (width - text.cell_len)
    return Text.assemble(blanks, text, end="") if right else Text.assemble(text, blanks, end="")
