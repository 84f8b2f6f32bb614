"""What stands around a table of jobs: how many of how many, by what filter and order, in what states."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rich.text import Text

from benchtui.core.filter import Filter
from benchtui.core.keys import JobState
from benchtui.engine.job_fields import Order
from benchtui.engine.snapshot import Snapshot
from benchtui.tui.glyphs import BAD, WARN, Glyphs, state_look
from benchtui.tui.job_cells import passed
from benchtui.tui.safe_text import safe_text
from benchtui.tui.view import View

_IN_TURN = (
    JobState.RUNNING,
    JobState.COLLECTED,
    JobState.PREPARING,
    JobState.BOOTED,
    JobState.LAUNCHED,
    JobState.LOST,
    JobState.NEVER_STARTED,
    JobState.EMERGENCY_STOP,
    JobState.TIMED_OUT,
    JobState.FAILED,
    JobState.KILLED,
    JobState.DECLINED,
    JobState.COMPLETED,
    JobState.PLANNED,
)


def titled(
    shown: int,
    total: int,
    wanted: Filter,
    order: Order,
    glyphs: Glyphs,
    *,
    marked: int,
    paused: bool,
    stale_since: datetime | None,
    now: datetime,
    wide: bool,
) -> Text:
    """``Jobs 6/12   filter: arch=arm64   sort: state ▲``; shorter below 120 columns."""
    title = Text()
    title.append(f"Jobs {shown}/{total}", style="bold")
    gap = "   " if wide else "  "
    if wanted:
        title.append(f"{gap}{'filter: ' if wide else '/'}")
        title.append_text(safe_text(wanted.text, 60 if wide else 24))
    sign = glyphs.falling if order.reverse else glyphs.rising
    title.append(f"{gap}sort{':' if wide else ''} {order.name} {sign}")
    if marked:
        title.append(f"{gap}{marked} marked")
    if paused:
        title.append(gap)
        title.append(" PAUSED ", style="reverse")
    if stale_since is not None:
        title.append(gap)
        title.append(f"as of {passed(stale_since, now)} ago", style=WARN)
    return title


_SHORT = {
    JobState.RUNNING: "run",
    JobState.COLLECTED: "run",
    JobState.PREPARING: "prep",
    JobState.BOOTED: "boot",
    JobState.LAUNCHED: "boot",
    JobState.NEVER_STARTED: "never",
    JobState.EMERGENCY_STOP: "stop",
    JobState.TIMED_OUT: "late",
    JobState.FAILED: "fail",
    JobState.KILLED: "kill",
    JobState.DECLINED: "decl",
    JobState.PLANNED: "plan",
}


def counted(snapshot: Snapshot, cells: int, glyphs: Glyphs) -> Text:
    """``2 running · 1 booting · 12 jobs``, with shorter words where there is no room."""
    line = _counted(snapshot, glyphs, {})
    return line if line.cell_len <= cells else _counted(snapshot, glyphs, _SHORT)


def _counted(snapshot: Snapshot, glyphs: Glyphs, short: Mapping[JobState, str]) -> Text:
    """Jobs by the word of their state; states of the same word are counted together."""
    counts: dict[str, int] = {}
    styles: dict[str, str] = {}
    jobs = snapshot.counts
    for state in _IN_TURN:
        if state in jobs:
            look = state_look(state)
            word = short.get(state, look.word)
            counts[word] = counts.get(word, 0) + jobs[state]
            styles.setdefault(word, look.style)
    line = Text()
    for word, count in counts.items():
        line.append(f"{count} {word}", style=styles[word])
        line.append(f" {glyphs.separator} ")
    line.append(f"{len(snapshot.rows)} jobs")
    return line


def empty_words(view: View) -> Text:
    """What would fill an empty pane, and the key to do it."""
    if view.problem is not None:
        text = safe_text(view.problem.what, 500, BAD)
        if view.problem.fix:
            text.append("\nfix: ")
            text.append_text(safe_text(view.problem.fix, 500))
        text.append("\n\nIt is asked again by itself; f5 asks now.")
    elif view.run is not None:
        text = Text("Asking the bucket for the run ")
        text.append_text(safe_text(view.run, 60))
    elif view.listings is None:
        text = Text("Asking the bucket for its runs")
    elif view.listings:
        text = Text("No run is followed. Choose one with r, or launch one with 2.")
    else:
        text = Text("The bucket holds no run yet. Launch one with 2.")
    text.no_wrap = False
    return text
