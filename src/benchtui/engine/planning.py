"""From a configuration to a plan: which suites there are, what types and prices are known.

``offline`` needs no network and imports no SDK; ``online`` asks AWS.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.config.schema import Config, ImageIds
from benchtui.core.catalogue import Catalogue, InstanceType, Market
from benchtui.core.errors import BudgetError, UsageError, foremost
from benchtui.core.money import LIST_RATES, Limits, Rate, Rates, usd_text
from benchtui.core.plan import Excluded, Included, Matrix, Plan, resolve
from benchtui.core.suites import Mode, Suite
from benchtui.core.timing import Timing
from benchtui.engine.bundle import load_suites
from benchtui.engine.catalogues import offline_catalogue, online_catalogues

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud
    from benchtui.core.documents import ConfirmsDocument


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, with what else is needed to carry it out."""

    plan: Plan
    rates: Rates  # beside the instances' own
    suites: Mapping[str, Suite]  # those the plan runs
    types: Mapping[str, InstanceType]
    #: By region and type: zones that offer it; empty when offline.
    zones: Mapping[str, Mapping[str, tuple[str, ...]]]
    confirms: ConfirmsDocument | None = None  # the change that its instances are to settle


def offline(config: Config, seed: int, now: datetime) -> Planned:
    """The plan with the prices of the dated snapshot that benchtui brings.

    Raises:
        UsageError: the plan is empty or names a suite there is not.
    """
    names = _types(config)
    found = {region: offline_catalogue(config, region, names, now) for region in regions_of(config)}
    return assemble(config, seed, found)


async def online(cloud: Cloud, config: Config, seed: int, now: datetime, price_cache: Path) -> Planned:
    """The plan with types, zones, prices and quotas as AWS tells them now.

    A region that does not answer declines its jobs, unless it is the only one.

    Raises:
        UsageError: the plan is empty or names a suite there is not.
        CloudError: EC2 of no region answered. A price that is not to be had declines its jobs instead.
    """
    import asyncio

    from benchtui.engine.side_rates import dearest_rates

    regions = regions_of(config)
    try:
        async with asyncio.TaskGroup() as group:
            listed = group.create_task(dearest_rates(cloud, config, regions, now, price_cache))
            found = group.create_task(
                online_catalogues(cloud, config, regions, _types(config), now, price_cache)
            )
    except ExceptionGroup as errors:
        raise foremost(errors) from errors
    return assemble(config, seed, found.result(), listed.result())


def regions_of(config: Config) -> tuple[str, ...]:
    """The regions a run launches in."""
    return config.plan.regions or config.aws.regions[:1]


def market_of(config: Config) -> Market:
    """How a run's instances are bought."""
    return Market(config.plan.market)


def check_launchable(plan: Plan) -> None:
    """Refuse a plan of which nothing would be launched; where the budget covers some jobs those are.

    Raises:
        BudgetError: the budget covers the worst case of no job.
        UsageError: no job is left to launch.
    """
    budget = plan.budget
    if not plan.jobs:
        reasons = "; ".join(dict.fromkeys(cell.reason for cell in plan.declined))
        fix = next((cell.fix for cell in plan.declined if cell.fix), None)
        raise UsageError(f"no job can be launched: {reasons}", fix=fix)
    if not budget.jobs_covered:
        count = "its only job" if budget.jobs == 1 else f"none of the {budget.jobs} jobs"
        raise BudgetError(
            f"the worst case of {usd_text(plan.worst_case_usd)} USD exceeds the budget of "
            f"{usd_text(budget.budget_usd)} USD, which covers {count}",
            fix="raise [safety] budget_usd, or lower [safety] max_runtime",
        )


#: What an hour of no address costs.
NO_ADDRESS = Rate(Decimal(0), "[aws] public_ipv4 = false")


def rates_of(config: Config, listed: Rates = LIST_RATES) -> Rates:
    """The rates beside the instance's own, with the configuration's overrides.

    Args:
        config: a rate that is other than the list price is one of the user's own.
        listed: those that are not.
    """
    prices = config.prices
    return Rates(
        ebs_gb_month=_own(prices.ebs_gb_month, LIST_RATES.ebs_gb_month) or listed.ebs_gb_month,
        ipv4_hour=(_own(prices.ipv4_hour, LIST_RATES.ipv4_hour) or listed.ipv4_hour)
        if config.aws.public_ipv4
        else NO_ADDRESS,
        s3_write_1000=_own(prices.s3_write_1000, LIST_RATES.s3_write_1000) or listed.s3_write_1000,
    )


