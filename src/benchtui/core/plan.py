"""A configuration resolved: the jobs of a run, their order, their prices, and what is declined and why."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from benchtui.core.catalogue import InstanceType, Missing, Price
from benchtui.core.errors import UsageError
from benchtui.core.keys import job_id
from benchtui.core.money import Cost, Limits, Rates, cost_of, worst_case, writes_at_most
from benchtui.core.order import interleaved
from benchtui.core.timing import BOOT_S, Timing, expected_seconds

MAX_JOBS = 10_000
RANKED_FROM_REPLICATES = 3


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
    """What is to be measured: types × suites × replicates, with additions and exceptions."""

    types: tuple[str, ...]
    suites: tuple[str, ...]
    replicates: int
    mode: str
    include: tuple[Included, ...] = ()
    exclude: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedJob:
    """One instance that will be launched, and the suites it runs in order."""

    job: str
    instance_type: str
    replicate: int
    suites: tuple[str, ...]
    region: str
    arch: str
    vcpus: int
    cores: int
    threads_per_core: int
    memory_mib: int
    price: Price
    expected_seconds: int
    expected: Cost
    worst_case: Cost

    @property
    def expected_usd(self) -> Decimal:
        """Expected cost, USD."""
        return self.expected.usd

    @property
    def worst_case_usd(self) -> Decimal:
        """Worst case, USD."""
        return self.worst_case.usd


@dataclass(frozen=True, slots=True)
class DeclinedCell:
    """A planned cell that will not be launched."""

    job: str
    instance_type: str
    suite: str
    reason: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class BudgetVerdict:
    """Whether the worst case of all jobs stays within the budget, and what of them a launch would decline.

    In launch order, as the launcher reserves: a job whose worst case is more than is left is declined, and
    those after it may still fit.
    """

    budget_usd: Decimal
    worst_case_usd: Decimal
    jobs: int
    declined: tuple[str, ...] = ()  # jobs for which too little is left

    @property
    def fits(self) -> bool:
        """All jobs are covered."""
        return not self.declined

    @property
    def jobs_covered(self) -> int:
        """Jobs whose worst case the budget covers."""
        return self.jobs - len(self.declined)

    @property
    def at_most_usd(self) -> Decimal:
        """Most that a launch can come to, whichever jobs it launches in the end."""
        return min(self.worst_case_usd, self.budget_usd)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do, in launch order."""

    name: str
    mode: str
    seed: int
    region: str
    jobs: tuple[PlannedJob, ...]
    declined: tuple[DeclinedCell, ...]
    budget: BudgetVerdict
    notes: tuple[str, ...]  # what the reader should know before agreeing

    @property
    def cells(self) -> int:
        """Planned cells (job × suite), declined ones included."""
        return sum(len(job.suites) for job in self.jobs) + len(self.declined)

    @property
    def expected_usd(self) -> Decimal:
        """Expected cost of all jobs, USD."""
        return sum((job.expected_usd for job in self.jobs), Decimal(0))

    @property
    def worst_case_usd(self) -> Decimal:
        """Worst case of all jobs, USD."""
        return self.budget.worst_case_usd

    @property
    def covered(self) -> tuple[PlannedJob, ...]:
        """Jobs that a launch would not decline for the budget, in launch order."""
        declined = set(self.budget.declined)
        return tuple(job for job in self.jobs if job.job not in declined)

    @property
    def longest_expected_seconds(self) -> int:
        """Expected duration if all jobs run at once, seconds."""
        return max((job.expected_seconds for job in self.jobs), default=0)


def resolve(
    matrix: Matrix,
    *,
    name: str,
    region: str,
    types: Mapping[str, InstanceType | Missing],
    prices: Mapping[str, Price | Missing],
    timings: Mapping[str, Mapping[str, Timing]],
    architectures: Mapping[str, frozenset[str]],
    limits: Limits,
    volume_gib: int,
    rates: Rates,
    budget_usd: Decimal,
    seed: int,
) -> Plan:
    """Turn a matrix into jobs.

    Args:
        types: topology by type name; a name that is absent or Missing is declined.
        prices: per type in ``region``; absent or Missing is declined, a price is never guessed.
        timings: of every known suite, by the modes it has.
        architectures: suites that run on some architectures only; absent means all.
        seed: of the launch order; the same seed gives the same order.

    Raises:
        UsageError: nothing is planned, a suite is unknown or lacks the mode, or more than 10,000 jobs.
    """
    cells = _cells(matrix)
    _check_suites(cells, timings, matrix.mode)
    jobs: dict[str, PlannedJob] = {}
    declined: list[DeclinedCell] = []
    for (instance_type, replicate), suites in cells.items():
        job = job_id(instance_type, replicate)
        topology = types.get(instance_type) or _no_type(instance_type, region, types)
        price = prices.get(instance_type) or _no_price(instance_type, region)
        if isinstance(topology, Missing) or isinstance(price, Missing):
            why = next(part for part in (topology, price) if isinstance(part, Missing))
            declined += [DeclinedCell(job, instance_type, suite, why.reason, why.fix) for suite in suites]
            continue
        runnable = []
        for suite in suites:
            if topology.arch in architectures.get(suite, (topology.arch,)):
                runnable.append(suite)
            else:
                reason = f"suite {suite} does not run on {topology.arch}"
                declined.append(DeclinedCell(job, instance_type, suite, reason))
        if runnable:
            seconds = expected_seconds([timings[suite][matrix.mode] for suite in runnable])
            jobs[job] = PlannedJob(
                job=job,
                instance_type=instance_type,
                replicate=replicate,
                suites=tuple(runnable),
                region=region,
                arch=topology.arch,
                vcpus=topology.vcpus,
                cores=topology.cores,
                threads_per_core=topology.threads_per_core,
                memory_mib=topology.memory_mib,
                price=price,
                expected_seconds=seconds,
                expected=cost_of(
                    price, seconds, volume_gib, rates, writes_at_most(seconds, limits.heartbeat)
                ),
                worst_case=worst_case(price, limits, volume_gib, rates),
            )
    groups: dict[str, list[str]] = {}
    for planned in jobs.values():
        groups.setdefault(planned.instance_type, []).append(planned.job)
    # The seed makes an order repeatable; it protects nothing.
    order = interleaved(groups, random.Random(seed))  # noqa: S311
    in_order = tuple(jobs[job] for job in order)
    return Plan(
        name=name,
        mode=matrix.mode,
        seed=seed,
        region=region,
        jobs=in_order,
        declined=tuple(declined),
        budget=_verdict(in_order, budget_usd),
        notes=_notes(matrix, in_order, limits),
    )


