"""Results of one type in two regions or markets are rows of their own."""

from __future__ import annotations

from typing import Any

from benchtui.core.apart import names_apart
from benchtui.core.compare import compare
from benchtui.core.instance_results import InstanceResult
from tests.comparing import result


def fleet(instance_type: str, first: int = 1, **changes: Any) -> list[InstanceResult]:
    values = (40.0, 40.4, 40.2)
    return [result(instance_type, first + at, value, **changes) for at, value in enumerate(values)]


def test_one_region_and_market_are_named_by_the_type_alone():
    results = fleet("c7g.large", region="us-east-1") + fleet("c7i.large", region="eu-west-1")
    assert {row.name for row in compare(results).rows} == {"c7g.large", "c7i.large"}


def test_two_regions_of_a_type_are_two_rows_with_their_own_prices():
    results = fleet("c7g.large", region="us-east-1") + fleet("c7g.large", first=4, region="eu-west-1")
    rows = compare(results).rows
    assert [row.name for row in rows] == ["c7g.large eu-west-1", "c7g.large us-east-1"]
    assert [len(row.results) for row in rows] == [3, 3]
    assert all(row.cells[0].n == 3 for row in rows)


def test_markets_are_never_mixed():
    results = fleet("c7g.large") + fleet("c7g.large", first=4, market="spot")
    assert [row.name for row in compare(results).rows] == ["c7g.large on demand", "c7g.large spot"]
    assert compare(results, baseline="c7g.large spot").baseline == "c7g.large spot"


def test_instances_of_this_machine_have_no_region_of_their_own():
    results = fleet("local.2cpu", provider="local", region="us-east-1")
    results += fleet("local.2cpu", first=4, provider="local", region="eu-west-1")
    assert set(names_apart(results).values()) == {"local.2cpu"}
