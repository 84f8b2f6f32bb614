"""A plan as programs read it, with ``--json``."""

from __future__ import annotations

from typing import Any

from benchtui.core.plan import Plan, PlannedJob


def plan_to_dict(plan: Plan) -> dict[str, Any]:
    """The plan for ``--json``: money as strings, times as seconds."""
    return {
        "v": 1,
        "type": "plan",
        "name": plan.name,
        "mode": plan.mode,
        "seed": plan.seed,
        "region": plan.region,
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
        "notes": list(plan.notes),
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
        "price": {
            "usd_per_hour": str(job.price.usd_per_hour),
            "basis": job.price.basis,
            "as_of": job.price.as_of.isoformat(),
            "region": job.price.region,
        },
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
