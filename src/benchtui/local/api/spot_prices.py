"""DescribeSpotPriceHistory: local types cost 0, other types only what was posted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from .errors import ec2_error
from .hooks import replace
from .instance_filters import wildcard
from .instance_types import paged, zones_of

if TYPE_CHECKING:
    from .cloud import Cloud

PRODUCT = "Linux/UNIX"
FILTERS = {
    "availability-zone": "AvailabilityZone",
    "instance-type": "InstanceType",
    "product-description": "ProductDescription",
    "spot-price": "SpotPrice",
}


def _naive_utc(moment: Any) -> dt.datetime | None:
    if moment is None:
        return None
    parsed = moment if isinstance(moment, dt.datetime) else dt.datetime.fromisoformat(str(moment))
    return parsed.astimezone(dt.UTC).replace(tzinfo=None) if parsed.tzinfo else parsed


def install(cloud: Cloud) -> None:
    """Replace moto's single made-up price."""

    def describe_spot_price_history(self: Any) -> ActionResult:
        self.error_on_dryrun()
        get, backend = self._get_param, self.ec2_backend
        now = cloud.clock.utc()
        start, end = _naive_utc(get("StartTime")), _naive_utc(get("EndTime"))
        zones = [z.name for z in zones_of(backend)]
        prices = cloud.prices.all(cloud.types.values(), [backend.region_name])
        rows = [
            {
                "AvailabilityZone": zone,
                "InstanceType": price.instance_type,
                "ProductDescription": PRODUCT,
                "SpotPrice": f"{price.spot_usd:.6f}",
                # A price in force since before `start` is reported with its own, earlier time, as EC2 does.
                "Timestamp": min(t for t in (now, start, end) if t is not None),
            }
            for price in prices
            if price.spot_usd is not None and price.region == backend.region_name
            for zone in zones
        ]
        asked = {
            "InstanceType": get("InstanceTypes", []),
            "ProductDescription": get("ProductDescriptions", []),
            "AvailabilityZone": [get("AvailabilityZone")] if get("AvailabilityZone") else [],
        }
        for name, values in self._filters_from_querystring().items():
            if name not in FILTERS:
                raise ec2_error("InvalidParameterValue", f"The filter '{name}' is invalid")
            rows = [r for r in rows if any(wildcard(str(r[FILTERS[name]]), v) for v in values)]
        for field, values in asked.items():
            # EC2 answers both names of the product, with and without VPC.
            wanted = {v.removesuffix(" (Amazon VPC)") for v in values}
            rows = [r for r in rows if not values or r[field] in wanted]
        page, token = paged(rows, get("MaxResults") or 1000, get("NextToken"))
        return ActionResult({"SpotPriceHistory": page, "NextToken": token or ""})

    replace(EC2Response, "describe_spot_price_history", describe_spot_price_history)
