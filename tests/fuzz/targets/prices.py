"""Entries of AWS's price list, which are JSON within JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from benchtui.aws.prices import _by_type, _only, _quoted, on_demand_rates
from benchtui.aws.side_prices import _PRODUCTS, only_rate
from benchtui.core.catalogue import Price
from tests.fuzz.target import Target

NOW = datetime(2026, 11, 28, tzinfo=UTC)
REGION, NAME = "us-east-1", "c7g.large"


def read_price_list(content: bytes) -> None:
    """One entry as it is, and beside one that is as it should be: it must not change that one's price."""
    entry = content.decode("utf-8", "replace")
    for entries in ([entry], [entry, PRODUCT]):
        rates = on_demand_rates(entries, NAME, REGION)
        assert all(rate.is_finite() and rate >= 0 for rate in rates)
        found = _only(_quoted(entries, NAME, REGION), NAME, REGION, NOW)
        assert isinstance(found, Price) or (found.reason.isprintable() and len(found.reason) < 10_000)
        _by_type(entries)
        for product in _PRODUCTS.values():
            rate = only_rate(entries, REGION, product.usage_type, product.unit, product.per)
            assert rate is None or rate > 0


def _product(usage: str, unit: str, usd: str, **attributes: str) -> str:
    return json.dumps(
        {
            "product": {
                "productFamily": "Compute Instance",
                "attributes": {"regionCode": REGION, "usagetype": usage, **attributes},
            },
            "terms": {
                "OnDemand": {"a": {"priceDimensions": {"b": {"unit": unit, "pricePerUnit": {"USD": usd}}}}}
            },
        }
    )


PRODUCT = _product(
    "BoxUsage:c7g.large", "Hrs", "0.0725000000", instanceType=NAME, operatingSystem="Linux", tenancy="Shared",
    capacitystatus="Used", preInstalledSw="NA", marketoption="OnDemand", locationType="AWS Region",
)  # fmt: skip


def price_seeds() -> list[bytes]:
    """An instance type and the rates beside it."""
    texts = [PRODUCT]
    texts += [_product(each.usage_type, each.unit, "0.0050000000") for each in _PRODUCTS.values()]
    return [text.encode() for text in texts]


TARGETS = (Target("price-list", read_price_list, price_seeds, tree=True),)
