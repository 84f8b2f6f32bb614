"""Instance types as EC2 describes them, and where it sells them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from benchtui.aws.errors import CloudError
from benchtui.aws.session import Answer, Cloud
from benchtui.core.catalogue import Arch, InstanceType
from benchtui.core.text import clean_line

BATCH = 100  # names a DescribeInstanceTypes takes
OFFERINGS_PAGE = 1000  # most a page of DescribeInstanceTypeOfferings may hold
_INVALID = "InvalidInstanceType"
_ARCHES = ("arm64", "x86_64")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]")


async def instance_types(cloud: Cloud, region: str, names: Iterable[str]) -> dict[str, InstanceType]:
    """Topology and memory by type name. A type that ``region`` does not have is absent.

    Raises:
        CloudError: EC2 could not be asked.
    """
    wanted = list(dict.fromkeys(names))
    found: dict[str, InstanceType] = {}
    for start in range(0, len(wanted), BATCH):
        for row in await _described(cloud, region, wanted[start : start + BATCH]):
            instance_type = _instance_type(row)
            if instance_type is not None:
                found[instance_type.name] = instance_type
    return found


async def all_instance_types(cloud: Cloud, region: str) -> dict[str, InstanceType]:
    """Every type that ``region`` has and benchtui can run on, by name.

    Raises:
        CloudError: EC2 could not be asked.
    """
    rows = await cloud.pages(
        "ec2", region, "DescribeInstanceTypes", {"MaxResults": BATCH}, item="InstanceTypes"
    )
    found = (_instance_type(row) for row in rows)
    return {instance_type.name: instance_type for instance_type in found if instance_type is not None}


async def all_offerings(cloud: Cloud, region: str) -> dict[str, tuple[str, ...]]:
    """Availability zones that sell each type of ``region``, sorted.

    Raises:
        CloudError: EC2 could not be asked.
    """
    rows = await cloud.pages(
        "ec2",
        region,
        "DescribeInstanceTypeOfferings",
        {"LocationType": "availability-zone", "MaxResults": OFFERINGS_PAGE},
        item="InstanceTypeOfferings",
    )
    return _zones(rows)


async def offerings(cloud: Cloud, region: str, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Availability zones that sell each type, sorted; a type that none sells is absent.

    Raises:
        CloudError: EC2 could not be asked.
    """
    wanted = list(dict.fromkeys(names))
    rows: list[Answer] = []
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        rows += await cloud.pages(
            "ec2",
            region,
            "DescribeInstanceTypeOfferings",
            {
                "LocationType": "availability-zone",
                "Filters": [{"Name": "instance-type", "Values": part}],
            },
            item="InstanceTypeOfferings",
        )
    zones = _zones(rows)
    return {name: zones[name] for name in wanted if name in zones}


def _zones(rows: Iterable[Answer]) -> dict[str, tuple[str, ...]]:
    zones: dict[str, set[str]] = {}
    for row in rows:
        name, zone = row.get("InstanceType"), row.get("Location")
        if name and zone:
            zones.setdefault(name, set()).add(zone)
    return {name: tuple(sorted(found)) for name, found in zones.items()}


async def _described(cloud: Cloud, region: str, names: list[str]) -> list[Answer]:
    """Rows of those of ``names`` that exist: one unknown name fails the whole request."""
    while names:
        try:
            return await cloud.pages(
                "ec2", region, "DescribeInstanceTypes", {"InstanceTypes": names}, item="InstanceTypes"
            )
        except CloudError as error:
            if error.failure.code != _INVALID:
                raise
            if len(names) == 1:
                return []
            unknown = frozenset(_WORD.findall(error.failure.message))
            known = [name for name in names if name not in unknown]
            if len(known) == len(names):  # it does not say which
                middle = len(names) // 2
                first = await _described(cloud, region, names[:middle])
                return first + await _described(cloud, region, names[middle:])
            names = known
    return []


def _instance_type(row: Answer) -> InstanceType | None:
    """The row as we use it; None for what benchtui cannot run on (macOS, 32 bit)."""
    processor, cpus = row.get("ProcessorInfo") or {}, row.get("VCpuInfo") or {}
    arch = next((arch for arch in _ARCHES if arch in processor.get("SupportedArchitectures", ())), None)
    vcpus = cpus.get("DefaultVCpus")
    memory_mib = (row.get("MemoryInfo") or {}).get("SizeInMiB")
    if arch is None or not vcpus or not memory_mib or "InstanceType" not in row:
        return None
    # A few metal types leave cores out; then nothing is known but the vCPUs, each a thread of its own.
    threads_per_core = cpus.get("DefaultThreadsPerCore") or 1
    maker = processor.get("Manufacturer")
    return InstanceType(
        name=row["InstanceType"],
        arch=cast(Arch, arch),
        vcpus=vcpus,
        cores=cpus.get("DefaultCores") or vcpus // threads_per_core,
        threads_per_core=threads_per_core,
        memory_mib=memory_mib,
        manufacturer=clean_line(maker, 40) if maker else None,
        current_generation=_said(row, "CurrentGeneration"),
        burstable=_said(row, "BurstablePerformanceSupported"),
    )


def _said(row: Answer, field: str) -> bool | None:
    """A yes or no of the row; None: it says neither."""
    value = row.get(field)
    return value if isinstance(value, bool) else None