def draw_seed(rng: random.Random) -> int:
    """A seed short enough to be typed again."""
    return rng.randrange(10**9)


def _cells(matrix: Matrix) -> dict[tuple[str, int], tuple[str, ...]]:
    """Suites of every (type, replicate), in the plan's order, included ones behind."""
    cells: dict[tuple[str, int], list[str]] = {}
    rows = [Included(name) for name in matrix.types] + list(matrix.include)
    for row in rows:
        suites = matrix.suites if row.suite is None else (row.suite,)
        for replicate in range(1, (row.replicates or matrix.replicates) + 1):
            cell = cells.setdefault((row.instance_type, replicate), [])
            cell += [suite for suite in suites if suite not in cell]
    kept = {
        (name, replicate): tuple(
            suite for suite in suites if not any(_matches(rule, name, suite) for rule in matrix.exclude)
        )
        for (name, replicate), suites in cells.items()
    }
    kept = {job: suites for job, suites in kept.items() if suites}
    if not rows:
        raise UsageError(
            "the plan has no instance types", 'name some in the config: [plan] types = ["c7g.large"]'
        )
    if not kept:
        raise UsageError("the plan is empty: nothing is left of its matrix", "see [plan] suites and exclude")
    if len(kept) > MAX_JOBS:
        raise UsageError(f"the plan has {len(kept)} jobs, more than {MAX_JOBS}", "lower [plan] replicates")
    return kept


def _matches(rule: Excluded, instance_type: str, suite: str) -> bool:
    return rule.instance_type in (None, instance_type) and rule.suite in (None, suite)


def _check_suites(
    cells: Mapping[tuple[str, int], Sequence[str]], known: Mapping[str, Mapping[str, Timing]], mode: str
) -> None:
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


def _no_type(instance_type: str, region: str, known: Mapping[str, object]) -> Missing:
    nearest = difflib.get_close_matches(instance_type, known, n=1)
    fix = f"did you mean {nearest[0]}?" if nearest else "check [plan] types and [aws] regions"
    return Missing(f"{instance_type} is not an instance type of {region}", fix)


def _no_price(instance_type: str, region: str) -> Missing:
    return Missing(
        f"no price is known for {instance_type} in {region}",
        f'give your own: [prices.on_demand] "{instance_type}" = USD per hour',
    )


def _verdict(jobs: Sequence[PlannedJob], budget_usd: Decimal) -> BudgetVerdict:
    held, declined = Decimal(0), []
    for job in jobs:
        if held + job.worst_case_usd <= budget_usd:
            held += job.worst_case_usd
        else:
            declined.append(job.job)
    total = sum((job.worst_case_usd for job in jobs), Decimal(0))
    return BudgetVerdict(budget_usd, total, len(jobs), tuple(declined))


def _notes(matrix: Matrix, jobs: Sequence[PlannedJob], limits: Limits) -> tuple[str, ...]:
    notes = []
    rows = [Included(name) for name in matrix.types] + list(matrix.include)
    for rule in matrix.exclude:
        in_matrix = any(
            _matches(rule, row.instance_type, suite)
            for row in rows
            for suite in (matrix.suites if row.suite is None else (row.suite,))
        )
        if not in_matrix:
            words = ", ".join(part for part in (rule.instance_type, rule.suite) if part)
            notes.append(f"exclude ({words}) matches nothing in the plan")
    replicates: dict[str, int] = {}
    for job in jobs:
        replicates[job.instance_type] = replicates.get(job.instance_type, 0) + 1
    few = sorted(name for name, count in replicates.items() if count < RANKED_FROM_REPLICATES)
    if few:
        notes.append(
            f"fewer than {RANKED_FROM_REPLICATES} replicates, shown but not ranked: {', '.join(few)}"
        )
    late = sorted(job.job for job in jobs if job.expected_seconds - BOOT_S > limits.max_runtime)
    if late:
        notes.append(f"expected to be stopped by max_runtime before the end: {', '.join(late)}")
    return tuple(notes)
