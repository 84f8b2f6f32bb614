"""`benchtui schedule`: runs that begin by themselves: a timer, a workflow, or the account begins them."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui import __version__
from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import add_config, shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.core.calendar import Calendar, Job

NO_ROLE = "arn:aws:iam::ACCOUNT:role/ROLE"


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "schedule",
        help="runs that begin by themselves: systemd, cron, GitHub, or without any machine of yours",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, says in (
        ("systemd", "write a service and a timer unit"),
        ("cron", "write the lines of a crontab"),
        ("github", "write a workflow with OIDC, concurrency and a step that reaps"),
    ):
        action = actions.add_parser(name, parents=[shared(config_flag=False)], help=says, description=says)
        _add_time(action)
        if name == "github":
            action.add_argument("--role", metavar="ARN", help="role that the workflow takes on by OIDC")
        action.set_defaults(execute=execute_files, kind=name)
    from benchtui.cli import starting

    starting.add(actions)


def _add_time(action: argparse.ArgumentParser) -> None:
    add_config(action)
    action.add_argument("--every", choices=("day", "week", "month"), default="week", help="default: week")
    action.add_argument("--at", metavar="HH:MM", default="02:00", help="UTC; default 02:00")
    action.add_argument("--on", metavar="DAY", help="mon to sun, or 1 to 28; default mon, 1")
    action.add_argument("--name", metavar="NAME", help="of the files; default: the configuration's")
    action.add_argument("--output", metavar="DIR", type=Path, help="write there; default: stdout")
    action.add_argument("--force", action="store_true", help="write over files that are there")


def execute_files(arguments: argparse.Namespace) -> int:
    """Write them.

    Raises:
        UsageError: the time, the name or the configuration is none, or a file is there already.
    """
    from benchtui.core.calendar import Calendar

    calendar = Calendar.parse(arguments.every, arguments.at, arguments.on)
    files = _files(arguments, calendar)
    folder: Path | None = arguments.output
    if arguments.json:
        output.document({"v": 1, "type": "schedule", "files": files, "written": folder is not None})
    elif folder is None:
        output.text("\n".join(_shown(files)))
    if folder is not None:
        _write(folder, files, force=arguments.force)
        for name in files:
            diagnostics.say(f"written: {folder / name}")
    for line in _next_steps(arguments.kind, list(files)):
        diagnostics.say(line)
    return ExitCode.OK


def _files(arguments: argparse.Namespace, calendar: Calendar) -> dict[str, str]:
    """Contents by file name."""
    import os

    from benchtui.cli.arguments import typed_flags
    from benchtui.config.load import load
    from benchtui.core.calendar import cron_line, github_workflow, systemd_units

    config = Path(arguments.config or "benchtui.toml")
    settings = load(config, os.environ, typed_flags(arguments), Path.cwd()).config  # it can be used
    job = _job(arguments, config)
    if arguments.kind == "systemd":
        return systemd_units(job, calendar)
    if arguments.kind == "cron":
        return {"crontab": cron_line(job, calendar)}
    role, region = arguments.role or NO_ROLE, settings.aws.regions[0]
    text = github_workflow(job, calendar, role, region, __version__)
    return {f"benchtui-{job.name}.yml": text}


def _job(arguments: argparse.Namespace, config: Path) -> Job:
    from benchtui.core.calendar import Job

    flags: list[str] = []
    for flag in ("profile", "region", "bucket"):
        value = getattr(arguments, flag)
        if value is not None:
            flags += [f"--{flag}", value]
    if arguments.local:
        flags.append("--local")
    name = arguments.name or config.stem
    if arguments.kind == "github":
        return Job(name, "benchtui", str(config), tuple(flags))
    return Job(name, _program(), str(config.absolute()), tuple(flags))


def _program() -> str:
    """Absolute path of this very program: a timer has another PATH."""
    beside = Path(sys.executable).with_name("benchtui")
    found = str(beside) if beside.exists() else shutil.which("benchtui")
    if found is None:
        raise UsageError(
            "no program called benchtui is beside this Python or in PATH", fix="install benchtui"
        )
    return found


def _write(folder: Path, files: dict[str, str], *, force: bool) -> None:
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        raise UsageError(f"{folder / there[0]} is there already", fix="--force writes over it")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def _shown(files: dict[str, str]) -> list[str]:
    if len(files) == 1:
        return list(files.values())
    return [f"# {name}\n{text}" for name, text in files.items()]


def _next_steps(kind: str, names: list[str]) -> tuple[str, ...]:
    if kind == "systemd":
        timer = next(name for name in names if name.endswith(".timer"))
        return (
            f"then: systemctl --user daemon-reload && systemctl --user enable --now {timer}",
            "and, so that it runs while you are not logged in: loginctl enable-linger",
        )
    if kind == "cron":
        return ("then: crontab -e, and paste the lines",)
    return ("then: commit it as .github/workflows/" + names[0],)
