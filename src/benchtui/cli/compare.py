"""`benchtui compare`: instance types side by side, from the results of one or several runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import BenchtuiError, ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.core.compare import Comparison
    from benchtui.core.instance_results import InstanceResult

BASES = ("instance", "vcpu", "core", "dollar")
CHARTS = ("bars", "pareto", "cache", "history")


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "compare",
        parents=[shared()],
        help="compare the instance types of one or several runs",
        description="Compare instance types: values with 95 % intervals, verdicts against a baseline, and a "
        "sentence to quote. The unit is the instance; types with fewer than three are shown and not ranked.",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="*", help="ids of runs; with --results none means all that are there"
    )
    parser.add_argument("--metric", metavar="M", help="metric to compare by: triad.all, or stream/triad.all")
    parser.add_argument("--by", choices=BASES, default=BASES[0], help="per what; default instance")
    parser.add_argument(
        "--baseline", metavar="TYPE", help="type to compare with; default the first that is ranked"
    )
    parser.add_argument(
        "--chart", choices=CHARTS, default=CHARTS[0], help="chart below the table; default bars"
    )
    parser.add_argument(
        "--results",
        metavar="DIR",
        type=Path,
        help="read what was collected into DIR before; needs no network",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Compare them."""
    runs = _runs(arguments)
    if arguments.results is not None:
        from benchtui.engine.comparing import read_results

        results = read_results(arguments.results, runs)
    else:
        import asyncio

        results = asyncio.run(_gathered(arguments, runs))
    comparison = _compared(arguments, results, runs)
    if arguments.json:
        from benchtui.report.comparison_record import comparison_fields

        output.document({"v": 1, "type": "compare", "runs": list(runs), **comparison_fields(comparison)})
    else:
        _show(arguments, results, comparison)
    return ExitCode.OK


def _runs(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The runs that were named, each once."""
    from benchtui.core.keys import KeyNotOurs, check_run

    try:
        named = tuple(dict.fromkeys(check_run(run) for run in arguments.runs))
    except KeyNotOurs as error:
        raise UsageError(str(error), fix="`benchtui runs` lists the runs of the bucket") from error
    if named:
        return named
    if arguments.results is None:
        raise UsageError("no run is named", fix="benchtui compare RUN; `benchtui runs` lists them")
    from benchtui.engine.comparing import runs_on_disk

    found = runs_on_disk(arguments.results)
    if not found:
        raise UsageError(f"{arguments.results} holds no run", fix="`benchtui collect RUN` brings one here")
    return found


async def _gathered(arguments: argparse.Namespace, runs: Sequence[str]) -> tuple[InstanceResult, ...]:
    from benchtui.cli.settings import open_workspace, read
    from benchtui.engine.comparing import gather

    # The runs' histories are not what was asked for, so no event is told.
    async with open_workspace(read(arguments), lambda _: None) as workspace:
        return await gather(workspace, runs)


def _compared(
    arguments: argparse.Namespace, results: Sequence[InstanceResult], runs: Sequence[str]
) -> Comparison:
    """The chosen metric first, then those that tell most.

    Raises:
        UsageError: no such metric or type; names the nearest.
        BenchtuiError: nothing was measured.
    """
    from benchtui.core.compare import compare
    from benchtui.core.instance_results import Basis, find_metric, headline_keys, metric_keys

    known = metric_keys(results)
    if not known:
        reasons = dict.fromkeys(one.problem for one in results if one.problem)
        raise BenchtuiError(
            f"nothing was measured in {', '.join(runs)}: {'; '.join(list(reasons)[:3])}",
            fix=f"benchtui status {runs[0]}",
        )
    others = known if arguments.verbose else headline_keys(results)
    lead = find_metric(arguments.metric, known) if arguments.metric is not None else others[0]
    keys = [lead, *(key for key in others if key != lead)]
    return compare(results, keys=keys, basis=Basis(arguments.by), baseline=arguments.baseline)


def _show(arguments: argparse.Namespace, results: Sequence[InstanceResult], comparison: Comparison) -> None:
    from benchtui.cli.comparison_table import chart_lines, comparison_table, quotation, remark_lines
    from benchtui.report.comparison import chart

    unicode = output.speaks_unicode()
    output.table(
        comparison_table(comparison, unicode=unicode),
        *chart_lines(chart(arguments.chart, results, comparison, 0), unicode=unicode),
        *quotation(comparison),
    )
    for line in remark_lines(comparison):
        diagnostics.say(line)
