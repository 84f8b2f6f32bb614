"""What types are chosen and sorted by, in `benchtui types` and in the application alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from benchtui.core.filter import Cell, Field, Filter, number
from benchtui.engine.offers import TypeOffer
from benchtui.engine.ordering import Ordering

FIELDS: tuple[Field, ...] = (
    Field("type", "instance type", bare=True),
    Field("family", "c7g of c7g.large"),
    Field("generation", "7 of c7g.large", number, aliases=("gen",)),
    Field("current", "yes or no: a generation that AWS sells as current"),
    Field("arch", "arm64 or x86_64", bare=True),
    Field("vendor", "Graviton, Intel, AMD", bare=True, aliases=("maker",)),
    Field("vcpus", "vCPUs", number),
    Field("cores", "physical cores", number),
    Field("threads", "threads per core", number),
    Field("memory", "memory, GiB", number),
    Field("burstable", "yes or no: throttled once its credits are spent"),
    Field("price", "USD per hour on demand", number, aliases=("$/h",)),
    Field("price_core", "USD per physical core and hour", number, aliases=("$/core",)),
    Field("price_vcpu", "USD per vCPU and hour", number, aliases=("$/vcpu",)),
    Field("price_gib", "USD per GiB of memory and hour", number, aliases=("$/gib",)),
    Field("spot", "USD per hour on the spot market, in the cheapest zone", number),
    Field("zone", "availability zones that sell it", aliases=("az",)),
)
#: What types can be sorted by; the first: by family and size.
SORTS = (
    "type",
    "price",
    "price_core",
    "price_vcpu",
    "price_gib",
    "spot",
    "cores",
    "vcpus",
    "memory",
    "generation",
)


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
        "generation": offer.generation,
        "current": _yes(shape.current_generation),
        "arch": shape.arch,
        "vendor": _vendors(offer),
        "vcpus": shape.vcpus,
        "cores": shape.cores,
        "threads": shape.threads_per_core,
        "memory": offer.memory_gib,
        "burstable": _yes(shape.burstable),
        "price": offer.usd_per_hour,
        "price_core": offer.usd_per_core_hour,
        "price_vcpu": offer.usd_per_vcpu_hour,
        "price_gib": offer.usd_per_gib_hour,
        "spot": offer.spot_usd_per_hour,
        "zone": offer.zones,
    }


def _vendors(offer: TypeOffer) -> Cell:
    """Both names of a maker that has two: Graviton and AWS."""
    maker = offer.type.manufacturer
    if maker is None or offer.vendor in (None, maker):
        return maker
    return (str(offer.vendor), maker)


def _yes(said: bool | None) -> str | None:
    return None if said is None else ("yes" if said else "no")


@dataclass(frozen=True, slots=True)
class TypeOrder(Ordering):
    """What types are sorted by."""

    sorts: ClassVar[tuple[str, ...]] = SORTS

    name: str = SORTS[0]


def chosen(
    found: Iterable[TypeOffer], which: Filter, order: TypeOrder | None = None
) -> tuple[TypeOffer, ...]:
    """The offers that a filter lets pass, in an order.

    Args:
        found: by family and size, as `offers` has them.
        which: an empty one lets all pass.
        order: of what is equal in it the order of ``found`` stays; what is not known comes last, whichever
            way round.
    """
    passing = [offer for offer in found if which.matches(offer_fields(offer))]
    if order is None or order == TypeOrder():
        return tuple(passing)
    if order.name == SORTS[0]:
        return tuple(reversed(passing))
    cells = [(offer_fields(offer)[order.name], offer) for offer in passing]
    known = [pair for pair in cells if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=order.reverse)  # type: ignore[arg-type, return-value]
    return tuple(offer for _, offer in known) + tuple(offer for cell, offer in cells if cell is None)
