"""A configuration resolved: the jobs of a run, their order, their prices, and what is declined and why."""

from __future__ import annotations

import difflib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from benchtui.core.catalogue import Catalogue, InstanceType, Market, Missing, Price, VcpuLimit
from benchtui.core.keys import job_id
from benchtui.core.matrix import Excluded, Included, Matrix, check_suites, idle_exclusions, planned_cells
from benchtui.core.money import Cost, Limits, Rates, cost_of, worst_case, writes_at_most
from benchtui.core.order import interleaved
from benchtui.core.timing import BOOT_S, Timing, expected_seconds
from benchtui.core.waves import Wave, most_in_a_row, waves_of
from benchtui.core.waves import expected_seconds as expected_of_waves

__all__ = [
    "BudgetVerdict",
    "DeclinedCell",
    "Excluded",
    "Included",
    "Matrix",
    "Plan",
    "PlannedJob",
    "draw_seed",
    "resolve",
]

RANKED_FROM_REPLICATES = 3


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
    market: Market = Market.ON_DEMAND
    elsewhere: Mapping[str, Price] = field(default_factory=dict)  # by region it may fall back to

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
    regions: tuple[str, ...]
    jobs: tuple[PlannedJob, ...]
    declined: tuple[DeclinedCell, ...]
    budget: BudgetVerdict
    notes: tuple[str, ...]  # what the reader should know before agreeing
    market: Market = Market.ON_DEMAND
    fallback: bool = False  # a job may be launched in another region of the plan
    waves: tuple[Wave, ...] = ()
    limits: Mapping[tuple[str, str], VcpuLimit | Missing] = field(default_factory=dict)  # by region and type

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
        """Expected duration, seconds: all jobs at once, or in the waves that the quotas allow."""
        return expected_of_waves(self.waves)

    @property
    def waves_in_a_row(self) -> int:
        """The largest number of waves of one quota: 1 where everything runs at once."""
        return most_in_a_row(self.waves)

    @property
    def quota_requests(self) -> tuple[str, ...]:
        """Commands that ask AWS for as much as lets everything run at once."""
        asked: dict[tuple[str, str], tuple[VcpuLimit, int]] = {}
        for job in self.jobs:
            limit = self.limits.get((job.region, job.instance_type))
            if isinstance(limit, VcpuLimit):
                pool = job.region, limit.code
                asked[pool] = limit, asked.get(pool, (limit, 0))[1] + job.vcpus
        return tuple(
            limit.request(wanted + (limit.in_use or 0))
            for limit, wanted in asked.values()
            if wanted > limit.free
        )


def resolve(
    matrix: Matrix,
    *,
    name: str,
    catalogues: Mapping[str, Catalogue],
    timings: Mapping[str, Mapping[str, Timing]],
    architectures: Mapping[str, frozenset[str]],
    limits: Limits,
    volume_gib: int,
    rates: Rates,
    budget_usd: Decimal,
    seed: int,
    market: Market = Market.ON_DEMAND,
    spot_max: Mapping[str, Decimal] | None = None,
    fallback: bool = False,
) -> Plan:
    """Turn a matrix into jobs.

    Args:
        catalogues: by region, in the plan's order: topology and prices by type name. A name that is absent or
            Missing is declined; a price is never guessed.
        timings: of every known suite, by the modes it has.
        architectures: suites that run on some architectures only; absent means all.
        seed: of the launch order; the same seed gives the same order.
        market: of all jobs: replicates of one comparison are bought alike.
        spot_max: most to pay an hour for a spot instance, USD, by ``"type"`` or ``"region/type"``; without
            one the price on demand.
        fallback: a job may be launched in another of the regions when its own has no capacity; the worst case
            is that of the dearest.

    Raises:
        UsageError: nothing is planned, a suite is unknown or lacks the mode, or more than 10,000 jobs.
    """
    cells = planned_cells(matrix, tuple(catalogues))
    check_suites(cells, timings, matrix.mode)
    jobs: dict[str, PlannedJob] = {}
    declined: list[DeclinedCell] = []
    for (region, instance_type, number), suites in cells.items():
        job, catalogue = job_id(instance_type, number), catalogues[region]
        topology = catalogue.types.get(instance_type) or _no_type(instance_type, region, catalogue.types)
        price = _price(catalogue, region, instance_type, market, spot_max or {})
        why = next((part for part in (topology, price) if isinstance(part, Missing)), None)
        why = why or _beyond_quota(catalogue.limits.get(instance_type), topology, region)
        if why is not None or isinstance(topology, Missing) or isinstance(price, Missing):
            assert why is not None
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
            elsewhere = {
                other: found
                for other, there in catalogues.items()
                if fallback
                and other != region
                and isinstance(there.types.get(instance_type), InstanceType)
                and isinstance(found := _price(there, other, instance_type, market, spot_max or {}), Price)
            }
            jobs[job] = PlannedJob(
                job=job,
                instance_type=instance_type,
                replicate=number,
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
                worst_case=worst_case(_dearest((price, *elsewhere.values())), limits, volume_gib, rates),
                market=market,
                elsewhere=elsewhere,
            )
    groups: dict[str, list[str]] = {}
    for planned in jobs.values():
        groups.setdefault(f"{planned.instance_type} {planned.region}", []).append(planned.job)
    # The seed makes an order repeatable; it protects nothing.
    order = interleaved(groups, random.Random(seed))  # noqa: S311
    in_order = tuple(jobs[job] for job in order)
    quotas = {
        (region, name): limit for region, each in catalogues.items() for name, limit in each.limits.items()
    }
    return Plan(
        name=name,
        mode=matrix.mode,
        seed=seed,
        regions=tuple(catalogues),
        jobs=in_order,
        declined=tuple(declined),
        budget=_verdict(in_order, budget_usd),
        notes=_notes(matrix, in_order, limits),
        market=market,
        fallback=fallback and len(catalogues) > 1,
        waves=waves_of(in_order, quotas),
        limits=quotas,
    )


