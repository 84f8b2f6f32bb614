"""Which instances of a type may stand for one figure: those of one region, bought in one market.

A type in two regions has two prices and may be two kinds of machines, and spot instances are what is left
over. So such results are rows of their own, named by what sets them apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from benchtui.core.catalogue import Market

if TYPE_CHECKING:
    from benchtui.core.instance_results import InstanceResult

Names = dict[tuple[str, str], str]  # by run and job


def names_apart(results: Iterable[InstanceResult]) -> Names:
    """What each instance is shown as: its type, and market and region where its type has several."""
    known = tuple(results)
    markets: dict[str, dict[str, None]] = {}
    regions: dict[str, dict[str, None]] = {}
    for one in known:
        markets.setdefault(one.instance_type, {})[one.market] = None
        if one.region is not None and not one.local:
            regions.setdefault(one.instance_type, {})[one.region] = None
    names: Names = {}
    for one in known:
        parts = [one.instance_type]
        if len(markets[one.instance_type]) > 1:
            parts.append(one.market.replace(Market.ON_DEMAND, Market.ON_DEMAND.words))
        if len(regions.get(one.instance_type, {})) > 1 and not one.local:
            parts.append(one.region or next(iter(regions[one.instance_type])))
        names[one.run, one.job] = " ".join(parts)
    return names
