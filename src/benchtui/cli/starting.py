"""`benchtui schedule create`, `list`, `check`, `remove`: runs that the account itself starts."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import add_config, repeated, shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.documents import RunDocument
    from benchtui.engine.scheduled_runs import Occurrence


def add(actions: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The four actions' arguments."""
    create = actions.add_parser(
        "create",
        parents=[shared(config_flag=False)],
        help="have EventBridge Scheduler launch a plan at a time that is set now",
        description="Make a run for each time: its run.json, the schedule that ends it, and one schedule per "
        "job that launches it. Then no machine of yours is needed until somebody collects. Prices, images "
        "and types are those of now.",
    )
    add_config(create)
    create.add_argument("--first", metavar="TIME", required=True, help="the first time: 2026-11-29T02:00Z")
    create.add_argument("--every", metavar="PERIOD", help="time between two: 12h, 1d, 2w")
    create.add_argument("--count", metavar="N", type=int, default=1, help="how many runs; default 1")
    create.add_argument("--seed", metavar="N", type=int, help="seed of the launch order")
    create.add_argument("--yes", action="store_true", help="agree to the worst-case cost of all runs unasked")
    create.set_defaults(execute=execute_create)
    for name, says, execute in (
        ("list", "scheduled runs: those ahead and those of the last eight days", execute_list),
        ("check", "the same; exit code 1 and a notice if one should have begun and has not", execute_check),
    ):
        listing = actions.add_parser(name, parents=[shared()], help=says, description=says)
        listing.set_defaults(execute=execute)
    remove = actions.add_parser(
        "remove",
        parents=[shared()],
        help="take a run from the schedule before it begins",
        description="Remove the schedules of a run that has not begun. What runs already is ended by kill.",
    )
    remove.add_argument("run", metavar="RUN", help="the run's id")
    remove.set_defaults(execute=execute_remove)


def execute_create(arguments: argparse.Namespace) -> int:
    """Plan, ask, create.

    Raises:
        UsageError: not a time, not agreed, or the plan needs a launcher.
    """
    import asyncio

    if not arguments.yes and not diagnostics.can_ask():
        raise UsageError("nobody can be asked to agree to the costs: this is no terminal", fix="add --yes")
    from benchtui.cli.settings import read
    from benchtui.core.starts import occurrences

    now = datetime.now(UTC)
    times = occurrences(_time(arguments.first), arguments.every, arguments.count, now)
    return asyncio.run(_create(read(arguments), arguments, times))


async def _create(settings: Settings, arguments: argparse.Namespace, times: tuple[datetime, ...]) -> int:
    from benchtui.cli.plan_table import render
    from benchtui.cli.settings import open_workspace, seed_of
    from benchtui.cli.stream import Stream
    from benchtui.cli.tables import Glyphs, clock, usd
    from benchtui.engine.scheduled_runs import ScheduledRuns

    stream = Stream(json=False)
    async with open_workspace(settings, stream.emit) as workspace:
        planned = await workspace.plan(seed_of(settings))
        diagnostics.show(render(planned.plan, Glyphs(diagnostics.speaks_unicode())))
        all_usd = usd(planned.plan.worst_case_usd * len(times))
        said = f"{len(times)} runs, {clock(times[0])} to {clock(times[-1])}, together at most {all_usd} USD"
        diagnostics.say(said)
        if not arguments.yes:
            answer = diagnostics.ask(f"Type yes or {all_usd} to have them launched without you: ")
            if answer not in ("yes", all_usd):
                raise UsageError("not agreed; nothing was scheduled")

        def told(run: RunDocument) -> None:
            diagnostics.say(f"{run.run}: {len(run.jobs)} jobs at {clock(run.scheduled_for)}")

        runs = await ScheduledRuns(workspace).create(planned, times, told)
    if arguments.json:
        output.document({"v": 1, "type": "scheduled", "runs": [_run_fields(run) for run in runs]})
    else:
        for run in runs:
            output.line(run.run)
    flags = repeated(arguments)
    diagnostics.say(f"later: benchtui schedule list{flags}, benchtui collect RUN{flags}")
    return ExitCode.OK


def execute_list(arguments: argparse.Namespace) -> int:
    """List them."""
    import asyncio

    from benchtui.cli.settings import read

    _show(asyncio.run(_occurrences(read(arguments))), json=arguments.json)
    return ExitCode.OK


def execute_check(arguments: argparse.Namespace) -> int:
    """List them, and tell of those that did not begin."""
    import asyncio

    from benchtui.cli.notify import send
    from benchtui.cli.settings import read
    from benchtui.core import notices
    from benchtui.core.notices import Occasion
    from benchtui.engine.scheduled_runs import Course

    settings = read(arguments)
    found = asyncio.run(_occurrences(settings))
    _show(found, json=arguments.json)
    missing = [each for each in found if each.course is Course.MISSED]
    for each in missing:
        notice = notices.not_begun(each.run.run, datetime.now(UTC), each.at)
        diagnostics.say(notice.text)
        if Occasion.SCHEDULED_MISSING in settings.config.notify.on:
            for sent in asyncio.run(send(settings, notice)):
                if not sent.ok:
                    diagnostics.say(f"no notice by {sent.way}: {sent.why}")
    return ExitCode.BENCHMARK_FAILED if missing else ExitCode.OK


def execute_remove(arguments: argparse.Namespace) -> int:
    """Remove one."""
    import asyncio

    from benchtui.cli.settings import open_workspace, read
    from benchtui.engine.scheduled_runs import ScheduledRuns

    settings = read(arguments)

    async def remove() -> int:
        async with open_workspace(settings, lambda _: None) as workspace:
            return await ScheduledRuns(workspace).remove(arguments.run)

    removed = asyncio.run(remove())
    if arguments.json:
        output.document({"v": 1, "type": "removed", "run": arguments.run, "starts": removed})
    else:
        output.line(f"{arguments.run}: {removed} schedules that would have launched a job are removed")
    return ExitCode.OK


async def _occurrences(settings: Settings) -> tuple[Occurrence, ...]:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.scheduled_runs import ScheduledRuns

    async with open_workspace(settings, lambda _: None) as workspace:
        return await ScheduledRuns(workspace).occurrences()


def _show(found: tuple[Occurrence, ...], *, json: bool) -> None:
    if json:
        rows = [_run_fields(each.run) | {"course": each.course, "starts": each.starts} for each in found]
        output.document({"v": 1, "type": "scheduled", "runs": rows})
        return
    from benchtui.cli import tables

    styles = {"missed": tables.BAD, "begun": tables.GOOD, "removed": tables.FAINT}
    table = tables.new_table("run", "at", "course", "jobs", "worst USD", right=("jobs", "worst USD"))
    for each in found:
        course = tables.Text(each.course, style=styles.get(each.course, ""))
        worst = tables.usd(each.run.worst_case_usd)
        tables.add(table, each.run.run, tables.clock(each.at), course, len(each.run.jobs), worst)
    output.table(table)


def _run_fields(run: RunDocument) -> dict[str, Any]:
    return {
        "run": run.run,
        "scheduled_for": run.scheduled_for,
        "jobs": len(run.jobs),
        "worst_case_usd": run.worst_case_usd,
    }


def _time(text: str) -> datetime:
    """Raises UsageError for what is no time."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--first {text}: not a time", fix="write it as 2026-11-29T02:00Z") from None
