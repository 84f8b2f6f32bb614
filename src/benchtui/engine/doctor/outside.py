"""Checks of layer 2, which ends instances from outside: runbook, schedules, and the proof of a drill."""

from __future__ import annotations

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.aws.schedules import check_runbook, list_schedules
from benchtui.core.policies.scope import DOCUMENT
from benchtui.engine.doctor.finding import Check, Said, fail, ok, warn
from benchtui.engine.doctor.subject import Subject
from benchtui.engine.proofs import ProofWatch


async def runbook(subject: Subject, region: str) -> Said:
    """A schedule with a runbook that is not there would fail in silence, at the deadline."""
    try:
        await check_runbook(subject.cloud, region)
    except CloudError as error:
        if error.failure.kind not in (FailureKind.MISSING, FailureKind.INVALID):
            raise
        means = "schedules of a run would end nothing"
        return fail(error.what, means, "launch in another region: [plan] regions")
    return ok(f"{DOCUMENT} is there and takes InstanceId")


async def schedules(subject: Subject, region: str) -> Said:
    """Whether Scheduler answers, and what of ours it holds."""
    found = await list_schedules(subject.cloud, region, None)
    if not found:
        return ok("Scheduler answers; none of ours is waiting")
    runs = len({each.name.run for each in found})
    return ok(f"Scheduler answers; {len(found)} of ours wait, of {runs} runs; they delete themselves")


async def drill(subject: Subject, region: str) -> Said:
    """Whether a schedule was ever seen to end an instance in this account and region."""
    watch = ProofWatch(await subject.bucket(), subject.clock)
    await watch.look()
    assert watch.seen is not None
    if watch.seen.error is not None:
        return warn(
            f"the records of drills cannot be read: {watch.seen.error}", "nothing is proven", "benchtui drill"
        )
    newest = watch.seen.drill(region, 2, subject.now)
    if newest is None:
        means = "schedules are made, and were never seen to end an instance here"
        return warn("no drill in the last 90 days", means, "benchtui drill (about a cent, six minutes)")
    day = f"{newest.ended_at:%Y-%m-%d}"
    if not newest.proves(2):
        means = "the last layer did not hold when it was tried"
        return fail(f"the drill of {day} ended without it", means, "benchtui drill -v, then docs/SAFETY.md")
    return ok(f"seen to end an instance on {day}")


CHECKS = (
    Check(
        "runbook",
        "whether AWS's runbook that ends instances by tag is there",
        runbook,
        needs=("region",),
        regional=True,
    ),
    Check("schedules", "whether EventBridge Scheduler answers", schedules, needs=("region",), regional=True),
    Check(
        "drill",
        "whether a schedule was ever seen to end an instance here",
        drill,
        needs=("bucket",),
        regional=True,
    ),
)
