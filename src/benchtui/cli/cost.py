"""`benchtui cost`: what a run has spent, may still spend and will probably spend. All of it is estimated."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchtui.cli import output, silence, sweeping
from benchtui.cli.arguments import add_run, run_of, shared
from benchtui.core.errors import ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.spending import Spending
    from benchtui.engine.bill import Bill
    from benchtui.engine.layers import Layer
    from benchtui.engine.snapshot import Snapshot


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "cost",
        parents=[shared()],
        help="what a run has spent and will probably spend; without RUN every run that is alive",
        description="Spent, held in reserve, worst case, cap, hourly rate and projected end of a run, by "
        "instance type; by job the items of its instance by observed times, what was reserved before its "
        "launch and what took its place; basis and date of the prices (with --json of each item); and the "
        "layers that end its instances. Amounts are estimates in USD from launch and end times. Without RUN: "
        "every run with live instances, by their tags and the bucket's newest runs.",
        epilog="exit code 6: an instance is alive that should have ended",
    )
    add_run(parser, nargs="?")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Show it."""
    if arguments.run is None:
        from benchtui.cli.cost_overview import show

        return show(arguments)
    import asyncio

    run = run_of(arguments)

    from benchtui.cli.settings import read
    from benchtui.cli.status import looked_by
    from benchtui.core.spending import spending_of
    from benchtui.engine.bill import bill
    from benchtui.engine.layers import layers
    from benchtui.engine.snapshot import QUIET
    from benchtui.engine.spot_bill import has_spot

    settings = read(arguments)
    snapshot, watcher = asyncio.run(looked_by(settings, run, whole_book=True))
    spending = spending_of(snapshot, over=snapshot.over(QUIET))
    armed = layers(snapshot, sweeping.last(settings), snapshot.taken_at)
    itemised = bill(watcher, snapshot)
    if has_spot(snapshot):
        itemised = asyncio.run(_integrated(settings, itemised, snapshot))
    if arguments.json:
        output.document(fields(spending, armed, itemised))
    else:
        _print(spending, armed, itemised)
    silent = silence.tell(snapshot)
    return ExitCode.MAY_STILL_RUN if snapshot.overdue else silent


async def _integrated(settings: Settings, itemised: Bill, snapshot: Snapshot) -> Bill:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.spot_bill import integrated

    async with open_workspace(settings, lambda _: None) as workspace:
        return await integrated(workspace.cloud, itemised, snapshot)


def fields(spending: Spending, armed: tuple[Layer, ...], itemised: Bill) -> dict[str, Any]:
    """A run's money for ``--json``; what is not known is null."""
    from benchtui.cli.bill_table import bill_fields
    from benchtui.cli.layer_table import layer_fields

    return {
        "v": 1,
        "type": "cost",
        "run": spending.run,
        "at": spending.at,
        "spent_usd": spending.spent_usd,
        "unaccounted": spending.unaccounted,
        "held_usd": spending.held_usd,
        "worst_case_usd": spending.worst_case_usd,
        "cap_usd": spending.cap_usd,
        "cap_reached_percent": spending.percent_reached,
        "burn_usd_per_hour": spending.burn_usd_per_hour,
        "live": spending.live,
        "ends_at": spending.ends_at,
        "ends_latest": spending.ends_latest,
        "projected_usd": spending.projected_usd,
        "types": [
            {
                "instance_type": part.instance_type,
                "jobs": part.jobs,
                "live": part.live,
                "usd_per_hour": part.usd_per_hour,
                "spent_usd": part.spent_usd,
                "held_usd": part.held_usd,
                "worst_case_usd": part.worst_case_usd,
            }
            for part in spending.by_type
        ],
        **bill_fields(itemised),
        "prices": [
            {"basis": basis.basis, "as_of": basis.as_of, "types": list(basis.types)}
            for basis in spending.bases
        ],
        "series": [{"at": point.at, "usd": point.usd} for point in spending.series],
        "projection": [{"at": point.at, "usd": point.usd} for point in spending.projection],
        "layers": layer_fields(armed),
    }


def _print(spending: Spending, armed: tuple[Layer, ...], itemised: Bill) -> None:
    from benchtui.cli import tables
    from benchtui.cli.bill_table import bill_table
    from benchtui.cli.layer_table import layer_table

    glyphs = tables.Glyphs(output.speaks_unicode())
    money = tables.new_table("USD (est.)", "", right=("",))
    for name, amount in (
        ("spent", spending.spent_usd),
        ("held in reserve", spending.held_usd),
        ("worst case as planned", spending.worst_case_usd),
        ("cap", spending.cap_usd),
        ("projected in all", spending.projected_usd),
        (f"per hour, {spending.live} alive", spending.burn_usd_per_hour),
    ):
        tables.add(money, name, tables.usd(amount))
    types = tables.new_table(
        "type", "jobs", "alive", "$/h", "spent", "held", right=("jobs", "alive", "$/h", "spent", "held")
    )
    for part in spending.by_type:
        spent = glyphs.unknown if part.spent_usd is None else tables.usd(part.spent_usd)
        rate = str(part.usd_per_hour.normalize() + 0)
        tables.add(types, part.instance_type, part.jobs, part.live, rate, spent, tables.usd(part.held_usd))
    output.table(money, *_notes(spending, itemised), tables.Text(), types, tables.Text())
    output.table(bill_table(itemised, glyphs), tables.Text(), layer_table(armed))


def _notes(spending: Spending, itemised: Bill) -> list[Any]:
    from benchtui.cli import tables

    lines = [f"as of {tables.clock(spending.at)}"]
    if spending.ends_at is not None:
        latest = f", at the latest {tables.clock(spending.ends_latest)}" if spending.ends_latest else ""
        lines.append(f"projected end {tables.clock(spending.ends_at)}{latest}")
    if spending.unaccounted:
        lines.append(f"not in it: {spending.unaccounted} jobs of whose instance nothing is known any more")
    if itemised.problem is not None:
        lines.append(f"reservations could not be read: {itemised.problem}")
    lines += [f"prices: {basis.basis}, {tables.clock(basis.as_of)}" for basis in spending.bases]
    return [tables.Text(line, style=tables.FAINT) for line in lines]
