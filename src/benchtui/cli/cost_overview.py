"""`benchtui cost` without a run: the money of every run that has live instances."""

from __future__ import annotations

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Any

from benchtui.cli import diagnostics, output, tables
from benchtui.cli.settings import open_workspace, read
from benchtui.core.errors import BenchtuiError, ExitCode
from benchtui.engine.accounts import Elsewhere, RunMoney, Total, by_run, elsewhere, total
from benchtui.engine.runs import RunListing
from benchtui.engine.sweep import Sweep


def show(arguments: argparse.Namespace) -> int:
    """Print runs and instances; exit code 6 if one of them should have ended."""
    settings = read(arguments)
    now = datetime.now(UTC)

    async def looked() -> tuple[Sweep, tuple[RunListing, ...] | None, list[BenchtuiError]]:
        errors: list[BenchtuiError] = []
        listings = None
        async with open_workspace(settings, lambda _: None) as workspace:
            try:
                listings = await workspace.runs()
            except BenchtuiError as problem:
                errors.append(problem)
            return await workspace.sweep(), listings, errors

    sweep, listings, errors = asyncio.run(looked())
    errors += sweep.errors
    rows = by_run(None, sweep, listings, now)
    instances = elsewhere(None, sweep, listings, now)
    if arguments.json:
        output.document(_fields(rows, total(rows), instances, known=sweep.known, at=now))
    else:
        _print(rows, total(rows), instances, now)
    for problem in errors:
        diagnostics.error(problem)
    if sweep.expired(now):
        return ExitCode.MAY_STILL_RUN
    return max((problem.exit_code for problem in errors), default=ExitCode.OK)


def _fields(
    rows: tuple[RunMoney, ...], sum_: Total, instances: tuple[Elsewhere, ...], *, known: bool, at: datetime
) -> dict[str, Any]:
    return {
        "v": 1,
        "type": "cost",
        "run": None,
        "at": at,
        "ec2_known": known,
        "runs": [
            {
                "run": row.run,
                "live": row.live,
                "spent_at_least_usd": row.spent_usd,
                "worst_case_usd": row.worst_case_usd,
                "cap_usd": row.cap_usd,
                "burn_usd_per_hour": row.burn_usd_per_hour,
                "ends_latest": row.ends_at,
            }
            for row in rows
        ],
        "total": {
            "live": sum_.live,
            "spent_at_least_usd": sum_.spent_usd,
            "burn_at_least_usd_per_hour": sum_.burn_usd_per_hour,
        },
        "instances": [
            {
                "instance_id": each.view.instance_id,
                "instance_type": each.view.instance_type,
                "region": each.view.region,
                "run": each.view.run,
                "job": each.view.job,
                "launched_at": each.view.launched_at,
                "expires_at": each.view.expires_at,
                "spent_usd": each.spent_usd,
                "orphaned": each.orphaned,
            }
            for each in instances
        ],
    }


def _print(rows: tuple[RunMoney, ...], sum_: Total, instances: tuple[Elsewhere, ...], now: datetime) -> None:
    glyphs = tables.Glyphs(output.speaks_unicode())
    right = ("alive", "spent", "worst", "cap", "$/h")
    table = tables.new_table("run", "alive", "spent", "worst", "cap", "$/h", "ends by", right=right)
    for row in rows:
        money = (row.spent_usd, row.worst_case_usd, row.cap_usd, row.burn_usd_per_hour)
        shown = [glyphs.unknown if amount is None else tables.usd(amount) for amount in money]
        tables.add(table, row.run or "no run", row.live, *shown, tables.clock(row.ends_at))
    tables.add(
        table, "total", sum_.live, tables.usd(sum_.spent_usd), "", "", tables.usd(sum_.burn_usd_per_hour)
    )
    alive = tables.new_table("age", "instance", "job", "region", "run", "spent", "", right=("age", "spent"))
    for each in instances:
        view = each.view
        spent = glyphs.unknown if each.spent_usd is None else tables.usd(each.spent_usd)
        why = tables.Text(each.orphaned or "", style=tables.BAD)
        cells = (view.instance_id, view.job or view.instance_type, view.region, view.run or glyphs.unknown)
        tables.add(alive, tables.age(view.launched_at, now), *cells, spent, why)
    note = "USD, est., of live instances alone: what ended ones had cost is in `benchtui cost RUN`"
    output.table(table, tables.Text(note, style=tables.FAINT), tables.Text(), alive)
