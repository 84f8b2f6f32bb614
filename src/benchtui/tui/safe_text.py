"""The only way for text from outside to reach the screen."""

from __future__ import annotations

from rich.text import Text

from benchtui.core.text import clean_line

LINE_LIMIT = 500


def safe_text(text: object, limit: int = LINE_LIMIT, style: str = "") -> Text:
    """``text`` as one printable line, never read as markup.

    A ``[/x]`` in a plain string would be taken for markup and end the application; an escape
    sequence would reach the terminal.
    """
    return Text(clean_line(str(text), limit), style=style, no_wrap=True, end="")
