"""The types `local.1cpu` … in DescribeInstanceTypes and DescribeInstanceTypeOfferings, beside EC2's own."""

from __future__ import annotations

import base64
import fnmatch
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models import instance_types as moto_types
from moto.ec2.responses import EC2Response

from .errors import ec2_error
from .hooks import replace
from .topology import Cpu, cores_and_threads, ec2_architecture, manufacturer, memory_mib, usable_cpus

DEFAULT_PAGE = 100
OFFERING_FILTERS = frozenset({"location", "instance-type"})


@dataclass(frozen=True, slots=True)
class LocalType:
    """`local.<vcpus>cpu`: so many CPUs of this machine and the same share of its memory."""

    name: str
    vcpus: int
    cores: int
    threads_per_core: int
    memory_mib: int
    architecture: str


def local_types() -> dict[str, LocalType]:
    """Types of this machine by name, smallest first."""
    cpus = usable_cpus()
    memory = memory_mib()
    return {t.name: t for t in (_type_of(cpus, n, memory) for n in range(1, len(cpus) + 1))}


def _type_of(cpus: tuple[Cpu, ...], vcpus: int, memory: int) -> LocalType:
    cores, threads = cores_and_threads(cpus[:vcpus])
    share = memory * vcpus // len(cpus)
    return LocalType(f"local.{vcpus}cpu", vcpus, cores, threads, share, ec2_architecture())


def description(local: LocalType) -> dict[str, Any]:
    """The type as DescribeInstanceTypes shows it."""
    processor: dict[str, Any] = {"SupportedArchitectures": [local.architecture]}
    if maker := manufacturer():
        processor["Manufacturer"] = maker
    return {
        "InstanceType": local.name,
        "CurrentGeneration": True,
        "FreeTierEligible": False,
        "SupportedUsageClasses": ["on-demand", "spot"],
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BareMetal": False,
        "ProcessorInfo": processor,
        "VCpuInfo": {
            "DefaultVCpus": local.vcpus,
            "DefaultCores": local.cores,
            "DefaultThreadsPerCore": local.threads_per_core,
            "ValidCores": [local.cores],
            "ValidThreadsPerCore": [local.threads_per_core],
        },
        "MemoryInfo": {"SizeInMiB": local.memory_mib},
        "InstanceStorageSupported": False,
        "HibernationSupported": False,
        "BurstablePerformanceSupported": False,
        "DedicatedHostsSupported": False,
        "AutoRecoverySupported": False,
        "SupportedBootModes": ["uefi"],
    }


def vcpus_of(name: str) -> int:
    """vCPUs of any described type; KeyError for an unknown one."""
    return int(moto_types.INSTANCE_TYPES[name]["VCpuInfo"]["DefaultVCpus"])


def architectures_of(name: str) -> list[str]:
    """Architectures of any described type; KeyError for an unknown one."""
    return list(moto_types.INSTANCE_TYPES[name]["ProcessorInfo"]["SupportedArchitectures"])


def zones_of(backend: Any) -> list[Any]:
    """Availability zones of a regional moto EC2 backend."""
    return list(backend.describe_availability_zones())


def install(types: dict[str, LocalType]) -> None:
    """Add the types to moto's tables and replace the two Describe calls."""
    for local in types.values():
        moto_types.INSTANCE_TYPES[local.name] = description(local)
        moto_types.InstanceTypeBackend.instance_types.append(moto_types.InstanceType(local.name))

    def describe_instance_types(self: Any) -> ActionResult:
        self.error_on_dryrun()
        names = self._get_param("InstanceTypes", [])
        limit = self._get_int_param("MaxResults")
        if names and limit:
            raise ec2_error(
                "InvalidParameterCombination",
                "The parameter instancesTypes cannot be used with the parameter maxResults",
            )
        unknown = [n for n in names if n not in moto_types.INSTANCE_TYPES]
        if unknown:
            raise ec2_error(
                "InvalidInstanceType",
                f"The following supplied instance types do not exist: [{', '.join(unknown)}]",
            )
        found = self.ec2_backend.describe_instance_types(names, self._filters_from_querystring())
        found = sorted(found, key=lambda t: str(t["InstanceType"]))
        page, token = paged(
            found, len(found) if names else limit or DEFAULT_PAGE, self._get_param("NextToken")
        )
        return ActionResult({"InstanceTypes": page, "NextToken": token})

    def describe_instance_type_offerings(self: Any) -> ActionResult:
        self.error_on_dryrun()
        kind = self._get_param("LocationType") or "region"
        filters = self._filters_from_querystring()
        for name in filters:
            if name not in OFFERING_FILTERS:
                raise ec2_error("InvalidParameterValue", f"The filter '{name}' is invalid")
        rows = _offerings(self.ec2_backend, kind, types)
        for name, values in filters.items():
            field = "Location" if name == "location" else "InstanceType"
            rows = [r for r in rows if any(fnmatch.fnmatchcase(r[field], v) for v in values)]
        limit = self._get_int_param("MaxResults") or 1000
        page, token = paged(rows, limit, self._get_param("NextToken"))
        return ActionResult({"InstanceTypeOfferings": page, "NextToken": token})

    replace(EC2Response, "describe_instance_types", describe_instance_types)
    replace(EC2Response, "describe_instance_type_offerings", describe_instance_type_offerings)


def _offerings(backend: Any, kind: str, types: dict[str, LocalType]) -> list[dict[str, str]]:
    tables = moto_types.INSTANCE_TYPE_OFFERINGS
    if kind not in tables:
        raise ec2_error("InvalidParameterValue", f"Value ({kind}) for parameter locationType is invalid.")
    rows = list(tables[kind].get(backend.region_name, []))
    if kind == "region":
        places = [backend.region_name]
    else:
        places = [z.name if kind == "availability-zone" else z.zone_id for z in zones_of(backend)]
    rows += [{"InstanceType": t, "Location": p, "LocationType": kind} for t in types for p in places]
    return rows


def paged(rows: list[Any], limit: int, token: str | None) -> tuple[list[Any], str | None]:
    """One page of rows and the token of the next; InvalidNextToken for a token that is not ours."""
    try:
        start = int(base64.urlsafe_b64decode(token).decode().removeprefix("offset:")) if token else 0
    except ValueError:
        raise ec2_error("InvalidNextToken", f"The token '{token}' is invalid.") from None
    following = start + limit
    more = following < len(rows)
    return rows[start:following], base64.urlsafe_b64encode(
        f"offset:{following}".encode()
    ).decode() if more else None
