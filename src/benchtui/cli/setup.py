"""`benchtui setup`: make what an account needs, shown first; print the policies."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.policies import Scope
    from benchtui.engine.setting_up.making import SetupPlan

WORD = "yes"
_ACCOUNT = re.compile(r"[0-9]{12}")


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "setup",
        parents=[shared()],
        help="make the bucket, roles and security groups that runs need; print the policies",
        description="Looks what the account has, shows what would be made or changed, and makes it: a "
        "private, "
        "encrypted bucket that refuses to overwrite, the role and profile of instances, the role of "
        "schedules, "
        "a security group without inbound rules in every region of [aws] regions, and with [aws] "
        "public_ipv4 = "
        "false a gateway to S3. None of it costs anything by being there. What it did not make itself it "
        "leaves "
        "as it is. Cut off anywhere, the same command goes on. `benchtui teardown` takes it away again.",
        epilog="exit code 1: something is still missing for a launch; 2: not confirmed; 3: a right is "
        "missing, "
        "which is named",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be made, and make nothing")
    parser.add_argument("--yes", action="store_true", help="make it unasked")
    parser.add_argument(
        "--print-policies", action="store_true", help="every policy, with a reason for each statement"
    )
    parser.add_argument(
        "--policy", metavar="NAME", help="one policy as JSON alone, for aws iam create-policy"
    )
    parser.add_argument(
        "--account", metavar="ID", help="account to render policies for; without it that of the credentials"
    )
    parser.set_defaults(execute=execute, looks=False)


def execute(arguments: argparse.Namespace) -> int:
    """Show, ask, make.

    Raises:
        UsageError: not confirmed, or arguments that exclude each other.
        CloudError: AWS did not say what is there.
    """
    if arguments.print_policies or arguments.policy:
        return _print_policies(arguments)
    if arguments.account:
        raise UsageError("--account goes with --print-policies or --policy; setup works in one's own account")
    import asyncio

    from benchtui.cli.settings import read

    # Not inside an event loop while a person is asked: a signal has to reach the prompt.
    settings = read(arguments)
    plan = asyncio.run(_looked(settings))
    if arguments.dry_run or not plan.to_do:
        return _show(plan, json=arguments.json, dry_run=arguments.dry_run)
    if not arguments.yes:
        _ask(plan)
    return asyncio.run(_made(settings, plan, json=arguments.json))


async def _looked(settings: Settings) -> SetupPlan:
    from benchtui.cli.settings import open_workspace
    from benchtui.engine.setting_up.making import look

    async with open_workspace(settings, lambda _: None) as workspace:
        return await look(workspace.cloud, settings.config)


async def _made(settings: Settings, seen: SetupPlan, *, json: bool) -> int:
    """Make what was shown; what has become needless meanwhile is not made."""
    from benchtui.cli.failures import error_fields
    from benchtui.cli.settings import open_workspace
    from benchtui.cli.setup_table import done_line, fields
    from benchtui.engine.setting_up.making import SetupCut, carry_out, look

    async with open_workspace(settings, lambda _: None) as workspace:
        plan = await look(workspace.cloud, settings.config)
        shown = {(item.part.kind, item.part.name, item.part.region) for item in seen.to_do}
        if not {(item.part.kind, item.part.name, item.part.region) for item in plan.to_do} <= shown:
            raise UsageError(
                "the account has changed since it was shown; nothing was made",
                fix="run it again: benchtui setup",
            )
        try:
            plan = await carry_out(plan, lambda item: diagnostics.say(done_line(item)))
        except SetupCut as cut:
            if not json:
                raise
            diagnostics.error(cut)
            output.document(fields(cut.plan, dry_run=False) | {"error": error_fields(cut)})
            return cut.exit_code
    return _show(plan, json=json, dry_run=False)


def _ask(plan: SetupPlan) -> None:
    """Show the plan and have it confirmed.

    Raises:
        UsageError: it was not.
    """
    from benchtui.cli.setup_table import lines

    if not diagnostics.can_ask():
        raise UsageError(
            "nobody can be asked whether to make it: this is no terminal",
            fix="look first: benchtui setup --dry-run; then give --yes",
        )
    diagnostics.show(*lines(plan))
    if diagnostics.ask(f"Make this? Type {WORD}: ") != WORD:
        raise UsageError("not confirmed; nothing was made")


def _show(plan: SetupPlan, *, json: bool, dry_run: bool) -> int:
    from benchtui.cli.setup_table import fields, lines, next_steps

    if json:
        output.document(fields(plan, dry_run=dry_run))
    else:
        output.table(*lines(plan))
        for line in next_steps(plan):
            diagnostics.say(line)
    return ExitCode.BENCHMARK_FAILED if plan.problems else ExitCode.OK


def _print_policies(arguments: argparse.Namespace) -> int:
    """Raises UsageError: no such policy, or not an account's id."""
    from benchtui.cli.policy_text import policy_fields, policy_lines
    from benchtui.core.policies import all_policies

    policies = all_policies(_scope(arguments))
    if arguments.policy:
        found = next((each for each in policies if each.name == arguments.policy), None)
        if found is None:
            names = ", ".join(each.name for each in policies)
            raise UsageError(f"there is no policy {arguments.policy}", fix=f"one of: {names}")
        output.line(found.document_text())
    elif arguments.json:
        output.document({"v": 1, "type": "policies", "policies": [policy_fields(each) for each in policies]})
    else:
        output.text("\n".join(line for each in policies for line in policy_lines(each)) + "\n")
    return ExitCode.OK


def _scope(arguments: argparse.Namespace) -> Scope:
    """The names that policies are rendered with; asks nobody if the account was typed."""
    import asyncio

    from benchtui.cli.settings import open_workspace, read
    from benchtui.core.policies.scope import partition_of_region
    from benchtui.engine.setting_up.wanted import partition_of, scope_of

    if arguments.account is not None:
        if not _ACCOUNT.fullmatch(arguments.account):
            raise UsageError(f"--account {arguments.account} is not an account's id: 12 digits")
        aws = read(arguments, use_local=False).config.aws
        return scope_of(aws, arguments.account, partition_of_region(aws.regions[0]))
    settings = read(arguments)

    async def asked() -> Scope:
        async with open_workspace(settings, lambda _: None) as workspace:
            identity = await workspace.identity()
            return scope_of(settings.config.aws, identity.account, partition_of(identity))

    return asyncio.run(asked())
