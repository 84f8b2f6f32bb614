"""The launcher's memory on this machine: a line is on the disk before each RunInstances.

After a crash the ledger says which launches may have happened and under which client token, even
if no answer ever came. S3 and the tags tell the same without it; the ledger tells it sooner.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchtui.config.paths import private_dir
from benchtui.core.keys import check_run


class Ledger:
    """Append-only JSON Lines file of one run. Lines are never changed and never removed."""

    def __init__(self, folder: Path, run: str) -> None:
        self.path = folder / f"{check_run(run)}.jsonl"
        self._fd: int | None = None
        self._alone = False

    def __enter__(self) -> Self:
        private_dir(self.path.parent)
        self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
            self._alone = True
        except OSError:
            self._alone = False
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")  # a crash cut the last line short; the next one stands alone
        # A new file survives a crash only when its folder's entry is on the disk, too.
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def append(self, line: Mapping[str, Any]) -> None:
        """Write one line and return when it is on the disk.

        Raises:
            OSError: it is not (disk full, file removed); nothing may be launched then.
            RuntimeError: the ledger is not open.
        """
        if self._fd is None:
            raise RuntimeError("the ledger is not open")
        content = json.dumps(line, separators=(",", ":"), default=str).encode() + b"\n"
        written = os.write(self._fd, content)
        if written != len(content):
            raise OSError(f"{self.path}: only {written} of {len(content)} bytes written")
        os.fsync(self._fd)

    def gone_launchers(self) -> frozenset[str]:
        """Launchers of this run that were on this machine and are no more.

        None is known to be gone while another process has the ledger open.
        """
        if not self._alone:
            return frozenset()
        named = (line.get("launcher") for line in self.lines() if line.get("event") == "launcher")
        return frozenset(name for name in named if isinstance(name, str))

    def asked(self) -> frozenset[str]:
        """Jobs for which a request may have left this machine: their line was written before it."""
        named = (line.get("job") for line in self.lines() if line.get("event") == "launching")
        return frozenset(name for name in named if isinstance(name, str))

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every whole line; a line that a crash cut short is passed over."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for raw in file:
                try:
                    line = json.loads(raw)
                except (ValueError, RecursionError):
                    continue
                if isinstance(line, dict):
                    yield line
