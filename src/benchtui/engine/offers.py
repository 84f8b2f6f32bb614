"""What a plan can choose from: the instance types of its region, with price and zones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.config.schema import Config
from benchtui.core.catalogue import InstanceType, Missing, Price
from benchtui.core.filter import Cell, Field, Filter, number

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud

FIELDS: tuple[Field, ...] = (
    Field("type", "instance type", bare=True),
    Field("family", "c7g of c7g.large"),
    Field("arch", "arm64 or x86_64", bare=True),
    Field("vcpus", "vCPUs", number),
    Field("cores", "physical cores", number),
    Field("threads", "threads per core", number),
    Field("memory", "memory, GiB", number),
    Field("price", "USD per hour on demand", number, aliases=("$/h",)),
    Field("maker", "maker of the processor", bare=True),
    Field("zone", "availability zones that sell it", aliases=("az",)),
)
MIB_PER_GIB = 1024
TYPES_FILE = "types.json"  # beside the prices
_NUMBERS = re.compile(r"(\d+)")


@dataclass(frozen=True, slots=True)
class TypeOffer:
    """An instance type that the region sells."""

    type: InstanceType
    price: Price | Missing
    zones: tuple[str, ...]  # that sell it, sorted

    @property
    def name(self) -> str:
        """Name of the type."""
        return self.type.name

    @property
    def family(self) -> str:
        """What stands before the size: ``c7g`` of ``c7g.large``."""
        return self.type.name.partition(".")[0]

    @property
    def memory_gib(self) -> Decimal:
        """Memory, GiB."""
        return Decimal(self.type.memory_mib) / MIB_PER_GIB


def parse_filter(text: str) -> Filter:
    """A filter of instance types.

    Raises:
        FilterError: it is none.
    """
    return Filter.parse(text, FIELDS)


def offer_fields(offer: TypeOffer) -> Mapping[str, Cell]:
    """The fields of an offer by name; what is not known is None."""
    shape = offer.type
    return {
        "type": shape.name,
        "family": offer.family,
        "arch": shape.arch,
        "vcpus": shape.vcpus,
        "cores": shape.cores,
        "threads": shape.threads_per_core,
        "memory": offer.memory_gib,
        "price": offer.price.usd_per_hour if isinstance(offer.price, Price) else None,
        "maker": shape.manufacturer,
        "zone": offer.zones,
    }


def chosen(found: tuple[TypeOffer, ...], which: Filter) -> tuple[TypeOffer, ...]:
    """The offers that a filter lets pass."""
    return tuple(offer for offer in found if which.matches(offer_fields(offer)))


async def offers(cloud: Cloud, config: Config, now: datetime, price_cache: Path) -> tuple[TypeOffer, ...]:
    """Types for sale in the plan's first region: those with a price first, by family, then by size.

    Types and prices are kept for 24 h beside ``price_cache``. A price that is not to be had is Missing, as
    in a plan, which would decline the type.

    Raises:
        CloudError: EC2 did not answer.
    """
    from benchtui.aws.prices import region_prices
    from benchtui.aws.type_listing import type_listing

    region = config.aws.regions[0]
    listing = await type_listing(cloud, region, now, price_cache.with_name(TYPES_FILE))
    sold = [listed for listed in listing.types if listed.zones]
    priced = await region_prices(
        cloud,
        region,
        [listed.type.name for listed in sold],
        now=now,
        on_demand=config.prices.on_demand,
        cache_file=price_cache,
    )
    found = [TypeOffer(listed.type, priced[listed.type.name], listed.zones) for listed in sold]
    return tuple(sorted(found, key=_by_family_and_size))


def _by_family_and_size(offer: TypeOffer) -> tuple[object, ...]:
    family = tuple((int(part) if part.isdigit() else -1, part) for part in _NUMBERS.split(offer.family))
    shape = offer.type
    return isinstance(offer.price, Missing), family, shape.vcpus, shape.memory_mib, shape.name