def limits_of(config: Config) -> Limits:
    """How long an instance of this configuration may live."""
    safety = config.safety
    return Limits(
        max_runtime=safety.max_runtime,
        emergency_grace=safety.emergency_grace,
        boot_allowance=safety.boot_allowance,
        heartbeat=config.watch.heartbeat_seconds,
    )


def image_for(config: Config, arch: str, region: str) -> str | None:
    """Name or id of the image for ``arch`` in ``region``; None: ids are configured and none for it."""
    own = config.regions.get(region)
    image = own.image if own is not None and own.image is not None else config.instance.image
    if isinstance(image, ImageIds):
        return (image.arm64 if arch == "arm64" else image.x86_64) or None
    return image


def _own(usd: Decimal, listed: Rate) -> Rate | None:
    """The user's own rate; None: the configuration has the list price."""
    return None if usd == listed.usd else Rate(usd, "config")


def _types(config: Config) -> tuple[str, ...]:
    included = (row.type for row in config.plan.include)
    return tuple(dict.fromkeys((*config.plan.types, *included)))


def suites_of(config: Config, only: Collection[str] | None = None) -> dict[str, Suite]:
    """The suites that benchtui brings and the user's own, with the configuration's time limits.

    With ``only`` the others may be missing, unless one of ``only`` does not exist.

    Raises:
        UsageError: a suite of the user's own is not valid, or a section names a suite there is not.
    """
    sections = config.suites
    own = {name: section.path for name, section in sections.items() if section.path}
    found = load_suites(own, None if only is None else {*only, *sections})
    for name, section in sections.items():
        if name not in found:
            raise UsageError(
                f"[suites.{name}]: there is no such suite", fix=f"give its folder: [suites.{name}] path"
            )
        if section.timeout is not None:
            found[name] = _with_timeout(found[name], float(section.timeout))
    return found


def _timing(suite: Suite, mode: str) -> Timing:
    declared = suite.modes[mode]
    return Timing(suite.setup_seconds(mode), declared.expected_seconds, declared.measuring_share)


def _with_timeout(suite: Suite, seconds: float) -> Suite:
    """The suite with another time limit for its runs, in both modes."""

    def limited(mode: Mode) -> Mode:
        budget = mode.budget_seconds and min(mode.budget_seconds, seconds)
        times = {"expected_seconds": min(mode.expected_seconds, seconds), "budget_seconds": budget}
        return mode.model_copy(update={"timeout_seconds": seconds, **times})

    return suite.model_copy(update={"modes": {name: limited(mode) for name, mode in suite.modes.items()}})


def assemble(
    config: Config, seed: int, catalogues: Mapping[str, Catalogue], listed: Rates = LIST_RATES
) -> Planned:
    """The plan of a configuration from what is known of its types, prices and zones, region by region.

    ``listed`` are the rates beside the instances' own, where the configuration gives none.

    Raises:
        UsageError: the plan is empty or names a suite there is not.
    """
    plan, rates = config.plan, rates_of(config, listed)
    included = {row.suite for row in plan.include if row.suite is not None}
    suites = suites_of(config, {*plan.suites, *included})
    resolved = resolve(
        Matrix(
            types=plan.types,
            suites=plan.suites,
            replicates=plan.replicates,
            mode=plan.mode,
            include=tuple(Included(row.type, row.suite, row.replicates) for row in plan.include),
            exclude=tuple(Excluded(row.type, row.suite) for row in plan.exclude),
        ),
        name=plan.name,
        catalogues=catalogues,
        timings={
            name: {mode: _timing(suite, mode) for mode in suite.modes} for name, suite in suites.items()
        },
        architectures={},
        limits=limits_of(config),
        volume_gib=config.instance.volume_gib,
        rates=rates,
        budget_usd=config.safety.budget_usd,
        seed=seed,
        market=market_of(config),
        spot_max=config.prices.spot_max,
        fallback=plan.region_fallback,
    )
    used = {suite for job in resolved.jobs for suite in job.suites}
    return Planned(
        plan=resolved,
        rates=rates,
        suites={name: suites[name] for name in sorted(used)},
        types={
            name: found
            for catalogue in catalogues.values()
            for name, found in catalogue.types.items()
            if isinstance(found, InstanceType)
        },
        zones={region: catalogue.zones for region, catalogue in catalogues.items()},
    )
