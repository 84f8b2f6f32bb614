"""When a plan is run again and again, in words of systemd, cron and GitHub workflows. All times are UTC."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

from benchtui.core.errors import UsageError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
#: A GitHub job ends by itself after six hours ("Usage limits" of GitHub Actions); the run goes on without it.
WORKFLOW_MINUTES = 360
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}")


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Calendar:
    """A time of every day, of one day of every week, or of one of every month."""

    every: Every
    hour: int
    minute: int
    day: int | None = None  # of the week, 0 is Monday; of the month, 1 to 28

    @classmethod
    def parse(cls, every: str, at: str, on: str | None) -> Calendar:
        """From the words of the command line.

        Args:
            every: ``day``, ``week``, ``month``.
            at: ``02:30``, UTC.
            on: of a week ``mon`` … ``sun``, of a month ``1`` … ``28``; None: Monday, the first.

        Raises:
            UsageError: it is no such time.
        """
        found = _TIME.fullmatch(at)
        if found is None:
            raise UsageError(f"--at {at}: not a time of the day", fix="write it as 02:30 (UTC)")
        period = Every(every)
        return cls(period, int(found[1]), int(found[2]), _day(period, on))

    @property
    def systemd(self) -> str:
        """OnCalendar= of a timer unit (systemd.time(7))."""
        time = f"{self.hour:02d}:{self.minute:02d}:00 UTC"
        if self.every is Every.WEEK:
            assert self.day is not None
            return f"{WEEKDAYS[self.day].capitalize()} *-*-* {time}"
        return f"*-*-{self.day:02d} {time}" if self.every is Every.MONTH else f"*-*-* {time}"

    @property
    def cron(self) -> str:
        """The five fields of crontab(5)."""
        month_day = self.day if self.every is Every.MONTH else "*"
        week_day = (self.day + 1) % 7 if self.every is Every.WEEK and self.day is not None else "*"
        return f"{self.minute} {self.hour} {month_day} * {week_day}"


def _day(every: Every, on: str | None) -> int | None:
    if every is Every.DAY:
        if on is not None:
            raise UsageError("--on goes with --every week or month")
        return None
    if every is Every.WEEK:
        if (on or "mon") not in WEEKDAYS:
            raise UsageError(f"--on {on}: not a day of the week", fix=f"one of {' '.join(WEEKDAYS)}")
        return WEEKDAYS.index(on or "mon")
    day = on or "1"
    if not day.isdecimal() or not 1 <= int(day) <= 28:
        raise UsageError(f"--on {on}: not a day that every month has", fix="1 to 28")
    return int(day)


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run: the program, and its arguments before and after the command."""

    name: str  # of the files that are made
    program: str  # absolute path
    config: str  # absolute path; of a workflow relative to the repository
    flags: tuple[str, ...] = ()  # of the account: --profile, --bucket

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(
                f"--name {self.name}: not a name for a unit", fix="letters, digits, - and _, at most 41"
            )
        for word in (self.program, self.config, *self.flags):
            if not word.isprintable():
                raise UsageError(f"a line end or the like is in {word!r}")

    @property
    def run(self) -> tuple[str, ...]:
        """The command."""
        return (self.program, "run", self.config, "--yes", *self.flags)

    @property
    def reap(self) -> tuple[str, ...]:
        """What ends whatever has outlived its time."""
        return (self.program, "reap", "--yes", *self.flags)


def systemd_units(job: Job, calendar: Calendar) -> dict[str, str]:
    """Service and timer for ``~/.config/systemd/user``, by file name."""
    service = f"""\
[Unit]
Description=benchtui run {_specifier(job.config)}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={_systemd_command(job.run)}
# Whatever became of the run: end what has outlived its time.
ExecStopPost={_systemd_command(job.reap)}
# The run ends by its own limits; a second one is not begun beside it.
TimeoutStartSec=infinity
"""
    timer = f"""\
[Unit]
Description=benchtui run {_specifier(job.config)}, {calendar.systemd}

[Timer]
OnCalendar={calendar.systemd}
# A machine that was off at that time runs it when it is on again.
Persistent=true

[Install]
WantedBy=timers.target
"""
    return {f"benchtui-{job.name}.service": service, f"benchtui-{job.name}.timer": timer}


def cron_line(job: Job, calendar: Calendar) -> str:
    """Lines for ``crontab -e``."""
    command = f"{shlex.join(job.run)}; code=$?; {shlex.join(job.reap)}; exit $code"
    zone = "# Debian's cron knows no CRON_TZ and goes by the machine's time zone.\nCRON_TZ=UTC\n"
    return f"{zone}{calendar.cron} {command.replace('%', chr(92) + '%')}\n"


def github_workflow(job: Job, calendar: Calendar, role: str, region: str, version: str) -> str:
    """``.github/workflows/benchtui-NAME.yml``: credentials by OIDC, one at a time, a last step that reaps.

    Args:
        role: ARN of the role that GitHub's identity may take on; it needs the launcher's policy.
        region: of the bucket.
        version: of benchtui to be installed.
    """
    run = ("benchtui", "run", job.config, "--yes", *job.flags)
    reap = ("benchtui", "reap", "--yes", *job.flags)
    report = '"$(benchtui runs --json | jq -r ".runs[0].run")"'
    return f"""\
name: {json.dumps(f"benchtui {job.name}")}
on:
  schedule:
    - cron: {json.dumps(calendar.cron)}
  workflow_dispatch:
# One at a time, and one that is under way is not cut off: its instances would go on.
concurrency:
  group: {json.dumps(f"benchtui-{job.name}")}
  cancel-in-progress: false
permissions:
  id-token: write # for the role below
  contents: read
jobs:
  run:
    runs-on: ubuntu-latest
    timeout-minutes: {WORKFLOW_MINUTES}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: {json.dumps(f"pip install benchtui=={version}")}
      - uses: aws-actions/configure-aws-credentials@v4
        with:
          role-to-assume: {json.dumps(role)}
          aws-region: {json.dumps(region)}
      - name: run
        run: {json.dumps(shlex.join(run))}
      - name: summary
        if: success()
        run: {json.dumps(f'benchtui report {report} --markdown >> "$GITHUB_STEP_SUMMARY"')}
      - name: end what has outlived its time
        if: always()
        run: {json.dumps(shlex.join(reap))}
"""


def _systemd_command(words: tuple[str, ...]) -> str:
    """Quoted as systemd.service(5) asks: C-style in double quotes, ``%`` and ``$`` doubled."""
    return " ".join(_systemd_word(word) for word in words)


def _systemd_word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    escaped = _specifier(escaped)
    return f'"{escaped}"' if re.search(r"[\s\"';$\\]", word) or not word else escaped


def _specifier(text: str) -> str:
    return text.replace("%", "%%")
