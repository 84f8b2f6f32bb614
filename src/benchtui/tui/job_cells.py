"""A job as cells of a table: state as glyph, word and colour; what is not known as a dash."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from rich.text import Text

from benchtui.core.documents import RunDocument
from benchtui.core.keys import JobState
from benchtui.engine.headline import Headline, Measured, digits
from benchtui.engine.job_fields import ends_by, heard_at
from benchtui.engine.snapshot import JobRow
from benchtui.tui.glyphs import BAD, FAINT, WARN, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.table_layout import Column

BAR_CELLS = 8
WIDEST_JOB = 26
_AT_WORK = (JobState.RUNNING, JobState.COLLECTED, JobState.PREPARING)
_WAITING = (JobState.LAUNCHED, JobState.BOOTED)


def columns(widest_job: int, measure: str | None, glyphs: Glyphs) -> tuple[Column, ...]:
    """The columns, with what is dropped first where there is no room.

    Args:
        widest_job: cells of the longest job id.
        measure: title of the column of results; None: there are none yet.
        glyphs: the signs.
    """
    job = max(6, min(widest_job, WIDEST_JOB))
    return (
        Column("job", "JOB", min(job, 14), most=job, right=False),
        Column("arch", "ARCH", 6, drop=7),
        Column("zone", "AZ", 10, most=15, drop=8),
        Column("state", "STATE", 20, most=28),
        Column("bar", "PROGRESS", BAR_CELLS, drop=4),
        Column("steps", "N/M", 3, most=4, right=True),
        Column("measure", measure or "RESULT", max(6, min(12, len(measure or ""))), drop=2, right=True),
        Column("spread", "+-" if glyphs.ascii else "±", 5, drop=5, right=True),
        Column("price", "$/H", 6, drop=6, right=True),
        Column("spent", "SPENT", 6, drop=1, right=True),
        Column("ends", "ENDS BY", 7, most=8, right=True),
    )


def cells(
    row: JobRow, run: RunDocument, now: datetime, results: Headline | None, glyphs: Glyphs, stale: bool
) -> dict[str, Text]:
    """The cells of a job, by column.

    Args:
        row: the job.
        run: its run.
        now: what times count to.
        results: the measure that is shown, None if there is none.
        glyphs: the signs.
        stale: the source does not answer: everything is as it was, and dim.
    """
    planned, status = row.planned, row.status
    view = status.instance
    measured = results.by_job.get(planned.job) if results else None
    done, of = len(status.collected), len(planned.suites)
    unknown = Text(glyphs.unknown, style=FAINT)
    found = {
        "job": safe_text(planned.job, 80, "bold"),
        "arch": safe_text(planned.arch, 20),
        "zone": safe_text(view.zone, 40) if view else unknown,
        "state": state(row, now, glyphs),
        "bar": Text(glyphs.bar(done / of, BAR_CELLS)),
        "steps": Text(f"{done}/{of}"),
        "measure": Text(digits(measured.value)) if measured else unknown,
        "spread": _spread(measured, unknown),
        "price": Text(_usd(planned.price.usd_per_hour)),
        "spent": unknown if row.spent_usd is None else Text(_usd(row.spent_usd)),
        "ends": _ends(row, run, now, unknown),
    }
    if measured is not None and measured.doubt is not None:
        found["measure"].append("?").stylize(BAD)  # the job's own screen says why
    elif measured is not None and measured.verified is not True:
        found["measure"].stylize(BAD if measured.verified is False else WARN)
    if stale:
        for cell in found.values():
            cell.stylize(FAINT)
    return found


def state(row: JobRow, now: datetime, glyphs: Glyphs) -> Text:
    """Glyph and word of the state, and the one thing that matters in it."""
    status = row.status
    shown = glyphs.state(status.state)
    shown.end = ""
    more = _more(row, now)
    if more:
        shown.append(f" {more}")
    return shown


def _more(row: JobRow, now: datetime) -> str:
    status = row.status
    if status.state in _AT_WORK:
        suite = safe_text(status.suite or "", 40).plain
        steps = f" {status.progress.done}/{status.progress.total}" if status.progress else ""
        return suite + steps
    if status.state in _WAITING and status.instance is not None:
        return passed(status.instance.launched_at, now)
    if status.state is JobState.LOST and status.instance is not None and not status.instance.ending:
        heard = heard_at(row)
        return f"silent {passed(heard, now)}" if heard else "silent"
    if status.state is JobState.DECLINED and status.reason:
        return safe_text(status.reason.partition(":")[0], 30).plain
    if status.state is JobState.COMPLETED and status.instance is not None and not status.instance.ending:
        return "alive"
    return ""


def _spread(measured: Measured | None, unknown: Text) -> Text:
    if measured is None or measured.spread is None:
        return unknown
    return Text(digits(measured.spread, measured.value))


def _ends(row: JobRow, run: RunDocument, now: datetime, unknown: Text) -> Text:
    end = ends_by(row, run)
    if end is None:
        return unknown
    return Text("overdue", style=BAD) if end <= now else Text(in_minutes((end - now).total_seconds()))


def _usd(amount: Decimal) -> str:
    step = Decimal("0.0001") if amount < 10 else Decimal("0.01")
    return str(amount.quantize(step, rounding=ROUND_HALF_UP))


def passed(since: datetime, now: datetime) -> str:
    """How long ago: seconds below two minutes, then minutes."""
    seconds = max(0, round((now - since).total_seconds()))
    return f"{seconds}s" if seconds < 120 else in_minutes(seconds)


def in_minutes(seconds: float) -> str:
    """``3h41m``, ``12m``, ``45s``."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    hours, minutes = divmod(whole // 60, 60)
    if hours >= 100:
        return f"{hours // 24}d{hours % 24}h"
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m"
