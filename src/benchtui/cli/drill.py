"""`benchtui drill`: lose instances on purpose and show which layer ends each."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.core.drills import LossRecord
    from benchtui.engine.drill import Drilled, Prepared

WORD = "drill"


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "drill",
        parents=[shared()],
        help="lose instances on purpose and show which layer ends each; a cent at most, free with --local",
        description="Launches four of the cheapest instances, loses each in another way (launcher gone, "
        "agent killed, user data hung before the network, nothing armed but the schedule), looks on until "
        "they have ended, and proves that none is left. Takes about six minutes. What it shows is kept in "
        "the bucket, and the layers of every run are shown by it.",
        epilog="exit code 1: a layer was not armed or did not end its instance; 6: instances may still run",
    )
    parser.add_argument("--confirm", metavar="WORD", help=f"agree unasked: --confirm {WORD}")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Hold it.

    Raises:
        UsageError: not confirmed; nothing was launched.
    """
    import asyncio

    if arguments.confirm not in (None, WORD):
        raise UsageError(f"--confirm {arguments.confirm} is not {WORD}", fix=f"give --confirm {WORD}")
    if arguments.confirm is None and not diagnostics.can_ask():
        raise UsageError("nobody can be asked: this is no terminal", fix=f"give --confirm {WORD}")
    drilled = asyncio.run(_held(arguments))
    if arguments.json:
        output.record(_fields(drilled))
    else:
        _print(drilled)
    if not drilled.report.proven:
        from benchtui.cli import kill_table

        for line in kill_table.unproven(drilled.report):
            diagnostics.say(line)
        return ExitCode.MAY_STILL_RUN
    if drilled.unrecorded is not None:
        diagnostics.say(f"the bucket has no record of it: {drilled.unrecorded}")
    proven = all(each.proven for each in drilled.record.losses) and drilled.unrecorded is None
    return ExitCode.OK if proven else ExitCode.BENCHMARK_FAILED


async def _held(arguments: argparse.Namespace) -> Drilled:
    from benchtui.cli.ending import without_quiet_regions
    from benchtui.cli.settings import open_workspace, read
    from benchtui.cli.stream import Stream
    from benchtui.engine.drill import drill, prepare, suite_folder

    stream = Stream(json=arguments.json)

    def told(record: LossRecord) -> None:
        diagnostics.say(f"{record.job}, {record.loss.value}: {_outcome(record)}: {record.by}")

    with suite_folder() as folder:
        async with open_workspace(read(arguments), without_quiet_regions(stream)) as workspace:
            prepared = await prepare(workspace, Path(folder))
            if arguments.confirm is None:
                _ask(prepared)
            diagnostics.say("nobody ends them before the last layer had its time, about six minutes")
            return await drill(workspace, prepared, told)


def _ask(prepared: Prepared) -> None:
    count, likely, worst = len(prepared.losses), prepared.charged_usd, prepared.worst_case_usd
    answer = diagnostics.ask(
        f"Launch {count} x {prepared.instance_type} and lose them, for {likely:.4f} USD by the second, "
        f"at most {worst:.4f} (est.)? "
        f"Type {WORD}: "
    )
    if answer != WORD:
        raise UsageError("not confirmed; nothing was launched")


def _outcome(record: LossRecord) -> str:
    if not record.tried:
        return "not tried"
    return "not ended" if record.layer is None else f"ended by layer {record.layer}"


def _fields(drilled: Drilled) -> dict[str, Any]:
    record = drilled.record
    return {
        "v": 1,
        "type": "summary",
        "command": "benchtui drill",
        "run": record.run,
        "region": record.region,
        "instance_type": record.instance_type,
        "begun_at": record.begun_at,
        "ended_at": record.ended_at,
        "worst_case_usd": record.worst_case_usd,
        "losses": [each.model_dump(mode="json") | {"proven": each.proven} for each in record.losses],
        "proven_gone": drilled.report.proven,
        "recorded": drilled.unrecorded is None,
    }


def _print(drilled: Drilled) -> None:
    from benchtui.cli import tables

    table = tables.new_table(
        "loss", "ended by", "after", "at the latest", "", "", right=("after", "at the latest")
    )
    for each in drilled.record.losses:
        after = "-" if each.seconds is None else f"{each.seconds:.0f} s"
        latest = f"{each.due_seconds:.0f} s" if each.tried else "-"
        verdict = (
            tables.Text("as it must", style=tables.GOOD)
            if each.proven
            else tables.Text("NOT PROVEN", style=tables.BAD)
        )
        layer = f"layer {each.layer}" if each.layer else "-"
        tables.add(table, each.loss.value, layer, after, latest, verdict, each.by)
    record = drilled.record
    what = f"{record.run}: {len(record.losses)} x {record.instance_type} in {record.region}"
    gone = "every instance is proven gone" if drilled.report.proven else "NOT proven gone"
    output.table(table, tables.Text(f"{what}: {gone}"))
