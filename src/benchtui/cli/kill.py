"""`benchtui kill`: end instances and prove it. Needs no bucket and no record of the run."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics
from benchtui.cli.arguments import add_run, run_of, shared
from benchtui.core.errors import BenchtuiError, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.config.access import Access
    from benchtui.engine.connection import Connection
    from benchtui.engine.kill_scope import KillScope, KillSurvey

#: Names of jobs are checked against run.json if it can be read within this time; a kill does not need it.
CHECK_SECONDS = 5


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "kill",
        parents=[shared()],
        help="end every instance of a run, or of all, and prove it",
        description="Terminate every instance of a run in every enabled region, then sweep until two clean "
        "sweeps prove that none is left. Works by tags alone. With --job only these jobs of the run, which "
        "goes on; with --all every instance that benchtui launched in this account; with --expired those of "
        "them that should have ended by themselves.",
        epilog="A terminal shows what would be ended and asks for the last 4 characters of the run's id, or "
        "for --all and --expired the last 4 digits of the account. --json streams a line per change of a "
        "region and ends with the summary. exit code 6: something is not proven",
    )
    add_run(parser, nargs="?")
    parser.add_argument("--all", action="store_true", help="every run of this account")
    parser.add_argument(
        "--expired", action="store_true", help="of every run, what should have ended by itself"
    )
    parser.add_argument(
        "--job", metavar="JOB", action="append", default=[], help="only this job of the run; repeatable"
    )
    parser.add_argument(
        "--confirm",
        metavar="TOKEN",
        help="agree unasked: the run's id once more; for --all and --expired the account's id",
    )
    parser.set_defaults(execute=execute, looks=False)  # it is in haste, and looks itself


def execute(arguments: argparse.Namespace) -> int:
    """Kill it.

    Raises:
        UsageError: not confirmed, or not said what to kill.
    """
    scope = _scope(arguments)
    if arguments.confirm is None and not diagnostics.can_ask():
        raise UsageError(
            "nobody can be asked whether to kill: this is no terminal", fix=f"give --confirm {_token(scope)}"
        )
    if arguments.confirm is not None and scope.run not in (None, arguments.confirm):
        raise UsageError(
            f"--confirm {arguments.confirm} is not the run to be killed", fix=f"give --confirm {scope.run}"
        )
    from benchtui.cli import access, ending

    access.prepare()
    import asyncio

    account = access.read(arguments)
    if arguments.confirm is None:
        # Not inside an event loop: a signal has to reach a person's prompt.
        _ask(asyncio.run(_surveyed(account, scope)))

    async def check(connection: Connection) -> None:
        await _check_confirmed(connection, scope, arguments.confirm)

    checked = check if arguments.confirm is not None else None
    try:
        report = asyncio.run(ending.ended(account, scope, json=arguments.json, check=checked))
    except KeyboardInterrupt:
        diagnostics.say(f"left before it was proven: instances of {scope.name} may still be running")
        raise
    return ending.show(report, scope.command, arguments)


def _scope(arguments: argparse.Namespace) -> KillScope:
    """What was asked for.

    Raises:
        UsageError: nothing, two things at once, or no id.
    """
    from benchtui.core.keys import KeyNotOurs
    from benchtui.engine.kill_scope import KillScope

    if arguments.all or arguments.expired:
        flag = "--all" if arguments.all else "--expired"
        if arguments.run is not None or arguments.job or (arguments.all and arguments.expired):
            raise UsageError(f"{flag} means every run: give neither RUN nor --job nor the other with it")
        return KillScope.of_account() if arguments.all else KillScope.of_expired(datetime.now(UTC))
    if arguments.run is None:
        what = "kill what? Neither RUN nor --all nor --expired was given"
        raise UsageError(what, fix="`benchtui runs` lists the runs")
    run = run_of(arguments)
    try:
        return KillScope(run, frozenset(arguments.job))
    except KeyNotOurs as error:
        raise UsageError(str(error), fix=f"`benchtui status {run}` lists its jobs") from error


def _token(scope: KillScope) -> str:
    """What a script gives to ``--confirm``."""
    return scope.run or "ACCOUNT_ID, its 12 digits"


async def _surveyed(account: Access, scope: KillScope) -> KillSurvey:
    from benchtui.cli.access import connect

    async with connect(account, lambda _: None) as connection:
        await _check_jobs(connection, scope)
        return await connection.survey(scope)


def _ask(survey: KillSurvey) -> None:
    """Show what would be ended and have it confirmed.

    Raises:
        UsageError: it was not, or nobody can say whose account this is.
    """
    from benchtui.cli import kill_table
    from benchtui.cli.tables import Glyphs

    diagnostics.show(*kill_table.survey(survey, Glyphs(diagnostics.speaks_unicode())))
    if survey.token is None:
        raise UsageError(
            "the account could not be asked who it is; nothing was ended",
            fix="look at the credentials, or kill by run: benchtui kill RUN",
        )
    of = "the run's id" if survey.scope.run is not None else "the account's id"
    answer = diagnostics.ask(f"Type the last {len(survey.token)} characters of {of} to end them: ")
    if answer != survey.token:
        raise UsageError("not confirmed; nothing was ended")


async def _check_confirmed(connection: Connection, scope: KillScope, confirmed: str) -> None:
    """Refuse what a script confirmed and is not so.

    Raises:
        UsageError: ``confirmed`` is another account, or the run has no such job; nothing was ended.
        CloudError: all is to be killed and the account cannot be asked who it is.
    """
    await _check_jobs(connection, scope)
    if scope.run is not None:
        return
    account = (await connection.cloud.identity()).account
    if confirmed != account:
        raise UsageError(
            f"--confirm {confirmed} is not the account of these credentials; nothing was ended",
            fix=f"give --confirm {account} if that is the account you mean",
        )


async def _check_jobs(connection: Connection, scope: KillScope) -> None:
    """Refuse a job that the run has not: nothing would be ended, and that would be proven.

    Raises:
        UsageError: run.json was read and does not name it.
    """
    import asyncio

    if scope.run is None or not scope.jobs:
        return
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            run = await connection.load(scope.run)
    except (BenchtuiError, TimeoutError) as problem:
        why = problem.what if isinstance(problem, BenchtuiError) else f"no answer in {CHECK_SECONDS:g} s"
        diagnostics.say(f"whether {scope.run} has a job of that name could not be checked: {why}")
        return
    unknown = sorted(scope.jobs - {job.job for job in run.jobs})
    if unknown:
        raise UsageError(
            f"{scope.run} has no job {', '.join(unknown)}; nothing was ended",
            fix=f"`benchtui status {scope.run}` lists its jobs",
        )
