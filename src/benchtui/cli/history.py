"""`benchtui history`: the runs of a bucket over time, the trend of a metric, and the index behind both."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import repeated, shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.trend import Trend
    from benchtui.engine.history_sync import SyncReport
    from benchtui.history.queries import RunRow

NEWEST = 30


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "history",
        parents=[shared()],
        help="runs over time, and the trend of a metric",
        description="Runs of the bucket, newest first; with --metric its trend for each type: levels, "
        "changes, and what else changed with them. Reads an index that is brought up to the bucket first.",
        epilog="exit codes: 0 ok, 7 with --fail-on-regression a confirmed regression",
    )
    parser.add_argument(
        "filter", metavar="FILTER", nargs="*", help="as in tables: type=c7g.large region=us-east-1 mode=full"
    )
    parser.add_argument("--metric", metavar="M", help="its trend: triad.all, or stream/triad.all")
    parser.add_argument("--run", metavar="RUN", help="with --metric: the samples of its instances in RUN")
    parser.add_argument("--metrics", action="store_true", help="list the metrics there are")
    parser.add_argument(
        "--type", metavar="TYPE", dest="types", action="append", default=[], help="of this type; repeatable"
    )
    parser.add_argument(
        "--since", metavar="DATE", type=_since, help="2026-10-01, or 90d: nothing that began earlier"
    )
    parser.add_argument(
        "-n", "--newest", metavar="N", type=int, default=NEWEST, help=f"runs; default {NEWEST}"
    )
    parser.add_argument(
        "--sync",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="read from the bucket what is new; --no-sync reads the index alone and needs no network",
    )
    parser.add_argument("--rebuild", action="store_true", help="make the index of this bucket again")
    parser.add_argument(
        "--compact",
        action="store_true",
        help="write roll-ups of closed months into the bucket, so that another machine's first sync is short",
    )
    parser.add_argument("--dry-run", action="store_true", help="with --compact: say what would be written")
    parser.add_argument(
        "--fail-on-regression", action="store_true", help="exit with 7 if a change for the worse is confirmed"
    )
    parser.set_defaults(execute=execute, looks=False)


def _since(text: str) -> datetime:
    """A date, or a number of days before now."""
    try:
        if text.endswith("d") and text[:-1].isdigit():
            return datetime.now(UTC) - timedelta(days=int(text[:-1]))
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a date (2026-10-01) nor days (90d)") from error


def execute(arguments: argparse.Namespace) -> int:
    """Show it."""
    import asyncio

    from benchtui.cli.settings import read

    _check(arguments)
    settings = read(arguments, use_local=arguments.sync)
    path = index_path(settings)
    if arguments.compact:
        return asyncio.run(_compacted(arguments, settings, path))
    report = None
    if arguments.sync:
        report = asyncio.run(synced(settings, path, rebuild=arguments.rebuild, quiet=arguments.json))
    if arguments.metrics:
        return _metrics(arguments, path)
    if arguments.metric is None:
        return _runs(arguments, path, report)
    if arguments.run is not None:
        return _samples(arguments, path)
    return _trend(arguments, path)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.rebuild and not arguments.sync:
        raise UsageError("--rebuild reads the bucket", fix="leave out --no-sync")
    if arguments.dry_run and not arguments.compact:
        raise UsageError("--dry-run is for --compact", fix="benchtui history --compact --dry-run")
    if arguments.run is not None and arguments.metric is None:
        raise UsageError("--run shows the samples of a metric", fix="benchtui history --metric M --run RUN")
    if arguments.fail_on_regression and arguments.metric is None:
        raise UsageError("--fail-on-regression needs a metric", fix="benchtui history --metric M")


def index_path(settings: Settings) -> Path:
    """Where the index lies; that of the local cloud beside AWS's, not in it."""
    from benchtui.core.indexed import INDEX_FILE

    return settings.cache / INDEX_FILE


