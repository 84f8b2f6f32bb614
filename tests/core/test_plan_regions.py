"""Plans over several regions, of the spot market, and under quotas of vCPUs."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from benchtui.core.catalogue import Catalogue, InstanceType, Market, Missing, Price, VcpuLimit
from benchtui.core.errors import UsageError
from benchtui.core.money import LIST_RATES
from benchtui.core.plan import Included, Matrix, Plan, resolve
from benchtui.core.plan_record import plan_to_dict
from benchtui.core.wave_words import wave_lines
from tests.core.test_plan import LIMITS, NOW, PRICES, TIMINGS, TYPES, matrix

EAST, WEST = "us-east-1", "eu-west-1"


def catalogue(region: str, dearer: str = "0", **changes: Any) -> Catalogue:
    prices = {
        name: replace(price, region=region, usd_per_hour=price.usd_per_hour + Decimal(dearer))
        for name, price in PRICES.items()
    }
    return replace(Catalogue(TYPES, prices, {name: (f"{region}a",) for name in TYPES}), **changes)


def planned(wanted: Matrix, catalogues: dict[str, Catalogue], **changes: Any) -> Plan:
    terms: dict[str, Any] = {
        "name": "test",
        "timings": TIMINGS,
        "architectures": {},
        "limits": LIMITS,
        "volume_gib": 16,
        "rates": LIST_RATES,
        "budget_usd": Decimal(500),
        "seed": 1,
    }
    return resolve(wanted, catalogues=catalogues, **{**terms, **changes})


def both(**changes: Any) -> dict[str, Catalogue]:
    return {EAST: catalogue(EAST), WEST: catalogue(WEST, "0.01", **changes)}


def limit(region: str, vcpus: int, in_use: int | None = 0) -> dict[str, VcpuLimit | Missing]:
    one = VcpuLimit(region, "L-1216C47A", "Running On-Demand Standard (A, C, D) instances", vcpus, in_use)
    return dict.fromkeys(TYPES, one)


def test_every_region_has_all_of_the_matrix_and_replicates_are_numbered_on():
    plan = planned(matrix(types=("c7g.large", "c7i.large"), replicates=2), both())
    places = {job.job: job.region for job in plan.jobs}
    assert places == {
        "c7g.large-1": EAST, "c7g.large-2": EAST, "c7g.large-3": WEST, "c7g.large-4": WEST,
        "c7i.large-1": EAST, "c7i.large-2": EAST, "c7i.large-3": WEST, "c7i.large-4": WEST,
    }  # fmt: skip
    assert {job.price.region for job in plan.jobs if job.region == WEST} == {WEST}
    assert plan.regions == (EAST, WEST)


def test_ids_stay_apart_where_an_included_row_has_more_replicates():
    wanted = matrix(types=("c7g.large",), replicates=2, include=(Included("c7g.large", "hpl", 3),))
    plan = planned(wanted, both())
    assert sorted(job.job for job in plan.jobs) == [f"c7g.large-{n}" for n in range(1, 7)]
    assert next(job for job in plan.jobs if job.job == "c7g.large-6").suites == ("hpl",)


def test_a_region_that_does_not_answer_declines_its_jobs_and_no_others():
    why = Missing("eu-west-1: unknown: no usable answer", "take it out")
    silent = Catalogue(dict.fromkeys(TYPES, why), dict.fromkeys(TYPES, why))
    plan = planned(matrix(types=("c7g.large",)), {EAST: catalogue(EAST), WEST: silent})
    assert sorted(job.job for job in plan.jobs) == ["c7g.large-1", "c7g.large-2"]
    assert {(cell.job, cell.reason) for cell in plan.declined} == {
        ("c7g.large-3", why.reason),
        ("c7g.large-4", why.reason),
    }


def test_with_a_fallback_the_worst_case_is_that_of_the_dearest_region():
    wanted = matrix(types=("c7g.large",), replicates=1)
    plain, falling = planned(wanted, both()), planned(wanted, both(), fallback=True)
    dearest = max(job.worst_case_usd for job in plain.jobs)
    assert {job.worst_case_usd for job in falling.jobs} == {dearest}
    assert min(job.worst_case_usd for job in plain.jobs) < dearest
    first = next(job for job in falling.jobs if job.region == EAST)
    assert first.elsewhere[WEST].usd_per_hour == first.price.usd_per_hour + Decimal("0.01")
    assert not any(job.elsewhere for job in plain.jobs)


def spot(region: str, usd: str) -> dict[str, Price | Missing]:
    return {name: Price(Decimal(usd), "spot price history", NOW, region) for name in TYPES}


def test_spot_is_expected_at_its_price_and_bounded_by_the_price_on_demand():
    wanted = matrix(types=("c7g.large",), replicates=1)
    on_demand = planned(wanted, {EAST: catalogue(EAST)})
    there = {EAST: catalogue(EAST, spot=spot(EAST, "0.02"))}
    plan = planned(wanted, there, market=Market.SPOT)
    (job,) = plan.jobs
    assert job.price.usd_per_hour == Decimal("0.02")
    assert job.price.max_usd_per_hour == PRICES["c7g.large"].usd_per_hour
    assert job.worst_case_usd == on_demand.jobs[0].worst_case_usd
    assert job.expected_usd < on_demand.jobs[0].expected_usd
    assert {each.market for each in plan.jobs} == {Market.SPOT}, "one plan, one market"


def test_a_cap_of_ones_own_bounds_the_worst_case_and_declines_what_costs_more():
    wanted = matrix(types=("c7g.large",), replicates=1)
    there = {EAST: catalogue(EAST, spot=spot(EAST, "0.02"))}
    capped = planned(wanted, there, market=Market.SPOT, spot_max={"us-east-1/c7g.large": Decimal("0.03")})
    assert capped.jobs[0].price.max_usd_per_hour == Decimal("0.03")
    assert capped.worst_case_usd < planned(wanted, there, market=Market.SPOT).worst_case_usd
    low = planned(wanted, there, market=Market.SPOT, spot_max={"c7g.large": Decimal("0.01")})
    assert not low.jobs
    assert "costs 0.02 USD an hour, more than the 0.01" in low.declined[0].reason


def test_an_unknown_spot_price_declines():
    plan = planned(matrix(types=("c7g.large",)), {EAST: catalogue(EAST)}, market=Market.SPOT)
    assert not plan.jobs
    assert plan.declined[0].reason == "no spot price is known for c7g.large in us-east-1"


def test_waves_are_what_fits_into_the_free_part_of_the_quota_in_launch_order():
    there = {EAST: catalogue(EAST, limits=limit(EAST, 8))}
    plan = planned(matrix(types=("c7g.large", "c7i.large"), replicates=5), there)
    assert [(wave.number, len(wave.jobs), wave.vcpus) for wave in plan.waves] == [
        (1, 4, 8),
        (2, 4, 8),
        (3, 2, 4),
    ]
    assert [job for wave in plan.waves for job in wave.jobs] == [job.job for job in plan.jobs]
    assert plan.longest_expected_seconds == 3 * plan.jobs[0].expected_seconds
    assert wave_lines(plan) == (
        "vCPU quota of us-east-1: 8, 0 in use; 3 waves",
        "  wave 1: 4 jobs 8 vCPU",
        "  wave 2: 4 jobs 8 vCPU",
        "  wave 3: 2 jobs 4 vCPU",
        "for one wave: aws service-quotas request-service-quota-increase --service-code ec2 "
        "--quota-code L-1216C47A --desired-value 20 --region us-east-1",
    )
    body = json.loads(json.dumps(plan_to_dict(plan)))
    assert [wave["vcpus"] for wave in body["waves"]] == [8, 8, 4]
    assert body["quotas"][0]["vcpus"] == 8


def test_what_others_use_counts_and_a_job_too_large_for_the_rest_waits_alone():
    there = {EAST: catalogue(EAST, limits=limit(EAST, 8, in_use=7))}
    plan = planned(matrix(types=("c7g.large",), replicates=2), there)
    assert [wave.vcpus for wave in plan.waves] == [2, 2]
    assert "--desired-value 11" in plan.quota_requests[0]


def test_each_region_has_waves_of_its_own():
    there = {EAST: catalogue(EAST, limits=limit(EAST, 4)), WEST: catalogue(WEST, limits=limit(WEST, 100))}
    plan = planned(matrix(types=("c7g.large",), replicates=4), there)
    assert sorted((wave.region, wave.number, wave.vcpus) for wave in plan.waves) == [
        (WEST, 1, 8),
        (EAST, 1, 4),
        (EAST, 2, 4),
    ]
    assert plan.waves_in_a_row == 2


def test_a_type_larger_than_the_quota_can_never_run():
    types = {**TYPES, "c7g.large": InstanceType("c7g.large", "arm64", 16, 16, 1, 4096)}
    plan = planned(matrix(types=("c7g.large", "c7i.large"), replicates=1), {
        EAST: catalogue(EAST, types=types, limits=limit(EAST, 8))
    })  # fmt: skip
    assert [job.instance_type for job in plan.jobs] == ["c7i.large"]
    assert plan.declined[0].reason.startswith("quota: c7g.large has 16 vCPUs, and the account may run 8")
    assert "--desired-value 16" in str(plan.declined[0].fix)


def test_a_quota_that_is_not_known_is_said_and_makes_one_wave():
    unknown: dict[str, Any] = dict.fromkeys(TYPES, Missing("denied: GetServiceQuota"))
    plan = planned(matrix(types=("c7g.large",), replicates=9), {EAST: catalogue(EAST, limits=unknown)})
    assert [len(wave.jobs) for wave in plan.waves] == [9]
    assert wave_lines(plan) == (
        "vCPU quota not known, launched by EC2's answers alone: us-east-1: denied: GetServiceQuota",
    )


def test_no_region_is_no_plan():
    with pytest.raises(UsageError, match="the plan is empty"):
        planned(matrix(), {})
