"""The hard stop's last word: EMERGENCY_STOP, unless the agent has said how it ended.

User data runs this under a time limit, beside the power-off and never before it.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Tuple

from keys import JobState, Sentinel

from imds import Imds
from job import Job, run_dir, work_dir
from objects import Objects, StoreError
from sentinels import Spool, body_bytes

BUDGET_S = 6.0
REASON = "still running at the emergency deadline; powered off by force"


def main() -> None:
    """Upload what the agent left behind, then the final sentinel."""
    job = Job.load(os.path.join(work_dir(), "job.json"))
    spool = Spool(os.path.join(run_dir(), "sentinels"))
    objects = Objects(job.bucket, job.region, Imds(timeout_s=2, attempts=2))

    def make(seq: int) -> Tuple[str, bytes]:
        sentinel = Sentinel(datetime.now(timezone.utc), job.job, seq, JobState.EMERGENCY_STOP)
        key = sentinel.key(job.run)
        return key, body_bytes(key, {"reason": REASON, "previous": spool.seal(seq - 1)})

    if not spool.has_final():
        spool.claim(make)
    # The last word first: time is short, and what is older only tells how it came to this.
    for seq, key, body in reversed(spool.unsent()):
        try:
            objects.put(key, body, budget_s=BUDGET_S)
            spool.mark_sent(seq)
        except StoreError:
            continue


if __name__ == "__main__":
    main()
