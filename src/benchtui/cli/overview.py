"""`benchtui status` without a run: the bucket's runs beside what EC2 says is alive."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from benchtui.cli import diagnostics, output, tables
from benchtui.cli.runs import listing_cells, listing_fields
from benchtui.cli.settings import Settings, open_workspace, read
from benchtui.core.errors import BenchtuiError, ExitCode
from benchtui.engine.runs import RunListing
from benchtui.engine.sweep import Sweep


@dataclass(frozen=True, slots=True)
class Overview:
    """Runs and instances; what could not be asked stands in ``errors``, and is not an empty answer."""

    listings: tuple[RunListing, ...] | None
    sweep: Sweep
    errors: tuple[BenchtuiError, ...]


def show(arguments: argparse.Namespace) -> int:
    """Print runs with their live instances."""
    arguments.looks = False  # it is itself such a look
    settings = read(arguments)
    found = asyncio.run(_look(settings, arguments.newest))
    now = datetime.now(UTC)
    overdue = found.sweep.expired(now)
    if arguments.json:
        output.document(_fields(found))
    else:
        _print(found)
    for problem in found.errors:
        diagnostics.error(problem)
    for view in overdue:
        way = f"benchtui reap --yes{settings.flags}"
        diagnostics.say(f"ALARM {view.instance_id} in {view.region} should have ended: {way}")
    if overdue:
        return ExitCode.MAY_STILL_RUN
    return max((problem.exit_code for problem in found.errors), default=ExitCode.OK)


async def _look(settings: Settings, newest: int) -> Overview:
    listings: tuple[RunListing, ...] | None = None
    errors: list[BenchtuiError] = []
    async with open_workspace(settings, lambda _: None) as workspace:
        try:
            listings = await workspace.runs(newest)
        except BenchtuiError as problem:
            errors.append(problem)
        sweep = await workspace.sweep()
    return Overview(listings, sweep, (*errors, *sweep.errors))


def _print(found: Overview) -> None:
    glyphs = tables.Glyphs(output.speaks_unicode())
    table = tables.new_table(
        "run", "started", "name", "mode", "jobs", "types", "worst USD", "alive", right=("jobs", "alive")
    )
    listed = set()
    for listing in found.listings or ():
        listed.add(listing.run)
        alive = len(found.sweep.of(listing.run))
        tables.add(table, *listing_cells(listing), alive if alive or found.sweep.known else glyphs.unknown)
    # Instances of runs that this bucket does not know, or that are older than those listed.
    for run in dict.fromkeys(view.run or "?" for view in found.sweep.instances if view.run not in listed):
        of_run = [view for view in found.sweep.instances if (view.run or "?") == run]
        since = min(view.launched_at for view in of_run)
        types = " ".join(dict.fromkeys(view.instance_type for view in of_run))
        cells = (run, tables.clock(since), "(by its tags)", "", "", types, "", len(of_run))
        tables.add(table, *cells)
    output.table(table)


def _fields(found: Overview) -> dict[str, Any]:
    listings = found.listings
    return {
        "v": 1,
        "type": "status",
        "runs": None if listings is None else [listing_fields(listing) for listing in listings],
        "ec2_known": found.sweep.known,
        "alive": [
            {
                "run": view.run,
                "job": view.job,
                "instance_id": view.instance_id,
                "instance_type": view.instance_type,
                "region": view.region,
                "state": view.state.value,
                "launched_at": view.launched_at,
                "expires_at": view.expires_at,
            }
            for view in found.sweep.instances
        ],
        "errors": [{"what": problem.what, "fix": problem.fix} for problem in found.errors],
    }
