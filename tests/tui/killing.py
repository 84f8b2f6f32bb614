"""Surveys, proofs and sweeps made by hand."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

from benchtui.core.errors import BenchtuiError
from benchtui.core.states import InstanceView
from benchtui.engine.kill_scope import (
    KillProgress,
    KillReport,
    KillScope,
    KillSurvey,
    RegionProof,
    RegionSurvey,
)
from benchtui.engine.snapshot import Snapshot
from benchtui.engine.sweep import Sweep
from tests.engine import fleet

RUN = KillScope.of_run(fleet.RUN)
ALL = KillScope.of_account()
ACCOUNT = "123456789012"
WEST = tuple(fleet.instance(job) for job in ("c7g.large-1", "c7g.large-2", "c7i.large-1"))
EAST = (fleet.instance("c7a.large-1", region="us-east-1"),)


def surveyed(scope: KillScope, **changes: Any) -> KillSurvey:
    """Four instances in two regions, three others beside them, and one region that does not answer."""
    regions = (
        RegionSurvey("eu-north-1", error="AccessDenied: not authorized"),
        RegionSurvey("us-east-1", EAST, 0),
        RegionSurvey("us-west-2", WEST, 3),
    )
    survey = KillSurvey(scope, fleet.after(60), ACCOUNT, regions, usd_per_hour=Decimal("0.33"))
    return dataclasses.replace(survey, **changes)


def proof(region: str, asked: int, gone: int = 0, terminated: int = 0, **changes: Any) -> RegionProof:
    """So many asked, so many of them gone, so many of those terminated."""
    names = [f"i-{number:017x}" for number in range(asked)]
    fields: dict[str, Any] = {
        "asked": frozenset(names),
        "gone": frozenset(names[:gone]),
        "shutting_down": frozenset(names[terminated:gone]),
        "alive": frozenset(names[gone:]),
    }
    return RegionProof(region, **(fields | changes))


def progress(*regions: RegionProof, scope: KillScope = RUN, **changes: Any) -> KillProgress:
    """Begun twelve seconds ago."""
    done = changes.pop("done", False)
    return KillProgress(scope, KillReport(scope, regions, **changes), fleet.after(48), done=done)


UNKNOWN_EAST = proof("us-east-1", 1, error="AccessDenied: not authorized", given_up=True)
GOING = progress(proof("us-west-2", 3, 3, 2, sweeps=1), UNKNOWN_EAST, RegionProof("eu-west-1", sweeps=2))
UNPROVEN = progress(proof("us-west-2", 3, 3, 3, sweeps=2), UNKNOWN_EAST, done=True)
PROVEN = progress(proof("us-west-2", 3, 3, 3, sweeps=2), RegionProof("eu-west-1", sweeps=2), done=True)


def swept(*instances: InstanceView, **changes: Any) -> Sweep:
    """Those instances, oldest first."""
    ordered = tuple(sorted(instances, key=lambda view: view.launched_at))
    fields: dict[str, Any] = {"regions": ("us-west-2", "us-east-1")}
    return Sweep(fleet.after(30), ordered, **(fields | changes))


def stray(number: int, **changes: Any) -> InstanceView:
    """A live instance of another run."""
    given = {
        "instance_id": f"i-0dead{number:012x}",
        "run": "20261120-091500-aaaa",
        "launched_at": fleet.after(-3000 * number),
    }
    return dataclasses.replace(fleet.instance("c7i.large-3"), **(given | changes))


STRAYS = (
    stray(1),
    stray(2, run=None, job=None),
    stray(3, expires_at=fleet.after(-7200), region="eu-west-1"),
)
SILENT = (("eu-north-1", BenchtuiError("denied")),)


def lived(snapshot: Snapshot) -> Snapshot:
    """The same with the lives of its instances, launched a minute apart over the last ten."""
    rows = []
    for number, planned in enumerate(snapshot.rows):
        row, view = planned, planned.status.instance
        if view is not None:
            begun = fleet.after(60 * number - 600)
            # Ids that are the same in every picture.
            view = dataclasses.replace(view, launched_at=begun, instance_id=f"i-0ab12cd34ef{number:06d}")
            status = dataclasses.replace(row.status, instance=view)
            ended = fleet.after(50) if view.ending else None
            row = dataclasses.replace(row, status=status, launched_at=begun, ended_at=ended)
        rows.append(row)
    schedules = {"us-west-2": fleet.scheduled(rows)}
    return dataclasses.replace(snapshot, rows=tuple(rows), schedules=schedules)
