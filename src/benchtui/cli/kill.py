"""`benchtui kill`: end every instance of a run and prove it. Needs no bucket and no record of the run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import add_run, run_of, shared
from benchtui.core.errors import UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.engine.events import Event
    from benchtui.engine.killswitch import KillReport, RegionProof

SUFFIX = 4  # characters a person types: the random part of the run's id


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "kill",
        parents=[shared()],
        help="end every instance of a run and prove it",
        description="Terminate every instance of a run in every enabled region, then sweep until two clean "
        "sweeps prove that none is left. Works by tags alone.",
        epilog="exit code 6: something is not proven",
    )
    add_run(parser)
    parser.add_argument("--confirm", metavar="RUN", help="the run's id once more: agree unasked")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Kill it.

    Raises:
        UsageError: not confirmed.
    """
    run = run_of(arguments)
    _confirm(run, arguments.confirm)
    import asyncio

    from benchtui.cli.settings import open_workspace, read
    from benchtui.cli.stream import Stream

    settings = read(arguments)
    narrator = Stream(json=False)
    concerned: set[str] = set()

    def tell(event: Event) -> None:
        # An account has about twenty regions; those without an instance are summed up at the end.
        if event.type == "kill":
            concerned.add(event.fields["region"])
        if event.type != "sweep" or event.fields["region"] in concerned:
            narrator.emit(event)

    diagnostics.say("listing every enabled region until two sweeps, at least 15 s apart, are clean")

    async def killed() -> KillReport:
        async with open_workspace(settings, tell) as workspace:
            return await workspace.kill(run)

    try:
        report = asyncio.run(killed())
    except KeyboardInterrupt:
        diagnostics.say(f"left before it was proven: instances of {run} may still be running")
        raise
    if arguments.json:
        output.document(_fields(report))
    else:
        _print(report)
    for line in _unproven(report):
        diagnostics.say(line)
    return report.exit_code


def _confirm(run: str, confirmed: str | None) -> None:
    if confirmed is not None:
        if confirmed != run:
            raise UsageError(
                f"--confirm {confirmed} is not the run to be killed", fix=f"give --confirm {run}"
            )
        return
    if not diagnostics.can_ask():
        raise UsageError(
            "nobody can be asked whether to kill: this is no terminal", fix=f"give --confirm {run}"
        )
    answer = diagnostics.ask(
        f"This terminates every instance of {run} in every enabled region.\n"
        f"Type the last {SUFFIX} characters of its id: "
    )
    if answer != run[-SUFFIX:]:
        raise UsageError("not confirmed; nothing was ended")


def _print(report: KillReport) -> None:
    from benchtui.cli import tables

    table = tables.new_table("region", "asked", "gone", "alive", "clean sweeps", "proven")
    # Regions without anything to tell are summed up; an account has about twenty.
    quiet = [proof for proof in report.regions if proof.proven and not proof.asked and not proof.gone]
    for proof in report.regions:
        if proof in quiet:
            continue
        tables.add(
            table,
            proof.region,
            " ".join(sorted(proof.asked)),
            " ".join(sorted(proof.gone)),
            " ".join(sorted(proof.alive)),
            proof.sweeps,
            tables.Text("yes", style=tables.GOOD) if proof.proven else tables.Text("NO", style=tables.BAD),
        )
    parts: list[Any] = [table] if len(quiet) < len(report.regions) else []
    if quiet:
        parts.append(tables.Text(f"nothing of {report.run} in {len(quiet)} regions, each swept twice"))
    output.table(*parts, tables.Text(f"{report.run}: {_verdict(report)}"))


def _verdict(report: KillReport) -> str:
    return "every instance is proven gone" if report.proven else "NOT proven gone"


def _unproven(report: KillReport) -> list[str]:
    """What is not proven, and what to do."""
    if report.proven:
        return []
    lines = [f"benchtui: {report.run}: instances may still be running"]
    if report.regions_error:
        lines.append(f"  {report.regions_error}")
    for proof in report.regions:
        if not proof.proven:
            alive = f"; alive: {', '.join(sorted(proof.alive))}" if proof.alive else ""
            lines.append(f"  {proof.region}: {proof.error or 'not swept twice'}{alive}")
    return [*lines, "  fix: give the same command again, or end them in the EC2 console"]


def _fields(report: KillReport) -> dict[str, Any]:
    return {
        "v": 1,
        "type": "kill",
        "run": report.run,
        "proven": report.proven,
        "regions": [_region_fields(proof) for proof in report.regions],
        "regions_error": report.regions_error,
        "notes": list(report.notes),
        "exit_code": int(report.exit_code),
    }


def _region_fields(proof: RegionProof) -> dict[str, Any]:
    return {
        "region": proof.region,
        "asked": proof.asked,
        "gone": proof.gone,
        "alive": proof.alive,
        "sweeps": proof.sweeps,
        "proven": proof.proven,
        "error": proof.error,
    }