def draw_seed(rng: random.Random) -> int:
    """A seed short enough to be typed again."""
    return rng.randrange(10**9)


def _price(
    catalogue: Catalogue, region: str, instance_type: str, market: Market, spot_max: Mapping[str, Decimal]
) -> Price | Missing:
    """What an hour costs, and of the spot market what it may cost at most."""
    on_demand = catalogue.prices.get(instance_type) or _no_price(instance_type, region)
    if market is Market.ON_DEMAND:
        return on_demand
    cap = next(
        (spot_max[key] for key in (f"{region}/{instance_type}", instance_type) if key in spot_max), None
    )
    if cap is None:
        if isinstance(on_demand, Missing):
            return on_demand
        cap = on_demand.usd_per_hour
    now = catalogue.spot.get(instance_type)
    if not isinstance(now, Price):
        why = now.reason if now is not None else f"no spot price is known for {instance_type} in {region}"
        return now or Missing(why, "leave out --offline, or plan on demand: [plan] market")
    if now.usd_per_hour > cap:
        return Missing(
            f"spot: {instance_type} in {region} costs {now.usd_per_hour} USD an hour, more than the {cap} "
            "that are allowed",
            f'raise [prices.spot_max] "{region}/{instance_type}", or plan on demand: [plan] market',
        )
    return replace(now, max_usd_per_hour=cap)


def _dearest(prices: Sequence[Price]) -> Price:
    """The price that the worst case is reckoned with."""
    dearest = max(prices, key=lambda price: price.most_usd_per_hour)
    if dearest.max_usd_per_hour is None:
        return dearest
    return replace(
        dearest,
        usd_per_hour=dearest.max_usd_per_hour,
        basis=f"{dearest.basis}, at most",
        max_usd_per_hour=None,
    )


def _beyond_quota(
    limit: VcpuLimit | Missing | None, topology: InstanceType | Missing, region: str
) -> Missing | None:
    """Why no instance of a type can be launched, ever: it is larger than the account's quota."""
    if not isinstance(limit, VcpuLimit) or isinstance(topology, Missing) or topology.vcpus <= limit.vcpus:
        return None
    return Missing(
        f"quota: {topology.name} has {topology.vcpus} vCPUs, and the account may run {limit.vcpus} in "
        f"{region} ({limit.name})",
        limit.request(topology.vcpus),
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
    notes = [*idle_exclusions(matrix)]
    several = len({job.region for job in jobs}) > 1
    replicates: dict[str, int] = {}
    for job in jobs:
        place = f"{job.instance_type} in {job.region}" if several else job.instance_type
        replicates[place] = replicates.get(place, 0) + 1
    few = sorted(name for name, count in replicates.items() if count < RANKED_FROM_REPLICATES)
    if few:
        notes.append(
            f"fewer than {RANKED_FROM_REPLICATES} replicates, shown but not ranked: {', '.join(few)}"
        )
    late = sorted(job.job for job in jobs if job.expected_seconds - BOOT_S > limits.max_runtime)
    if late:
        notes.append(f"expected to be stopped by max_runtime before the end: {', '.join(late)}")
    return tuple(notes)
