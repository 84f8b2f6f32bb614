"""How many vCPUs of a family of instance types may run at the same time, and how many do.

Amazon EC2 limits vCPUs per region and market by groups of families: Standard (A, C, D, H, I, M, R, T, Z),
G and VT, P, F, X, Inf, Trn, DL, HPC, High Memory. Codes: EC2 User Guide, "On-Demand Instance quotas" and
"Spot Instance quotas" (docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html,
using-spot-limits.html). A family that is not among them is looked up in the names of the region's quotas.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from benchtui.aws.errors import CloudError
from benchtui.aws.instances import PAGE
from benchtui.aws.session import Answer, Cloud
from benchtui.aws.types import instance_types
from benchtui.core.catalogue import Missing, quota_request
from benchtui.core.text import clean_line

SERVICE = "ec2"
LISTED = 100  # most a page of ListServiceQuotas may hold
#: Both markets count pending and running instances (EC2 User Guide, as above).
_COUNTED = ("pending", "running")
_LETTERS = re.compile(r"[a-z]+")
_HIGH_MEMORY = re.compile(r"u-|u\d")  # u-6tb1.metal, u7i-12tb.224xlarge
_NAMED = (
    re.compile(r"Running On-Demand (?P<group>.+) instances"),
    re.compile(r"All (?P<group>.+) Spot Instance Requests"),
)


class Market(StrEnum):
    """How an instance is bought; each market has quotas of its own."""

    ON_DEMAND = "on demand"
    SPOT = "spot"


_STANDARD = tuple("acdhimrtz")
#: Quota code by family, without generation and size.
_CODES = {
    Market.ON_DEMAND: {
        **dict.fromkeys(_STANDARD, "L-1216C47A"),
        **dict.fromkeys(("g", "gr", "vt"), "L-DB2E81BA"),
        "p": "L-417A185B",
        "f": "L-74FC7D96",
        "x": "L-7295265B",
        "inf": "L-1945791B",
        "trn": "L-2C3B7624",
        "dl": "L-6E869C2A",
        "hpc": "L-F7808C92",
        "u": "L-43DA4232",
    },
    Market.SPOT: {
        **dict.fromkeys(_STANDARD, "L-34B43A08"),
        **dict.fromkeys(("g", "gr", "vt"), "L-3819A6DF"),
        "p": "L-7212CCBC",
        "f": "L-88CF9481",
        "x": "L-E3A00192",
        "inf": "L-B5D1601B",
        "trn": "L-6B0D517C",
        "dl": "L-85EED4F7",
    },
}
#: Families that are not grouped by their first letter, as all others are: c of c7gn, i of im4gn.
_OF_THEIR_OWN = ("hpc", "inf", "trn", "dl", "vt", "gr", "mac")


@dataclass(frozen=True, slots=True)
class VcpuQuota:
    """Most vCPUs of a group of families that may run at a time in one region and market."""

    region: str
    market: Market
    code: str
    name: str  # as Service Quotas has it
    vcpus: Decimal

    def request(self, vcpus: int) -> str:
        """The command that asks AWS for more.

        Args:
            vcpus: wanted in all.
        """
        return quota_request(self.region, self.code, vcpus)


def family_of(instance_type: str) -> str:
    """The family by which quotas are grouped: ``c`` of c7gn.large, ``hpc`` of hpc7a.96xlarge."""
    if _HIGH_MEMORY.match(instance_type):
        return "u"
    found = _LETTERS.match(instance_type)
    letters = found[0] if found else ""
    return letters if letters in _OF_THEIR_OWN else letters[:1]


async def vcpu_quotas(
    cloud: Cloud, region: str, types: Iterable[str], market: Market = Market.ON_DEMAND
) -> dict[str, VcpuQuota | Missing]:
    """The quota of each instance type, or why there is none; types of one group share one.

    Raises:
        CloudError: Service Quotas could not be asked.
    """
    names = list(dict.fromkeys(types))
    codes = {name: _CODES[market].get(family_of(name)) for name in names}
    asked = sorted({code for code in codes.values() if code is not None})
    answers = await asyncio.gather(*(_quota(cloud, region, market, code) for code in asked))
    found = dict(zip(asked, answers, strict=True))
    unknown = [name for name, code in codes.items() if code is None]
    by_name = await _by_family(cloud, region, market) if unknown else {}
    quotas: dict[str, VcpuQuota | Missing] = {}
    for name in names:
        code = codes[name]
        quota = by_name.get(family_of(name)) if code is None else found[code]
        quotas[name] = quota or Missing(
            f"Service Quotas names no quota {market} for the family of {name} in {region}",
            "look it up in the console of Service Quotas, Amazon EC2",
        )
    return quotas


async def _quota(cloud: Cloud, region: str, market: Market, code: str) -> VcpuQuota | None:
    """The applied quota, else AWS's default, which a value that was never changed may be told by alone."""
    for operation in ("GetServiceQuota", "GetAWSDefaultServiceQuota"):
        try:
            answer = await cloud.call(
                "service-quotas",
                region,
                operation,
                {"ServiceCode": SERVICE, "QuotaCode": code},
                expect=("Quota",),
                subject=code,
            )
        except CloudError as error:
            if error.failure.code != "NoSuchResourceException":
                raise
            continue
        return _read(answer["Quota"], region, market)
    return None


