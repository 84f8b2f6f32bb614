"""Detail and log of the job that is looked at, asked of the engine when they are due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from textual.widget import Widget

from benchtui.core.errors import BenchtuiError, as_error
from benchtui.engine.job_log import LogLine
from benchtui.engine.snapshot import JobRow

if TYPE_CHECKING:
    from benchtui.engine.detail import JobDetail
    from benchtui.tui.link import EngineLink


class JobFeed:
    """Follows one job at a time for a widget; ends with it.

    Args:
        widget: whose worker asks.
        engine: is asked.
        heard: called after each answer, with the new lines of the log.
        detail: whether the detail is wanted.
        log: whether the log is wanted.
    """

    def __init__(
        self,
        widget: Widget,
        engine: EngineLink,
        heard: Callable[[tuple[LogLine, ...]], None],
        *,
        detail: bool = True,
        log: bool = True,
    ) -> None:
        self.widget, self.engine, self.heard = widget, engine, heard
        self.want_detail, self.want_log = detail, log
        self.job: tuple[str, str] | None = None  # run and job: every run names its jobs alike
        self.detail: JobDetail | None = None
        self.problem: BenchtuiError | None = None
        self.answered = False  # the log of this job was asked for and answered
        self._next = 0
        self._asked_at: datetime | None = None
        self._asking = False
        self._last = False  # it was asked after the job was over: nothing more will come

    def look(self, run: str, row: JobRow | None, now: datetime, period: timedelta) -> bool:
        """Ask for ``row`` of ``run`` if it is due; returns whether another job is looked at than before."""
        job = (run, row.planned.job) if row else None
        other = job != self.job
        if other:
            self.job, self.detail, self.problem, self._next = job, None, None, 0
            self.answered, self._asked_at, self._asking, self._last = False, None, False, False
        if row is None or self._asking or self._last:
            return other
        if self._asked_at is not None and now - self._asked_at < period:
            return other
        self._asked_at, self._asking = now, True
        self.widget.run_worker(
            self._ask((run, row.planned.job), over=row.status.over),
            group="feed",
            exclusive=True,
            exit_on_error=False,
        )
        return other

    async def _ask(self, job: tuple[str, str], *, over: bool) -> None:
        lines: tuple[LogLine, ...] = ()
        problem = None
        try:
            if self.want_detail:
                detail = await self.engine.detail(job[1])
                if job == self.job:
                    self.detail = detail
            if self.want_log:
                tail = await self.engine.log(job[1], self._next)
                if job == self.job:
                    lines, self._next, self.answered = tail.lines, max(self._next, tail.next), True
        except Exception as error:  # a defect is no reason to say nothing
            problem = as_error(error)
        if job != self.job:
            return
        self.problem, self._asking = problem, False
        self._last = over and problem is None
        self.heard(lines)
