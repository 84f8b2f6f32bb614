"""`benchtui notify`: send a trial notice by every way that ``[notify]`` names, and say what came of it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import BenchtuiError, ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.notices import Notice
    from benchtui.engine.kill_scope import KillReport
    from benchtui.engine.notifying import Sent


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "notify",
        parents=[shared()],
        help="send a trial notice by every way of [notify]",
        description="Send a trial notice by every way that [notify] names: webhook, SNS topic, command. exit "
        "code 1: one did not arrive.",
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Send it.

    Raises:
        UsageError: no way is configured.
    """
    import asyncio

    from benchtui.cli.settings import read
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.notifying import trial

    settings = read(arguments)
    sent = asyncio.run(send(settings, trial(SystemClock())))
    if not sent:
        raise UsageError(
            "nobody would be told of anything: [notify] names no way",
            fix="set webhook_env, sns_topic or command in [notify]",
        )
    if arguments.json:
        rows = [{"way": one.way, "ok": one.ok, "why": one.why} for one in sent]
        output.document({"v": 1, "type": "notify", "sent": rows})
    else:
        from benchtui.cli import tables

        glyphs = tables.Glyphs(output.speaks_unicode())
        table = tables.new_table("way", "taken", "why not")
        for one in sent:
            tables.add(table, one.way, glyphs.verified(one.ok), glyphs.or_unknown(one.why))
        output.table(table)
    return ExitCode.OK if all(one.ok for one in sent) else ExitCode.BENCHMARK_FAILED


async def send(settings: Settings, notice: Notice) -> tuple[Sent, ...]:
    """Send one notice by every way; what came of each. Empty: there is none."""
    from benchtui.aws.session import Cloud
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.notifying import Notifier

    aws, clock = settings.config.aws, SystemClock()
    async with Cloud(aws.profile, aws.regions, random=settings.rng, sleep=clock.sleep) as cloud:
        return await Notifier(settings.config.notify, cloud, clock, lambda _: None).send(notice)


def tell_unproven(report: KillReport, arguments: argparse.Namespace) -> None:
    """After a kill without proof, tell who asked for it. What goes wrong with that is said, no error."""
    import asyncio

    from benchtui.cli.settings import read
    from benchtui.core.notices import Occasion
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.notifying import unproven

    try:
        settings = read(arguments, use_local=False)
        if Occasion.KILL_INCOMPLETE not in settings.config.notify.on:
            return
        for sent in asyncio.run(send(settings, unproven(report, SystemClock()))):
            if not sent.ok:
                diagnostics.say(f"no notice by {sent.way}: {sent.why}")
    except (BenchtuiError, OSError) as problem:
        diagnostics.say(f"no notice was sent: {problem}")
