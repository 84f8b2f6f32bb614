"""Sentinels: numbered without gaps, spooled so that another process can go on, uploaded in order."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from datetime import datetime, timezone
from typing import Any, Callable, Deque, Dict, List, Optional, Tuple

from keys import FINAL_BY_INSTANCE, JobState, Progress, Sentinel, run_prefix
from seals import seal_of, sealed

from objects import Objects, Refused, StoreError

PROGRESS_EVERY_S = 5.0
LAST_PROGRESS_SEQ = 9000  # four digits are all a key has: the last thousand belong to states
RETRY_BUDGET_S = 30.0
RETRY_PAUSE_S = 2.0
OBJECTS_TOLD = 300  # in one sentinel; a reader takes no larger one than 64 KiB


class Spool:
    """Sentinels claimed on this instance, one file each: ``0007.json``, and ``0007.sent`` once uploaded.

    Creating the file claims the number, so two processes (the agent and the emergency stop) never
    use one twice. If nothing can be written, numbers are counted in memory.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self.last = 0  # the highest number claimed through this object
        self._seals: Dict[int, str] = {}  # of those

    def numbers(self) -> List[int]:
        """Numbers claimed so far, ascending."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        return sorted(int(name[:4]) for name in names if name.endswith(".json") and name[:4].isdigit())

    def claim(self, make: Callable[[int], Tuple[str, bytes]]) -> Tuple[int, str, bytes]:
        """Number, key and body of the next sentinel; ``make`` builds the last two from the first."""
        seq = max([self.last, *self.numbers()]) + 1
        while True:
            key, body = make(seq)
            try:
                os.makedirs(self._folder, exist_ok=True)
                handle = os.open(self._path(seq, "json"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump({"key": key, "body": body.decode()}, file)
            except FileExistsError:
                seq += 1
                continue
            except OSError:
                pass
            self.last = seq
            self._seals[seq] = seal_of(body) or ""
            return seq, key, body

    def seal(self, seq: int) -> Optional[str]:
        """The seal of a claimed sentinel, of this process or another; None if it is not known."""
        if seq in self._seals:
            return self._seals[seq] or None
        try:
            with open(self._path(seq, "json"), encoding="utf-8") as file:
                return seal_of(json.load(file)["body"].encode())
        except (OSError, ValueError, KeyError):
            return None

    def mark_sent(self, seq: int) -> None:
        """Note that a sentinel is in the bucket."""
        try:
            with open(self._path(seq, "sent"), "w"):
                pass
        except OSError:
            pass

    def unsent(self) -> List[Tuple[int, str, bytes]]:
        """Sentinels that were claimed and are not known to be in the bucket, in order."""
        waiting = []
        for seq in self.numbers():
            if os.path.exists(self._path(seq, "sent")):
                continue
            try:
                with open(self._path(seq, "json"), encoding="utf-8") as file:
                    kept = json.load(file)
                waiting.append((seq, kept["key"], kept["body"].encode()))
            except (OSError, ValueError, KeyError):
                continue
        return waiting

    def has_final(self, by_others: bool = False) -> bool:
        """Whether a final sentinel was claimed; ``by_others``: by a process that came after this one."""
        finals = tuple("-" + state.value for state in FINAL_BY_INSTANCE)
        for seq in self.numbers():
            if by_others and seq <= self.last:
                continue
            try:
                with open(self._path(seq, "json"), encoding="utf-8") as file:
                    if json.load(file)["key"].endswith(finals):
                        return True
            except (OSError, ValueError, KeyError):
                continue
        return False

    def _path(self, seq: int, ending: str) -> str:
        return os.path.join(self._folder, "{:04d}.{}".format(seq, ending))


class Sentinels:
    """Emits the sentinels of one job. Uploading is a thread's work: no benchmark waits for S3."""

    def __init__(
        self,
        run: str,
        job: str,
        objects: Objects,
        spool: Spool,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._run, self._job = run, job
        self._objects, self._spool, self._say = objects, spool, say
        self._queue: Deque[Tuple[int, str, bytes]] = deque()
        self._changed = threading.Condition()
        self._in_flight = False
        self._final = False
        self._progress_at = float("-inf")
        self.state = "none"  # the last one emitted, for the heartbeat
        threading.Thread(target=self._upload, name="sentinels", daemon=True).start()

    def emit(
        self,
        state: JobState,
        suite: Optional[str] = None,
        progress: Optional[Progress] = None,
        **body: Any,
    ) -> bool:
        """Queue a sentinel. False if dropped: after a final one, or progress too soon after another."""
        with self._changed:
            if self._final:
                return False
            if self._spool.has_final(by_others=True):
                # The emergency stop has spoken for an agent that was frozen and now goes on: its word
                # stands, and if it could not be uploaded then, it can be now.
                self._final = True
                self._queue.extend(item for item in self._spool.unsent() if item[0] > self._spool.last)
                self._changed.notify_all()
                return False
            if progress is not None:
                now = time.monotonic()
                if now - self._progress_at < PROGRESS_EVERY_S or self._spool.last >= LAST_PROGRESS_SEQ:
                    return False
                self._progress_at = now
            at = datetime.now(timezone.utc)
            written = self._written()

            def make(seq: int) -> Tuple[str, bytes]:
                sentinel = Sentinel(
                    at=at, job=self._job, seq=seq, state=state, suite=suite, progress=progress
                )
                key = sentinel.key(self._run)
                told = {**body, "previous": self._spool.seal(seq - 1), "objects": written or None}
                return key, body_bytes(key, told)

            claimed = self._spool.claim(make)
            self._final = state in FINAL_BY_INSTANCE
            self.state = claimed[1].split("/", 5)[-1]
            self._queue.append(claimed)
            self._changed.notify_all()
        return True

    def _written(self) -> Dict[str, str]:
        """SHA-256 of the job's objects that no sentinel has told of yet, by key below the run's prefix."""
        prefix = run_prefix(self._run)
        fresh = self._objects.take_fresh("{}jobs/{}/".format(prefix, self._job), OBJECTS_TOLD)
        return {key[len(prefix) :]: digest for key, digest in fresh.items()}

    def flush(self, seconds: float) -> bool:
        """Wait until all are uploaded, at most ``seconds``; whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._in_flight, seconds)

    def _upload(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._queue))
                seq, key, body = self._queue[0]
                self._in_flight = True
            done = False
            try:
                self._objects.put(key, body, budget_s=RETRY_BUDGET_S)
                self._spool.mark_sent(seq)
                done = True
            except Refused as error:  # the next one may have more luck
                self._say("sentinel lost: {}".format(error))
                done = True
            except StoreError as error:
                self._say("sentinel waits: {}".format(error))
            except Exception as error:  # the thread has to live, whatever it was
                self._say("sentinel lost: {!r}".format(error))
                done = True
            with self._changed:
                self._in_flight = False
                if done:
                    self._queue.popleft()
                self._changed.notify_all()
            if not done:
                time.sleep(RETRY_PAUSE_S)


def body_bytes(key: str, body: Dict[str, Any]) -> bytes:
    """The bytes of a sentinel's body, sealed; None is left out."""
    kept = {name: value for name, value in body.items() if value is not None}
    content = json.dumps({"schema": "benchtui.sentinel/1", **kept}, separators=(",", ":"))
    return sealed(key, content.encode())
