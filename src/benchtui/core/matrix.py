"""What is to be measured: types × regions × suites × replicates, with additions and exceptions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchtui.core.errors import UsageError
from benchtui.core.timing import Timing

MAX_JOBS = 10_000

#: A job before anything is known of its type: region, instance type, number in the job's id.
Place = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Included:
    """Cells added to the matrix: all suites if ``suite`` is None, the plan's replicates if None."""

    instance_type: str
    suite: str | None = None
    replicates: int | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """Cells taken out; None matches all."""

    instance_type: str | None = None
    suite: str | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """What is to be measured in each region: types × suites × replicates, with additions and exceptions."""

    types: tuple[str, ...]
    suites: tuple[str, ...]
    replicates: int
    mode: str
    include: tuple[Included, ...] = ()
    exclude: tuple[Excluded, ...] = ()

    @property
    def rows(self) -> tuple[Included, ...]:
        """The types as rows, included ones behind."""
        return tuple(Included(name) for name in self.types) + self.include


def planned_cells(matrix: Matrix, regions: Sequence[str]) -> dict[Place, tuple[str, ...]]:
    """Suites of every job, region by region in the plan's order, included ones behind.

    Replicates of a type are numbered on from region to region: with two of them in each of two regions the
    second region has 3 and 4. So a job's id does not need the region, and is unique in its run.

    Raises:
        UsageError: nothing is planned, or more than 10,000 jobs.
    """
    rows = matrix.rows
    if not rows:
        raise UsageError(
            "the plan has no instance types", 'name some in the config: [plan] types = ["c7g.large"]'
        )
    widths: dict[str, int] = {}
    for row in rows:
        widths[row.instance_type] = max(widths.get(row.instance_type, 0), row.replicates or matrix.replicates)
    cells: dict[Place, list[str]] = {}
    for at, region in enumerate(regions):
        for row in rows:
            suites = matrix.suites if row.suite is None else (row.suite,)
            first = at * widths[row.instance_type]
            for replicate in range(1, (row.replicates or matrix.replicates) + 1):
                cell = cells.setdefault((region, row.instance_type, first + replicate), [])
                cell += [suite for suite in suites if suite not in cell]
    kept = {
        place: tuple(
            suite for suite in suites if not any(matches(rule, place[1], suite) for rule in matrix.exclude)
        )
        for place, suites in cells.items()
    }
    kept = {place: suites for place, suites in kept.items() if suites}
    if not kept:
        raise UsageError("the plan is empty: nothing is left of its matrix", "see [plan] suites and exclude")
    if len(kept) > MAX_JOBS:
        raise UsageError(f"the plan has {len(kept)} jobs, more than {MAX_JOBS}", "lower [plan] replicates")
    return kept


def matches(rule: Excluded, instance_type: str, suite: str) -> bool:
    """Whether a cell is taken out by ``rule``."""
    return rule.instance_type in (None, instance_type) and rule.suite in (None, suite)


def idle_exclusions(matrix: Matrix) -> tuple[str, ...]:
    """Exclusions that match nothing, in words."""
    found = []
    for rule in matrix.exclude:
        in_matrix = any(
            matches(rule, row.instance_type, suite)
            for row in matrix.rows
            for suite in (matrix.suites if row.suite is None else (row.suite,))
        )
        if not in_matrix:
            words = ", ".join(part for part in (rule.instance_type, rule.suite) if part)
            found.append(f"exclude ({words}) matches nothing in the plan")
    return tuple(found)


def check_suites(
    cells: Mapping[Place, Sequence[str]], known: Mapping[str, Mapping[str, Timing]], mode: str
) -> None:
    """Refuse a suite there is not, or that lacks the mode.

    Raises:
        UsageError: one is named.
    """
    for suite in dict.fromkeys(suite for suites in cells.values() for suite in suites):
        if suite not in known:
            nearest = difflib.get_close_matches(suite, known, n=1)
            hint = f"did you mean {nearest[0]}? " if nearest else ""
            raise UsageError(
                f"there is no suite {suite}",
                f"{hint}known: {', '.join(sorted(known))}; a suite of your own: [suites.{suite}] path",
            )
        if mode not in known[suite]:
            raise UsageError(
                f"suite {suite} has no mode {mode}, only {', '.join(sorted(known[suite]))}",
                f"choose a mode every suite has: [plan] mode; or declare [modes.{mode}] in its payload.toml",
            )
