"""Plans and offers for the Launch pane, made by the real planner from types made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from benchtui.config.schema import Config
from benchtui.core.catalogue import InstanceType, Missing, Price
from benchtui.engine.offers import TypeOffer
from benchtui.engine.planning import Planned, assemble
from tests.engine.fleet import after

SHAPES = (
    ("c7g.large", "arm64", 2, 2, 4, "0.0725"),
    ("c7i.large", "x86_64", 2, 1, 4, "0.08925"),
    ("c7a.large", "x86_64", 2, 2, 4, "0.10264"),
    ("c7a.metal-48xl", "x86_64", 192, 192, 384, "9.85344"),
    ("p9.huge", "x86_64", 96, 48, 1152, None),
)


def offers() -> tuple[TypeOffer, ...]:
    """Four types with a price and one without."""
    return tuple(_offer(*shape) for shape in SHAPES)


def _offer(name: str, arch: Any, vcpus: int, cores: int, gib: int, usd: str | None) -> TypeOffer:
    price = (
        Missing(f"the Pricing API has no price for {name} in us-east-1", "give your own rate")
        if usd is None
        else Price(Decimal(usd), "pricing-api", after(0), "us-east-1")
    )
    shape = InstanceType(name, arch, vcpus, cores, vcpus // cores, gib * 1024, "Intel")
    return TypeOffer(shape, price, ("us-east-1a", "us-east-1b"))


def plan_of(config: Config, seed: int, extra: Mapping[str, Missing] | None = None) -> Planned:
    """What the engine would plan; types that are not among the offers are declined."""
    known = {offer.name: offer for offer in offers()}
    no = Missing("it is not offered in us-east-1", "correct [plan] types")
    types = {name: known[name].type if name in known else no for name in config.plan.types}
    prices = {name: known[name].price if name in known else no for name in config.plan.types}
    zones = {name: ("us-east-1a",) for name in types}
    return assemble(config, seed, types | (extra or {}), prices, zones)
