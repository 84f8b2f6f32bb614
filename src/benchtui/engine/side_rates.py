"""What is paid beside the instances, in the regions of a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.config.schema import Config
from benchtui.core.money import LIST_RATES, Rate, Rates

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud

NAMES = tuple(field.name for field in fields(Rates))


async def dearest_rates(
    cloud: Cloud, config: Config, regions: Sequence[str], now: datetime, price_cache: Path
) -> Rates:
    """Of each rate the highest of the plan's regions and the bucket's, so that no cost is understated.

    Only those are asked for that the configuration does not give. Raises nothing about AWS: what the Pricing
    API does not tell keeps its list price.
    """
    from benchtui.aws.side_prices import listed_rates

    wanted = [name for name in NAMES if getattr(config.prices, name) == getattr(LIST_RATES, name).usd]
    if not config.aws.public_ipv4 and "ipv4_hour" in wanted:
        wanted.remove("ipv4_hour")
    if not wanted:
        return LIST_RATES
    places = tuple(dict.fromkeys((*regions, config.aws.regions[0])))
    # One region after the other writes what it was told: they share the file of prices.
    found = {
        place: await listed_rates(cloud, place, now=now, cache_file=price_cache, wanted=wanted)
        for place in places
    }
    return Rates(**{name: _dearest(name, found) for name in NAMES})


def _dearest(name: str, found: dict[str, Rates]) -> Rate:
    place = max(found, key=lambda each: getattr(found[each], name).usd)
    rate: Rate = getattr(found[place], name)
    told = rate != getattr(LIST_RATES, name) and len(found) > 1
    return replace(rate, basis=f"{rate.basis}, {place}") if told else rate
