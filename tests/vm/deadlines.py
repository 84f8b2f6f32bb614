"""The deadlines of a real job, in skipped time: 4 h, an hour of grace, and what comes when these fail."""

from __future__ import annotations

from tests.vm.cells import job_of
from tests.vm.faults import KILL_GROUP, By, Fault

JOB = job_of(4 * 3600, 3600)
#: The shells of the hard stop and of its last word, told by what they sleep for.
_HARD_STOP = "pkill -9 -f 'sleep 1800[0]|sleep 1799[0]'\n"
CRASHED = "kill -SEGV 1; sleep 1\n"
FAULTS = (
    Fault("4 h: nothing is wrong", ""),
    Fault("4 h 1 min: agent, its guard and the script killed", KILL_GROUP, By.FORCE),
    Fault("5 h: these killed, pid 1 crashed", CRASHED + KILL_GROUP, By.HARD),
    Fault("5 h 10 s: and the hard stop killed", _HARD_STOP + CRASHED + KILL_GROUP, By.HARD),
    Fault("5 h 1 min: every process killed, pid 1 crashed", CRASHED + "kill -9 -1\n", By.KERNEL),
)
