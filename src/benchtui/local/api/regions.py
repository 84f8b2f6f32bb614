"""Regions of the account: which exist, which are enabled."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.ec2.responses import EC2Response

from .errors import ec2_error
from .hooks import replace

OTHER_PARTITIONS = ("us-gov-", "cn-", "us-iso", "eu-isoe-", "eusc-")
# Enabled by default; moto also counts these three, which need an opt-in.
OPT_IN = frozenset({"af-south-1", "ap-southeast-3", "eu-south-1"})


def standard_regions() -> list[Any]:
    """Regions of the partition `aws`."""
    return [r for r in RegionsAndZonesBackend.regions if not r.name.startswith(OTHER_PARTITIONS)]


def enabled_regions() -> list[str]:
    """Names of the regions that answer without an opt-in."""
    return [r.name for r in standard_regions() if r.opt_in_status != "not-opted-in"]


def install(enabled: tuple[str, ...] = ()) -> None:
    """Replace DescribeRegions: without AllRegions it names the enabled ones only.

    Args:
        enabled: all that are; empty = those that need no opt-in.

    Raises:
        ValueError: one of them does not exist.
    """
    if unknown := set(enabled) - {region.name for region in standard_regions()}:
        raise ValueError(f"no such region: {', '.join(sorted(unknown))}")
    for region in standard_regions():
        if region.name not in enabled if enabled else region.name in OPT_IN:
            region.opt_in_status = "not-opted-in"

    def describe_regions(self: Any) -> ActionResult:
        self.error_on_dryrun()
        names, everything = self._get_param("RegionNames", []), self._get_param("AllRegions", False)
        rows = standard_regions()
        for name in names:
            if name not in {r.name for r in rows}:
                raise ec2_error("InvalidParameterValue", f"Invalid region: {name}")
        if names:
            rows = [r for r in rows if r.name in names]
        elif not everything:
            rows = [r for r in rows if r.opt_in_status != "not-opted-in"]
        for name, values in self._filters_from_querystring().items():
            fields = {"opt-in-status": "opt_in_status", "region-name": "name", "endpoint": "endpoint"}
            if name not in fields:
                raise ec2_error("InvalidParameterValue", f"The filter '{name}' is invalid")
            rows = [r for r in rows if getattr(r, fields[name]) in values]
        shown = [{"RegionName": r.name, "Endpoint": r.endpoint, "OptInStatus": r.opt_in_status} for r in rows]
        return ActionResult({"Regions": shown})

    replace(EC2Response, "describe_regions", describe_regions)
