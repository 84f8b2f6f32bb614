"""What EC2 offers: instance types with their true topology, and prices with basis and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

Arch = Literal["x86_64", "arm64"]


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One instance type as DescribeInstanceTypes tells it.

    Cores are physical cores: c7i.large is 1 core with 2 threads, c7g.large and c7a.large are 2 cores.
    """

    name: str
    arch: Arch
    vcpus: int
    cores: int
    threads_per_core: int
    memory_mib: int
    manufacturer: str | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of one instance costs, and how we know."""

    usd_per_hour: Decimal
    basis: str  # "config", "pricing-api", "snapshot", …
    as_of: datetime  # UTC
    region: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a type or a price is not known, and what to do about it."""

    reason: str
    fix: str | None = None


def config_price(
    on_demand: Mapping[str, Decimal], region: str, instance_type: str, now: datetime
) -> Price | None:
    """The negotiated price the configuration gives; ``"region/type"`` beats ``"type"``.

    Args:
        on_demand: USD per hour by ``"type"`` or ``"region/type"``.
        now: becomes as_of: the configuration was valid when it was read.
    """
    for key in (f"{region}/{instance_type}", instance_type):
        if key in on_demand:
            return Price(on_demand[key], "config", now, region)
    return None
