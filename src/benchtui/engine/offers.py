"""What a plan can choose from: the instance types of its region, with price and zones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from benchtui.config.schema import Config
from benchtui.core.catalogue import InstanceType, Missing, Price, config_price
from benchtui.core.comparable import Basis, Candidate, ComparableSet, comparable_sets
from benchtui.core.errors import UsageError
from benchtui.core.families import family_of
from benchtui.engine.planning import regions_of

if TYPE_CHECKING:
    from benchtui.aws.session import Cloud

MIB_PER_GIB = 1024
TYPES_FILE = "types.json"  # beside the prices
_NUMBERS = re.compile(r"(\d+)")
_GRAVITON = "Graviton"


@dataclass(frozen=True, slots=True)
class TypeOffer:
    """An instance type that the region sells."""

    type: InstanceType
    price: Price | Missing
    zones: tuple[str, ...]  # that sell it, sorted
    as_of: datetime | None = None  # UTC: when EC2 described it
    spot: Mapping[str, Decimal] | None = None  # USD per hour by zone, now; None: nobody asked

    @property
    def name(self) -> str:
        """Name of the type."""
        return self.type.name

    @property
    def family(self) -> str:
        """What stands before the size: ``c7g`` of ``c7g.large``."""
        return self.type.name.partition(".")[0]

    @property
    def generation(self) -> int | None:
        """7 of ``c7g.large``; None: the name has none."""
        return family_of(self.type.name).generation

    @property
    def memory_gib(self) -> Decimal:
        """Memory, GiB."""
        return Decimal(self.type.memory_mib) / MIB_PER_GIB

    @property
    def vendor(self) -> str | None:
        """Graviton, Intel, AMD, … as people name processors; EC2 calls the maker of Graviton AWS."""
        maker = self.type.manufacturer
        return _GRAVITON if maker == "AWS" and self.type.arch == "arm64" else maker

    @property
    def usd_per_hour(self) -> Decimal | None:
        """Price on demand; None: it is not known."""
        return self.price.usd_per_hour if isinstance(self.price, Price) else None

    @property
    def usd_per_core_hour(self) -> Decimal | None:
        """Price of one physical core."""
        return self._part(Decimal(self.type.cores))

    @property
    def usd_per_vcpu_hour(self) -> Decimal | None:
        """Price of one vCPU."""
        return self._part(Decimal(self.type.vcpus))

    @property
    def usd_per_gib_hour(self) -> Decimal | None:
        """Price of one GiB of memory."""
        return self._part(self.memory_gib)

    @property
    def spot_usd_per_hour(self) -> Decimal | None:
        """Price on the spot market where it is cheapest; None: it is not known."""
        return min(self.spot.values(), default=None) if self.spot else None

    def _part(self, of: Decimal) -> Decimal | None:
        return None if self.usd_per_hour is None else self.usd_per_hour / of


async def offers(
    cloud: Cloud, config: Config, now: datetime, price_cache: Path, *, spot: bool = False
) -> tuple[TypeOffer, ...]:
    """Types for sale in the plan's first region: those with a price first, by family, then by size.

    Types and prices are kept for 24 h beside ``price_cache``. A price that is not to be had is Missing, as
    in a plan, which would decline the type. ``spot`` asks for the prices of the spot market as well, which
    are never kept.

    Raises:
        CloudError: EC2 did not answer.
    """
    from benchtui.aws.prices import region_prices
    from benchtui.aws.spot import spot_by_zone
    from benchtui.aws.type_listing import type_listing

    region = regions_of(config)[0]
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
    zoned = await spot_by_zone(cloud, region, None, now) if spot else None
    return _in_order(
        TypeOffer(
            listed.type,
            priced[listed.type.name],
            listed.zones,
            listing.as_of,
            None if zoned is None else zoned.get(listed.type.name, {}),
        )
        for listed in sold
    )


def offline_offers(config: Config, now: datetime) -> tuple[TypeOffer, ...]:
    """The few types of the dated snapshot that benchtui brings, without zones: no network is needed."""
    from benchtui.aws.snapshot import load_snapshot

    region, snapshot = regions_of(config)[0], load_snapshot()
    rates = config.prices.on_demand
    return _in_order(
        TypeOffer(
            shape,
            config_price(rates, region, name, now) or snapshot.price(name, region),
            (),
            snapshot.as_of,
        )
        for name, shape in snapshot.types.items()
    )


def comparable(
    reference: str, found: Sequence[TypeOffer], region: str, bases: Iterable[Basis] = tuple(Basis)
) -> tuple[ComparableSet, ...]:
    """Types that are fair to compare with ``reference``, of those that were found.

    Args:
        reference: name of a type; it is among ``found``.
        found: what is for sale.
        region: that sells them, for the words of an error.
        bases: what is to be equal.

    Raises:
        UsageError: the reference is not for sale.
    """
    by_name = {offer.name: offer for offer in found}
    if reference not in by_name:
        near = get_close_matches(reference, by_name, 1, 0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"{reference} is not among the types of {region}", f"{hint}`benchtui types` lists them"
        )
    candidates = [Candidate(offer.type, offer.usd_per_hour) for offer in found]
    chosen = by_name[reference]
    return comparable_sets(Candidate(chosen.type, chosen.usd_per_hour), candidates, bases)


def _in_order(found: Iterable[TypeOffer]) -> tuple[TypeOffer, ...]:
    return tuple(sorted(found, key=_by_family_and_size))


def _by_family_and_size(offer: TypeOffer) -> tuple[object, ...]:
    family = tuple((int(part) if part.isdigit() else -1, part) for part in _NUMBERS.split(offer.family))
    shape = offer.type
    return isinstance(offer.price, Missing), family, shape.vcpus, shape.memory_mib, shape.name
