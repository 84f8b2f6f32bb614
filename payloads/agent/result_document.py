"""result.json: what came of one suite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Dict, Optional

from job import Job
from results import RawFiles
from suites import SuiteRun
from system import Observed
from verdict import judge, no_sample, summarise


@dataclass(frozen=True)
class SuiteResult:
    """A suite's result document and its raw files."""

    document: Dict[str, Any]
    raw: RawFiles

    @property
    def reason(self) -> Optional[str]:
        """Why it was not measured; None if it was."""
        reason: Optional[str] = self.document["reason"]
        return reason


def document(job: Job, observed: Observed, suite: SuiteRun) -> SuiteResult:
    """The suite's result. Without its end there are no metrics: what it printed is in the raw files."""
    records, failure = suite.records, suite.failure
    metrics, problems = summarise(suite.declared, suite.mode_name, records)
    if failure is None:
        failure = no_sample(metrics, records)
    verified = judge(suite.declared, records, problems)
    body = {
        "schema": "benchtui.result/1",
        "run": job.run,
        "job": job.job,
        "suite": suite.name,
        "suite_version": suite.declared["version"],
        "mode": job.mode,
        "outcome": "measured" if failure is None else "declined",
        "reason": failure,
        **observed.__dict__,
        "started_at": suite.started.isoformat(),
        "finished_at": datetime.now(timezone.utc).isoformat(),
        "metrics": metrics if failure is None else {},
        "declined_metrics": records.declined,
        "checks": records.checks,
        "facts": records.facts,
        "problems": problems,
        "build": suite.build,
        "verified": verified if failure is None else None,
    }
    return SuiteResult(body, suite.raw)
