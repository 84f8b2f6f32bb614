"""``python -m benchtui.tui.key_table docs/KEYS.md``: write the table of keys between its two marks."""

from __future__ import annotations

import sys
from pathlib import Path

from benchtui.tui.actions import key_table

BEGIN = "<!-- keys: made by `make keys` -->\n"
END = "\n<!-- end of keys -->"


def main(file: Path) -> None:
    """Replace what stands between the marks.

    Raises:
        ValueError: a mark is missing.
    """
    text = file.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    file.write_text(text[:begin] + key_table() + text[end:], encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
