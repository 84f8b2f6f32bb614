"""A run on its way: a table that redraws on a terminal, else one line every 30 s."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from benchtui.cli import diagnostics
from benchtui.cli.job_table import jobs_table
from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Glyphs, age, usd
from benchtui.engine.snapshot import Snapshot, Source, SourceState
from benchtui.engine.wave_watch import waves_now

HEARTBEAT_SECONDS = 30.0
#: Lines of the terminal that are not the table's.
_OTHER_LINES = 8
_SOURCE_STYLE = {
    SourceState.LIVE: GOOD,
    SourceState.CONNECTING: FAINT,
    SourceState.RETRYING: WARN,
    SourceState.STALE: WARN,
    SourceState.DOWN: BAD,
}


class Progress:
    """Shows the newest snapshot on stderr while it is entered.

    Args:
        now: the time.
        live: redraw a table; else say a line every ``every`` seconds.
        every: seconds between two lines.
    """

    def __init__(self, now: Callable[[], datetime], *, live: bool, every: float = HEARTBEAT_SECONDS) -> None:
        self._now, self._every = now, every
        self._snapshot: Snapshot | None = None
        self._beat: asyncio.Task[None] | None = None
        self._screen = diagnostics.console() if live else None
        self._live: Live | None = None

    async def __aenter__(self) -> Self:
        if self._screen is not None:
            self._live = Live(
                console=self._screen,
                get_renderable=self._render,
                refresh_per_second=1,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
            diagnostics.display(self._screen)
        else:
            self._beat = asyncio.create_task(self._say_every())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            diagnostics.display(None)
            self._live.stop()
        if self._beat is not None:
            self._beat.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._beat

    def update(self, snapshot: Snapshot) -> None:
        """The newest snapshot."""
        self._snapshot = snapshot
        if self._live is not None:
            self._live.refresh()

    async def _say_every(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            if self._snapshot is not None:
                diagnostics.say(one_line(self._snapshot, self._now()))

    def _render(self) -> RenderableType:
        snapshot, screen = self._snapshot, self._screen
        if snapshot is None or screen is None:
            return Text("launching …" if diagnostics.speaks_unicode() else "launching ...")
        glyphs = Glyphs(diagnostics.speaks_unicode())
        room = max(3, screen.height - _OTHER_LINES)
        return Group(
            Text(),
            _head(snapshot, self._now()),
            *(Text(str(each), style=FAINT) for each in waves_now(snapshot)),
            jobs_table(snapshot, self._now(), glyphs, at_most=room),
        )


def one_line(snapshot: Snapshot, now: datetime) -> str:
    """The heartbeat line."""
    counts = ", ".join(f"{count} {state}" for state, count in snapshot.counts.items())
    sources = ", ".join(f"{source.name} {_freshness(source, now)}" for source in snapshot.sources)
    waves = "".join(f"; {each}" for each in waves_now(snapshot))
    run = snapshot.run.run
    return f"{now:%H:%M:%SZ} {run}: {counts}{waves}; {_money(snapshot)}{_mark(snapshot)}; {sources}"


def _head(snapshot: Snapshot, now: datetime) -> Text:
    text = Text(f"{snapshot.run.run}  {_money(snapshot)}")
    text.append(_mark(snapshot), style=BAD if snapshot.percent_reached >= 100 else WARN)
    text.append("  ")
    for source in snapshot.sources:
        text.append(f" {source.name} {_freshness(source, now)}", style=_SOURCE_STYLE[source.state(now)])
    return text


def _freshness(source: Source, now: datetime) -> str:
    state = source.state(now)
    return state.value if source.answered_at is None else f"{age(source.answered_at, now)} {state.value}"


def _money(snapshot: Snapshot) -> str:
    return f"spent {usd(snapshot.spent_usd)} of at most {usd(snapshot.run.worst_case_usd)} USD (est.)"


def _mark(snapshot: Snapshot) -> str:
    """The highest of 50, 80 and 100 % of the budget that is spent; nothing below the first."""
    percent, budget = snapshot.percent_reached, f"its budget of {usd(snapshot.run.budget_usd)} USD"
    if not percent:
        return ""
    return f", ALL of {budget}" if percent >= 100 else f", over {percent} % of {budget}"
