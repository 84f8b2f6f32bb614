"""Checks of this machine: what benchtui runs on, writes to and is shown on."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchtui import __version__
from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.engine.doctor.finding import Check, Said, fail, ok, refused, waiting, warn
from benchtui.engine.doctor.subject import Subject

OLDEST_PYTHON = (3, 11)
MIB = 1024 * 1024
#: A run's ledger and results need little; below this nothing is written any more on most systems.
LEAST_MIB, SCARCE_MIB = 50, 500
SMALLEST = (60, 16)  # columns, lines of the application
_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonwebservices.com.cn")


async def python(subject: Subject, _region: str) -> Said:
    """The interpreter and the SDK."""
    running = ".".join(map(str, sys.version_info[:3]))
    found = f"Python {running}, benchtui {__version__}, aiobotocore {_version('aiobotocore')}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return fail(
            found, "benchtui needs Python 3.11 or newer", "install benchtui with Python 3.11 or newer"
        )
    return ok(found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


async def state_folder(subject: Subject, _region: str) -> Said:
    """Whether the launch ledger can be written, and read by nobody else."""
    return await asyncio.to_thread(_look_at_state, subject.machine.state)


def _look_at_state(folder: Path) -> Said:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    means = "without a ledger on the disk nothing is launched"
    if not there.is_dir():
        return fail(f"{there} is no folder", means, f"move {there} away, or set XDG_STATE_HOME")
    if there != folder:
        if os.access(there, os.W_OK | os.X_OK):
            return ok(f"{folder} will be made")
        return fail(f"{folder} cannot be made: no right to write in {there}", means, "set XDG_STATE_HOME")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"doctor")
    except OSError as error:
        return fail(f"{folder} cannot be written: {error.strerror}", means, f"chmod 700 {folder}")
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        return warn(
            f"{folder} has mode {mode:04o}",
            "others on this machine can read or change your launch ledger",
            f"chmod 700 {folder}",
        )
    return ok(f"{folder}, mode {mode:04o}")


async def disk(subject: Subject, _region: str) -> Said:
    """Room for the ledger, results and caches."""
    machine = subject.machine
    free = await asyncio.to_thread(
        lambda: {folder: _free_mib(folder) for folder in (machine.state, machine.results, machine.cache)}
    )
    folder, least = min(free.items(), key=lambda item: item[1])
    found = f"{_amount(least)} free at {folder}"
    fix = "free some space, or set XDG_STATE_HOME, XDG_CACHE_HOME or [output] results_dir"
    if least < LEAST_MIB:
        return fail(found, "ledger and results may not be written", fix)
    if least < SCARCE_MIB:
        return warn(found, "enough for a run or two", fix)
    return ok(found)


def _free_mib(folder: Path) -> int:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free // MIB


def _amount(mib: int) -> str:
    return f"{mib} MiB" if mib < 10_240 else f"{mib // 1024} GiB"


async def terminal(subject: Subject, _region: str) -> Said:
    """Whether the application can be shown; commands need none of it."""
    shown, environ = subject.machine.terminal, subject.machine.environ
    if not shown.is_one:
        return ok("no terminal here; commands need none")
    term = environ.get("TERM", "")
    found = f"TERM={term or '(not set)'}, {shown.columns}x{shown.lines}, {shown.encoding}"
    if term in ("", "dumb"):
        return warn(found, "the application needs a terminal that can move its cursor", "set TERM")
    if shown.columns < SMALLEST[0] or shown.lines < SMALLEST[1]:
        size = f"{SMALLEST[0]}x{SMALLEST[1]}"
        return warn(found, f"the application needs {size} at least", "make the window larger")
    return ok(found)


async def endpoint(subject: Subject, _region: str) -> Said:
    """Where requests go: to AWS, or wherever AWS_ENDPOINT_URL points."""
    region = subject.regions[0]
    try:
        hosts = {service: await subject.cloud.endpoint(service, region) for service in ("ec2", "s3", "sts")}
    except CloudError as error:
        # The SDK's settings name a profile that is not there: the line of the credentials says so.
        return waiting("credentials") if error.failure.kind is FailureKind.DENIED else refused(error)
    elsewhere = {name: url for name, url in hosts.items() if not _is_aws(url)}
    if not elsewhere:
        return ok(f"AWS: {hosts['ec2']}")
    places = sorted(set(elsewhere.values()))
    found = f"{', '.join(elsewhere)}: {', '.join(places)}, not AWS"
    if subject.machine.endpoint_meant:
        return ok(f"{', '.join(places)}: the local cloud, as asked for")
    return warn(
        found,
        "an override sends requests elsewhere than to AWS",
        "unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, or endpoint_url in ~/.aws/config",
    )


def _is_aws(url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0].rsplit(":", 1)[0]
    return host.endswith(_AWS_HOSTS)


CHECKS = (
    Check("python", "the interpreter and the SDK that benchtui runs on", python),
    Check("state-folder", "whether the launch ledger can be written, and only by you", state_folder),
    Check("disk", "room for ledger, results and caches", disk),
    Check("terminal", "whether the application can be shown here", terminal),
    Check("endpoint", "where requests go: AWS, or wherever an override points", endpoint),
)
