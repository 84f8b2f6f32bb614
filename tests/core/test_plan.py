import itertools
import json
import math
import random
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.catalogue import Catalogue, InstanceType, Missing, Price, config_price
from benchtui.core.errors import UsageError
from benchtui.core.money import LIST_RATES, Limits
from benchtui.core.plan import Excluded, Included, Matrix, draw_seed, resolve
from benchtui.core.plan_record import plan_to_dict
from benchtui.core.timing import BOOT_S, Timing, expected_seconds

NOW = datetime(2026, 11, 24, 2, 15, 33, tzinfo=UTC)
LIMITS = Limits(max_runtime=14400, emergency_grace=3600, boot_allowance=300, heartbeat=30)
TYPES = {
    "c7g.large": InstanceType("c7g.large", "arm64", 2, 2, 1, 4096),
    "c7i.large": InstanceType("c7i.large", "x86_64", 2, 1, 2, 4096),
    "c7a.large": InstanceType("c7a.large", "x86_64", 2, 2, 1, 4096),
}
PRICES = {
    "c7g.large": Price(Decimal("0.0725"), "pricing-api", NOW, "us-east-1"),
    "c7i.large": Price(Decimal("0.08925"), "pricing-api", NOW, "us-east-1"),
    "c7a.large": Price(Decimal("0.10264"), "pricing-api", NOW, "us-east-1"),
}
TIMINGS = {
    "stream": {"quick": Timing(8, 30), "full": Timing(8, 90, share=0.9)},
    "hpl": {"quick": Timing(12, 600)},
    "avx": {"quick": Timing(1, 60), "full": Timing(1, 600)},
}


def matrix(**changes):
    base = {"types": tuple(TYPES), "suites": ("stream",), "replicates": 2, "mode": "quick"}
    return Matrix(**{**base, **changes})


def resolved(matrix, **changes):
    terms = {
        "name": "test",
        "timings": TIMINGS,
        "architectures": {"avx": frozenset({"x86_64"})},
        "limits": LIMITS,
        "volume_gib": 16,
        "rates": LIST_RATES,
        "budget_usd": Decimal("5.00"),
        "seed": 1,
    }
    types, prices = changes.pop("types", TYPES), changes.pop("prices", PRICES)
    terms["catalogues"] = {changes.pop("region", "us-east-1"): Catalogue(types, prices)}
    return resolve(matrix, **{**terms, **changes})


def cells(plan):
    return {(job.job, suite) for job in plan.jobs for suite in job.suites}


def test_one_job_per_type_and_replicate_with_its_suites_in_order():
    plan = resolved(matrix(suites=("stream", "hpl")))
    assert sorted(job.job for job in plan.jobs) == [f"{name}-{n}" for name in sorted(TYPES) for n in (1, 2)]
    assert all(job.suites == ("stream", "hpl") for job in plan.jobs)
    assert plan.cells == 12


def test_a_job_knows_its_topology_price_time_and_cost():
    plan = resolved(matrix(types=("c7i.large",), replicates=1, suites=("stream", "hpl")))
    (job,) = plan.jobs
    assert (job.vcpus, job.cores, job.threads_per_core, job.arch) == (2, 1, 2, "x86_64")
    assert job.price == PRICES["c7i.large"]
    assert job.expected_seconds == BOOT_S + 8 + 30 + 12 + 600
    assert Decimal(0) < job.expected_usd < job.worst_case_usd
    assert plan.worst_case_usd == job.worst_case_usd


def test_the_time_is_that_of_the_chosen_mode():
    plan = resolved(matrix(types=("c7i.large",), replicates=1, mode="full"))
    assert plan.jobs[0].expected_seconds == math.ceil((BOOT_S + 8) * 10)


def test_measuring_that_shall_be_a_share_grows_with_boot_and_set_up():
    assert expected_seconds([Timing(8, 90, 0.9)]) == (BOOT_S + 8) * 10
    assert expected_seconds([Timing(8, 90)]) == BOOT_S + 8 + 90
    assert expected_seconds([Timing(8, 900, 0.9)]) == BOOT_S + 8 + 900, "it is enough as it is"
    together = expected_seconds([Timing(8, 90, 0.9), Timing(52, 180, 0.9)])
    assert together == (BOOT_S + 60) * 10
    mixed = expected_seconds([Timing(8, 90, 0.9), Timing(52, 90)])
    assert BOOT_S + 60 + 180 < mixed < (BOOT_S + 60) * 10


def test_no_two_replicates_of_a_type_are_adjacent():
    plan = resolved(matrix(replicates=5))
    order = [job.instance_type for job in plan.jobs]
    assert all(a != b for a, b in itertools.pairwise(order))


def test_the_same_seed_gives_the_same_plan_and_another_one_another_order():
    big = matrix(replicates=5)
    assert resolved(big, seed=7) == resolved(big, seed=7)
    assert len({tuple(job.job for job in resolved(big, seed=seed).jobs) for seed in range(20)}) > 15


