"""Money on the screen: runs side by side, types, layers, and what else is alive. Unknown is a dash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from rich.text import Text

from benchtui.core.spending import PriceBasis, Spending
from benchtui.engine.accounts import Elsewhere, RunMoney, Total
from benchtui.engine.layers import Layer, LayerState
from benchtui.tui.glyphs import BAD, FAINT, GOOD, WARN, Glyphs
from benchtui.tui.safe_text import safe_text
from benchtui.tui.table_layout import GAP, Column, arrange, fitted

WHOLE_RUN = 20  # characters of a run's id
_RUNS = (
    Column("run", "RUN", 8, most=22),
    Column("live", "LIVE", 4, drop=3, right=True),
    Column("spent", "SPENT", 8, right=True),
    Column("held", "HELD", 7, right=True),
    Column("worst", "WORST", 7, drop=5, right=True),
    Column("cap", "CAP", 7, drop=1, right=True),
    Column("burn", "$/H", 7, drop=2, right=True),
    Column("ends", "ENDS", 6, drop=4, right=True),
)
_TYPES = (
    Column("type", "TYPE", 10, most=18),
    Column("jobs", "JOBS", 4, drop=3, right=True),
    Column("live", "LIVE", 4, drop=1, right=True),
    Column("rate", "$/H", 7, drop=2, right=True),
    Column("spent", "SPENT", 8, right=True),
    Column("share", "", 10, drop=4),
)
ELSEWHERE = (
    Column("age", "AGE", 7, right=True),
    Column("job", "JOB", 13, most=22),
    Column("region", "REGION", 10, most=14, drop=4),
    Column("instance", "INSTANCE", 19, drop=5),
    Column("run", "RUN", 6, most=WHOLE_RUN, drop=2),
    Column("spent", "SPENT", 8, drop=1, right=True),
    Column("why", "WHY", 28, most=44),
)
_LAYER_LOOK = {
    LayerState.ARMED: ("✓", "+", GOOD),
    LayerState.PARTLY: ("◐", "~", WARN),
    LayerState.UNPROVEN: ("?", "?", WARN),
    LayerState.NOT_ARMED: ("✗", "x", BAD),
    LayerState.IDLE: ("·", ".", FAINT),
}


def usd(amount: Decimal | None, glyphs: Glyphs) -> str:
    """Money to the hundredth of a cent below ten cents, to the dollar from a thousand; a dash for unknown."""
    if amount is None:
        return glyphs.unknown
    step = Decimal("0.0001") if 0 < abs(amount) < Decimal("0.1") else Decimal("0.01")
    if abs(amount) >= 1000:
        step = Decimal(1)
    return str(amount.quantize(step, rounding=ROUND_HALF_UP))


def rate(amount: Decimal | None, glyphs: Glyphs) -> str:
    """Money an hour, to the hundredth of a cent."""
    if amount is None:
        return glyphs.unknown
    return str(amount.quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP))


def runs_text(
    rows: Sequence[RunMoney], sum_: Total, followed: str | None, now: datetime, width: int, glyphs: Glyphs
) -> Text:
    """One line a run and a total."""
    least = ">" if glyphs.ascii else "≥"
    room = next(each.width for each in arrange(_RUNS, width) if each.column.key == "run")
    lines = []
    for row in rows:
        bold = "bold" if row.run is not None and row.run == followed else ""
        spent = usd(row.spent_usd, glyphs)
        lines.append(
            {
                "run": safe_text(short_run(row.run or "no run", room), 40, bold),
                "live": Text(str(row.live)),
                "spent": Text(f"{least}{spent}" if row.at_least and row.spent_usd is not None else spent),
                "held": Text(usd(row.held_usd, glyphs)),
                "worst": Text(usd(row.worst_case_usd, glyphs)),
                "cap": Text(usd(row.cap_usd, glyphs)),
                "burn": Text(rate(row.burn_usd_per_hour, glyphs)),
                "ends": _end(row.ends_at, now, glyphs),
            }
        )
    sign = "" if sum_.complete else least
    lines.append(
        {
            "run": Text("total", style="bold"),
            "live": Text(str(sum_.live)),
            "spent": Text(f"{sign}{usd(sum_.spent_usd, glyphs)}", style="bold"),
            "held": Text(f"{sign}{usd(sum_.held_usd, glyphs)}"),
            "worst": Text(""),
            "cap": Text(""),
            "burn": Text(f"{sign}{rate(sum_.burn_usd_per_hour, glyphs)}"),
            "ends": Text(""),
        }
    )
    return _table(_RUNS, lines, width, glyphs)


def short_run(run: str, room: int) -> str:
    """The run's id, or its last four characters where it has no room."""
    return run if len(run) <= room else f"..{run[-4:]}"


