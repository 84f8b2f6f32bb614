"""`benchtui doctor`: whether this machine, this account and this plan make a run possible, and a safe one."""

from __future__ import annotations

import argparse
import os
import shutil
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import add_config, shared

if TYPE_CHECKING:
    from argparse import _SubParsersAction
    from collections.abc import Callable

    from benchtui.cli.settings import Settings
    from benchtui.engine.doctor.examine import Diagnosis, Progress
    from benchtui.engine.doctor.subject import Subject, Terminal


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "doctor",
        parents=[shared(config_flag=False)],
        help="look whether a run is possible and safe: this machine, the account, the plan",
        description="Looks at this machine, credentials, clock, regions, bucket, roles, network, types, "
        "prices, quotas, rights and layers, all at the same time, and says of each what it found, what that "
        "means and what mends it. Changes nothing; needs rights to read, and tries by DryRun.",
        epilog="exit code 3: a line says fail; warnings and unknown lines alone are exit code 0",
    )
    add_config(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Look, and print what was found."""
    import asyncio

    from benchtui.cli import doctor_table
    from benchtui.cli.settings import read
    from benchtui.cli.tables import Glyphs

    settings = read(arguments)
    diagnosis = asyncio.run(looked(settings, local=arguments.local))
    if arguments.json:
        output.document(doctor_table.fields(diagnosis))
    else:
        output.table(*doctor_table.render(diagnosis, Glyphs(output.speaks_unicode())))
    return diagnosis.exit_code


async def looked(settings: Settings, *, local: bool) -> Diagnosis:
    """All that is found with ``settings``; says on stderr how far it is."""
    from benchtui.engine.doctor.checks import CHECKS
    from benchtui.engine.doctor.examine import examine

    with _Told() as told:
        return await examine(subject_of(settings, local=local), CHECKS, told)


def subject_of(settings: Settings, *, local: bool) -> Subject:
    """What is looked at with ``settings``.

    Args:
        settings: of the command.
        local: requests are meant to go to the local cloud.
    """
    from benchtui.engine.clock import SystemClock
    from benchtui.engine.doctor.subject import Machine, Subject

    machine = Machine(
        state=settings.state,
        cache=settings.cache,
        results=settings.config.output.results_dir,
        environ=os.environ,
        terminal=_terminal(),
        endpoint_meant=local,
    )
    return Subject(settings.config, machine, SystemClock(), settings.rng)


def _terminal() -> Terminal:
    import sys

    from benchtui.engine.doctor.subject import Terminal

    size = shutil.get_terminal_size()
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return Terminal(output.is_terminal(), size.columns, size.lines, encoding)


class _Told:
    """One line on a terminal that says how far it is and what is still asked, gone at the end."""

    def __init__(self) -> None:
        self._shown = diagnostics.is_terminal()

    def __enter__(self) -> Callable[[Progress], None]:
        return self._tell

    def __exit__(self, *_error: object) -> None:
        if self._shown:
            diagnostics.text("\r\x1b[K")

    def _tell(self, progress: Progress) -> None:
        if not self._shown:
            return
        width = shutil.get_terminal_size().columns
        waiting = f"; asking {', '.join(progress.asking)}" if progress.asking else ""
        line = f"{progress.done} of {progress.of}{waiting}"
        diagnostics.text(f"\r\x1b[K{line[: max(0, width - 1)]}")
