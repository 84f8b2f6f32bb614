"""run.json: what any machine needs to pick a run up, made from its plan and its settings."""

from __future__ import annotations

import secrets
from datetime import datetime

import benchtui
from benchtui.config.schema import Config
from benchtui.core import keys
from benchtui.core.documents import (
    DeclinedDocument,
    JobDocument,
    PriceDocument,
    RatesDocument,
    RunDocument,
)
from benchtui.engine.planning import Planned

SUFFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def run_document(planned: Planned, bundle_sha256: str, config: Config, now: datetime) -> RunDocument:
    """run.json of a run that begins ``now``, under a new id.

    Args:
        planned: what it runs.
        bundle_sha256: of the payload that its instances fetch.
        config: what the plan was made from.
        now: the time, UTC.
    """
    plan = planned.plan
    waves = {job: wave.number for wave in plan.waves for job in wave.jobs}
    regions = tuple(
        region for region in plan.regions if any(region in (job.region, *job.elsewhere) for job in plan.jobs)
    )
    suffix = "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(4))
    return RunDocument(
        run=keys.run_id(now, suffix),
        name=plan.name,
        benchtui_version=benchtui.__version__,
        created_at=now,
        mode=plan.mode,
        seed=plan.seed,
        regions=regions or plan.regions,
        bundle_sha256=bundle_sha256,
        max_runtime_s=config.safety.max_runtime,
        emergency_grace_s=config.safety.emergency_grace,
        boot_allowance_s=config.safety.boot_allowance,
        heartbeat_s=config.watch.heartbeat_seconds,
        never_started_s=config.watch.never_started_after,
        volume_gib=config.instance.volume_gib,
        rates=RatesDocument.of(planned.rates),
        budget_usd=plan.budget.budget_usd,
        worst_case_usd=plan.worst_case_usd,
        jobs=tuple(
            JobDocument(
                job=job.job,
                instance_type=job.instance_type,
                suites=job.suites,
                region=job.region,
                arch=job.arch,
                vcpus=job.vcpus,
                cores=job.cores,
                threads_per_core=job.threads_per_core,
                price=PriceDocument.of(job.price),
                expected_seconds=job.expected_seconds,
                expected_usd=job.expected_usd,
                worst_case_usd=job.worst_case_usd,
                market=job.market.value,
                elsewhere={region: PriceDocument.of(price) for region, price in job.elsewhere.items()},
                wave=waves.get(job.job, 1),
            )
            for job in plan.jobs
        ),
        declined=tuple(
            DeclinedDocument(job=cell.job, suite=cell.suite, reason=cell.reason) for cell in plan.declined
        ),
        config=config.model_dump(mode="json"),
        confirms=planned.confirms,
    )
