"""`benchtui compare`: instance types side by side, from the results of one or several runs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import percentage, shared
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
        epilog="exit code 7: --fail-on-regression, and something is worse beyond noise and chance",
    )
    parser.add_argument(
        "runs", metavar="RUN", nargs="*", help="ids of runs; with --results none means all that are there"
    )
    parser.add_argument(
        "--types", metavar="T,…", type=_names, help="only these types; * and ? stand for any characters"
    )
    parser.add_argument(
        "--metric",
        metavar="M",
        action="append",
        help="metric to compare by: triad.all, or stream/triad.all; again for more, all one question",
    )
    parser.add_argument("--by", choices=BASES, default=BASES[0], help="per what; default instance")
    parser.add_argument(
        "--baseline", metavar="TYPE", help="type to compare with; default the first that is ranked"
    )
    parser.add_argument(
        "--against",
        metavar="RUN",
        action="append",
        default=[],
        help="compare each type with itself in this earlier run; again for more runs",
    )
    parser.add_argument(
        "--fail-on-regression",
        action="store_true",
        help="exit with 7 if anything shown is worse than the earlier runs, or than the baseline",
    )
    parser.add_argument(
        "--decide",
        action="store_true",
        help="what to rent: frontier, cost per unit of work, break-even prices",
    )
    parser.add_argument(
        "--intensity",
        metavar="FLOP/BYTE",
        type=_positive,
        help="with --decide: speed predicted for work of this arithmetic intensity",
    )
    parser.add_argument(
        "--precision",
        metavar="PERCENT",
        type=percentage,
        help="instances per type, and their price, for every ratio to be known to ± so much",
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


def _names(text: str) -> tuple[str, ...]:
    """Names between commas."""
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _positive(text: str) -> float:
    """A number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def execute(arguments: argparse.Namespace) -> int:
    """Compare them."""
    runs, earlier = _sides(arguments)
    found = _results(arguments, (*runs, *earlier))
    ours = _of_types([one for one in found if one.run in runs], arguments.types)
    before = [one for one in found if one.run in earlier]
    compared = _compared(arguments, ours, before, runs)
    if arguments.json:
        output.document(_record(arguments, compared, runs))
    else:
        _show(arguments, ours, compared)
    return _regression(compared) if arguments.fail_on_regression else ExitCode.OK


