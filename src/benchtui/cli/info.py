"""`benchtui info`: versions, paths, settings, endpoints, capabilities; an archive of them for a report."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchtui import __version__
from benchtui.cli import diagnostics, output
from benchtui.cli.arguments import shared
from benchtui.core.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from benchtui.cli.settings import Settings
    from benchtui.core.redaction import Redaction
    from benchtui.engine.bug_report import Report

#: Whose versions matter; those of extras may be missing.
PACKAGES = ("aiobotocore", "botocore", "boto3", "pydantic", "textual", "rich", "plotext", "moto", "pyarrow")
SERVICES = ("ec2", "s3", "sts", "iam", "ssm", "scheduler", "service-quotas", "pricing")
PRICING_REGION = "us-east-1"


def add(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = commands.add_parser(
        "info",
        parents=[shared()],
        help="versions, paths, settings, endpoints; --bundle writes an archive for a bug report",
        description="Shows what this benchtui is and works with; asks no one. With --bundle it writes a "
        "tar.gz of that, of what `benchtui doctor` finds, and of one run if it is named, with keys, tokens "
        "and passwords taken out.",
    )
    parser.add_argument("--bundle", metavar="FILE", type=Path, help="write the archive; FILE must be new")
    parser.add_argument("--run", metavar="RUN", dest="bundled_run", help="with --bundle: this run as well")
    parser.add_argument(
        "--redact-account", action="store_true", help="with --bundle: take account ids out as well"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Show it, or write the archive.

    Raises:
        UsageError: there is such a file, or a flag that belongs to --bundle stands alone.
    """
    if arguments.bundle is None and (arguments.bundled_run or arguments.redact_account):
        raise UsageError("--run and --redact-account belong to --bundle FILE", fix="add --bundle FILE")
    if arguments.bundle is not None and arguments.bundle.exists():
        raise UsageError(f"there is {arguments.bundle} already", fix="name another file")
    import asyncio

    from benchtui.cli.settings import read

    settings = read(arguments)
    if arguments.bundle is not None:
        return asyncio.run(_bundle(arguments, settings))
    known = asyncio.run(known_of(settings))
    if arguments.json:
        output.document({"v": 1, "type": "info", **known})
    else:
        _print(known)
    return ExitCode.OK


async def known_of(settings: Settings) -> dict[str, Any]:
    """What is known without asking anyone."""
    import platform

    from benchtui.config.load import render_origins
    from benchtui.config.paths import known_paths

    rows = known_paths(os.environ, Path.cwd())
    return {
        "benchtui": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "capabilities": _capabilities(),
        "paths": [{"name": row.name, "path": str(row.path), "exists": row.path.exists()} for row in rows],
        "files": [str(file) for file in settings.loaded.files],
        "settings": [
            {"key": row.key, "value": row.value, "origin": row.origin}
            for row in render_origins(settings.loaded)
        ],
        "endpoints": await _endpoints(settings),
    }


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _capabilities() -> dict[str, str]:
    term = os.environ.get("TERM", "")
    colour = "none" if "NO_COLOR" in os.environ else os.environ.get("COLORTERM") or term or "not known"
    local = _version("moto") is not None and _version("flask") is not None
    return {
        "terminal": "yes" if output.is_terminal() else "no",
        "colours": colour,
        "unicode": "yes" if output.speaks_unicode() else "no",
        "encoding": getattr(sys.stdout, "encoding", None) or "not known",
        "local cloud": "installed" if local else "not installed: pip install 'benchtui[local]'",
        "cpus": str(os.cpu_count()),
    }


async def _endpoints(settings: Settings) -> dict[str, str]:
    """Where requests would go; asks no one."""
    from benchtui.aws.session import Cloud
    from benchtui.core.errors import BenchtuiError

    aws, found = settings.config.aws, {}
    async with Cloud(aws.profile, aws.regions) as cloud:
        for service in SERVICES:
            region = PRICING_REGION if service == "pricing" else aws.regions[0]
            try:
                found[service] = await cloud.endpoint(service, region)
            except BenchtuiError as problem:
                found[service] = f"not known: {problem.what}"
    return found


async def _bundle(arguments: argparse.Namespace, settings: Settings) -> int:
    from benchtui.core.errors import BenchtuiError
    from benchtui.engine.bug_report import Report, add_run

    report = Report(_redaction(settings, account=arguments.redact_account))
    report.add_document("info.json", await known_of(settings))
    await _add_doctor(report, settings, local=arguments.local)
    if arguments.bundled_run is not None:
        from benchtui.cli.settings import open_workspace

        try:
            async with open_workspace(settings, lambda _: None) as workspace:
                await add_run(report, await workspace.bucket(), arguments.bundled_run)
        except UsageError:
            raise
        except BenchtuiError as problem:
            diagnostics.error(problem)
            report.add_text("run/missing.txt", f"{problem}\n")
    size = report.write(arguments.bundle, datetime.now(UTC))
    names = ["README.txt", *report.files]
    if arguments.json:
        output.document(
            {"v": 1, "type": "bundle", "file": str(arguments.bundle), "bytes": size, "files": names}
        )
    else:
        output.line(f"{arguments.bundle}: {len(names)} files, {(size + 1023) // 1024} KiB")
        diagnostics.say("look through it before you give it away; README.txt in it says what it holds")
    return ExitCode.OK


async def _add_doctor(report: Report, settings: Settings, *, local: bool) -> None:
    from benchtui.cli.doctor import looked
    from benchtui.cli.doctor_table import fields

    report.add_document("doctor.json", fields(await looked(settings, local=local)))


def _redaction(settings: Settings, *, account: bool) -> Redaction:
    """What is secret here: variables by their names, credentials files, what the configuration names."""
    from benchtui.core.redaction import Redaction, secrets_in_ini, secrets_of

    environ = dict(os.environ)
    secrets = secrets_of(environ)
    named = getattr(getattr(settings.config, "notify", None), "webhook_env", "")
    secrets += [environ[named]] if environ.get(named) else []
    home = Path(environ.get("HOME") or Path.home())
    files = (
        Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials"),
        Path(environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config"),
    )
    for file in files:
        try:
            secrets += secrets_in_ini(file.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return Redaction(secrets, [str(home)], account=account)


def _print(known: dict[str, Any]) -> None:
    from benchtui.cli import tables

    about = tables.new_table("what", "")
    for name in ("benchtui", "python", "platform"):
        tables.add(about, name, known[name])
    for name, found in known["packages"].items():
        tables.add(about, name, found or "not installed")
    for name, found in known["capabilities"].items():
        tables.add(about, name, found)
    for name, url in known["endpoints"].items():
        tables.add(about, f"endpoint {name}", url)
    for row in known["paths"]:
        tables.add(about, row["name"], row["path"] + ("" if row["exists"] else " (not there)"))
    settings = tables.new_table("setting", "value", "from")
    for row in known["settings"]:
        tables.add(settings, row["key"], row["value"], row["origin"])
    output.table(about, tables.Text(), settings)