def _end(at: datetime | None, now: datetime, glyphs: Glyphs) -> Text:
    if at is None:
        return Text(glyphs.unknown)
    return Text("late", style=f"bold {BAD}") if at < now else Text(f"{at:%H:%MZ}")


def types_text(spending: Spending, width: int, glyphs: Glyphs) -> Text:
    """One line a type, dearest first, with its share of what is spent."""
    whole = spending.spent_usd
    lines = [
        {
            "type": safe_text(part.instance_type, 40),
            "jobs": Text(str(part.jobs)),
            "live": Text(str(part.live)),
            "rate": Text(rate(part.usd_per_hour, glyphs)),
            "spent": Text(usd(part.spent_usd, glyphs)),
            "share": Text(glyphs.bar(float(part.spent_usd / whole), 10) if part.spent_usd and whole else ""),
        }
        for part in spending.by_type
    ]
    return _table(_TYPES, lines, width, glyphs)


def prospect_text(spending: Spending, glyphs: Glyphs) -> Text:
    """Where it is going: the projection, the hard end, what the cap leaves."""
    text = Text()
    if spending.ends_at is not None:
        text.append(f"projected ${usd(spending.projected_usd, glyphs)} by {spending.ends_at:%H:%M:%SZ}")
        if spending.ends_latest is not None:
            text.append(f", ended in any case by {spending.ends_latest:%H:%M:%SZ}", style=FAINT)
    else:
        text.append("nothing is alive or to come")
    left = spending.headroom_usd
    worst = f"\nat most ${usd(spending.at_most_usd, glyphs)} of the cap of ${usd(spending.cap_usd, glyphs)}"
    text.append(worst, style=BAD if left < 0 else "")
    if spending.unaccounted:
        jobs = "job" if spending.unaccounted == 1 else "jobs"
        text.append(f"\nnot in it: {spending.unaccounted} {jobs} whose instance is forgotten", style=WARN)
    for basis in spending.bases:
        text.append("\n").append_text(_basis(basis))
    return text


def _basis(basis: PriceBasis) -> Text:
    return safe_text(f"price: {basis.basis}, {basis.as_of:%Y-%m-%d %H:%MZ}; all amounts est.", 120, FAINT)


def layers_text(found: Sequence[Layer], glyphs: Glyphs) -> Text:
    """The layers that end an instance, region by region."""
    text = Text()
    region = None
    for layer in found:
        if layer.region != region:
            region = layer.region
            text.append("\n" if text else "").append_text(safe_text(region, 40, "bold"))
        unicode, plain, style = _LAYER_LOOK[layer.state]
        text.append(f"\n {layer.number} {layer.name:<9}")
        text.append(f"{plain if glyphs.ascii else unicode} {layer.state.value:<10}", style=style)
        text.append_text(safe_text(layer.why, 100, FAINT))
    return text


def elsewhere_cells(found: Elsewhere, now: datetime, glyphs: Glyphs, run_room: int) -> dict[str, Text]:
    """The cells of a live instance beside the run that is followed; ``run_room`` cells for its run."""
    view = found.view
    if found.orphaned is not None:
        why = safe_text(f"! {found.orphaned}", 100, f"bold {BAD}")
    else:
        ends = f"{view.expires_at:%H:%MZ}" if view.expires_at else glyphs.unknown
        why = Text(f"another run, ends by {ends}", style=FAINT)
    return {
        "age": Text(_age((now - view.launched_at).total_seconds())),
        "job": safe_text(view.job or view.instance_type, 60),
        "region": safe_text(view.region, 30),
        "instance": safe_text(view.instance_id, 30),
        "run": safe_text(short_run(view.run or glyphs.unknown, run_room), 40),
        "spent": Text(usd(found.spent_usd, glyphs)),
        "why": why,
    }


def _age(seconds: float) -> str:
    minutes = max(0, int(seconds // 60))
    if minutes < 60:
        return f"{minutes}m"
    hours, rest = divmod(minutes, 60)
    return f"{hours}h{rest:02}m" if hours < 48 else f"{hours // 24}d{hours % 24:02}h"


def _table(columns: Sequence[Column], rows: Sequence[dict[str, Text]], width: int, glyphs: Glyphs) -> Text:
    """Lines under a heading, with the columns that fit."""
    placed = arrange(columns, width)
    dots = "." if glyphs.ascii else "…"
    text = Text()
    headings = {each.column.key: Text(each.column.title, style="bold") for each in placed}
    for line in (headings, *rows):
        if text:
            text.append("\n")
        for number, each in enumerate(placed):
            cell = fitted(line[each.column.key], each.width, right=each.column.right, ellipsis=dots)
            text.append(" " * GAP if number else "").append_text(cell)
    return text
