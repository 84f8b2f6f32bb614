"""`benchtui reap`: end what should have ended by itself. For a person, and for cron."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import BenchtuiError, ExitCode

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.config.access import Access
    from benchtui.engine.connection import Connection
    from benchtui.engine.kill_scope import KillReport
    from benchtui.engine.sweep import Sweep

RECORD_SECONDS = 20


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "reap",
        parents=[shared()],
        help="end every instance that should have ended by itself; shows them unless --yes is given",
        description="List instances tagged LaunchedBy=AsyncBenchmarkLauncher, in every enabled region, that "
        "are alive after their tag benchtui:expires. With --yes they are ended, and that is proven by two "
        "sweeps; without it nothing is. Asks nobody, so cron can run it.",
        epilog="exit code 0: none is left, every enabled region has said so; 6: some are, or one did not "
        "say. --json: one object, or with --yes the lines of kill --json",
    )
    parser.add_argument("--yes", action="store_true", help="end them; without it they are only shown")
    parser.set_defaults(execute=execute, looks=False)


def execute(arguments: argparse.Namespace) -> int:
    """Reap."""
    from benchtui.cli import access

    access.prepare()
    import asyncio

    account = access.read(arguments)
    if not arguments.yes:
        return _show(asyncio.run(_swept(account)), arguments)
    from benchtui.cli import ending
    from benchtui.engine.kill_scope import KillScope

    scope = KillScope.of_expired(datetime.now(UTC))
    report = asyncio.run(ending.ended(account, scope, json=arguments.json, afterwards=_recorded))
    return ending.show(report, "benchtui reap --yes", arguments)


async def _recorded(connection: Connection, report: KillReport) -> None:
    """Leave word in the bucket that somebody reaps here: layer 4 is armed by that. It may fail."""
    import asyncio

    from benchtui.core import keys
    from benchtui.core.document_fields import to_json
    from benchtui.core.drills import ReapDocument

    proven = tuple(proof.region for proof in report.regions if proof.proven)
    ended = sum(len(proof.gone & proof.asked) for proof in report.regions)
    body = to_json(ReapDocument(at=connection.clock.now(), regions=proven, ended=ended))
    try:
        async with asyncio.timeout(RECORD_SECONDS):
            await (await connection.bucket()).put(keys.reap_key(), body)
    except (BenchtuiError, TimeoutError) as problem:
        diagnostics.say(f"the bucket has no record of it: {getattr(problem, 'what', 'no answer in time')}")


async def _swept(account: Access) -> Sweep:
    from benchtui.cli.access import connect

    async with connect(account, lambda _: None) as connection:
        return await connection.sweep()


def _show(found: Sweep, arguments: argparse.Namespace) -> int:
    from benchtui.cli.arguments import repeated

    expired = found.expired(found.taken_at)
    code = ExitCode.MAY_STILL_RUN if expired or not found.known else ExitCode.OK
    if arguments.json:
        output.document(_fields(found, code))
    else:
        _print(found)
    for problem in found.errors:
        diagnostics.error(problem)
    if expired:
        diagnostics.say(f"nothing was ended; to end them: benchtui reap --yes{repeated(arguments)}")
    return code


def _fields(found: Sweep, code: ExitCode) -> dict[str, Any]:
    return {
        "v": 1,
        "type": "reap",
        "taken_at": found.taken_at,
        "expired": [
            {
                "instance_id": view.instance_id,
                "instance_type": view.instance_type,
                "region": view.region,
                "run": view.run,
                "job": view.job,
                "launched_at": view.launched_at,
                "expires_at": view.expires_at,
            }
            for view in found.expired(found.taken_at)
        ],
        "alive": len(found.instances),
        "regions": list(found.regions),
        "unanswered": {region: problem.what for region, problem in found.unanswered},
        "regions_error": found.regions_error.what if found.regions_error else None,
        "exit_code": int(code),
    }


def _print(found: Sweep) -> None:
    from benchtui.cli import tables

    expired = found.expired(found.taken_at)
    parts: list[Any] = []
    if expired:
        table = tables.new_table("instance", "type", "region", "run", "job", "expired")
        for view in expired:
            tables.add(
                table,
                view.instance_id,
                view.instance_type,
                view.region,
                view.run or "-",
                view.job or "-",
                tables.clock(view.expires_at) if view.expires_at else "-",
            )
        parts.append(table)
    asked = f"{len(found.regions)} regions asked"
    silent = f", {len(found.unanswered)} did not answer" if found.unanswered else ""
    of = f"{len(expired)} of {len(found.instances)} live instances have expired"
    output.table(*parts, tables.Text(f"{of}; {asked}{silent}"))
