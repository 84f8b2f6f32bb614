"""A census taken again from the results, and held against the one that is stored. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from benchtui.core.documents import CensusDocument, CensusRow, Outcome, ResultDocument, RunDocument
from benchtui.core.plausibility import Judgement
from benchtui.core.verification import Findings

Cell = tuple[str, str]  # job, suite


def recount(
    run: RunDocument,
    census: CensusDocument,
    results: Mapping[Cell, ResultDocument | str],
    judged: Mapping[Cell, Judgement],
    found: Findings,
    name: str,
) -> None:
    """Note in ``found`` where a closed census is not what follows from the plan and the results.

    Args:
        run: the plan.
        census: as it is stored.
        results: what is there, or what is wrong with it.
        judged: the results judged again, as of when the census was taken.
        found: told of what differs.
        name: of the census among the run's objects.
    """
    planned = {(job.job, suite) for job in run.jobs for suite in job.suites}
    planned |= {(cell.job, cell.suite) for cell in run.declined}
    rows = {(row.job, row.suite): row for row in census.rows}
    for job, suite in sorted(planned ^ rows.keys()):
        stored = "there" if (job, suite) in rows else "missing"
        found.differs(name, f"{job} {suite}", stored, "planned" if (job, suite) in planned else "not")
    for cell, row in rows.items():
        _outcome(row, results.get(cell), found, name)
        if cell in judged and row.plausibility is not None:
            _plausibility(row, judged[cell], found, name)
    _counts(census, tuple(rows.values()), found, name)
    found.count("census")


def _outcome(row: CensusRow, result: ResultDocument | str | None, found: Findings, name: str) -> None:
    measured = isinstance(result, ResultDocument) and result.outcome is Outcome.MEASURED
    place = f"{row.job} {row.suite}"
    if row.outcome is Outcome.MEASURED and not measured:
        found.differs(name, f"{place}, outcome", row.outcome.value, "no such result")
    if isinstance(result, ResultDocument) and row.verified != result.verified:
        found.differs(name, f"{place}, verified", row.verified, result.verified)


def _plausibility(row: CensusRow, again: Judgement, found: Findings, name: str) -> None:
    if (row.plausibility, row.findings) != (again.numbers.value, again.told):
        stored, recomputed = (
            f"{row.plausibility} {list(row.findings)}",
            f"{again.numbers.value} {list(again.told)}",
        )
        found.differs(name, f"{row.job} {row.suite}, plausibility", stored, recomputed)


def _counts(census: CensusDocument, rows: tuple[CensusRow, ...], found: Findings, name: str) -> None:
    """``rows``: one of each cell."""
    measured = sum(row.outcome is Outcome.MEASURED for row in rows)
    counts = (len(rows), measured, len(rows) - measured)
    stored = (census.planned, census.measured, census.declined)
    if stored != counts:
        told, recomputed = ("{} = {} + {}".format(*each) for each in (stored, counts))
        found.differs(name, "counts", told, recomputed)
