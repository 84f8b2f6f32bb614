"""A plan as programs read it, with ``--json``."""

from __future__ import annotations

from typing import Any

from benchtui.core.catalogue import Missing, Price, VcpuLimit
from benchtui.core.plan import Plan, PlannedJob


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The plan for ``--json``: money as strings, times as seconds."""
    return {
        "v": 1,
        "type": "plan",
        "name": plan.name,
        "mode": plan.mode,
        "seed": plan.seed,
        "region": plan.regions[0],
        "regions": list(plan.regions),
        "market": plan.market.value,
        "region_fallback": plan.fallback,
        "cells": plan.cells,
        "jobs": [_job_to_dict(job) for job in plan.jobs],
        "declined": [
            {
                "job": cell.job,
                "instance_type": cell.instance_type,
                "suite": cell.suite,
                "reason": cell.reason,
                "fix": cell.fix,
            }
            for cell in plan.declined
        ],
        "expected_seconds": plan.longest_expected_seconds,
        "expected_usd": str(plan.expected_usd),
        "worst_case_usd": str(plan.worst_case_usd),
        "budget": {
            "budget_usd": str(plan.budget.budget_usd),
            "fits": plan.budget.fits,
            "jobs_covered": plan.budget.jobs_covered,
            "declined": list(plan.budget.declined),
            "at_most_usd": str(plan.budget.at_most_usd),
        },
        "waves": [
            {
                "region": wave.region,
                "quota": wave.code or None,
                "wave": wave.number,
                "jobs": list(wave.jobs),
                "vcpus": wave.vcpus,
                "expected_seconds": wave.expected_seconds,
            }
            for wave in plan.waves
        ],
        "quotas": [_quota_to_dict(limit) for limit in known_limits(plan)],
        "quotas_unknown": list(unknown_limits(plan)),
        "quota_requests": list(plan.quota_requests),
        "notes": list(plan.notes),
    }


def known_limits(plan: Plan) -> tuple[VcpuLimit, ...]:
    """The quotas that count instances of the plan, each once."""
    wanted = {(job.region, job.instance_type) for job in plan.jobs}
    found = {
        (limit.region, limit.code): limit
        for kind, limit in plan.limits.items()
        if kind in wanted and isinstance(limit, VcpuLimit)
    }
    return tuple(found.values())


def unknown_limits(plan: Plan) -> tuple[str, ...]:
    """Why a quota is not known, for each region once."""
    wanted = {(job.region, job.instance_type) for job in plan.jobs}
    said = {
        f"{region}: {limit.reason}": None
        for (region, name), limit in plan.limits.items()
        if (region, name) in wanted and isinstance(limit, Missing)
    }
    return tuple(said)


def _quota_to_dict(limit: VcpuLimit) -> dict[str, Any]:
    return {
        "region": limit.region,
        "code": limit.code,
        "name": limit.name,
        "vcpus": limit.vcpus,
        "in_use": limit.in_use,
    }


def _price_to_dict(price: Price) -> dict[str, Any]:
    most = price.max_usd_per_hour
    return {
        "usd_per_hour": str(price.usd_per_hour),
        "max_usd_per_hour": None if most is None else str(most),
        "basis": price.basis,
        "as_of": price.as_of.isoformat(),
        "region": price.region,
    }


def _job_to_dict(job: PlannedJob) -> dict[str, Any]:
    return {
        "job": job.job,
        "instance_type": job.instance_type,
        "replicate": job.replicate,
        "suites": list(job.suites),
        "region": job.region,
        "arch": job.arch,
        "vcpus": job.vcpus,
        "cores": job.cores,
        "threads_per_core": job.threads_per_core,
        "memory_mib": job.memory_mib,
        "market": job.market.value,
        "price": _price_to_dict(job.price),
        "elsewhere": {region: _price_to_dict(price) for region, price in job.elsewhere.items()},
        "expected_seconds": job.expected_seconds,
        "expected_usd": str(job.expected_usd),
        "worst_case_usd": str(job.worst_case_usd),
        "worst_case_items": [
            {
                "name": item.name,
                "quantity": str(item.quantity),
                "unit": item.unit,
                "usd_per_unit": str(item.usd_per_unit),
                "usd": str(item.usd),
                "basis": item.basis,
                "as_of": None if item.as_of is None else item.as_of.isoformat(),
            }
            for item in job.worst_case.items
        ],
    }
