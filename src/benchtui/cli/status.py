"""`benchtui status`: runs with their live instances, or the jobs of one run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchtui.cli import output, silence, sweeping
from benchtui.cli.arguments import add_run, run_of, shared
from benchtui.core.errors import AccessError, BenchtuiError, ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.filter import Filter
    from benchtui.engine.snapshot import JobRow, Snapshot
    from benchtui.engine.sweep import Sweep
    from benchtui.engine.watcher import Watcher


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "status",
        parents=[shared()],
        help="runs and their live instances; with RUN the jobs of one run",
        description="Runs and live instances of every enabled region; with RUN the jobs of that run, by its "
        "sentinels and by EC2.",
        epilog="exit code 3: a right is missing, which is named; 6: an instance is alive that should have "
        "ended",
    )
    add_run(parser, nargs="?")
    parser.add_argument("job", metavar="JOB", nargs="?", help="show all that is known of this job of the run")
    parser.add_argument(
        "--filter", metavar="EXPR", help="show some of the jobs: 'arch=arm64 state!=done spent>0.05 c7g'"
    )
    parser.add_argument(
        "--sort", metavar="ORDER", help="state, job, type, spent, …; --sort=-spent for the other way round"
    )
    parser.add_argument("-n", "--newest", metavar="N", type=int, default=20, help="runs to list; default 20")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Show it."""
    selecting = arguments.filter is not None or arguments.sort is not None
    if arguments.run is None:
        if selecting:
            raise UsageError(
                "--filter and --sort are about the jobs of a run", fix="benchtui status RUN --filter EXPR"
            )
        from benchtui.cli.overview import show

        return show(arguments)
    import asyncio

    run = run_of(arguments)
    if arguments.job is not None:
        if selecting:
            raise UsageError(
                "--filter and --sort choose among jobs, and one job is named", fix="leave JOB out"
            )
        from benchtui.cli.job_detail import show_job

        return show_job(arguments, run)

    from benchtui.cli.settings import read
    from benchtui.engine.job_fields import Order, chosen, parse_filter

    wanted = parse_filter(arguments.filter or "")
    order = None if arguments.sort is None else Order.parse(arguments.sort)
    settings = read(arguments)
    snapshot = asyncio.run(looked_at(settings, run))
    swept = sweeping.last(settings)
    rows = chosen(snapshot, wanted, order)
    if arguments.json:
        output.document({"v": 1, "type": "status", **snapshot_fields(snapshot, rows, swept)})
    else:
        _show(snapshot, rows, wanted, swept)
    silent = silence.tell(snapshot)
    return ExitCode.MAY_STILL_RUN if snapshot.overdue else silent


def _show(snapshot: Snapshot, rows: tuple[JobRow, ...], wanted: Filter, swept: Sweep | None) -> None:
    from dataclasses import replace

    from benchtui.cli.job_table import jobs_table
    from benchtui.cli.layer_table import layer_table
    from benchtui.cli.progress import one_line
    from benchtui.cli.tables import BAD, Glyphs, Text
    from benchtui.engine.concerns import worst
    from benchtui.engine.layers import armed_of, layers

    now, glyphs = snapshot.taken_at, Glyphs(output.speaks_unicode())
    head = [Text(one_line(snapshot, now))]
    if wanted:
        head.append(Text(f"{len(rows)} of {len(snapshot.rows)} jobs: {wanted.text}"))
    output.table(*head, jobs_table(replace(snapshot, rows=rows), now, glyphs))
    found = layers(snapshot, swept, now)
    counted = "layers that end an instance, armed: {} of {}".format(*armed_of(found))
    gone = "nothing is alive" if snapshot.ec2_known else "EC2 has not answered: what is alive is not known"
    output.table(Text(), Text(counted if snapshot.alive else gone), layer_table(found))
    concern = worst(snapshot, now)
    if concern is not None and concern.job is not None and all(r.planned.job != concern.job for r in rows):
        output.table(Text(f"not shown: {concern.job}: {concern.text}", style=BAD))


async def looked_at(settings: Settings, run: str) -> Snapshot:
    """One look.

    Raises:
        BenchtuiError: the sentinels could not be listed, so nothing is known.
    """
    return (await looked_by(settings, run))[0]


async def looked_by(settings: Settings, run: str, *, whole_book: bool = False) -> tuple[Snapshot, Watcher]:
    """One look, and who took it and still knows what it was told.

    Args:
        settings: of the command.
        run: its id.
        whole_book: read its book of money to the end, which of a large run takes longer than all else.

    Raises:
        BenchtuiError: the sentinels could not be listed, so nothing is known.
    """
    from benchtui.cli.settings import open_workspace

    async with open_workspace(settings, lambda _: None) as workspace:
        document = await workspace.load(run)
        watcher = await workspace.watcher(document)
        snapshot = await watcher.poll()
        if whole_book:
            snapshot = await watcher.with_whole_book()
    if snapshot.as_of is None:
        silent = next(source for source in snapshot.sources if source.name == "S3")
        kind = AccessError if silent.refused else BenchtuiError
        raise kind(f"the bucket does not answer: {silent.error}", fix=silent.fix)
    return snapshot, watcher


def snapshot_fields(
    snapshot: Snapshot, rows: tuple[JobRow, ...], swept: Sweep | None = None
) -> dict[str, Any]:
    """A run for ``--json``, with the jobs ``rows``; what is not known is null."""
    from dataclasses import asdict

    from benchtui.cli.layer_table import layer_fields
    from benchtui.engine.job_records import row_fields
    from benchtui.engine.layers import layers
    from benchtui.engine.wave_watch import waves_now

    now = snapshot.taken_at
    return {
        "run": snapshot.run.run,
        "taken_at": now,
        "as_of": snapshot.as_of,
        "states": {state.value: count for state, count in snapshot.counts.items()},
        "spent_usd": snapshot.spent_usd,
        "worst_case_usd": snapshot.run.worst_case_usd,
        "budget_usd": snapshot.run.budget_usd,
        "budget_reached_percent": snapshot.percent_reached,
        "sources": [
            {
                "name": source.name,
                "state": source.state(now).value,
                "answered_at": source.answered_at,
                "error": source.error,
            }
            for source in snapshot.sources
        ],
        "layers": layer_fields(layers(snapshot, swept, now)),
        "waves": [asdict(each) for each in waves_now(snapshot)],
        "planned_jobs": len(snapshot.rows),
        "jobs": [row_fields(row) for row in rows],
    }
