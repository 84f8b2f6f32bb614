"""Every command that talks to the cloud looks for instances that should have ended, and never waits for it.

The look is taken by another process (`sweeper`). What the last look found is said at once if it is less than
a minute old; else as soon as the new one is there, or, when the command ends before that, what the last one
had found and when. A look that fails, fails nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.cli import diagnostics

if TYPE_CHECKING:
    import subprocess

    from benchtui.cli.settings import Settings
    from benchtui.engine.sweep import Sweep
    from benchtui.engine.sweep_record import SweepRecord

NAMED = 3  # expired instances that are named; the rest is counted


class _Look:
    """The look of this process, if it has begun one."""

    def __init__(self) -> None:
        self.file: Path | None = None
        self.flags = ""
        self._old: SweepRecord | None = None
        self._said = False
        self._lock = threading.Lock()

    def begin(self, settings: Settings, flags: str) -> None:
        """Say what is known, or have it looked for."""
        from benchtui.config.paths import private_dir
        from benchtui.engine.sweep_record import HOLDS, read_record, record_file

        file = self.file = record_file(settings.cache, os.environ, settings.config.aws.profile)
        self.flags = flags
        now = datetime.now(UTC)
        self._old = read_record(file, now)
        if self._old is not None and now - self._old.taken_at < HOLDS:
            self._say(self._old)
            return
        import subprocess

        private_dir(file.parent)
        orders = {
            "file": str(file),
            "profile": settings.config.aws.profile,
            "regions": settings.config.aws.regions,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "benchtui.cli.sweeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is meant for the command
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(orders).encode() + b"\n")
        process.stdin.close()
        threading.Thread(target=self._wait, args=(process, now), name="sweep", daemon=True).start()

    def _wait(self, process: subprocess.Popen[bytes], since: datetime) -> None:
        from benchtui.engine.sweep_record import read_record

        process.wait()
        record = read_record(self.file, datetime.now(UTC)) if self.file else None
        if record is not None and record.taken_at >= since:
            self._say(record)

    def _say(self, record: SweepRecord) -> None:
        with self._lock:
            if self._said:
                return
            self._said = True
            for line in lines(record, datetime.now(UTC), self.flags):
                diagnostics.say(line)

    def end(self) -> None:
        """The command is done: say what an older look had found, unless the new one was heard."""
        if self._old is not None:
            self._say(self._old)
        with self._lock:
            self._said = True


_look = _Look()


def begin(settings: Settings, flags: str = "") -> None:
    """Look for expired instances of this account. Whatever goes wrong here is no failure of the command.

    Args:
        settings: of the command.
        flags: which account, to be given to the command that ends them.
    """
    if _look.file is None and settings.config.safety.sweep:
        _quietly(lambda: _look.begin(settings, flags))


def last(settings: Settings) -> Sweep | None:
    """The last look at this account, by whatever command; None: there was none that says anything of now."""
    from benchtui.engine.sweep_record import read_record, record_file

    file = record_file(settings.cache, os.environ, settings.config.aws.profile)
    record = read_record(file, datetime.now(UTC))
    return None if record is None else record.as_sweep()


def end() -> None:
    """Nothing more is said of it after this."""
    if _look.file is not None:
        _quietly(_look.end)


def _quietly(work: Callable[[], None]) -> None:
    with contextlib.suppress(Exception):  # a courtesy; the command is what was asked for
        work()


def lines(record: SweepRecord, now: datetime, flags: str) -> list[str]:
    """What a person is told of a look: the expired, oldest first, and the command that ends them."""
    if not record.expired:
        return []
    age = now - record.taken_at
    when = "" if age < timedelta(minutes=2) else f" when last looked, {record.taken_at:%Y-%m-%d %H:%MZ},"
    count = len(record.expired)
    noun = "instance was" if count == 1 else "instances were"
    found = [f"benchtui: EXPIRED: {count} {noun}{when} alive after benchtui:expires"]
    for each in sorted(record.expired, key=lambda each: each.expires_at)[:NAMED]:
        whose = " ".join(filter(None, (each.run, each.job))) or "of no run"
        late = f"{each.expires_at:%Y-%m-%d %H:%MZ}"
        found.append(f"  {each.instance_id} {each.instance_type} in {each.region}, {whose}, due {late}")
    if count > NAMED:
        found.append(f"  and {count - NAMED} more")
    return [*found, f"  fix: benchtui reap --yes{flags}"]
