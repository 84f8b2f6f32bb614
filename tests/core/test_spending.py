"""A run's money, by hand: what is spent, held, burnt and projected."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.keys import JobState
from benchtui.core.spending import hourly_usd, spending_of, spent_by
from benchtui.core.states import Ec2State, JobStatus
from benchtui.engine.snapshot import JobRow, Snapshot
from tests.engine import fleet

VOLUME_HOUR = Decimal("0.000889")  # 8 GB at 0.08 a month of 720 h, rounded up to a millionth
HOUR = Decimal("0.0725") + VOLUME_HOUR + Decimal("0.005")


def at(minutes: float) -> Any:
    return fleet.after(60 * minutes)


def alive(job: str, spent: str = "0.02", since: float = 0, **changes: Any) -> JobRow:
    view = fleet.instance(job, launched_at=at(since))
    row = fleet.row(fleet.running(job, instance=view), spent, **changes)
    return dataclasses.replace(row, launched_at=at(since))


def done(job: str, spent: str = "0.01", since: float = 0, until: float = 5, **changes: Any) -> JobRow:
    view = fleet.instance(job, Ec2State.TERMINATED, launched_at=at(since))
    status = JobStatus(job, JobState.COMPLETED, instance=view, finished=True)
    return dataclasses.replace(fleet.row(status, spent, **changes), launched_at=at(since), ended_at=at(until))


def planned(job: str, **changes: Any) -> JobRow:
    return fleet.row(JobStatus(job, JobState.PLANNED), None, **changes)


def seen(*rows: JobRow, minutes: float = 2, **changes: Any) -> Snapshot:
    return fleet.snapshot(rows, at=60 * minutes, **changes)


def test_spent_is_the_sum_and_what_is_not_known_is_counted_not_guessed() -> None:
    forgotten = fleet.row(JobStatus("c7i.large-9", JobState.LOST), None)
    money = spending_of(seen(alive("c7g.large-1"), done("c7i.large-1"), planned("c7i.large-2"), forgotten))
    assert money.spent_usd == Decimal("0.03")
    assert money.unaccounted == 1


def test_held_is_the_worst_case_of_what_can_still_cost_less_what_it_has_spent() -> None:
    money = spending_of(seen(alive("c7g.large-1"), done("c7i.large-1"), planned("c7i.large-2")))
    assert money.held_usd == (Decimal("0.38") - Decimal("0.02")) + Decimal("0.38")
    assert money.at_most_usd == money.spent_usd + money.held_usd
    assert money.headroom_usd == money.cap_usd - money.at_most_usd


def test_nothing_is_held_for_a_job_that_will_never_be_launched() -> None:
    rows = seen(done("c7i.large-1"), planned("c7i.large-2"))
    assert spending_of(rows).held_usd == Decimal("0.38")
    over = spending_of(rows, over=True)
    assert over.held_usd == 0
    assert over.ends_at is None
    assert over.projected_usd == over.spent_usd
    assert over.projection == ()


def test_an_instance_that_outlives_its_worst_case_holds_nothing_negative() -> None:
    assert spending_of(seen(alive("c7g.large-1", "0.50"))).held_usd == 0


def test_burn_counts_instance_volume_and_address_of_what_is_alive() -> None:
    money = spending_of(seen(alive("c7g.large-1"), alive("c7g.large-2"), done("c7i.large-1")))
    assert money.live == 2
    assert money.burn_usd_per_hour == 2 * HOUR


def test_the_projection_ends_with_the_last_job_as_expected() -> None:
    money = spending_of(seen(alive("c7g.large-1"), alive("c7i.large-1", since=1), minutes=2))
    assert money.ends_at == at(6), "five minutes are expected of each"
    growth = money.projected_usd - money.spent_usd
    expected = HOUR * (3 + 4) / 60  # minutes still to come
    assert abs(growth - expected) < Decimal("0.00001")
    assert [point.usd for point in money.projection] == [money.spent_usd, money.projected_usd]


def test_a_job_beyond_what_was_expected_is_taken_to_live_to_its_hard_end() -> None:
    money = spending_of(seen(alive("c7g.large-1"), minutes=20))
    assert money.ends_at == money.ends_latest == fleet.after(18660)


def test_an_instance_past_its_own_end_is_projected_to_now_not_to_the_past() -> None:
    money = spending_of(seen(alive("c7g.large-1"), minutes=400))
    assert money.ends_at == at(400)
    assert money.projected_usd == money.spent_usd


def test_a_planned_job_is_projected_at_what_is_expected_of_it() -> None:
    money = spending_of(seen(planned("c7i.large-2")))
    assert money.projected_usd == Decimal("0.01")
    assert money.ends_at == at(7)


def test_the_hard_end_is_not_known_when_one_instance_carries_none() -> None:
    untold = fleet.running("c7i.large-1", instance=fleet.instance("c7i.large-1", expires_at=None))
    money = spending_of(seen(alive("c7g.large-1"), fleet.row(untold)))
    assert money.ends_latest is None


def test_types_are_split_dearest_first_and_add_up() -> None:
    money = spending_of(
        seen(alive("c7g.large-1", "0.02"), done("c7i.large-1", "0.09"), planned("c7a.large-1"))
    )
    assert [part.instance_type for part in money.by_type] == ["c7i.large", "c7g.large", "c7a.large"]
    assert [part.spent_usd for part in money.by_type] == [Decimal("0.09"), Decimal("0.02"), None]
    assert sum(part.spent_usd or 0 for part in money.by_type) == money.spent_usd
    assert sum(part.held_usd for part in money.by_type) == money.held_usd


def test_prices_tell_where_they_are_from_and_how_old_the_oldest_is() -> None:
    older = {
        "price": {
            "usd_per_hour": "0.09",
            "basis": "list price",
            "as_of": at(-60),
            "region": "us-west-2",
        }
    }
    own = {"price": {"usd_per_hour": "0.01", "basis": "config", "as_of": at(0), "region": "us-west-2"}}
    money = spending_of(
        seen(alive("c7g.large-1"), alive("c7i.large-1", **older), alive("c7a.large-1", **own))
    )
    bases = {basis.basis: basis for basis in money.bases}
    assert bases["list price"].as_of == at(-60)
    assert bases["list price"].types == ("c7g.large", "c7i.large")
    assert bases["config"].types == ("c7a.large",)


def test_the_curve_steps_at_launches_and_stands_still_after_an_end() -> None:
    money = spending_of(seen(done("c7g.large-1", "0.05", since=0, until=5), minutes=10))
    assert money.series[0].at == at(0)
    assert money.series[0].usd == Decimal("0.01"), "a minute of five is billed at once"
    assert money.series[-1] == dataclasses.replace(money.series[-1], at=at(10), usd=Decimal("0.05"))
    late = [point.usd for point in money.series if point.at >= at(5)]
    assert all(abs(usd - Decimal("0.05")) <= Decimal("0.000001") for usd in late)
    half = min(money.series, key=lambda point: abs(point.at - at(2.5)))
    assert abs(half.usd - Decimal("0.025")) < Decimal("0.002")


def test_a_run_without_any_instance_has_no_curve() -> None:
    assert spending_of(seen(planned("c7i.large-2"))).series == ()


lives = st.tuples(st.integers(0, 600), st.integers(0, 600), st.integers(1, 900_000), st.booleans())


@given(st.lists(lives, min_size=1, max_size=12))
def test_every_curve_rises_and_ends_at_what_is_spent(drawn: list[tuple[int, int, int, bool]]) -> None:
    rows = []
    for number, (since, lasted, millionths, ended) in enumerate(drawn, 1):
        spent = str(Decimal(millionths) / 10**6)
        if ended:
            rows.append(done(f"c7g.large-{number}", spent, since / 60, (since + lasted) / 60))
        else:
            rows.append(alive(f"c7g.large-{number}", spent, since / 60))
    money = spending_of(seen(*rows, minutes=30))
    amounts = [point.usd for point in money.series]
    times = [point.at for point in money.series]
    assert times == sorted(set(times))
    # Each point is rounded up on its own.
    assert all(b - a >= -Decimal("0.000002") for a, b in pairwise(amounts))
    assert amounts[-1] == money.spent_usd
    assert money.projected_usd >= money.spent_usd
    assert money.held_usd >= 0


def test_the_rate_of_an_instance_is_that_of_its_type_and_region() -> None:
    run = fleet.run_of([fleet.planned("c7g.large-1")])
    assert hourly_usd(run, fleet.instance("c7g.large-1")) == HOUR
    assert hourly_usd(run, fleet.instance("c7g.large-7")) == HOUR, "whatever job its tag names"
    assert hourly_usd(run, fleet.instance("c7i.large-1")) is None
    assert hourly_usd(run, fleet.instance("c7g.large-1", region="eu-west-1")) is None
    assert hourly_usd(None, fleet.instance("c7g.large-1")) is None


def test_what_an_instance_has_cost_by_a_time() -> None:
    run = fleet.run_of([fleet.planned("c7g.large-1")])
    spent = spent_by(run, fleet.instance("c7g.large-1"), fleet.T0 + timedelta(hours=2))
    assert spent is not None
    assert abs(spent - 2 * HOUR) < Decimal("0.00001")
    assert spent_by(None, fleet.instance("c7g.large-1"), fleet.T0) is None


@pytest.mark.long
@pytest.mark.parametrize("jobs", [5_000])
def test_a_large_run_is_added_up_within_a_second(jobs: int) -> None:
    import time

    rows = [alive(f"c7g.large-{n}", since=n / 1000) for n in range(1, jobs + 1)]
    snapshot = seen(*rows, minutes=30)
    before = time.process_time()
    spending_of(snapshot)
    assert time.process_time() - before < 1
