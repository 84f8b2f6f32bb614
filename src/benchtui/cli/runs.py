"""`benchtui runs`: what the bucket holds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchtui.cli import output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.engine.runs import RunListing


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser("runs", parents=[shared()], help="list the runs of the bucket")
    parser.add_argument("-n", "--newest", metavar="N", type=int, default=50, help="how many; default 50")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """List them."""
    import asyncio

    from benchtui.cli.settings import open_workspace, read

    settings = read(arguments)

    async def listed() -> tuple[str, tuple[RunListing, ...]]:
        async with open_workspace(settings, lambda _: None) as workspace:
            return await workspace.bucket_name(), await workspace.runs(arguments.newest)

    bucket, listings = asyncio.run(listed())
    if arguments.json:
        rows = [listing_fields(listing) for listing in listings]
        output.document({"v": 1, "type": "runs", "bucket": bucket, "runs": rows})
        return ExitCode.OK
    from benchtui.cli import tables

    table = tables.new_table("run", "started", "name", "mode", "jobs", "types", "worst USD", right=("jobs",))
    for listing in listings:
        tables.add(table, *listing_cells(listing))
    output.table(table)
    return ExitCode.OK


def listing_cells(listing: RunListing) -> tuple[object, ...]:
    """Cells of a run's row: id, start, name, mode, number of jobs, types, worst case."""
    from benchtui.cli.tables import clock, usd

    run = listing.document
    if run is None:
        return listing.run, clock(listing.started_at), f"({listing.problem})", "", "", "", ""
    types = " ".join(dict.fromkeys(job.instance_type for job in run.jobs))
    return (
        listing.run, clock(run.created_at), run.name, run.mode, len(run.jobs), types, usd(run.worst_case_usd)
    )  # fmt: skip


def listing_fields(listing: RunListing) -> dict[str, Any]:
    """The same for ``--json``."""
    run = listing.document
    fields: dict[str, Any] = {
        "run": listing.run,
        "started_at": run.created_at if run else listing.started_at,
        "problem": listing.problem,
    }
    if run is not None:
        fields |= {
            "name": run.name,
            "mode": run.mode,
            "jobs": len(run.jobs),
            "types": list(dict.fromkeys(job.instance_type for job in run.jobs)),
            "regions": list(run.regions),
            "worst_case_usd": run.worst_case_usd,
            "benchtui_version": run.benchtui_version,
        }
    return fields
