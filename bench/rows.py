"""Rows of the one table that `make bench` prints at its end."""

from __future__ import annotations

HEAD = ("row", "work", "ours", "reference", "reference's", "ratio", "goal", "")
MARK = "| P"


def row(
    number: int, work: str, ours: str, reference: str, theirs: str, ratio: str, goal: str, held: bool
) -> str:
    """One line of the table, printed by the script that measured it.

    Args:
        number: of the row.
        work: what is done.
        ours, theirs: figures with their units, medians where there are several.
        reference: what ours stands beside.
        ratio: of ours to the reference's, with the least and the greatest; empty: the goal is not one.
        goal: what is asked.
        held: whether it is reached.
    """
    cells = (work, ours, reference, theirs, ratio, goal, "holds" if held else "**missed**")
    return f"{MARK}{number} | " + " | ".join(cells) + " |"


def table(lines: list[str]) -> str:
    """The table of all rows, by their numbers; equal ones in the order they came."""
    rows = sorted(lines, key=lambda line: int(line.removeprefix(MARK).partition(" ")[0]))
    head = "| " + " | ".join(HEAD) + " |"
    return "\n".join((head, "|" + "---|" * len(HEAD), *rows))
