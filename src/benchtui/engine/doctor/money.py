"""Checks of money: the budget against the worst case, what was spent, and what is alive now."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from benchtui.core.errors import BenchtuiError
from benchtui.core.money import usd_text
from benchtui.engine.doctor.finding import Check, Said, fail, ok, unknown, waiting, warn
from benchtui.engine.doctor.subject import Subject
from benchtui.engine.reservations import BookReader
from benchtui.engine.sweep import sweep

NAMED = 3


async def budget(subject: Subject, _region: str) -> Said:
    """The worst case of the plan against what a run may cost."""
    if not subject.has_plan:
        return waiting("plan")
    plan = (await subject.planned()).plan
    verdict = plan.budget
    found = f"worst case ${usd_text(verdict.worst_case_usd)} of ${usd_text(verdict.budget_usd)} (est.)"
    fix = "raise [safety] budget_usd, or lower [safety] max_runtime or [plan] replicates"
    if not plan.jobs:
        return waiting("plan")
    if not verdict.jobs_covered:
        return fail(f"{found}: no job is covered", "nothing would be launched", fix)
    if not verdict.fits:
        covered = f"{verdict.jobs_covered} of {verdict.jobs} jobs are covered"
        return warn(f"{found}: {covered}", "the others are declined unless money comes back in time", fix)
    return ok(found)


async def spent(subject: Subject, _region: str) -> Said:
    """What the bucket's newest runs have spent and hold, by their own books; Cost Explorer is never asked."""
    runs = await subject.runs()
    bucket = await subject.bucket()
    readers = [BookReader(bucket, run.run) for run in runs]
    books = await asyncio.gather(*(reader.read() for reader in readers), return_exceptions=True)
    unread = [each for each in books if isinstance(each, BenchtuiError)]
    for each in books:
        if isinstance(each, BaseException) and not isinstance(each, BenchtuiError):
            raise each
    known = [each for each in books if not isinstance(each, BaseException)]
    if unread and not known:
        return unknown(
            f"the books cannot be read: {unread[0].what}", "what was spent is not known", unread[0].fix
        )
    paid, held = (
        sum((getattr(book, name) for book in known), Decimal(0)) for name in ("paid_usd", "held_usd")
    )
    if not books:
        return ok("no run yet")
    found = f"${usd_text(paid)} spent, ${usd_text(held)} held by {len(known)} newest runs (est.)"
    if unread:
        return warn(f"{found}; of {len(unread)} runs it is not known", "there may be more", unread[0].fix)
    return ok(found)


async def alive(subject: Subject, _region: str) -> Said:
    """Instances of ours in every enabled region, and those that should be gone."""
    found = await sweep(subject.cloud, subject.clock)
    expired = found.expired(subject.now)
    if expired:
        ids = ", ".join(f"{view.instance_id} in {view.region}" for view in expired[:NAMED])
        more = f" and {len(expired) - NAMED} more" if len(expired) > NAMED else ""
        return fail(
            f"alive after their end: {ids}{more}", "they cost money for nothing", "benchtui reap --yes"
        )
    if not found.known:
        problem = found.errors[0]
        return unknown(problem.what, "something may be alive there", problem.fix)
    if not found.instances:
        return ok(f"none in {len(found.regions)} regions")
    runs = len({view.run for view in found.instances})
    return ok(f"{len(found.instances)} alive, of {runs} runs, none after its end")


CHECKS = (
    Check("budget", "the plan's worst case against what a run may cost", budget, needs=("plan", "prices")),
    Check("spent", "what the newest runs have spent and hold, by their own books", spent, needs=("bucket",)),
    Check(
        "instances",
        "what of ours is alive in the account, and what should be gone",
        alive,
        needs=("region",),
        seconds=60,
    ),
)