def test_include_adds_cells_and_shares_jobs_with_the_matrix():
    plan = resolved(
        matrix(
            types=("c7g.large",), include=(Included("c7g.large", "hpl", 3), Included("c7i.large", None, 1))
        )
    )
    assert {job.job: job.suites for job in plan.jobs} == {
        "c7g.large-1": ("stream", "hpl"),
        "c7g.large-2": ("stream", "hpl"),
        "c7g.large-3": ("hpl",),
        "c7i.large-1": ("stream",),
    }


def test_excluded_cells_are_not_planned_at_all():
    plan = resolved(
        matrix(suites=("stream", "hpl"), exclude=(Excluded("c7g.large", "hpl"), Excluded("c7a.large", None)))
    )
    assert {(job.rsplit("-", 1)[0], suite) for job, suite in cells(plan)} == {
        ("c7g.large", "stream"),
        ("c7i.large", "stream"),
        ("c7i.large", "hpl"),
    }
    assert plan.declined == ()


def test_an_exclude_that_matches_nothing_is_said():
    notes = resolved(matrix(exclude=(Excluded("c7x.large"), Excluded(None, "hlp")))).notes
    assert "exclude (c7x.large) matches nothing in the plan" in notes
    assert "exclude (hlp) matches nothing in the plan" in notes


def test_without_a_price_a_job_is_declined_with_the_reason_and_the_rest_goes_on():
    prices = {**PRICES, "c7i.large": Missing("the Pricing API has two prices for c7i.large", "give your own")}
    plan = resolved(matrix(), prices=prices)
    assert {(cell.job, cell.reason, cell.fix) for cell in plan.declined} == {
        (f"c7i.large-{n}", "the Pricing API has two prices for c7i.large", "give your own") for n in (1, 2)
    }
    assert len(plan.jobs) == 4
    assert "c7i.large" not in {job.instance_type for job in plan.jobs}


def test_absent_types_and_prices_are_declined_with_a_way_out():
    plan = resolved(matrix(types=("c7g.large", "c7gg.large"), replicates=1), prices={})
    assert {(cell.instance_type, cell.reason, cell.fix) for cell in plan.declined} == {
        (
            "c7g.large",
            "no price is known for c7g.large in us-east-1",
            'give your own: [prices.on_demand] "c7g.large" = USD per hour',
        ),
        ("c7gg.large", "c7gg.large is not an instance type of us-east-1", "did you mean c7g.large?"),
    }
    assert plan.jobs == ()
    assert plan.budget.fits


def test_a_suite_that_does_not_run_on_an_architecture_declines_its_cell_alone():
    plan = resolved(matrix(types=("c7g.large", "c7i.large"), replicates=1, suites=("stream", "avx")))
    assert cells(plan) == {("c7g.large-1", "stream"), ("c7i.large-1", "stream"), ("c7i.large-1", "avx")}
    assert [(cell.job, cell.suite, cell.reason) for cell in plan.declined] == [
        ("c7g.large-1", "avx", "suite avx does not run on arm64")
    ]


def test_a_job_with_no_suite_left_is_not_launched():
    plan = resolved(matrix(types=("c7g.large",), suites=("avx",)))
    assert (plan.jobs, len(plan.declined), plan.cells) == ((), 2, 2)


@pytest.mark.parametrize(
    ("wrong", "what", "fix"),
    [
        ({"types": ()}, "no instance types", "[plan] types"),
        ({"suites": ("straem",)}, "there is no suite straem", "did you mean stream?"),
        (
            {"suites": ("stream", "hpl"), "mode": "full"},
            "suite hpl has no mode full, only quick",
            "[plan] mode; or declare [modes.full]",
        ),
        ({"suites": ()}, "the plan is empty", "[plan] suites"),
        ({"exclude": (Excluded(None, "stream"),)}, "the plan is empty", "exclude"),
        ({"replicates": 4000}, "the plan has 12000 jobs", "replicates"),
    ],
)
def test_what_cannot_be_planned_is_a_usage_error(wrong, what, fix):
    with pytest.raises(UsageError) as caught:
        resolved(matrix(**wrong))
    assert what in caught.value.what
    assert fix in caught.value.fix
    assert caught.value.exit_code == 2


def test_the_budget_verdict_says_how_far_it_reaches_in_launch_order():
    plan = resolved(matrix(), budget_usd=Decimal("1.40"))
    assert not plan.budget.fits
    reserved = Decimal(0)
    for count, job in enumerate(plan.jobs):
        reserved += job.worst_case_usd
        if reserved > Decimal("1.40"):
            assert plan.budget.jobs_covered == count
            break
    exact = resolved(matrix(), budget_usd=plan.worst_case_usd).budget
    assert (exact.fits, exact.jobs_covered) == (True, 6)
    assert not resolved(matrix(), budget_usd=plan.worst_case_usd - Decimal("0.000001")).budget.fits


