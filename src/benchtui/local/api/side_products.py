"""Products beside instances in the shape of the Price List: gp3 storage, IPv4 addresses, S3 writes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SERVICES = ("AmazonEC2", "AmazonS3", "AmazonVPC")
EFFECTIVE = "2026-11-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class SideRate:
    """What a unit of something costs in one region, USD.

    Raises:
        KeyError: ``rate`` is not one of `PRODUCTS`.
    """

    rate: str
    region: str
    usd: Decimal

    def __post_init__(self) -> None:
        PRODUCTS[self.rate]


@dataclass(frozen=True, slots=True)
class _Product:
    service: str
    family: str | None
    usage_type: str
    unit: str
    attributes: dict[str, str]


PRODUCTS = {
    "ebs_gb_month": _Product(
        "AmazonEC2", "Storage", "EBS:VolumeUsage.gp3", "GB-Mo", {"volumeApiName": "gp3"}
    ),
    "ipv4_hour": _Product("AmazonVPC", None, "PublicIPv4:InUseAddress", "Hrs", {}),
    "s3_write": _Product("AmazonS3", "API Request", "Requests-Tier1", "Requests", {"group": "S3-API-Tier1"}),
}


def side_product(side: SideRate) -> dict[str, Any]:
    """One entry of PriceList."""
    meant = PRODUCTS[side.rate]
    sku = "".join(c for c in f"{side.rate}{side.region}".upper() if c.isalnum())
    offer, rate = f"{sku}.JRTCKXETXF", f"{sku}.JRTCKXETXF.6YS6EN2CT7"
    attributes = {
        "regionCode": side.region,
        "locationType": "AWS Region",
        "servicecode": meant.service,
        "usagetype": meant.usage_type,
        "operation": "",
        **meant.attributes,
    }
    dimension = {
        "rateCode": rate,
        "unit": meant.unit,
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${side.usd:.10f} per {meant.unit}",
        "appliesTo": [],
        "pricePerUnit": {"USD": f"{side.usd:.10f}"},
    }
    term = {
        "sku": sku,
        "offerTermCode": "JRTCKXETXF",
        "effectiveDate": EFFECTIVE,
        "termAttributes": {},
        "priceDimensions": {rate: dimension},
    }
    family = {} if meant.family is None else {"productFamily": meant.family}
    return {
        "product": {**family, "sku": sku, "attributes": attributes},
        "serviceCode": meant.service,
        "terms": {"OnDemand": {offer: term}},
        "version": "20261101000000",
        "publicationDate": EFFECTIVE,
    }
