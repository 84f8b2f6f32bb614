"""`benchtui status` without a run: the bucket's runs beside what EC2 says is alive."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from benchtui.aws.errors import CloudError
from benchtui.aws.instances import describe_ours
from benchtui.cli import diagnostics, output, tables
from benchtui.cli.failures import foreseen
from benchtui.cli.runs import listing_cells, listing_fields
from benchtui.cli.settings import Settings, open_workspace, read
from benchtui.core.errors import BenchtuiError, ExitCode
from benchtui.core.states import InstanceView
from benchtui.engine.runs import RunListing
from benchtui.engine.workspace import Workspace


@dataclass(slots=True)
class Overview:
    """Runs and instances; what could not be asked stands in ``errors``, and is not an empty answer."""

    listings: tuple[RunListing, ...] | None = None
    alive: list[InstanceView] = field(default_factory=list)
    ec2_known: bool = True
    errors: list[BenchtuiError] = field(default_factory=list)

    def live(self, run: str) -> list[InstanceView]:
        """Live instances of a run."""
        return [view for view in self.alive if view.run == run]


def show(arguments: argparse.Namespace) -> int:
    """Print runs with their live instances."""
    settings = read(arguments)
    found = asyncio.run(_look(settings, arguments.newest))
    now = datetime.now(UTC)
    overdue = [view for view in found.alive if view.expires_at is not None and view.expires_at < now]
    if arguments.json:
        output.document(_fields(found))
    else:
        _print(found)
    for problem in found.errors:
        diagnostics.error(problem)
    for view in overdue:
        diagnostics.say(
            f"ALARM {view.instance_id} in {view.region} should have ended: benchtui kill {view.run}"
        )
    if overdue:
        return ExitCode.MAY_STILL_RUN
    return max((problem.exit_code for problem in found.errors), default=ExitCode.OK)


async def _look(settings: Settings, newest: int) -> Overview:
    found = Overview()
    async with open_workspace(settings, lambda _: None) as workspace:
        try:
            found.listings = await workspace.runs(newest)
        except BenchtuiError as problem:
            found.errors.append(problem)
        await _ask_ec2(workspace, found)
    return found


async def _ask_ec2(workspace: Workspace, found: Overview) -> None:
    """Live instances of every enabled region; of those of the configuration if they cannot be listed."""
    try:
        regions = await workspace.cloud.enabled_regions()
    except CloudError as problem:
        found.errors.append(problem)
        found.ec2_known = False
        return
    asked = [describe_ours(workspace.cloud, region) for region in regions]
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        if not isinstance(answer, BaseException):
            found.alive += [view for view in answer if not view.ending]
            continue
        known = foreseen(answer)
        if known is None:
            raise answer
        found.errors.append(known)
        found.ec2_known = False


def _print(found: Overview) -> None:
    glyphs = tables.Glyphs(output.speaks_unicode())
    table = tables.new_table(
        "run", "started", "name", "mode", "jobs", "types", "worst USD", "alive", right=("jobs", "alive")
    )
    listed = set()
    for listing in found.listings or ():
        listed.add(listing.run)
        alive = len(found.live(listing.run))
        tables.add(table, *listing_cells(listing), alive if alive or found.ec2_known else glyphs.unknown)
    # Instances of runs that this bucket does not know, or that are older than those listed.
    for run in dict.fromkeys(view.run or "?" for view in found.alive if view.run not in listed):
        of_run = [view for view in found.alive if (view.run or "?") == run]
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
        "ec2_known": found.ec2_known,
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
            for view in found.alive
        ],
        "errors": [{"what": problem.what, "fix": problem.fix} for problem in found.errors],
    }
