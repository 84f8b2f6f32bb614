"""A sign of life every period, and a look whether the run was killed."""

from __future__ import annotations

import json
import os
import threading
from datetime import datetime, timezone
from typing import Callable, Optional

from keys import heartbeat_key, kill_key
from seals import sealed

from job import Job, uptime_s
from joblog import JobLog
from objects import Objects, StoreError
from sentinels import Sentinels

KILL_BODY_LIMIT = 64 * 1024


class Heartbeat:
    """The thread that beats. It also carries the log to the bucket, so that one wake-up serves all three."""

    def __init__(
        self, job: Job, objects: Objects, sentinels: Sentinels, log: JobLog, on_kill: Callable[[str], None]
    ) -> None:
        self._job, self._objects, self._sentinels, self._log = job, objects, sentinels, log
        self._on_kill = on_kill
        self._over = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._beat_until_over, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Beat now and every period from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Beat no more; returns at once."""
        self._over.set()

    def beat(self) -> None:
        """One sign of life. Overwrites the one before. Does not raise."""
        self._count += 1
        body = {
            "schema": "benchtui.heartbeat/1",
            "at": datetime.now(timezone.utc).isoformat(),
            "count": self._count,
            "state": self._sentinels.state,
            "uptime_s": round(uptime_s(), 1),
            "load_1min": _load(),
        }
        key = heartbeat_key(self._job.run, self._job.job)
        try:
            self._objects.put(
                key,
                sealed(key, json.dumps(body).encode()),
                once=False,
                budget_s=self._job.heartbeat_s / 3,
            )
        except StoreError as error:
            self._log.say("heartbeat: {}".format(error))

    def look_for_kill(self) -> None:
        """Call ``on_kill`` if the run was killed. Does not raise."""
        try:
            asked = self._objects.get(
                kill_key(self._job.run), limit=KILL_BODY_LIMIT, budget_s=self._job.heartbeat_s / 3
            )
        except StoreError as error:
            self._log.say("control/kill: {}".format(error))
            return
        if asked is not None:
            self._on_kill("the run was killed (control/kill)")

    def _beat_until_over(self) -> None:
        while not self._over.is_set():
            try:
                self.beat()
                self.look_for_kill()
                self._log.upload(self._objects, budget_s=self._job.heartbeat_s / 3)
            except Exception as error:  # a job without heartbeats counts as lost
                self._log.say("heartbeat: {!r}".format(error))
            self._over.wait(self._job.heartbeat_s)


def _load() -> Optional[float]:
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
