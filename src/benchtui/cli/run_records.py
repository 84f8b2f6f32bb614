"""The runs that a report or an export is of, from the bucket or from a folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.core.errors import UsageError

if TYPE_CHECKING:
    from benchtui.core.run_records import RunRecord


def add_runs(parser: argparse.ArgumentParser) -> None:
    """RUN… and ``--results``."""
    parser.add_argument(
        "runs", metavar="RUN", nargs="*", help="ids of runs; with --results none means all that are there"
    )
    parser.add_argument(
        "--results",
        metavar="DIR",
        type=Path,
        help="read what was collected into DIR before; needs no network",
    )


def named_runs(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The runs that were named, each once; with ``--results`` all that are there if none was.

    Raises:
        UsageError: none is named or there, or a name is no run id.
    """
    from benchtui.core.keys import KeyNotOurs, check_run

    try:
        named = tuple(dict.fromkeys(check_run(run) for run in arguments.runs))
    except KeyNotOurs as error:
        raise UsageError(str(error), fix="`benchtui runs` lists the runs of the bucket") from error
    if named:
        return named
    if arguments.results is None:
        raise UsageError(
            "no run is named", fix=f"benchtui {arguments.command} RUN; `benchtui runs` lists them"
        )
    from benchtui.engine.comparing import runs_on_disk

    found = runs_on_disk(arguments.results)
    if not found:
        raise UsageError(f"{arguments.results} holds no run", fix="`benchtui collect RUN` brings one here")
    return found


def records(arguments: argparse.Namespace) -> tuple[RunRecord, ...]:
    """The runs with all that was collected of them.

    Raises:
        UsageError: there is no such run.
        BenchtuiError: the bucket does not answer, or something cannot be read.
    """
    runs = named_runs(arguments)
    if arguments.results is not None:
        from benchtui.engine.run_records import read_records

        return read_records(arguments.results, runs)
    import asyncio

    return asyncio.run(_gathered(arguments, runs))


async def _gathered(arguments: argparse.Namespace, runs: Sequence[str]) -> tuple[RunRecord, ...]:
    from benchtui.cli.settings import open_workspace, read
    from benchtui.engine.run_records import gather_records

    # The runs' histories are not what was asked for, so no event is told.
    async with open_workspace(read(arguments), lambda _: None) as workspace:
        return await gather_records(workspace, runs)
