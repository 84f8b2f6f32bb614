"""A run with everything that was collected of it: what reports and exports are written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from benchtui.core.documents import (
    CensusDocument,
    JobDocument,
    ResultDocument,
    RunDocument,
    SystemDocument,
)
from benchtui.core.instance_results import InstanceResult
from benchtui.core.plausibility import Judgement

Cell = tuple[str, str]  # job, suite


@dataclass(frozen=True, slots=True)
class RunMoney:
    """What a run has cost and what stood ready to end its instances, as seen at one moment."""

    at: datetime
    spent_usd: Decimal  # est.
    unaccounted: int  # jobs of whose instance nothing is known any more: not in the sum
    by_job: Mapping[str, Decimal | None]  # est.; None: not known
    armed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # what an instance said, by job


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run."""

    run: RunDocument
    rows: tuple[InstanceResult, ...]  # every planned cell, as comparisons see it
    documents: Mapping[Cell, ResultDocument | str]  # texts: what is wrong with what is there
    systems: Mapping[str, SystemDocument] = field(default_factory=dict)  # by job
    census: CensusDocument | None = None  # None: it was not taken
    judgements: Mapping[Cell, Judgement] = field(default_factory=dict)
    sha256: Mapping[Cell, str] = field(default_factory=dict)  # of each result.json as it was read
    money: RunMoney | None = None  # None: read from a folder, where nobody can say

    def document(self, job: str, suite: str) -> ResultDocument | None:
        """The result of a cell; None if there is no valid one."""
        found = self.documents.get((job, suite))
        return found if isinstance(found, ResultDocument) else None

    def job(self, name: str) -> JobDocument | None:
        """A job as it was planned; None if it was declined before."""
        return next((job for job in self.run.jobs if job.job == name), None)


def all_rows(records: Iterable[RunRecord]) -> tuple[InstanceResult, ...]:
    """Cells of several runs, for one comparison."""
    return tuple(row for record in records for row in record.rows)
