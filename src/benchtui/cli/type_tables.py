"""Instance types as people and programs read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

from benchtui.cli import output, tables
from benchtui.cli.tables import Text
from benchtui.core.catalogue import Missing, Price
from benchtui.core.comparable import Basis, ComparableSet

if TYPE_CHECKING:
    from rich.console import RenderableType

    from benchtui.engine.offers import TypeOffer

_PLACES = Decimal("0.00001")
_TITLES = {Basis.CORES: "Same physical cores", Basis.VCPUS: "Same vCPUs", Basis.PRICE: "Nearest price"}


def usd_rate(rate: Decimal | None, unknown: str = "–") -> str:
    """A rate by the hour, to a thousandth of a cent at most; the sign of what is not known."""
    if rate is None:
        return unknown
    return f"{rate.quantize(_PLACES, rounding=ROUND_HALF_UP).normalize() + 0:f}"


def listing_texts(
    shown: Sequence[TypeOffer], found: Sequence[TypeOffer], region: str, expression: str
) -> tuple[RenderableType, ...]:
    """The table, and below it how many, since when, and where the prices are from."""
    glyphs = tables.Glyphs(output.speaks_unicode())
    spot = any(offer.spot is not None for offer in found)
    numbers = ("vCPU", "cores", "GiB", "USD/h", "per core", "spot" if spot else "zones")
    table = tables.new_table("type", "vendor", *numbers, right=numbers)
    for offer in shown:
        tables.add(
            table,
            offer.name,
            glyphs.or_unknown(offer.vendor),
            offer.type.vcpus,
            _cores(offer, glyphs),
            f"{float(offer.memory_gib):.4g}",
            usd_rate(offer.usd_per_hour, glyphs.unknown),
            usd_rate(offer.usd_per_core_hour, glyphs.unknown),
            usd_rate(offer.spot_usd_per_hour, glyphs.unknown) if spot else len(offer.zones) or glyphs.unknown,
        )
    said = f"{len(shown)} of {len(found)} types of {region}"
    since = next((offer.as_of for offer in found if offer.as_of is not None), None)
    said += f" as of {since:%Y-%m-%d}" if since else ""
    said += f", filter: {expression}" if expression else ""
    told = "spot: now, in the cheapest zone" if spot else ""
    return table, Text(said), Text("; ".join(filter(None, (price_origins(shown), told))))


def price_origins(shown: Iterable[TypeOffer]) -> str:
    """Where prices are from, with dates, and how many are not known."""
    origins: Counter[str] = Counter()
    unknown = 0
    for offer in shown:
        if isinstance(offer.price, Price):
            origins[f"{offer.price.basis} {offer.price.as_of:%Y-%m-%d}"] += 1
        else:
            unknown += 1
    said = [f"{count} from {origin}" for origin, count in sorted(origins.items())]
    said += [f"{unknown} not known"] if unknown else []
    return f"prices: {', '.join(said) or 'none'}"


def comparable_texts(
    sets: Sequence[ComparableSet], offers: Mapping[str, TypeOffer]
) -> tuple[RenderableType, ...]:
    """The reference, and for each basis a table with what a plan would name."""
    glyphs = tables.Glyphs(output.speaks_unicode())
    reference = offers[sets[0].reference.type.name]
    parts: list[RenderableType] = [Text(_reference(reference, glyphs))]
    for found in sets:
        parts += [Text(""), Text(_title(found), style="bold")]
        if found.problem is not None:
            parts.append(Text(f"  {found.problem}"))
            continue
        if found.matches:
            parts.append(_matches(found, offers, glyphs))
        if found.families_without:
            parts.append(Text(f"no such size: {', '.join(found.families_without)}"))
        if len(found.suggested) > 1:
            listed = ", ".join(f'"{name}"' for name in found.suggested)
            parts.append(Text(f"to compare makers: types = [{listed}]"))
        elif not found.matches:
            parts.append(Text("none"))
    compared = [offers[match.candidate.type.name] for found in sets for match in found.matches]
    parts += [Text(""), Text(price_origins({offer.name: offer for offer in (reference, *compared)}.values()))]
    return tuple(parts)


def _reference(offer: TypeOffer, glyphs: tables.Glyphs) -> str:
    shape = offer.type
    cores = f"{shape.cores} {'core' if shape.cores == 1 else 'cores'}"
    threads = f" {glyphs.times} {shape.threads_per_core} threads" if shape.threads_per_core > 1 else ""
    price = usd_rate(offer.usd_per_hour, glyphs.unknown)
    return (
        f"{offer.name}: {glyphs.or_unknown(offer.vendor)}, {cores}{threads}, {shape.vcpus} vCPU, "
        f"{float(offer.memory_gib):.4g} GiB, {price} USD/h"
    )


def _title(found: ComparableSet) -> str:
    shape = found.reference.type
    counted = {Basis.CORES: f" ({shape.cores})", Basis.VCPUS: f" ({shape.vcpus})", Basis.PRICE: ""}
    return _TITLES[found.basis] + counted[found.basis]


def _matches(found: ComparableSet, offers: Mapping[str, TypeOffer], glyphs: tables.Glyphs) -> RenderableType:
    numbers = ("vCPU", "cores", "GiB", "USD/h", "price ratio")
    table = tables.new_table("type", "vendor", *numbers, right=numbers)
    for match in found.matches:
        offer = offers[match.candidate.type.name]
        ratio = match.price_ratio
        tables.add(
            table,
            offer.name,
            glyphs.or_unknown(offer.vendor),
            offer.type.vcpus,
            _cores(offer, glyphs),
            f"{float(offer.memory_gib):.4g}",
            usd_rate(offer.usd_per_hour, glyphs.unknown),
            glyphs.unknown if ratio is None else f"{ratio:.2f}{glyphs.times}",
        )
    return table


def _cores(offer: TypeOffer, glyphs: tables.Glyphs) -> str:
    threads = offer.type.threads_per_core
    return f"{offer.type.cores}{glyphs.times}{threads}" if threads > 1 else str(offer.type.cores)


def listing_fields(shown: Iterable[TypeOffer], found: Sequence[TypeOffer], region: str) -> dict[str, Any]:
    """The listing for ``--json``."""
    return {
        "v": 1,
        "type": "types",
        "region": region,
        "types_as_of": next((offer.as_of for offer in found if offer.as_of is not None), None),
        "offered": len(found),
        "types": [offer_record(offer) for offer in shown],
    }


def comparable_fields(
    sets: Sequence[ComparableSet], offers: Mapping[str, TypeOffer], region: str
) -> dict[str, Any]:
    """The sets for ``--json``."""
    return {
        "v": 1,
        "type": "comparable_types",
        "region": region,
        "reference": offer_record(offers[sets[0].reference.type.name]),
        "sets": [
            {
                "by": found.basis.value,
                "problem": found.problem,
                "types": [
                    offer_record(offers[match.candidate.type.name])
                    | {"price_ratio": None if match.price_ratio is None else f"{match.price_ratio:.4f}"}
                    for match in found.matches
                ],
                "families_without": list(found.families_without),
                "suggested_types": list(found.suggested),
            }
            for found in sets
        ],
    }


def offer_record(offer: TypeOffer) -> dict[str, Any]:
    """One type for ``--json``: money as text, null for what is not known."""
    shape = offer.type
    return {
        "instance_type": shape.name,
        "family": offer.family,
        "generation": offer.generation,
        "current_generation": shape.current_generation,
        "arch": shape.arch,
        "manufacturer": shape.manufacturer,
        "vendor": offer.vendor,
        "vcpus": shape.vcpus,
        "cores": shape.cores,
        "threads_per_core": shape.threads_per_core,
        "memory_mib": shape.memory_mib,
        "burstable": shape.burstable,
        "zones": list(offer.zones),
        "spot_usd_per_hour": None
        if offer.spot is None
        else {zone: f"{usd:f}" for zone, usd in sorted(offer.spot.items())},
        "usd_per_core_hour": _exact(offer.usd_per_core_hour),
        "usd_per_vcpu_hour": _exact(offer.usd_per_vcpu_hour),
        "usd_per_gib_hour": _exact(offer.usd_per_gib_hour),
        **_price_fields(offer.price),
    }


def _exact(rate: Decimal | None) -> str | None:
    """To a millionth of a dollar."""
    return None if rate is None else f"{rate.quantize(Decimal('0.000001'), rounding=ROUND_HALF_UP):f}"


def _price_fields(price: Price | Missing) -> dict[str, Any]:
    if isinstance(price, Missing):
        return {"price": None, "price_problem": price.reason, "price_fix": price.fix}
    return {
        "price": {"usd_per_hour": f"{price.usd_per_hour:f}", "basis": price.basis, "as_of": price.as_of},
        "price_problem": None,
        "price_fix": None,
    }
