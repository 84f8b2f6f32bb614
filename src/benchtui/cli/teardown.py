"""`benchtui teardown`: take away what setup made, and nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from rich.console import RenderableType

    from benchtui.cli.settings import Settings
    from benchtui.engine.setting_up.removing import Leaving, TeardownPlan

WORD = "yes"


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "teardown",
        parents=[shared()],
        help="take away what setup made; keeps results unless told",
        description="Removes what carries setup's tag: security groups and gateways in every enabled "
        "region, the "
        "instance profile, the two roles, and the bucket if it is empty. Shows it first. A bucket with "
        "objects "
        "stays, unless --delete-results is given and its name is typed. Nothing is removed while an instance "
        "of benchtui lives or a region does not answer. Cut off anywhere, the same command goes on.",
        epilog="exit code 2: not confirmed; 3: a right is missing; 6: instances may still run, nothing was "
        "removed",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be removed")
    parser.add_argument("--delete-results", action="store_true", help="the bucket with all it holds as well")
    parser.add_argument("--yes", action="store_true", help="remove unasked; never results")
    parser.add_argument(
        "--confirm", metavar="BUCKET", help="agree unasked to --delete-results: the bucket's name"
    )
    parser.set_defaults(execute=execute, looks=False)  # it looks itself


def execute(arguments: argparse.Namespace) -> int:
    """Show, ask, remove.

    Raises:
        UsageError: not confirmed.
        StillAliveError: instances may still run.
        CloudError: AWS did not say what is there.
    """
    import asyncio

    from benchtui.cli.settings import read

    if arguments.confirm is not None and not arguments.delete_results:
        raise UsageError("--confirm BUCKET goes with --delete-results", fix="give --yes to keep the results")
    settings = read(arguments)
    # Not inside an event loop while a person is asked: a signal has to reach the prompt.
    plan = asyncio.run(_looked(settings, with_results=arguments.delete_results))
    if arguments.dry_run or not plan.to_do:
        return _show(plan, json=arguments.json, dry_run=arguments.dry_run)
    _check_confirmed(arguments, plan)
    return asyncio.run(_removed(settings, plan, json=arguments.json))


def _check_confirmed(arguments: argparse.Namespace, plan: TeardownPlan) -> None:
    """Raises UsageError: nobody agreed."""
    token = plan.scope.bucket if arguments.delete_results else WORD
    if arguments.delete_results and arguments.confirm is not None:
        if arguments.confirm != token:
            raise UsageError(
                f"--confirm {arguments.confirm} is not the bucket; nothing was removed",
                fix=f"give --confirm {token} if that is the bucket you mean",
            )
        return
    if arguments.yes and not arguments.delete_results:
        return
    if not diagnostics.can_ask():
        fix = f"give --confirm {token}" if arguments.delete_results else "give --yes"
        raise UsageError("nobody can be asked: this is no terminal", fix=fix)
    diagnostics.show(*lines(plan))
    what = "the bucket's name" if arguments.delete_results else WORD
    if diagnostics.ask(f"Remove this? Type {what}: ") != token:
        raise UsageError("not confirmed; nothing was removed")


async def _looked(settings: Settings, *, with_results: bool) -> TeardownPlan:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.setting_up.removing import look

    async with open_workspace(settings, lambda _: None) as workspace:
        return await look(workspace.cloud, settings.config.aws, workspace.clock, with_results=with_results)


async def _removed(settings: Settings, seen: TeardownPlan, *, json: bool) -> int:
    """Remove it, after another look: an instance may have been launched while a person was asked."""
    from benchtui.cli.failures import error_fields
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.setting_up.removing import TeardownCut, carry_out, look

    async with open_workspace(settings, lambda _: None) as workspace:
        plan = await look(
            workspace.cloud, settings.config.aws, workspace.clock, with_results=seen.with_results
        )
        try:
            plan = await carry_out(plan, lambda item: diagnostics.say(f"removed: {_named(item)}"))
        except TeardownCut as cut:
            if not json:
                raise
            diagnostics.error(cut)
            output.document(fields(cut.plan, dry_run=False) | {"error": error_fields(cut)})
            return cut.exit_code
    return _show(plan, json=json, dry_run=False)


def _show(plan: TeardownPlan, *, json: bool, dry_run: bool) -> int:
    if json:
        output.document(fields(plan, dry_run=dry_run))
    else:
        output.table(*lines(plan))
    return ExitCode.OK


def lines(plan: TeardownPlan) -> Iterator[RenderableType]:
    """What goes and what stays."""
    from benchtui.cli.tables import FAINT, GOOD, WARN, Text

    yield Text(f"account {plan.scope.account}")
    if not plan.items:
        yield Text("nothing that setup made is there")
    for item in plan.items:
        word, style = ("removed", GOOD) if item.done else ("remove", WARN) if item.goes else ("stays", FAINT)
        note = f" ({item.removal.note})" if item.removal.note else ""
        yield Text.assemble((f"{word:<8} ", style), f"{_named(item)}{note}")
        if item.removal.keeps:
            yield Text("         its results stay; with them: benchtui teardown --delete-results")


def _named(item: Leaving) -> str:
    return f"{item.kind} {item.name}" + (f" in {item.region}" if item.region else "")


def fields(plan: TeardownPlan, *, dry_run: bool) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "v": 1,
        "type": "teardown",
        "account": plan.scope.account,
        "dry_run": dry_run,
        "complete": not plan.to_do,
        "items": [
            {
                "kind": item.kind,
                "name": item.name,
                "region": item.region,
                "goes": item.goes or item.done,
                "done": item.done,
                "note": item.removal.note or None,
            }
            for item in plan.items
        ],
    }