async def synced(settings: Settings, path: Path, *, rebuild: bool = False, quiet: bool = False) -> SyncReport:
    """Bring the index up to the bucket, and say what was read."""
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.history_sync import sync

    async with open_workspace(settings, lambda _: None) as workspace:
        now = workspace.clock.now()
        bucket = await workspace.bucket()
        say: Callable[[str], None] = diagnostics.say if not quiet else lambda _: None
        report = await sync(bucket, path, now, rebuild=rebuild, say=say)
    took = (workspace.clock.now() - now).total_seconds()
    if not quiet and (report.read or report.rolled_up or report.remade):
        said = f"index: {report.read} runs read, {report.rolled_up} from roll-ups"
        diagnostics.say(f"{said}, {report.requests} requests, {took:.1f} s; {report.still_open} still open")
    return report


async def _compacted(arguments: argparse.Namespace, settings: Settings, path: Path) -> int:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.compaction import compact
    from benchtui.engine.history_sync import sync

    async with open_workspace(settings, lambda _: None) as workspace:
        bucket, now = await workspace.bucket(), workspace.clock.now()
        await sync(bucket, path, now, rebuild=arguments.rebuild)
        parts = await compact(bucket, path, now, dry=arguments.dry_run, say=diagnostics.say)
    if arguments.json:
        rows = [
            {"key": one.key, "runs": list(one.runs), "objects": one.objects, "size": one.size}
            for one in parts
        ]
        output.document({"v": 1, "type": "compact", "dry_run": arguments.dry_run, "parts": rows})
        return ExitCode.OK
    word = "would be written" if arguments.dry_run else "written"
    for part in parts:
        output.line(f"{part.key}: {len(part.runs)} runs {word}")
    if not parts:
        output.line("nothing to roll up: no closed run of a past month is outside the roll-ups")
    return ExitCode.OK


def _runs(arguments: argparse.Namespace, path: Path, report: SyncReport | None) -> int:
    from benchtui.core.filter import Filter
    from benchtui.history import queries
    from benchtui.history.index import HistoryIndex

    where = Filter.parse(_expression(arguments), queries.RUN_FIELDS)
    with HistoryIndex(path) as index:
        found = queries.runs(index, where=where, since=arguments.since, newest=arguments.newest)
        totals = queries.totals(index)
    if arguments.json:
        document = {"v": 1, "type": "history", "totals": totals, "runs": [_run_fields(run) for run in found]}
        if report is not None:
            document["sync"] = {
                "read": report.read,
                "rolled_up": report.rolled_up,
                "requests": report.requests,
            }
        output.document(document)
        return ExitCode.OK
    from benchtui.cli import tables

    table = tables.new_table("run", "name", "mode", "jobs", "ok", "worst USD", "types", right=("jobs", "ok"))
    for run in found:
        good = f"{run.counting}/{run.cells}" if run.problem is None else "-"
        worst = tables.usd(run.worst_case_usd) if run.worst_case_usd is not None else "-"
        types = " ".join(run.types) if run.problem is None else f"({run.problem})"
        tables.add(table, run.run, run.name, run.mode, run.jobs, good, worst, types)
    output.table(table)
    counted = ", ".join(f"{count} {what}" for what, count in totals.items())
    diagnostics.say(f"in the index: {counted}")
    return ExitCode.OK


def _expression(arguments: argparse.Namespace) -> str:
    words = list(arguments.filter)
    if arguments.types and arguments.metric is None:
        words.append("type=" + ",".join(arguments.types))
    return " ".join(words)


def _run_fields(run: RunRow) -> dict[str, Any]:
    return {
        "run": run.run,
        "bucket": run.bucket,
        "at": run.at,
        "name": run.name,
        "mode": run.mode,
        "jobs": run.jobs,
        "types": list(run.types),
        "worst_case_usd": run.worst_case_usd,
        "cells": run.cells,
        "measured": run.measured,
        "verified_and_plausible": run.counting,
        "closed": run.closed,
        "confirms": run.confirms.model_dump(mode="json") if run.confirms else None,
        "problem": run.problem,
    }


def _metrics(arguments: argparse.Namespace, path: Path) -> int:
    from benchtui.core.filter import Filter
    from benchtui.history import queries
    from benchtui.history.index import HistoryIndex

    where = Filter.parse(_expression(arguments), queries.FIELDS)
    with HistoryIndex(path) as index:
        found = queries.metrics(index, where=where)
    if arguments.json:
        rows = [
            {
                "metric": str(row.key),
                "unit": row.unit,
                "higher_is_better": row.higher_is_better,
                "instances": row.instances,
                "samples": row.samples,
                "types": row.types,
                "last": row.last,
            }
            for row in found
        ]
        output.document({"v": 1, "type": "metrics", "metrics": rows})
        return ExitCode.OK
    from benchtui.cli import tables

    table = tables.new_table(
        "metric", "unit", "instances", "samples", "types", "last", right=("instances", "samples", "types")
    )
    for row in found:
        day = f"{row.last:%Y-%m-%d}"
        tables.add(table, str(row.key), row.unit, row.instances, row.samples, row.types, day)
    output.table(table)
    return ExitCode.OK


