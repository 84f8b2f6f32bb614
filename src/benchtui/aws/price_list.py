"""The Price List Query API (GetProducts): where it is asked, and what of its answers is a price.

An answer is untrusted: only products with the attributes that were asked for count, only in US dollars, only
in the unit that was meant, and only amounts that can be a price. Two different amounts are none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from benchtui.aws.errors import CloudError
from benchtui.aws.failures import FailureKind
from benchtui.aws.session import Cloud
from benchtui.core.catalogue import Missing
from benchtui.core.price_bounds import amount_of
from benchtui.core.text import clean_line

#: Endpoints, each with the prices of all regions of its partition (botocore, data/endpoints.json,
#: "api.pricing"), in the order in which they are tried: the second one if the first does not answer, or if a
#: policy that keeps an account to its own part of the world denies it.
_COMMERCIAL = {
    "ap": ("ap-south-1", "us-east-1"),
    "eu": ("eu-central-1", "us-east-1"),
}
_ELSEWHERE = ("us-east-1", "eu-central-1")
_CHINA = ("cn-northwest-1",)
#: Partitions that have regions and no endpoint, by the beginning of a region's name. GovCloud's credentials
#: are not valid in the commercial partition (github.com/lyft/awspricing/issues/43).
_WITHOUT = {
    "us-gov-": "GovCloud has no Pricing API, and its credentials are not valid where there is one",
    "us-iso": "benchtui knows no Pricing API of this partition",
    "eu-iso": "benchtui knows no Pricing API of this partition",
    "eusc-": "benchtui knows no Pricing API of this partition",
}
_TRY_NEXT = frozenset({FailureKind.UNKNOWN, FailureKind.DENIED})
USD = "USD"


def endpoints(region: str) -> tuple[str, ...] | Missing:
    """Regions whose Pricing API tells prices of ``region``, in the order of trying."""
    for beginning, why in _WITHOUT.items():
        if region.startswith(beginning):
            return Missing(why)
    part = region.partition("-")[0]
    return _CHINA if part == "cn" else _COMMERCIAL.get(part, _ELSEWHERE)


class PriceList:
    """The Pricing API as it is asked about one region.

    Args:
        cloud: whom to ask.
        places: regions with an endpoint, in the order of trying (`endpoints`).
    """

    def __init__(self, cloud: Cloud, places: tuple[str, ...]) -> None:
        self._cloud = cloud
        self._places = places
        self._first = 0  # the one that answered last: the others need not be tried again for every type

    async def products(self, service: str, filters: Mapping[str, str]) -> list[Any]:
        """Entries of PriceList, of all pages: JSON texts, if AWS keeps to its description.

        Args:
            service: AWS's code of the service, such as ``AmazonEC2``.
            filters: attributes, each to be matched exactly.

        Raises:
            CloudError: of the first endpoint, if no endpoint answered.
        """
        rules = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in filters.items()]
        params = {"ServiceCode": service, "Filters": rules}
        first: CloudError | None = None
        for at in range(self._first, len(self._places)):
            try:
                found = await self._cloud.pages(
                    "pricing", self._places[at], "GetProducts", params, item="PriceList"
                )
            except CloudError as error:
                first = first or error
                if error.failure.kind not in _TRY_NEXT:
                    break
            else:
                self._first = at
                return found
        assert first is not None  # there is at least one place
        raise first


@dataclass(slots=True)
class Quoted:
    """What products say that are what was asked for."""

    usd: set[Decimal] = field(default_factory=set)  # distinct amounts per unit
    currencies: set[str] = field(default_factory=set)  # of prices in other currencies, cleaned


def quoted(products: Iterable[object], attributes: Mapping[str, str], unit: str) -> Quoted:
    """Amounts in an answer of GetProducts.

    Args:
        products: the entries of PriceList.
        attributes: what a product has to be. One that lacks an attribute passes, one that differs does not.
        unit: of the price, as the API spells it: ``Hrs``.
    """
    found = Quoted()
    for text in products:
        try:
            entry = json.loads(text) if isinstance(text, str) else text
            _read(entry, attributes, unit, found)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # not a product as documented: no price in it is to be trusted
    return found


def _read(entry: Any, attributes: Mapping[str, str], unit: str, found: Quoted) -> None:
    product = entry["product"]
    shown = {"productFamily": product.get("productFamily"), **product["attributes"]}
    if any(shown.get(key) not in (None, value) for key, value in attributes.items()):
        return
    amounts, currencies = set(), set()
    for term in entry["terms"].get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension["unit"] != unit:
                continue
            per_unit = dimension["pricePerUnit"]
            if USD not in per_unit:
                currencies |= {clean_line(str(name), 8) for name in per_unit}
                continue
            usd = amount_of(per_unit[USD])
            if usd is None:
                return
            amounts.add(usd.normalize() + 0)
    found.usd |= amounts
    found.currencies |= currencies
