"""`benchtui verify`: whether a stored run is what was measured, down to the last byte."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import add_run, run_of, shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.core.verification import Unchecked
    from benchtui.engine.verifying import Verification

SHOWN = 40  # mismatches; all of them with --verbose and --json
FEW = 3  # objects that cannot be checked for one reason


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "verify",
        parents=[shared()],
        help="check that a stored run is what was measured",
        description="Hash what is stored of a run, make its results again from their raw output, judge them "
        "again, and name everything that differs. Works on runs of others, and offline in a folder.",
        epilog="exit codes: 0 nothing differs (what cannot be checked is listed), 1 something differs",
    )
    add_run(parser, nargs="?")
    parser.add_argument(
        "--folder",
        metavar="DIR",
        type=Path,
        help="what `benchtui collect --complete` brought there, or a copy of the bucket; needs no network",
    )
    parser.add_argument(
        "--expect", metavar="SHA256", help="fingerprint of the run as it was told of, in a paper for one"
    )
    parser.set_defaults(execute=execute, looks=False)


def execute(arguments: argparse.Namespace) -> int:
    """Verify it."""
    import asyncio

    if arguments.run is None and arguments.folder is None:
        raise UsageError("no run is named", fix="benchtui verify RUN, or benchtui verify --folder DIR")
    run = run_of(arguments) if arguments.run is not None else None
    verified = asyncio.run(_verified(arguments, run))
    if arguments.json:
        output.document({"v": 1, "type": "verify", **_fields(verified)})
    else:
        _show(verified, everything=arguments.verbose)
    return ExitCode.OK if verified.ok else ExitCode.BENCHMARK_FAILED


async def _verified(arguments: argparse.Namespace, run: str | None) -> Verification:
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.stored_run import BucketRun, folder_run
    from benchtui.engine.verifying import verify

    def progress(line: str) -> None:
        if arguments.verbose:
            diagnostics.say(line)

    now = SystemClock().now()
    if arguments.folder is not None:
        return await verify(folder_run(arguments.folder, run), now, arguments.expect, progress)
    from benchtui.cli.settings import open_workspace, read

    assert run is not None
    async with open_workspace(read(arguments), lambda _: None) as workspace:
        return await verify(BucketRun(await workspace.bucket(), run), now, arguments.expect, progress)


def _fields(verified: Verification) -> dict[str, Any]:
    from dataclasses import asdict

    fields = asdict(verified)
    return {"ok": verified.ok, **fields}


def _show(verified: Verification, *, everything: bool) -> None:
    """Mismatches first; then what was checked, and what cannot be."""
    output.line(f"{verified.run} in {verified.origin}: {verified.objects} objects")
    shown = verified.mismatches if everything else verified.mismatches[:SHOWN]
    for mismatch in shown:
        output.line(f"DIFFERS {mismatch.object}: {mismatch.field}")
        output.line(f"  stored      {mismatch.stored}")
        output.line(f"  recomputed  {mismatch.recomputed}")
    if len(shown) < len(verified.mismatches):
        output.line(f"and {len(verified.mismatches) - len(shown)} more: --verbose lists them")
    for why, objects in _by_reason(verified.unchecked).items():
        shown_objects = objects if everything else objects[:FEW]
        more = len(objects) - len(shown_objects)
        listed = ", ".join(shown_objects) + (f" and {more} more" if more else "")
        output.line(f"cannot be checked: {why}:\n  {listed}")
    checked = ", ".join(f"{count} {what}" for what, count in verified.checked.items())
    output.line(f"checked: {checked or 'nothing'}")
    output.line(
        f"results: {verified.cells} cells planned, {verified.measured} measured, "
        f"{verified.verified} verified, {verified.plausible} plausible"
    )
    output.line(f"fingerprint: {verified.fingerprint}")
    output.line(_conclusion(verified))


def _by_reason(unchecked: Iterable[Unchecked]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in unchecked:
        found.setdefault(one.why, []).append(one.object)
    return found


def _conclusion(verified: Verification) -> str:
    count = len(verified.mismatches)
    if count:
        return f"NOT OK: {count} {'thing differs' if count == 1 else 'things differ'}"
    return "ok: nothing differs" + (" of what could be checked" if verified.unchecked else "")
