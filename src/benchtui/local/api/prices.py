"""Pricing GetProducts and the spot price history.

Local types cost 0. For EC2's own types no price is made up: the list is empty until someone posts one. So it
is for storage, addresses and requests (`side_products`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from .calls import Call
from .errors import Reply, error_reply, json_reply
from .side_products import SERVICES, SideRate, side_product

LOCATIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "ca-central-1": "Canada (Central)",
    "eu-central-1": "EU (Frankfurt)",
    "eu-north-1": "EU (Stockholm)",
    "eu-west-1": "EU (Ireland)",
    "eu-west-2": "EU (London)",
    "eu-west-3": "EU (Paris)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-south-1": "Asia Pacific (Mumbai)",
    "ap-southeast-1": "Asia Pacific (Singapore)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "sa-east-1": "South America (Sao Paulo)",
}
EFFECTIVE = "2026-11-01T00:00:00Z"
PRICING_REGIONS = frozenset({"us-east-1", "eu-central-1", "ap-south-1"})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per hour of one Linux instance type in one region, on demand and spot (None = unknown)."""

    instance_type: str
    region: str
    on_demand_usd: Decimal | None
    spot_usd: Decimal | None = None
    vcpus: int | None = None
    memory_mib: int | None = None


class InvalidPrice(ValueError):
    """A posted price that cannot be read; the message says which."""


class PriceList:
    """Posted prices. Local types are 0 everywhere and cannot be changed here."""

    def __init__(self) -> None:
        self._posted: dict[tuple[str, str], Price] = {}
        self._sides: dict[tuple[str, str], SideRate] = {}

    def post(self, rows: Iterable[dict[str, Any]]) -> int:
        """Set prices: rows of instance_type, region, usd_per_hour, spot_usd_per_hour; money as strings.

        A row with ``rate`` (ebs_gb_month, ipv4_hour, s3_write) has region and usd instead, per unit.
        """
        posted, sides = [], []
        for row in rows:
            try:
                if "rate" in row:
                    usd = _money(row["usd"])
                    sides.append(SideRate(str(row["rate"]), str(row["region"]), usd or Decimal(0)))
                    continue
                posted.append(
                    Price(
                        str(row["instance_type"]),
                        str(row["region"]),
                        _money(row.get("usd_per_hour")),
                        _money(row.get("spot_usd_per_hour")),
                    )
                )
            except (KeyError, InvalidOperation, TypeError) as problem:
                raise InvalidPrice(f"row {row!r}: {problem!r}") from None
        self._posted |= {(p.instance_type, p.region): p for p in posted}
        self._sides |= {(side.rate, side.region): side for side in sides}
        return len(posted) + len(sides)

    def clear(self) -> None:
        self._posted.clear()
        self._sides.clear()

    def sides(self) -> list[SideRate]:
        """What was posted beside prices of instances."""
        return list(self._sides.values())

    def all(self, local: Iterable[Any], regions: Iterable[str]) -> list[Price]:
        """Local types (LocalType) at 0 in these regions, then what was posted."""
        zero = Decimal(0)
        rows = [Price(t.name, r, zero, zero, t.vcpus, t.memory_mib) for t in local for r in regions]
        return rows + list(self._posted.values())


def _money(text: Any) -> Decimal | None:
    if text is None:
        return None
    amount = Decimal(str(text))
    if not amount.is_finite() or amount < 0:
        raise InvalidOperation(f"{text!r} is no price")
    return amount


def product(price: Price) -> dict[str, Any]:
    """One entry of PriceList in the shape the Price List documentation gives."""
    sku = "".join(c for c in f"{price.instance_type}{price.region}".upper() if c.isalnum())[:32]
    attributes = {
        "servicecode": "AmazonEC2",
        "servicename": "Amazon Elastic Compute Cloud",
        "instanceType": price.instance_type,
        "regionCode": price.region,
        "location": LOCATIONS.get(price.region, price.region),
        "locationType": "AWS Region",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "licenseModel": "No License required",
        "marketoption": "OnDemand",
        "operation": "RunInstances",
        "usagetype": f"BoxUsage:{price.instance_type}",
        "currentGeneration": "Yes",
    }
    if price.vcpus is not None and price.memory_mib is not None:
        attributes |= {"vcpu": str(price.vcpus), "memory": f"{price.memory_mib / 1024:g} GiB"}
    offer, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    usd = f"{price.on_demand_usd:.10f}"
    dimension = {
        "rateCode": rate,
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${usd} per On Demand Linux {price.instance_type} Instance Hour",
        "appliesTo": [],
        "pricePerUnit": {"USD": usd},
    }
    term = {
        "sku": sku,
        "offerTermCode": "JRTCKXETXF",
        "effectiveDate": EFFECTIVE,
        "termAttributes": {},
        "priceDimensions": {rate: dimension},
    }
    return {
        "product": {"productFamily": "Compute Instance", "sku": sku, "attributes": attributes},
        "serviceCode": "AmazonEC2",
        "terms": {"OnDemand": {offer: term}},
        "version": "20261101000000",
        "publicationDate": EFFECTIVE,
    }


def _matches(entry: dict[str, Any], filters: list[dict[str, str]]) -> bool:
    fields = entry["product"]["attributes"] | {
        "productFamily": entry["product"].get("productFamily", ""),
        "sku": entry["product"]["sku"],
        "ServiceCode": entry["serviceCode"],
    }
    lowered = {name.lower(): value.lower() for name, value in fields.items()}
    for rule in filters:
        value, wanted = lowered.get(rule["Field"].lower()), rule["Value"].lower()
        kind = rule.get("Type", "TERM_MATCH")
        options = [w.strip() for w in wanted.split(",")]
        accepted = {
            "TERM_MATCH": value == wanted,
            "EQUALS": value == wanted,
            "CONTAINS": value is not None and wanted in value,
            "ANY_OF": value in options,
            "NONE_OF": value not in options,
        }
        if not accepted.get(kind, False):
            return False
    return True


def pricing_reply(call: Call, rows: list[Price], sides: list[SideRate]) -> Reply:
    """Answer GetProducts (JSON 1.1), 100 products a page; other actions are not served."""
    if call.region not in PRICING_REGIONS:
        where = ", ".join(sorted(PRICING_REGIONS))
        return error_reply("pricing", "InvalidParameterException", f"Pricing is served in {where}", 400)
    if call.action != "GetProducts":
        return error_reply(
            "pricing", "InvalidParameterException", f"{call.action} is not supported here", 400
        )
    request = json.loads(call.body or b"{}")
    service = request.get("ServiceCode")
    if service not in SERVICES:
        return error_reply(
            "pricing", "InvalidParameterException", f"ServiceCodes here: {', '.join(SERVICES)}", 400
        )
    entries = [product(p) for p in rows if p.on_demand_usd is not None] if service == "AmazonEC2" else []
    entries += [entry for entry in map(side_product, sides) if entry["serviceCode"] == service]
    entries = [e for e in entries if _matches(e, request.get("Filters", []))]
    limit = min(int(request.get("MaxResults", 100)), 100)
    token = str(request.get("NextToken") or "0")
    if not token.isdigit():
        return error_reply("pricing", "InvalidNextTokenException", "The token is invalid", 400)
    page, following = entries[int(token) : int(token) + limit], int(token) + limit
    reply: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(e) for e in page]}
    if following < len(entries):
        reply["NextToken"] = str(following)
    return json_reply(reply)