def _sides(arguments: argparse.Namespace) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The runs that are compared, and those they are compared with.

    Raises:
        UsageError: what was typed makes no sense together.
    """
    runs, earlier = _runs(arguments.runs, arguments.results), _checked(arguments.against)
    both = next((run for run in runs if run in earlier), None)
    if both is not None and arguments.runs:
        raise UsageError(f"{both} is named on both sides", fix="compare NEW --against EARLIER")
    runs = tuple(run for run in runs if run not in earlier)
    if not runs:
        raise UsageError("no run is left to compare", fix="compare NEW --against EARLIER")
    if earlier and arguments.baseline is not None:
        raise UsageError(
            "--against and --baseline exclude each other: earlier runs are the baseline",
            fix="leave out one of them",
        )
    if arguments.fail_on_regression and not earlier and arguments.baseline is None:
        raise UsageError(
            "--fail-on-regression needs something to be worse than",
            fix="--against RUN for the same types before, or --baseline TYPE",
        )
    return runs, earlier


def _results(arguments: argparse.Namespace, runs: Sequence[str]) -> tuple[InstanceResult, ...]:
    if arguments.results is not None:
        from benchtui.engine.comparing import read_results

        return read_results(arguments.results, runs)
    import asyncio

    return asyncio.run(_gathered(arguments, runs))


def _of_types(results: Sequence[InstanceResult], wanted: Sequence[str] | None) -> list[InstanceResult]:
    """Results of the types that were asked for.

    Raises:
        UsageError: a name or pattern matches none; names the nearest.
    """
    if not wanted:
        return list(results)
    from benchtui.core.instance_results import nearest

    known = sorted({one.instance_type for one in results})
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UsageError(f"no result is of the type {pattern}", fix=nearest(pattern, known))
    return [one for one in results if any(fnmatchcase(one.instance_type, pattern) for pattern in wanted)]


def _checked(named: Sequence[str]) -> tuple[str, ...]:
    """Runs, each once."""
    from benchtui.core.keys import KeyNotOurs, check_run

    try:
        return tuple(dict.fromkeys(check_run(run) for run in named))
    except KeyNotOurs as error:
        raise UsageError(str(error), fix="`benchtui runs` lists the runs of the bucket") from error


def _runs(named: Sequence[str], results: Path | None) -> tuple[str, ...]:
    """The runs that were named, or all that lie in the folder."""
    if checked := _checked(named):
        return checked
    if results is None:
        raise UsageError("no run is named", fix="benchtui compare RUN; `benchtui runs` lists them")
    from benchtui.engine.comparing import runs_on_disk

    found = runs_on_disk(results)
    if not found:
        raise UsageError(f"{results} holds no run", fix="`benchtui collect RUN` brings one here")
    return found


async def _gathered(arguments: argparse.Namespace, runs: Sequence[str]) -> tuple[InstanceResult, ...]:
    from benchtui.cli.settings import open_workspace, read
    from benchtui.engine.comparing import gather

    # The runs' histories are not what was asked for, so no event is told.
    async with open_workspace(read(arguments), lambda _: None) as workspace:
        return await gather(workspace, runs)


def _compared(
    arguments: argparse.Namespace,
    results: Sequence[InstanceResult],
    earlier: Sequence[InstanceResult],
    runs: Sequence[str],
) -> Comparison:
    """The chosen metrics first, then those that tell most.

    The chosen are the question; where a regression is looked for, all that is shown is.

    Raises:
        UsageError: no such metric or type; names the nearest.
        BenchtuiError: nothing was measured.
    """
    from benchtui.core.compare import compare, compare_runs
    from benchtui.core.instance_results import Basis, find_metric, headline_keys, metric_keys

    known = metric_keys(results)
    if not known:
        reasons = dict.fromkeys(one.problem for one in results if one.problem)
        raise BenchtuiError(
            f"nothing was measured in {', '.join(runs)}: {'; '.join(list(reasons)[:3])}",
            fix=f"benchtui status {runs[0]}",
        )
    others = known if arguments.verbose else headline_keys(results)
    chosen = tuple(dict.fromkeys(find_metric(name, known) for name in arguments.metric or ()))
    lead = chosen or others[:1]
    if chosen and arguments.fail_on_regression:
        others = ()  # what was not asked for does not fail a pipeline
    keys = [*lead, *(key for key in others if key not in lead)]
    asked = len(keys) if arguments.fail_on_regression else len(lead)
    basis = Basis(arguments.by)
    if earlier or arguments.against:
        return compare_runs(results, earlier, keys=keys, basis=basis, asked=asked)
    return compare(results, keys=keys, basis=basis, baseline=arguments.baseline, asked=asked)


def _record(arguments: argparse.Namespace, comparison: Comparison, runs: Sequence[str]) -> dict[str, Any]:
    from benchtui.core.decision import decide
    from benchtui.core.overall import overall
    from benchtui.core.settling import precision_plan, settlements
    from benchtui.report.comparison_record import comparison_fields
    from benchtui.report.decision_record import (
        decision_fields,
        overall_fields,
        precision_fields,
        settlement_fields,
    )

    precision = arguments.precision
    return {
        "v": 1,
        "type": "compare",
        "runs": list(runs),
        **comparison_fields(comparison),
        "overall": overall_fields(overall(comparison)),
        "settling": [settlement_fields(one) for one in settlements(comparison, 0)],
        "precision": None
        if precision is None
        else precision_fields(precision_plan(comparison, 0, precision)),
        "decision": decision_fields(decide(comparison, 0, arguments.intensity)),
        "regressions": _regressions(comparison) if arguments.fail_on_regression else None,
    }


def _show(arguments: argparse.Namespace, results: Sequence[InstanceResult], comparison: Comparison) -> None:
    from benchtui.cli import comparison_table as tables
    from benchtui.report.comparison import chart

    unicode = output.speaks_unicode()
    output.table(
        tables.comparison_table(comparison, unicode=unicode),
        *tables.chart_lines(chart(arguments.chart, results, comparison, 0), unicode=unicode),
        *tables.quotation(comparison),
        *tables.conclusions(comparison, unicode=unicode),
        *tables.plans(comparison, arguments.precision, unicode=unicode),
        *(
            tables.decision(comparison, arguments.intensity, unicode=unicode)
            if arguments.decide or arguments.intensity is not None
            else ()
        ),
    )
    for line in tables.remark_lines(comparison):
        diagnostics.say(line)


def _regressions(comparison: Comparison) -> list[str]:
    """``c7g.large stream/triad.all`` for everything that is worse."""
    from benchtui.core.stats import Verdict

    return [
        f"{row.name} {column.key}"
        for at, column in enumerate(comparison.columns)
        for row in comparison.rows
        if (against := row.cells[at].against) is not None and against.verdict is Verdict.WORSE
    ]


def _regression(comparison: Comparison) -> ExitCode:
    """Exit code 7 with what is worse.

    Raises:
        BenchtuiError: there is not one verdict: a gate that cannot close is no gate.
    """
    from benchtui.core import quoting

    cells = [(row, at) for row in comparison.rows for at in range(len(comparison.columns))]
    if all(row.cells[at].against is None for row, at in cells):
        reasons = dict.fromkeys(
            f"{row.name}: {why}" for row, at in cells if (why := quoting.why(row.cells[at]))
        )
        raise BenchtuiError(
            f"nothing could be judged: {'; '.join(list(reasons)[:3]) or 'there is nothing to compare with'}",
            fix="measure at least 3 instances of a type on both sides: [plan] replicates",
        )
    worse = _regressions(comparison)
    for what in worse:
        diagnostics.say(f"regression: {what}")
    return ExitCode.REGRESSION if worse else ExitCode.OK
