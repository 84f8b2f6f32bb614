"""benchtui's own results: what a real one looks like is plausible, and a replayed one is not."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.core.compare import compare
from benchtui.core.documents import ResultDocument, RunDocument, SystemDocument
from benchtui.core.instance_results import Basis, MetricKey, headline_keys, metric_keys, normalise
from benchtui.core.plausibility import Judgement, Plausibility
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.engine.comparing import instance_results
from tests.comparing import document, metric, result, run_of

JOBS = tuple(f"{name}-{number}" for name in ("c7g.large", "c7i.large") for number in (1, 2, 3))
TRIAD = MetricKey("stream", "triad.all")


def measured(run: RunDocument, job: str, **changes: Any) -> ResultDocument:
    """A result with samples of its own, as stream writes them."""
    drawn = random.Random(job)
    samples = []
    for repetition in range(5):
        seconds = 805306368 / 46e9 * drawn.gauss(1, 0.02)
        samples.append(
            {
                "value": 805306368 / seconds / 1e9,
                "seconds": seconds,
                "bytes": 805306368,
                "run": "all",
                "repetition": repetition,
            }
        )
    metrics = {"triad.all": {"unit": "GB/s", "higher_is_better": True, "samples": samples}}
    facts = {"repetitions.all": {"count": 5}, "process.all.0": {"timer_tick_seconds": 2.4e-8}}
    return document(run, job, **({"metrics": metrics, "facts": facts} | changes))


@pytest.fixture
def run() -> RunDocument:
    return run_of(*JOBS)


def results(run: RunDocument, **others: ResultDocument) -> dict[tuple[str, str], ResultDocument | str]:
    return {
        (job, "stream"): others.get(job.replace(".", "_").replace("-", "_"), measured(run, job))
        for job in JOBS
    }


def judged(run: RunDocument, one: ResultDocument, **more: Any) -> Judgement:
    (judgements,) = judge_runs((Evidence(run, {(one.job, one.suite): one}, **more),))
    return judgements[one.job, one.suite]


def test_what_was_measured_is_plausible_and_ranked(run: RunDocument):
    (judgements,) = judge_runs((Evidence(run, results(run)),))
    assert {cell: one.findings for cell, one in judgements.items()} == {(job, "stream"): () for job in JOBS}
    assert all(one.ranked for one in judgements.values())


ODD = st.sampled_from([0.0, -1.0, 5e-324, 1e-300, 1.7e308, 46.1, 42.0]) | st.floats(
    allow_nan=False, allow_infinity=False
)


@settings(deadline=None)
@given(
    values=st.lists(st.tuples(ODD, st.none() | ODD.map(abs)), min_size=1, max_size=4),
    name=st.sampled_from(
        ["latency.l1.one", "latency.dram.one", "read.l2.one", "hpl.all", "peak.fp64.all", "x"]
    ),
    unit=st.sampled_from(["GB/s", "GFLOP/s", "ns", "cycles", "1", "points", ""]),
    suite=st.sampled_from(["stream", "cache", "hpl", "mixed_precision", "mine"]),
    median=st.none() | ODD,
)
def test_whatever_numbers_a_result_holds_it_is_judged(
    values: Any, name: str, unit: str, suite: str, median: Any
):
    run = run_of("c7g.large-1", "c7i.large-1")
    samples = [
        {"value": value, "seconds": seconds, "bytes": value, "n": value, "flops": value, "passes": 2}
        for value, seconds in values
    ]
    metric = {"unit": unit, "higher_is_better": True, "samples": samples, "median": median}
    metrics = {name: metric, "latency.l3.one": metric, "other": metric}
    cells = {
        (job, suite): measured(run, job, suite=suite, metrics=metrics)
        for job in ("c7g.large-1", "c7i.large-1")
    }
    (judgements,) = judge_runs((Evidence(run, cells),))
    assert set(judgements) == set(cells)


def test_declined_and_broken_results_are_not_judged(run: RunDocument):
    cells = {("c7g.large-1", "stream"): "not JSON"}
    cells |= {("c7g.large-2", "stream"): measured(run, "c7g.large-2", outcome="declined", metrics={})}
    assert judge_runs((Evidence(run, cells),)) == ({},)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda run: {"started_at": run.created_at - timedelta(days=1)}, "predates-run"),
        (lambda run: {"finished_at": run.created_at}, "ends-before-it-starts"),
        (lambda run: {"raw_sha256": None}, "checksum-missing"),
        (lambda run: {"raw_sha256": hashlib.sha256(b"").hexdigest()}, "checksum-of-nothing"),
        (lambda run: {"facts": {"repetitions.all": {"count": 2}}}, "runs-contradiction"),
        (
            lambda run: {"facts": {"process.all.0": {"timer_tick_seconds": 1e-3}}},
            "time-below-timer-resolution",
        ),
    ],
)
def test_a_result_that_cannot_be_is_refused(run: RunDocument, change: Any, rule: str):
    one = judged(run, measured(run, "c7g.large-1", **change(run)))
    assert one.rules == (rule,)
    assert not one.ranked


def test_work_that_does_not_fit_rate_and_time_is_refused(run: RunDocument):
    whole = measured(run, "c7g.large-1")
    half = [sample.model_dump() | {"bytes": 402653184} for sample in whole.metrics["triad.all"].samples]
    metrics = {"triad.all": {"unit": "GB/s", "higher_is_better": True, "samples": half}}
    one = judged(run, measured(run, "c7g.large-1", metrics=metrics))
    assert one.rules == ("rate-contradiction",)


def test_raw_output_and_system_description_have_to_be_those_of_the_result(run: RunDocument):
    one = measured(run, "c7g.large-1", cpu_model="AWS Graviton3")
    system = SystemDocument(
        run=run.run,
        job=one.job,
        provider="aws",
        instance_id=one.instance_id,
        instance_type="c7g.large",
        cpu_model="Intel(R) Xeon(R) Platinum 8488C",
        cpu_vendor="GenuineIntel",
        arch="x86_64",
    )
    cell = (one.job, "stream")
    found = judged(run, one, systems={one.job: system}, raw_sha256={cell: "ab" * 32})
    assert found.rules == ("architecture-mislabel", "raw-output-mismatch", "system-contradiction")
    assert found.numbers is Plausibility.PLAUSIBLE
    assert judged(run, one, raw_sha256={cell: one.raw_sha256}).ranked


def test_a_replay_under_another_jobs_name_is_implausible_there_and_where_it_is_from(run: RunDocument):
    first = measured(run, "c7g.large-1")
    metrics = {name: one.model_dump() for name, one in first.metrics.items()}
    cells = results(run, c7i_large_1=measured(run, "c7i.large-1", metrics=metrics))
    (judgements,) = judge_runs((Evidence(run, cells),))
    assert {job for (job, _), one in judgements.items() if "replayed-samples" in one.rules} == {
        "c7g.large-1",
        "c7i.large-1",
    }
    rows = instance_results(run, cells, {}, judgements)
    there = compare(rows, keys=[TRIAD])
    shown = there.row("c7i.large").cells[0]
    assert (shown.n, shown.ranked) == (2, False)
    assert shown.not_ranked == "2 instances of 3 verified and plausible, 3 needed"
    assert shown.doubted[0].startswith("c7i.large-1: implausible: ")
    assert "those of c7g.large-1" in shown.doubted[0]


def test_what_a_suite_computes_may_be_the_same_on_every_instance(run: RunDocument):
    def cell(job: str, *values: float) -> ResultDocument:
        samples = [{"value": value} for value in values]
        metrics = {"digits": {"unit": "points", "higher_is_better": True, "samples": samples}}
        return measured(run, job, metrics=metrics)

    jobs = ("c7g.large-1", "c7i.large-1")
    for values, ranked in (((3.14159265, 3.14159265), True), ((3.14159265, 3.14159267), False)):
        (judgements,) = judge_runs((Evidence(run, {(job, "stream"): cell(job, *values) for job in jobs}),))
        assert [one.ranked for one in judgements.values()] == [ranked, ranked]


def test_a_replay_from_an_earlier_run_is_seen_where_both_are_compared(run: RunDocument):
    later = run_of(*JOBS, run="20261125-135100-k3f7")
    first = measured(run, "c7g.large-1")
    metrics = {name: one.model_dump() for name, one in first.metrics.items()}
    copy = measured(later, "c7i.large-1", metrics=metrics)
    of_first, of_later = judge_runs(
        [
            Evidence(run, {("c7g.large-1", "stream"): first}),
            Evidence(later, {("c7i.large-1", "stream"): copy}),
        ]
    )
    assert "replayed-samples" in of_first["c7g.large-1", "stream"].rules
    told = of_later["c7i.large-1", "stream"].told
    assert any(f"{run.run}/c7g.large-1" in line for line in told)


def test_where_nothing_is_plausible_the_figure_is_shown_with_the_reason():
    doubt = "implausible: dram-latency-below-40ns: latency.dram is 1.9 ns"
    bad = [result("c7g.large", n, metrics={"triad.all": metric_with(doubt=doubt)}) for n in (1, 2, 3)]
    shown = compare(bad).row("c7g.large").cells[0]
    assert shown.estimate is not None
    assert (shown.ranked, shown.not_ranked, shown.implausible) == (False, doubt, True)


def metric_with(**changes: Any) -> Any:
    return replace(metric(46.1), **changes)


@pytest.mark.parametrize(
    ("whose", "why"), [("thread", "one thread's figure"), ("none", "does not grow"), ("later", "does not")]
)
@pytest.mark.parametrize("basis", [Basis.VCPU, Basis.CORE, Basis.DOLLAR])
def test_only_a_figure_of_the_whole_instance_is_divided(whose: str, why: str, basis: Basis):
    one = result("c7g.large", metrics={"triad.one": metric_with(normalises=whose)})
    said = normalise(one.metrics["triad.one"], one, basis)
    assert isinstance(said, str)
    assert said.startswith(why)
    assert normalise(one.metrics["triad.one"], one, Basis.INSTANCE) == 46.1
    shown = compare([one], basis=basis).row("c7g.large").cells[0]
    assert (shown.estimate, shown.missing) == (None, said)


def test_the_ranks_of_a_suite_say_what_tells_most():
    ranked = {"zz.one": 0, "aa.all": None, "mm.all": 1}
    one = result("c7g.large", suite="mine", metrics={
        name: metric_with(headline=rank) for name, rank in ranked.items()
    })  # fmt: skip
    assert [key.name for key in metric_keys([one])] == ["zz.one", "mm.all", "aa.all"]
    assert [key.name for key in headline_keys([one])] == ["zz.one", "mm.all"]


def test_without_ranks_the_first_tells_most_as_before():
    names = ("copy.one", "copy.all", "triad.one", "triad.all")
    old = result("c7g.large", metrics={name: metric(46.1) for name in names})
    assert [key.name for key in headline_keys([old])] == ["triad.all", "triad.one"]
    mine = result("c7g.large", suite="mine", metrics={name: metric(46.1) for name in ("b.one", "a.all")})
    assert [key.name for key in headline_keys([mine])] == ["a.all"]