async def _by_family(cloud: Cloud, region: str, market: Market) -> dict[str, VcpuQuota]:
    """The region's vCPU quotas by the families in their names."""
    params = {"ServiceCode": SERVICE, "MaxResults": LISTED}
    rows = await cloud.pages("service-quotas", region, "ListServiceQuotas", params, item="Quotas")
    pattern = _NAMED[market is Market.SPOT]
    found: dict[str, VcpuQuota] = {}
    for row in rows:
        named = pattern.fullmatch(str(row.get("QuotaName", "")))
        quota = _read(row, region, market)
        if named is not None and quota is not None:
            found |= dict.fromkeys(families_named(named["group"]), quota)
    return found


def families_named(group: str) -> tuple[str, ...]:
    """Families in the name of a group: ``Standard (A, C, D)``, ``G and VT``, ``HPC``."""
    listed = re.search(r"\(([^)]*)\)", group)
    words = re.split(r",\s*|\s+and\s+", listed[1] if listed else group)
    return tuple("u" if word == "High Memory" else word.strip().lower() for word in words if word.strip())


def _read(row: Answer, region: str, market: Market) -> VcpuQuota | None:
    value = row.get("Value")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not 0 <= value < 1e9:
        return None
    name, code = clean_line(str(row.get("QuotaName", ""))), clean_line(str(row.get("QuotaCode", "")), 40)
    return VcpuQuota(region, market, code, name, Decimal(str(value)))


def in_use(quota: VcpuQuota, used: Mapping[tuple[str, Market], int]) -> int:
    """What of ``used``, as `vcpus_in_use` has it, a quota counts."""
    named = _NAMED[quota.market is Market.SPOT].fullmatch(quota.name)
    families = families_named(named["group"]) if named else ()
    return sum(
        vcpus
        for (family, market), vcpus in used.items()
        if market is quota.market and (_CODES[market].get(family) == quota.code or family in families)
    )


async def vcpus_in_use(cloud: Cloud, region: str) -> dict[tuple[str, Market], int]:
    """vCPUs of everybody's pending and running instances in ``region``, by family and market.

    An instance with fewer vCPUs than its type has counts as the whole type, as a bound from above.

    Raises:
        CloudError: EC2 could not be asked.
    """
    params = {"Filters": [{"Name": "instance-state-name", "Values": list(_COUNTED)}], "MaxResults": PAGE}
    reservations = await cloud.pages("ec2", region, "DescribeInstances", params, item="Reservations")
    alive = [row for reservation in reservations for row in reservation.get("Instances", ())]
    alive = [row for row in alive if (row.get("State") or {}).get("Name") in _COUNTED]
    described = await instance_types(cloud, region, {str(row.get("InstanceType")) for row in alive})
    used: dict[tuple[str, Market], int] = {}
    for row in alive:
        name = str(row.get("InstanceType"))
        key = family_of(name), Market.SPOT if row.get("InstanceLifecycle") == "spot" else Market.ON_DEMAND
        used[key] = used.get(key, 0) + (described[name].vcpus if name in described else 0)
    return used
