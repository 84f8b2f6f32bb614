"""What EC2 offers: instance types with their true topology, and prices with basis and date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

Arch = Literal["x86_64", "arm64"]


class Market(StrEnum):
    """How instances are bought."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"

    @property
    def words(self) -> str:
        """For a sentence: ``on demand``."""
        return self.value.replace("_", " ")


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
    current_generation: bool | None = None  # False: AWS advises a newer one; None: it does not say
    burstable: bool | None = None  # its CPU is throttled once its credits are spent


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour of one instance costs, and how we know."""

    usd_per_hour: Decimal
    basis: str  # "config", "pricing-api", "snapshot", …
    as_of: datetime  # UTC
    region: str
    max_usd_per_hour: Decimal | None = None  # spot: EC2 ends the instance rather than charge more

    @property
    def most_usd_per_hour(self) -> Decimal:
        """What it can come to: the limit of a spot instance, else the price itself."""
        return self.usd_per_hour if self.max_usd_per_hour is None else self.max_usd_per_hour


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a type or a price is not known, and what to do about it."""

    reason: str
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class VcpuLimit:
    """How many vCPUs of some families may run at a time in one region and market: a quota of the account."""

    region: str
    code: str  # of Service Quotas
    name: str
    vcpus: int
    in_use: int | None = None  # by everybody's instances when it was asked; None: not known

    @property
    def free(self) -> int:
        """What is left of it, as far as is known."""
        return max(0, self.vcpus - (self.in_use or 0))

    def request(self, vcpus: int) -> str:
        """The command that asks AWS for a quota of ``vcpus``."""
        return quota_request(self.region, self.code, vcpus)


def quota_request(region: str, code: str, vcpus: int) -> str:
    """The command of AWS's own tool that asks for more vCPUs.

    Args:
        region, code: of the quota.
        vcpus: wanted in all.
    """
    return (
        "aws service-quotas request-service-quota-increase --service-code ec2 "
        f"--quota-code {code} --desired-value {vcpus} --region {region}"
    )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is known of a plan's types in one region; what is absent is not known."""

    types: Mapping[str, InstanceType | Missing]
    prices: Mapping[str, Price | Missing]  # on demand
    zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # that offer a type
    spot: Mapping[str, Price | Missing] = field(default_factory=dict)  # now, in the dearest zone
    limits: Mapping[str, VcpuLimit | Missing] = field(default_factory=dict)  # types of one quota share it


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
