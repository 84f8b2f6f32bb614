"""system.json: what this instance observed about itself, before anything is measured on it."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, TypeVar

import readings
from imds import Imds, ImdsUnavailable
from job import Job, uptime_s
from packages import Installer, os_release

COMPILERS = ("gcc", "g++", "clang", "gfortran")
#: Of the kernel's command line only what moves a number; the rest of it is nobody's business.
KERNEL_PARAMETERS = re.compile(
    r"(mitigations|isolcpus|nohz|nohz_full|rcu_nocbs|hugepages|hugepagesz|default_hugepagesz|nosmt|maxcpus"
    r"|transparent_hugepage|numa|numa_balancing|idle|clocksource|tsc|preempt|intel_pstate|amd_pstate"
    r"|intel_idle\.max_cstate|processor\.max_cstate|spectre_v2|spec_store_bypass_disable|nopti|pti)(=\S*)?"
)
VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities"
T = TypeVar("T")


@dataclass(frozen=True)
class Observed:
    """What this instance is, as every result states it."""

    provider: str
    instance_id: str
    instance_type: str
    region: Optional[str] = None
    zone: Optional[str] = None
    image_id: Optional[str] = None
    cpu_model: Optional[str] = None


def observe(identity: Dict[str, Any]) -> Observed:
    """What the identity document and the CPU say this instance is."""
    return Observed(
        provider=str(identity.get("provider") or "aws"),
        instance_id=str(identity.get("instanceId") or "unknown"),
        instance_type=str(identity.get("instanceType") or "unknown"),
        region=identity.get("region"),
        zone=identity.get("availabilityZone"),
        image_id=identity.get("imageId"),
        cpu_model=cpu_model(),
    )


def cpu_model() -> Optional[str]:
    """The CPU's own name; of an Arm core the vendor's part number, which is all Linux knows."""
    info = readings.cpuinfo()
    if "model name" in info:
        return info["model name"]
    part = (info.get("CPU implementer"), info.get("CPU part"))
    return None if None in part else "implementer {} part {}".format(*part)


def document(
    job: Job, observed: Observed, imds: Imds, installer: Installer, packages: List[str]
) -> Dict[str, Any]:
    """The whole of system.json; what could not be observed is null."""
    info, release = readings.cpuinfo(), os_release()
    cores = _try(readings.physical_cores)
    return {
        "schema": "benchtui.system/1",
        "run": job.run,
        "job": job.job,
        **observed.__dict__,
        "arch": platform.machine() or None,
        "cpu_vendor": info.get("vendor_id") or info.get("CPU implementer"),
        "usable_cpus": _try(readings.usable_cpus),
        "physical_cores": cores[0] if cores else None,
        "threads_per_core": cores[1] if cores else None,
        "memory_bytes": readings.meminfo().get("MemTotal"),
        "kernel": platform.release() or None,
        "os": release.get("PRETTY_NAME"),
        "microcode": info.get("microcode"),
        "observed": {
            "requested_type": job.instance_type,
            "requested_image": job.image_id,
            "flags": info.get("flags") or info.get("Features"),
            "cpu": {
                name: info.get(name)
                for name in ("cpu family", "model", "stepping", "CPU variant", "CPU part", "CPU revision")
                if name in info
            },
            "online_cpus": readings.text("/sys/devices/system/cpu/online"),
            "affinity": sorted(os.sched_getaffinity(0))[:4096],
            "caches": _try(readings.caches),
            "usable_memory_bytes": _try(readings.usable_memory_bytes),
            "cgroup_memory_limit_bytes": _try(readings.cgroup_memory_limit),
            "numa": _try(_numa),
            "smt": readings.text("/sys/devices/system/cpu/smt/control"),
            "governor": readings.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            "cpufreq_driver": readings.text("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver"),
            "boost": readings.text("/sys/devices/system/cpu/cpufreq/boost"),
            "clock_mhz": _try(readings.clock_mhz),
            "thp": readings.chosen("/sys/kernel/mm/transparent_hugepage/enabled"),
            "thp_defrag": readings.chosen("/sys/kernel/mm/transparent_hugepage/defrag"),
            "clocksource": readings.text("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
            "mitigations": _try(_mitigations),
            "steal_seconds": _try(readings.steal_seconds),
            "load": _try(lambda: [round(value, 2) for value in os.getloadavg()]),
            "kernel_version": platform.version() or None,
            "kernel_parameters": _kernel_parameters(),
            "libc": " ".join(platform.libc_ver()).strip() or None,
            "python": platform.python_version(),
            "compilers": {name: readings.first_line_of([name, "--version"]) for name in COMPILERS},
            "packages": {name: installer.version(name) for name in sorted(set(packages))},
            "os_release": {name: release.get(name) for name in ("ID", "VERSION_ID", "VERSION_CODENAME")},
            "hypervisor": readings.text("/sys/hypervisor/type"),
            "board": readings.text("/sys/class/dmi/id/sys_vendor"),
            "life_cycle": _metadata(imds, "meta-data/instance-life-cycle"),
            "uptime_s": round(uptime_s(), 1),
        },
    }


def _try(read: Callable[[], T]) -> Optional[T]:
    """A reading, or None: no oddity of a machine may keep its other facts from being told."""
    try:
        return read()
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _metadata(imds: Imds, path: str) -> Optional[str]:
    try:
        return imds.get(path)
    except ImdsUnavailable:
        return None


def _kernel_parameters() -> List[str]:
    words = (readings.text("/proc/cmdline") or "").split()
    return [word for word in words if KERNEL_PARAMETERS.fullmatch(word)]


def _numa() -> Optional[List[Dict[str, Any]]]:
    nodes = readings.cpu_list(readings.text("/sys/devices/system/node/online") or "")
    base = "/sys/devices/system/node/node{}/"
    return [
        {"node": node, "cpus": readings.text((base + "cpulist").format(node))} for node in sorted(nodes)
    ] or None


def _mitigations() -> Dict[str, Optional[str]]:
    return {
        name: readings.text(os.path.join(VULNERABILITIES, name))
        for name in sorted(os.listdir(VULNERABILITIES))
    }
