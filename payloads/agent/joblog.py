"""The agent's log: to standard error (the console) at once, to the bucket in chunks while it runs."""

from __future__ import annotations

import sys
import threading
from datetime import datetime, timezone
from typing import List

from keys import log_key

from objects import Objects, StoreError

CHUNK_LIMIT = 64 * 1024
TOTAL_LIMIT = 8 * 1024 * 1024  # of a log that is only a log; raw output has its own place
UPLOAD_BUDGET_S = 20.0


class JobLog:
    """Lines with the time, kept until they are uploaded."""

    def __init__(self, run: str, job: str) -> None:
        self._run, self._job = run, job
        self._lines: List[bytes] = []
        self._held = 0
        self._taken = 0
        self._chunk = 1
        # Bytes of the current chunk, fixed once tried: a write whose answer was lost is in the bucket,
        # and a longer body under the same key would be taken for it.
        self._pending = b""
        self._over = False
        self._lock = threading.Lock()
        self._uploading = threading.Lock()

    def say(self, text: str) -> None:
        """Log ``text``; every line of it gets the time. Does not raise."""
        at = datetime.now(timezone.utc).strftime("%H:%M:%S.%f")[:-3] + "Z "
        for line in text.splitlines() or [""]:
            encoded = (at + line[:2000] + "\n").encode("utf-8", "backslashreplace")
            try:
                sys.stderr.buffer.write(encoded)
                sys.stderr.flush()
            except (OSError, ValueError):
                pass
            with self._lock:
                if self._taken > TOTAL_LIMIT:
                    continue
                self._taken += len(encoded)
                if self._taken > TOTAL_LIMIT:
                    encoded = b"(log limit reached, the rest is on the console only)\n"
                self._lines.append(encoded)
                self._held += len(encoded)

    def full(self) -> bool:
        """Whether a chunk's worth is waiting."""
        return self._held >= CHUNK_LIMIT

    def upload(self, objects: Objects, budget_s: float = UPLOAD_BUDGET_S, last: bool = False) -> None:
        """Upload what is waiting, as one chunk; what could not be uploaded is for the next call.

        After the ``last`` upload nothing more is: no sentinel would come that could tell of it.
        """
        if not self._uploading.acquire(timeout=budget_s):
            return
        try:
            if self._over:
                return
            self._over = last
            if not self._pending:
                with self._lock:
                    self._pending, self._lines = b"".join(self._lines), []
                    self._held = 0
            if not self._pending:
                return
            key = log_key(self._run, self._job, self._chunk)
            try:
                objects.put(key, self._pending, content_type="application/octet-stream", budget_s=budget_s)
            except StoreError as error:
                print("log chunk waits: {}".format(error), file=sys.stderr)
                return
            self._chunk += 1
            self._pending = b""
        finally:
            self._uploading.release()
