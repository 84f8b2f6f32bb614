"""From a configuration to a plan: which suites there are, what types and prices are known.

``offline`` needs no network and imports no SDK; ``online`` asks AWS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.aws.snapshot import load_snapshot
from benchtui.config.schema import Config, ImageIds
from benchtui.core.catalogue import InstanceType, Missing, Price, config_price
from benchtui.core.errors import BudgetError, UsageError, foremost
from benchtui.core.money import LIST_RATES, Limits, Rate, Rates, usd_text
from benchtui.core.plan import Excluded, Included, Matrix, Plan, resolve
from benchtui.core.suites import Mode, Suite
from benchtui.core.timing import Timing
from benchtui.engine.bundle import load_suites

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, with what else is needed to carry it out."""

    plan: Plan
    suites: Mapping[str, Suite]  # those the plan runs
    types: Mapping[str, InstanceType]
    zones: Mapping[str, tuple[str, ...]]  # by type: zones of the region that offer it; empty when offline


def offline(config: Config, seed: int, now: datetime) -> Planned:
    """The plan with the prices of the dated snapshot that benchtui brings.

    Raises:
        UsageError: the plan is empty or names a suite there is not.
    """
    region, names = config.aws.regions[0], _types(config)
    snapshot = load_snapshot()
    types = {name: snapshot.instance_type(name) for name in names}
    prices = {name: snapshot.price(name, region) for name in names}
    prices.update(_overrides(config, region, names, now))
    return assemble(config, seed, types, prices, {})


async def online(cloud: Cloud, config: Config, seed: int, now: datetime, price_cache: Path) -> Planned:
    """The plan with types, zones and prices as AWS tells them now.

    Raises:
        UsageError: the plan is empty or names a suite there is not.
        CloudError: EC2 did not answer. A price that is not to be had declines its jobs instead.
    """
    from benchtui.aws.prices import prices
    from benchtui.aws.types import instance_types, offerings

    region, names = config.aws.regions[0], _types(config)
    try:
        async with asyncio.TaskGroup() as group:
            described = group.create_task(instance_types(cloud, region, names))
            offered = group.create_task(offerings(cloud, region, names))
            priced = group.create_task(
                prices(
                    cloud, region, names, on_demand=config.prices.on_demand, cache_file=price_cache, now=now
                )
            )
    except ExceptionGroup as errors:
        raise foremost(errors) from errors
    zones = offered.result()
    types: dict[str, InstanceType | Missing] = {}
    for name in names:
        topology = described.result().get(name)
        if topology is None or not zones.get(name):
            types[name] = Missing(
                f"{name} is not offered in {region}",
                "correct [plan] types, or choose another region in [aws] regions",
            )
        else:
            types[name] = topology
    return assemble(config, seed, types, priced.result(), zones)


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


def rates_of(config: Config) -> Rates:
    """The rates beside the instance's own, with the configuration's overrides."""
    prices = config.prices
    return Rates(
        ebs_gb_month=_rate(prices.ebs_gb_month, LIST_RATES.ebs_gb_month),
        ipv4_hour=_rate(prices.ipv4_hour, LIST_RATES.ipv4_hour) if config.aws.public_ipv4 else NO_ADDRESS,
        s3_write_1000=_rate(prices.s3_write_1000, LIST_RATES.s3_write_1000),
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


def image_for(config: Config, arch: str) -> str | None:
    """Name or id of the image for ``arch``; None if the configuration names ids and none for it."""
    image = config.instance.image
    if isinstance(image, ImageIds):
        return (image.arm64 if arch == "arm64" else image.x86_64) or None
    return image


def _rate(usd: object, listed: Rate) -> Rate:
    return listed if usd == listed.usd else Rate(usd, "config")  # type: ignore[arg-type]


def _types(config: Config) -> tuple[str, ...]:
    included = (row.type for row in config.plan.include)
    return tuple(dict.fromkeys((*config.plan.types, *included)))


def _overrides(config: Config, region: str, names: Iterable[str], now: datetime) -> dict[str, Price]:
    found = {name: config_price(config.prices.on_demand, region, name, now) for name in names}
    return {name: price for name, price in found.items() if price is not None}


def suites_of(config: Config) -> dict[str, Suite]:
    """The suites that benchtui brings and the user's own, with the configuration's time limits.

    Raises:
        UsageError: a suite of the user's own is not valid, or a section names a suite there is not.
    """
    sections = config.suites
    found = load_suites({name: section.path for name, section in sections.items() if section.path})
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
    config: Config,
    seed: int,
    types: Mapping[str, InstanceType | Missing],
    prices: Mapping[str, Price | Missing],
    zones: Mapping[str, tuple[str, ...]],
) -> Planned:
    """The plan of a configuration from what is known of its types, prices and zones.

    Raises:
        UsageError: the plan is empty or names a suite there is not.
    """
    plan, region = config.plan, config.aws.regions[0]
    suites = suites_of(config)
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
        region=region,
        types=types,
        prices=prices,
        timings={
            name: {mode: _timing(suite, mode) for mode in suite.modes} for name, suite in suites.items()
        },
        architectures={},
        limits=limits_of(config),
        volume_gib=config.instance.volume_gib,
        rates=rates_of(config),
        budget_usd=config.safety.budget_usd,
        seed=seed,
    )
    used = {suite for job in resolved.jobs for suite in job.suites}
    return Planned(
        plan=resolved,
        suites={name: suites[name] for name in sorted(used)},
        types={name: found for name, found in types.items() if isinstance(found, InstanceType)},
        zones=zones,
    )
