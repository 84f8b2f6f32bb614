"""What the proof prints: a row per cell, and what nothing inside a machine can end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.vm.cells import Ended
from tests.vm.cold import Cold

#: Nothing inside ends these; the schedules in the account do (layer 2).
OUTSIDE_ONLY = (
    "user data never ran: no metadata, no network at boot, another image than asked for",
    "kernel panic after root has set kernel.panic back to 0",
    "a disk that is still dead when the boot after a reset needs it",
    "a machine whose virtual CPU is not scheduled any more",
)
HEAD = ("broken", "ended by", "deadline", "at s", "ended s", "after s", "", "last word")


def rows(cells: Iterable[Ended]) -> list[tuple[str, ...]]:
    """One row each."""
    return [row(cell) for cell in cells]


def row(cell: Ended) -> tuple[str, ...]:
    """Seconds from arming; after: after the deadline."""
    ended, late = cell.seconds, cell.late_s
    return (
        cell.fault.name,
        cell.by or "–",
        cell.fault.by.value,
        f"{cell.deadline_s:.0f}",
        "–" if ended is None else f"{ended:.0f}",
        "–" if late is None else f"{round(late):+d}",
        "ok" if cell.ok else "MISSED",
        cell.words[-1] if cell.words else "–",
    )


def text(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table as Markdown, so that it can stand in docs/SAFETY.md as it is."""
    widths = [max(len(line[n]) for line in (head, *body)) for n in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join((line(head), line(["-" * width for width in widths]), *map(line, body)))


def cold_lines(colds: Iterable[Cold]) -> list[str]:
    """What only a cold boot shows."""
    return [
        f"{cold.ended.fault.name}: user data's script after {cold.boot_s:.0f} s; "
        f"{cold.refused} requests for metadata without a token were refused; "
        + "; ".join(f"{name} {state}" for name, state in cold.layers.items())
        for cold in colds
    ]


def never_armed(cells: Sequence[Ended]) -> list[str]:
    """Mechanisms that no cell had armed: the image or user data is broken, however the cells ended."""
    told = [set(cell.unarmed) for cell in cells if "BOOTED" in cell.words]
    return sorted(set.intersection(*told)) if told else []


def troubles(cells: Iterable[Ended]) -> list[str]:
    """Why cells could not be played or count as missed, beyond their row."""
    said = []
    for cell in cells:
        if cell.unarmed:
            said.append(f"{cell.fault.name}: {', '.join(cell.unarmed)}")
        if cell.error:
            said.append(f"{cell.fault.name}: {cell.error}")
    return said
