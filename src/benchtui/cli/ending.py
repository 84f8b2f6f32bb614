"""Ending instances from the command line: each region told as it changes, then the proof."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.core.errors import BenchtuiError, ExitCode, as_error

if TYPE_CHECKING:
    import argparse

    from benchtui.cli.stream import Stream
    from benchtui.config.access import Access
    from benchtui.engine.connection import Connection
    from benchtui.engine.events import Emit, Event
    from benchtui.engine.kill_scope import KillProgress, KillReport, KillScope, RegionProof

BETWEEN_SWEEPS = "listing every enabled region until two sweeps, at least 15 s apart, are clean"

Check = Callable[["Connection"], Awaitable[None]]
Afterwards = Callable[["Connection", "KillReport"], Awaitable[None]]


async def ended(
    access: Access,
    scope: KillScope,
    *,
    json: bool,
    check: Check | None = None,
    afterwards: Afterwards | None = None,
) -> KillReport:
    """End ``scope``, telling people on stderr and programs (``json``) on stdout how far it is.

    Args:
        access: the account.
        scope: which instances.
        json: stream JSON Lines: the engine's events, and ``region`` whenever one's proof has changed.
        check: looks before anything is ended; what it raises is raised, and nothing is ended.
        afterwards: told of the report while the connection is open.

    Raises:
        BenchtuiError: it broke off; what may still be running outranks whatever the matter was.
    """
    from benchtui.cli import kill_fields
    from benchtui.cli.access import connect
    from benchtui.cli.stream import Stream

    stream = Stream(json=json)
    told: dict[str, RegionProof] = {}

    def progress(kill: KillProgress) -> None:
        for proof in kill.report.regions:
            if told.get(proof.region) != proof:
                told[proof.region] = proof
                stream.tell("region", kill_fields.of_region(proof))

    diagnostics.say(BETWEEN_SWEEPS)
    async with connect(access, without_quiet_regions(stream)) as connection:
        if check is not None:
            await check(connection)
        try:
            report = await connection.kill(scope, progress=progress)
        except Exception as defect:
            raise BenchtuiError(
                f"{scope.name}: instances may still be running; the kill broke off: {as_error(defect).what}",
                fix="give the same command again, or end them in the EC2 console",
                exit_code=ExitCode.MAY_STILL_RUN,
            ) from defect
        if afterwards is not None:
            await afterwards(connection, report)
        return report


def without_quiet_regions(stream: Stream) -> Emit:
    """Tells ``stream``, and people no sweep of a region without an instance: an account has about twenty."""
    concerned: set[str] = set()

    def tell(event: Event) -> None:
        if event.type == "kill":
            concerned.add(event.fields["region"])
        if event.type == "sweep" and event.fields["region"] not in concerned:
            stream.tell(event.type, event.fields)
        else:
            stream.emit(event)

    return tell


def show(report: KillReport, command: str, arguments: argparse.Namespace) -> int:
    """The proof, or what is not proven, which is worth a notice besides; returns the exit code."""
    from benchtui.cli import kill_fields, kill_table

    if arguments.json:
        output.record(kill_fields.of_report(report, command))
    else:
        output.table(*kill_table.render(report))
    for line in kill_table.unproven(report):
        diagnostics.say(line)
    if not report.proven:
        from benchtui.cli.notify import tell_unproven

        tell_unproven(report, arguments)
    return report.exit_code
