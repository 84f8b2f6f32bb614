"""Questions to the index, and the filter language over what figures were measured under."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from benchtui.core.documents import ConfirmsDocument
from benchtui.core.errors import UsageError
from benchtui.core.filter import Filter
from benchtui.core.trend import State
from benchtui.history import queries
from benchtui.history.index import HistoryIndex

from .made_up import BEGAN, nightly, run_id

LEVELS = {"c7g.large": 100.0, "c7i.large": 80.0}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[HistoryIndex]:
    with HistoryIndex(tmp_path / "history.sqlite") as index:
        yield index


def written(index: HistoryIndex, *runs: object) -> HistoryIndex:
    index.write(index.bucket("b"), runs)  # type: ignore[arg-type]
    return index


def where(expression: str) -> Filter:
    return Filter.parse(expression, queries.FIELDS)


def test_runs_come_newest_first_and_filtered(index: HistoryIndex) -> None:
    written(index, *(nightly(day, LEVELS if day % 2 else {"c7g.large": 1.0}) for day in range(6)))
    assert [run.run for run in queries.runs(index, newest=2)] == [run_id(5), run_id(4)]
    found = queries.runs(index, where=Filter.parse("type=c7i.large jobs>3", queries.RUN_FIELDS))
    assert [run.run for run in found] == [run_id(5), run_id(3), run_id(1)]
    assert len(queries.runs(index, since=BEGAN + timedelta(days=4))) == 2
    one = found[0]
    assert (one.cells, one.measured, one.counting, one.closed, one.types) == (6, 6, 6, True, tuple(LEVELS))


def test_a_metric_is_found_by_name_and_the_nearest_is_named(index: HistoryIndex) -> None:
    written(index, nightly(0, LEVELS))
    row = queries.metric_named(index, "triad.all")
    assert (str(row.key), row.instances, row.samples, row.types) == ("stream/triad.all", 6, 30, 2)
    with pytest.raises(UsageError, match=r"triad\.al") as problem:
        queries.metric_named(index, "triad.al")
    assert "stream/triad.all" in (problem.value.fix or "")


def test_an_empty_index_says_how_to_fill_it(index: HistoryIndex) -> None:
    with pytest.raises(UsageError) as problem:
        queries.metric_named(index, None)
    assert problem.value.fix == "benchtui history --sync"
    assert queries.metrics(index) == ()
    assert queries.runs(index) == ()


def test_only_what_is_verified_and_plausible_counts(index: HistoryIndex) -> None:
    written(
        index,
        *(nightly(day, {"c7g.large": 100.0}) for day in range(6)),
        nightly(6, {"c7g.large": 10.0}, verified=False),
        nightly(7, {"c7g.large": 10.0}, doubt="implausible: not-positive"),
    )
    (trend,) = queries.trends(index, queries.metric_named(index, None))
    assert (trend.runs, trend.instances, trend.left_out, trend.changes) == (6, 18, 6, ())


def test_versions_and_regions_are_series_of_their_own(index: HistoryIndex) -> None:
    written(
        index,
        *(nightly(day, {"c7g.large": 100.0}) for day in range(6)),
        *(nightly(day, {"c7g.large": 150.0}, version="2") for day in range(6, 12)),
        *(nightly(day, {"c7g.large": 150.0}, region="eu-west-1") for day in range(12, 18)),
    )
    found = queries.trends(index, queries.metric_named(index, None))
    assert [(one.key.region, one.key.version, one.runs) for one in found] == [
        ("eu-west-1", "1", 6),
        ("us-east-1", "1", 6),
        ("us-east-1", "2", 6),
    ]
    assert not any(one.changes for one in found)
    (only,) = queries.trends(index, queries.metric_named(index, None), where=where("region=eu-west-1"))
    assert only.key.region == "eu-west-1"
    with pytest.raises(UsageError, match=r"c7x\.large"):
        queries.trends(index, queries.metric_named(index, None), types=["c7x.large"])


def test_a_change_is_found_with_what_came_with_it(index: HistoryIndex) -> None:
    written(
        index,
        *(nightly(day, LEVELS) for day in range(10)),
        *(nightly(day, {**LEVELS, "c7g.large": 90.0}, kernel="6.1.0-2") for day in range(10, 20)),
    )
    graviton, intel = queries.trends(index, queries.metric_named(index, None))
    (change,) = graviton.changes
    assert change.since.run == run_id(10)
    assert change.ratio == pytest.approx(0.9, rel=0.01)
    assert change.state is State.SUSPECT
    assert [mark.words for mark in change.marks] == ["kernel 6.1.0-1 → 6.1.0-2"]
    assert intel.changes == ()
    assert [mark.what for mark in intel.marks] == ["kernel"]


@pytest.mark.parametrize(("fresh", "state"), [(90.0, State.CONFIRMED), (100.0, State.NOT_CONFIRMED)])
def test_what_fresh_instances_say_is_read_from_the_run_that_says_what_it_confirms(
    index: HistoryIndex, fresh: float, state: State
) -> None:
    against = tuple(run_id(day) for day in range(10))
    said = ConfirmsDocument(
        suite="stream", metric="triad.all", instance_type="c7g.large", region="us-east-1", since=run_id(10),
        against=against,
    )  # fmt: skip
    written(
        index,
        *(nightly(day, {"c7g.large": 100.0}) for day in range(10)),
        *(nightly(day, {"c7g.large": 90.0}) for day in range(10, 14)),
        nightly(14, {"c7g.large": fresh}, confirms=said),
    )
    (trend,) = queries.trends(index, queries.metric_named(index, None))
    (settled,) = trend.settled
    assert (settled.state, settled.n, settled.since) == (state, 3, run_id(10))
    assert [change.state for change in trend.changes if change.since.run == run_id(10)] == [state]
    assert queries.runs(index, newest=1)[0].confirms == said