def _samples(arguments: argparse.Namespace, path: Path) -> int:
    """Raises UsageError: the index has no sample of the metric in this run."""
    from benchtui.core.filter import Filter
    from benchtui.history import queries
    from benchtui.history.index import HistoryIndex

    where = Filter.parse(_expression(arguments), queries.FIELDS)
    with HistoryIndex(path) as index:
        row = queries.metric_named(index, arguments.metric, where=where)
        found = queries.samples(index, arguments.run, row.key)
    if not found:
        raise UsageError(
            f"the index has no sample of {row.key} in {arguments.run}",
            fix="`benchtui history` lists its runs, `benchtui history --metrics` its metrics",
        )
    if arguments.json:
        instances = [{"job": job, "samples": list(values)} for job, values in found.items()]
        document = {"v": 1, "type": "samples", "run": arguments.run, "metric": str(row.key), "unit": row.unit}
        output.document({**document, "instances": instances})
        return ExitCode.OK
    from benchtui.cli import tables

    table = tables.new_table("job", "n", f"samples, {row.unit}", right=("n",))
    for job, values in found.items():
        tables.add(table, job, len(values), " ".join(f"{value:.4g}" for value in values))
    output.table(table)
    return ExitCode.OK


def _trend(arguments: argparse.Namespace, path: Path) -> int:
    from benchtui.core.trend import State
    from benchtui.engine.confirming import read_trends

    row, trends = read_trends(
        path, arguments.metric, arguments.types, _expression(arguments), arguments.since
    )
    confirmed = any(change.state is State.CONFIRMED for trend in trends for change in trend.changes)
    if arguments.json:
        from benchtui.report.trend import trend_fields

        document = {
            "v": 1,
            "type": "trend",
            "metric": str(row.key),
            "series": [trend_fields(one) for one in trends],
        }
        output.document(document)
    else:
        _show(trends, repeated(arguments))
    return ExitCode.REGRESSION if confirmed and arguments.fail_on_regression else ExitCode.OK


def _show(trends: tuple[Trend, ...], flags: str) -> None:
    from benchtui.cli import tables
    from benchtui.cli.comparison_table import chart_lines
    from benchtui.report.trend import change_words, mark_words, series_name, settled_words, trend_chart

    table = tables.new_table(
        "series", "runs", "n", "first", "now", "changes", right=("runs", "n", "first", "now")
    )
    for trend in trends:
        ends = (trend.levels[0].value, trend.levels[-1].value) if trend.levels else None
        first, now = ("-", "-") if ends is None else (f"{ends[0]:.4g}", f"{ends[1]:.4g}")
        words = ", ".join(f"{(one.ratio - 1) * 100:+.1f} % {one.state.value}" for one in trend.changes)
        tables.add(table, series_name(trend), trend.runs, trend.instances, first, now, words or "none")
    output.table(table, *chart_lines(trend_chart(trends), unicode=output.speaks_unicode()))
    for trend in trends:
        for change in trend.changes:
            output.line(change_words(trend, change))
        told = {one.since.run for one in trend.changes if one.fresh}
        for settled in trend.settled:
            if settled.since not in told:
                output.line(settled_words(trend, settled))
        loose = [mark for mark in trend.marks if all(mark not in one.marks for one in trend.changes)]
        for mark in loose[-3:]:
            diagnostics.say(f"note: {series_name(trend)}: {mark_words(mark)}, and no change came with it")
        if trend.left_out:
            why = "figures left out, not verified or not plausible"
            diagnostics.say(f"note: {series_name(trend)}: {trend.left_out} {why}")
        if trend.suspects:
            which = f"--metric {trend.key.metric} --type {trend.key.instance_type}"
            diagnostics.say(f"settle it: benchtui confirm {which}{flags}")
