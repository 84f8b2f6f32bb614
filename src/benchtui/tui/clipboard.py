"""What is copied, kept in a file as well: tmux and screen drop the terminal's own sequence."""

from __future__ import annotations

from pathlib import Path

from textual.notifications import SeverityLevel


def keep(text: str, what: str, folder: Path) -> tuple[str, SeverityLevel]:
    """Write ``text`` to copied.txt in ``folder``; returns what to say of it, and how loudly."""
    file = folder / "copied.txt"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        return f"copied {what}; {file} cannot be written: {error.strerror}", "warning"
    return f"copied {what}, also to {file}", "information"
