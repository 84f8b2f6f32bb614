"""What each region of a plan offers: types, zones, prices and quotas, from AWS or from the dated snapshot."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.aws.snapshot import load_snapshot
from benchtui.config.schema import Config
from benchtui.core.catalogue import Catalogue, InstanceType, Market, Missing, Price, VcpuLimit, config_price
from benchtui.core.errors import BenchtuiError, foremost

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud


def offline_catalogue(config: Config, region: str, names: Sequence[str], now: datetime) -> Catalogue:
    """Types and prices of the snapshot that benchtui brings, and the configuration's own prices."""
    snapshot = load_snapshot()
    prices: dict[str, Price | Missing] = {name: snapshot.price(name, region) for name in names}
    own = {name: config_price(config.prices.on_demand, region, name, now) for name in names}
    prices.update({name: price for name, price in own.items() if price is not None})
    return Catalogue({name: snapshot.instance_type(name) for name in names}, prices)


async def online_catalogues(
    cloud: Cloud,
    config: Config,
    regions: Sequence[str],
    names: Sequence[str],
    now: datetime,
    price_cache: Path,
) -> dict[str, Catalogue]:
    """What every region says, all of them asked at the same time.

    Args:
        cloud, config: of the workspace.
        regions: of the plan; one that does not answer is a catalogue of reasons.
        names: instance types.
        now: the time, UTC.
        price_cache: file with recent prices.

    Raises:
        CloudError: no region answered.
    """
    import asyncio

    async def asked(region: str) -> Catalogue | BenchtuiError:
        try:
            return await _online(cloud, config, region, names, now, price_cache)
        except BenchtuiError as error:
            return error

    answers = dict(zip(regions, await asyncio.gather(*map(asked, regions)), strict=True))
    errors = [each for each in answers.values() if isinstance(each, BenchtuiError)]
    if len(errors) == len(answers):
        raise errors[0]
    return {
        region: each if isinstance(each, Catalogue) else _silent(region, names, each)
        for region, each in answers.items()
    }


def _silent(region: str, names: Sequence[str], error: BenchtuiError) -> Catalogue:
    """Every type of a region that did not answer, declined by that."""
    why = Missing(f"{region}: {error.what}", error.fix or "take the region out of [plan] regions")
    return Catalogue(dict.fromkeys(names, why), dict.fromkeys(names, why))


async def _online(
    cloud: Cloud, config: Config, region: str, names: Sequence[str], now: datetime, price_cache: Path
) -> Catalogue:
    """Raises CloudError where EC2 did not answer."""
    import asyncio

    from benchtui.aws.prices import prices
    from benchtui.aws.spot import spot_prices
    from benchtui.aws.types import instance_types, offerings

    own = config.prices.on_demand
    spot = Market(config.plan.market) is Market.SPOT
    try:
        async with asyncio.TaskGroup() as group:
            described = group.create_task(instance_types(cloud, region, names))
            offered = group.create_task(offerings(cloud, region, names))
            priced = group.create_task(
                prices(cloud, region, names, on_demand=own, cache_file=price_cache, now=now)
            )
            bid = group.create_task(spot_prices(cloud, region, names, now)) if spot else None
            limited = group.create_task(vcpu_limits(cloud, region, names, Market(config.plan.market)))
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
    return Catalogue(types, priced.result(), zones, bid.result() if bid else {}, limited.result())


async def vcpu_limits(
    cloud: Cloud, region: str, names: Sequence[str], market: Market
) -> Mapping[str, VcpuLimit | Missing]:
    """The quota of each type with what is in use of it, or why it is not known; raises nothing about AWS."""
    from benchtui.aws import quotas
    from benchtui.aws.errors import CloudError

    bought = quotas.Market.SPOT if market is Market.SPOT else quotas.Market.ON_DEMAND
    try:
        found = await quotas.vcpu_quotas(cloud, region, names, bought)
    except CloudError as error:
        return dict.fromkeys(names, Missing(error.what, error.fix))
    used: Mapping[tuple[str, quotas.Market], int] | None = None
    with contextlib.suppress(CloudError):
        used = await quotas.vcpus_in_use(cloud, region)
    return {
        name: quota
        if isinstance(quota, Missing)
        else VcpuLimit(
            region,
            quota.code,
            quota.name,
            int(quota.vcpus),
            None if used is None else quotas.in_use(quota, used),
        )
        for name, quota in found.items()
    }
