"""How far a kill is and what it has proven, for programs."""

from __future__ import annotations

from typing import Any

from benchtui.engine.kill_scope import KillReport, KillScope, RegionProof, ScopeKind


def of_report(report: KillReport, command: str) -> dict[str, Any]:
    """The last line of ``--json``; ``run`` is null when all was killed, or all that has expired."""
    return {
        "v": 1,
        "type": "summary",
        "command": command,
        **_scope_fields(report.scope),
        "proven": report.proven,
        "regions": [of_region(proof) for proof in report.regions],
        "regions_error": report.regions_error,
        "notes": list(report.notes),
        "exit_code": int(report.exit_code),
    }


def _scope_fields(scope: KillScope) -> dict[str, Any]:
    jobs = sorted(scope.jobs) if scope.kind is ScopeKind.SELECTION else None
    return {"scope": scope.kind.value, "run": scope.run, "jobs": jobs}


def of_region(proof: RegionProof) -> dict[str, Any]:
    """What is proven of a region, for ``--json``."""
    return {
        "region": proof.region,
        "asked": proof.asked,
        "gone": proof.gone,
        "shutting_down": proof.shutting_down,
        "terminated": proof.terminated,
        "alive": proof.alive,
        "vanished": proof.vanished,
        "spot_requests": proof.spot_requests,
        "sweeps": proof.sweeps,
        "proven": proof.proven,
        "error": proof.error,
    }