def test_a_job_that_the_budget_does_not_cover_does_not_decline_a_cheaper_one_after_it():
    dear_first = next(
        seed for seed in range(50) if resolved(matrix(), seed=seed).jobs[0].instance_type != "c7g.large"
    )
    worst = {job.instance_type: job.worst_case_usd for job in resolved(matrix()).jobs}
    budget_usd = worst["c7g.large"]
    plan = resolved(matrix(), budget_usd=budget_usd, seed=dear_first)
    assert [job.instance_type for job in plan.covered] == ["c7g.large"]
    assert plan.jobs[0].job in plan.budget.declined
    assert (plan.budget.jobs_covered, len(plan.budget.declined)) == (1, 5)
    assert plan.budget.at_most_usd == budget_usd < plan.worst_case_usd
    assert plan_to_dict(plan)["budget"]["declined"] == list(plan.budget.declined)
    nothing = resolved(matrix(), budget_usd=min(worst.values()) - Decimal("0.000001"))
    assert (nothing.budget.jobs_covered, nothing.covered) == (0, ())


def test_notes_say_what_will_not_be_ranked_and_what_will_not_finish():
    tight = Limits(max_runtime=500, emergency_grace=60, boot_allowance=300, heartbeat=30)
    notes = resolved(matrix(types=("c7g.large",), suites=("stream", "hpl")), limits=tight).notes
    assert "fewer than 3 replicates, shown but not ranked: c7g.large" in notes
    assert "expected to be stopped by max_runtime before the end: c7g.large-1, c7g.large-2" in notes
    assert resolved(matrix(replicates=3)).notes == ()


def test_json_has_money_as_text_and_times_with_zone():
    plan = resolved(matrix(types=("c7g.large", "no.type"), replicates=1))
    body = json.loads(json.dumps(plan_to_dict(plan)))
    (job,) = body["jobs"]
    assert job["price"] == {
        "usd_per_hour": "0.0725",
        "max_usd_per_hour": None,
        "basis": "pricing-api",
        "as_of": "2026-11-24T02:15:33+00:00",
        "region": "us-east-1",
    }
    assert Decimal(job["worst_case_usd"]) == sum(Decimal(item["usd"]) for item in job["worst_case_items"])
    assert body["worst_case_usd"] == job["worst_case_usd"]
    assert body["declined"][0]["reason"] == "no.type is not an instance type of us-east-1"
    assert (body["v"], body["type"], body["seed"], body["cells"]) == (1, "plan", 1, 2)
    assert not _floats(body)


def _floats(value):
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, float) or any(_floats(part) for part in parts)


def test_a_negotiated_price_of_the_region_beats_the_general_one():
    rates = {"c7g.large": Decimal("0.06"), "us-west-2/c7g.large": Decimal("0.05")}
    assert config_price(rates, "us-west-2", "c7g.large", NOW).usd_per_hour == Decimal("0.05")
    assert config_price(rates, "us-east-1", "c7g.large", NOW) == Price(
        Decimal("0.06"), "config", NOW, "us-east-1"
    )
    assert config_price(rates, "us-east-1", "c7i.large", NOW) is None


def test_a_seed_is_short_enough_to_type():
    assert all(0 <= draw_seed(random.Random(n)) < 10**9 for n in range(100))


NAMES = st.sampled_from([*TYPES, "x9.large"])
SUITES = st.sampled_from(list(TIMINGS))


@given(
    types=st.lists(NAMES, unique=True, max_size=4),
    suites=st.lists(SUITES, unique=True, max_size=3),
    replicates=st.integers(1, 6),
    include=st.lists(
        st.builds(Included, NAMES, st.none() | SUITES, st.none() | st.integers(1, 6)), max_size=3
    ),
    exclude=st.lists(st.builds(Excluded, st.none() | NAMES, SUITES), max_size=3),
    seed=st.integers(0, 2**32),
)
def test_every_cell_of_any_matrix_is_planned_once_or_declined_once(
    types, suites, replicates, include, exclude, seed
):
    expected = set()
    for name, only, count in [(name, None, None) for name in types] + [
        (row.instance_type, row.suite, row.replicates) for row in include
    ]:
        for suite in suites if only is None else [only]:
            if not any(
                rule.instance_type in (None, name) and rule.suite in (None, suite) for rule in exclude
            ):
                expected |= {(f"{name}-{n}", suite) for n in range(1, (count or replicates) + 1)}
    wanted = matrix(
        types=tuple(types),
        suites=tuple(suites),
        replicates=replicates,
        include=tuple(include),
        exclude=tuple(exclude),
    )
    if not expected:
        with pytest.raises(UsageError):
            resolved(wanted, seed=seed)
        return
    plan = resolved(wanted, seed=seed)
    found = Counter([(job.job, suite) for job in plan.jobs for suite in job.suites])
    found.update((cell.job, cell.suite) for cell in plan.declined)
    assert set(found) == expected
    assert set(found.values()) == {1}
    assert plan.cells == len(expected)
    order = [job.instance_type for job in plan.jobs]
    if order and max(Counter(order).values()) <= (len(order) + 1) // 2:
        assert all(a != b for a, b in itertools.pairwise(order))
    assert plan.worst_case_usd == sum(job.worst_case_usd for job in plan.jobs)
