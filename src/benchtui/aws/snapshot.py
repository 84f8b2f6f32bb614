"""A small dated picture of EC2's types and prices, for `plan --offline` alone: no network, no botocore."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib import resources

from benchtui.core.catalogue import InstanceType, Missing, Price

_OFFLINE_FIX = "leave out --offline to ask EC2, or plan with --local for types of this machine"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Types and prices as they were at ``as_of``; prices of one region."""

    as_of: datetime  # UTC
    region: str
    types: dict[str, InstanceType]
    usd_per_hour: dict[str, Decimal]
    price_sources: dict[str, str]

    def instance_type(self, name: str) -> InstanceType | Missing:
        """Topology of a type, or why it is not known here."""
        if name in self.types:
            return self.types[name]
        return Missing(f"{name} is not in the offline snapshot of {self.as_of:%Y-%m-%d}", _OFFLINE_FIX)

    def price(self, name: str, region: str) -> Price | Missing:
        """Price of a type in a region, or why it is not known here."""
        if region != self.region:
            return Missing(
                f"the offline snapshot has prices of {self.region} only, not of {region}",
                f'leave out --offline, or give your own: [prices.on_demand] "{region}/{name}"',
            )
        if name in self.usd_per_hour:
            return Price(self.usd_per_hour[name], "snapshot", self.as_of, region)
        return Missing(
            f"the offline snapshot of {self.as_of:%Y-%m-%d} has no price for {name}",
            f'leave out --offline, or give your own: [prices.on_demand] "{name}"',
        )


@cache
def load_snapshot() -> Snapshot:
    """The snapshot that comes with the package."""
    text = resources.files("benchtui.aws").joinpath("snapshot.json").read_text(encoding="utf-8")
    body = json.loads(text)
    sources: dict[str, str] = body["sources"]
    rows = body["types"]
    return Snapshot(
        as_of=datetime.fromisoformat(body["as_of"]),
        region=body["region"],
        types={
            row["name"]: InstanceType(
                name=row["name"],
                arch=row["arch"],
                vcpus=row["vcpus"],
                cores=row["cores"],
                threads_per_core=row["threads_per_core"],
                memory_mib=row["memory_mib"],
                manufacturer=row["manufacturer"],
            )
            for row in rows
        },
        usd_per_hour={row["name"]: Decimal(row["usd_per_hour"]) for row in rows if "usd_per_hour" in row},
        price_sources={row["name"]: sources[row["price"]] for row in rows if "usd_per_hour" in row},
    )
