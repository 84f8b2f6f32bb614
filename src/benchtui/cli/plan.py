"""`benchtui plan`: what a run would do and cost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import output
from benchtui.cli.arguments import add_config, percentage, shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from rich.text import Text

    from benchtui.cli.settings import Settings
    from benchtui.core.plan_precision import PlanPrecision
    from benchtui.engine.planning import Planned

#: Runs whose results tell the spread.
LATEST_RUNS = 10


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "plan",
        parents=[shared(config_flag=False)],
        help="show what a run would do and cost",
        description="Show jobs in launch order, prices, expected and worst-case cost. Launches nothing.",
        epilog="exit code 5: the worst case exceeds the budget",
    )
    add_config(parser)
    parser.add_argument(
        "--offline", action="store_true", help="types and prices of a dated snapshot; no network"
    )
    parser.add_argument("--seed", metavar="N", type=int, help="seed of the launch order")
    parser.add_argument(
        "--precision",
        metavar="PERCENT",
        type=percentage,
        help="replicates for every ratio to be known to ± so much, and their price; the spread is that of "
        "earlier results in [output] results_dir, or assumed",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    from benchtui.cli.settings import read

    if arguments.offline and arguments.local:
        raise UsageError(
            "--offline and --local exclude each other: the snapshot knows EC2's types only",
            fix="leave out one of them",
        )
    settings = read(arguments)
    planned = _offline(settings) if arguments.offline else _online(settings)
    precision = None if arguments.precision is None else _precision(settings, planned, arguments.precision)
    if arguments.json:
        from benchtui.core.plan_record import plan_to_dict
        from benchtui.report.decision_record import plan_precision_fields

        asked = {} if precision is None else {"precision": plan_precision_fields(precision)}
        output.document(plan_to_dict(planned.plan) | asked)
    else:
        from benchtui.cli.plan_table import render
        from benchtui.cli.tables import Glyphs

        output.table(render(planned.plan, Glyphs(output.speaks_unicode())), *_lines(precision))
    if not planned.plan.budget.fits:
        return ExitCode.BUDGET
    return ExitCode.OK if planned.plan.jobs else ExitCode.BENCHMARK_FAILED


def _precision(settings: Settings, planned: Planned, precision: float) -> PlanPrecision:
    """What the plan needs, by the latest results that lie on this machine."""
    from benchtui.core.plan_precision import plan_precision
    from benchtui.engine.comparing import latest_on_disk

    folder = settings.config.output.results_dir
    return plan_precision(planned.plan, latest_on_disk(folder, LATEST_RUNS), precision)


def _lines(precision: PlanPrecision | None) -> list[Text]:
    if precision is None:
        return []
    from rich.text import Text

    from benchtui.report.decision_text import in_ascii
    from benchtui.report.settling_text import plan_precision_lines

    lines = plan_precision_lines(precision)
    plain = lines if output.speaks_unicode() else [in_ascii(line) for line in lines]
    return [Text(), *(Text(line) for line in plain)]


def _offline(settings: Settings) -> Planned:
    from datetime import UTC, datetime

    from benchtui.cli.settings import seed_of
    from benchtui.engine.planning import offline

    return offline(settings.config, seed_of(settings), datetime.now(UTC))


def _online(settings: Settings) -> Planned:
    import asyncio

    from benchtui.cli.settings import open_workspace, seed_of

    async def planned() -> Planned:
        async with open_workspace(settings, lambda _: None) as workspace:
            return await workspace.plan(seed_of(settings))

    return asyncio.run(planned())
