"""From collected results to what is compared: validated, complete, and under the right name."""

from __future__ import annotations

import json

import pytest

from benchtui.core.document_fields import to_json
from benchtui.core.documents import CensusRow, DeclinedDocument, Outcome, SystemDocument
from benchtui.core.errors import InvalidDocumentError, UsageError
from benchtui.core.fingerprint import Fingerprint
from benchtui.engine.collector import Collected
from benchtui.engine.comparing import instance_results, read_results, results_of, runs_on_disk
from tests.comparing import census_of, document, on_disk, run_of


@pytest.fixture
def run():
    return run_of("c7g.large-1")


def only(run, result, declined=None):
    cells = {("c7g.large-1", "stream"): result} if result is not None else {}
    return instance_results(run, cells, declined or {})[0]


def test_a_median_is_that_of_the_samples_without_warm_ups_whatever_the_result_says_it_is(run):
    metric = only(run, document(run, "c7g.large-1")).metrics["triad.all"]
    assert (metric.median, metric.samples, metric.unit, metric.higher_is_better) == (46.0, 3, "GB/s", True)


def test_topology_and_price_are_those_of_the_plan(run):
    row, job = only(run, document(run, "c7g.large-1")), run.jobs[0]
    assert (row.vcpus, row.cores, row.arch) == (job.vcpus, job.cores, job.arch)
    assert row.price.usd_per_hour == job.price.usd_per_hour
    assert (row.price.basis, row.price.as_of) == (job.price.basis, job.price.as_of)


def test_a_metric_of_warm_ups_only_is_absent(run):
    metrics = {
        "triad.all": {"unit": "GB/s", "higher_is_better": True, "samples": [{"value": 1, "excluded": True}]}
    }
    assert only(run, document(run, "c7g.large-1", metrics=metrics)).metrics == {}


def test_a_result_carries_what_it_was_measured_under(run):
    system = SystemDocument(
        run=run.run, job="c7g.large-1", provider="aws", instance_id="i-1", instance_type="c7g.large",
        kernel="6.1.0-18-cloud-arm64", microcode=None, region="us-west-2",
    )  # fmt: skip
    told = document(
        run,
        "c7g.large-1",
        image_id="ami-1",
        cpu_model="Neoverse-V1",
        build={"compiler": "gcc 12.2.0"},
        facts={"disturbance": {"clock_mhz": {"greatest": 2600.0}}},
    )
    (row,) = instance_results(run, {("c7g.large-1", "stream"): told}, {}, None, {"c7g.large-1": system})
    assert row.fingerprint == Fingerprint(
        "6.1.0-18-cloud-arm64", "ami-1", None, "gcc 12.2.0", "us-west-2", "Neoverse-V1", 2600.0
    )
    assert row.expected_usd == run.jobs[0].expected_usd


@pytest.mark.parametrize(
    "clock",
    [None, "fast", {"clock_mhz": "fast"}, {"clock_mhz": {"greatest": True}}, {"clock_mhz": {"greatest": -1}}],
)
def test_a_clock_that_is_none_is_not_known(run, clock):
    row = only(run, document(run, "c7g.large-1", facts={"disturbance": clock}))
    assert row.fingerprint.clock_mhz is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"instance_type": "c7a.large"}, "ran on c7a.large, planned was c7g.large"),
        ({"outcome": "declined", "reason": "no AVX512-FP16"}, "no AVX512-FP16"),
        ({"outcome": "declined"}, "declined by the instance without a reason"),
        ({"job": "c7g.large-2"}, "result not valid: it says it is of"),
    ],
)
def test_what_does_not_count_has_a_reason_and_no_figures(run, changes, reason):
    row = only(run, document(run, "c7g.large-1", **changes))
    assert row.metrics is None
    assert row.problem.startswith(reason)


def test_a_planned_cell_without_a_result_is_there_with_its_reason(run):
    assert only(run, None).problem == "no result"
    assert only(run, "result not valid: not JSON").problem == "result not valid: not JSON"


def test_the_census_decides_what_counts(run):
    declined = {("c7g.large-1", "stream"): "system.json not valid: too large"}
    row = only(run, document(run, "c7g.large-1"), declined)
    assert row.metrics is None
    assert row.problem == "system.json not valid: too large"


def test_a_cell_that_was_never_launched_is_there_too():
    cell = DeclinedDocument(job="c9x.large-1", suite="stream", reason="no such type")
    row = instance_results(run_of("c7g.large-1", declined=(cell,)), {}, {})[-1]
    assert (row.instance_type, row.problem, row.price, row.cores) == ("c9x.large", "no such type", None, None)


def test_what_was_measured_on_this_machine_never_has_the_name_of_an_ec2_type(run):
    row = only(run, document(run, "c7g.large-1", provider="local", cpu_model="AMD EPYC"))
    assert row.instance_type == f"local.{run.jobs[0].vcpus}cpu"
    assert row.cpu_model == "AMD EPYC"


def test_collected_results_come_with_the_reasons_of_their_census(run, tmp_path):
    declined = CensusRow(
        job="c7g.large-1", suite="stream", outcome=Outcome.DECLINED, reason="LOST: silent", state="LOST"
    )
    collected = Collected(census_of(run, declined), {}, tmp_path, 0, 0)
    assert results_of(run, collected)[0].problem == "LOST: silent"


def test_results_are_read_back_from_disk(run, tmp_path):
    on_disk(tmp_path, run, document(run, "c7g.large-1"))
    assert runs_on_disk(tmp_path) == (run.run,)
    assert read_results(tmp_path, [run.run]) == (only(run, document(run, "c7g.large-1")),)


def test_a_census_on_disk_counts_as_well(run, tmp_path):
    on_disk(tmp_path, run, document(run, "c7g.large-1"))
    row = CensusRow(
        job="c7g.large-1", suite="stream", outcome=Outcome.DECLINED, reason="forged", state="FAILED"
    )
    (tmp_path / run.run / "census.json").write_bytes(to_json(census_of(run, row)))
    assert read_results(tmp_path, [run.run])[0].problem == "forged"


def test_one_broken_result_on_disk_does_not_hide_the_others(run, tmp_path):
    two = run_of("c7g.large-1", "c7a.large-1")
    on_disk(tmp_path, two, document(two, "c7g.large-1"), document(two, "c7a.large-1"))
    (tmp_path / two.run / "jobs/c7g.large-1/stream/result.json").write_text("{")
    rows = {row.job: row for row in read_results(tmp_path, [two.run])}
    assert rows["c7g.large-1"].problem.startswith("result not valid")
    assert rows["c7a.large-1"].metrics


def test_a_run_that_is_not_on_disk_names_the_nearest(run, tmp_path):
    on_disk(tmp_path, run)
    with pytest.raises(UsageError) as error:
        read_results(tmp_path, ["20261124-021533-zzzz"])
    assert run.run in error.value.fix


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        runs_on_disk(tmp_path / "none")


def test_a_broken_run_json_is_named(run, tmp_path):
    on_disk(tmp_path, run)
    (tmp_path / run.run / "run.json").write_text(json.dumps({"schema": "benchtui.run/1"}))
    with pytest.raises(InvalidDocumentError, match=r"run\.json"):
        read_results(tmp_path, [run.run])


def test_other_folders_are_not_runs(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "run.json").write_text("{}")
    assert runs_on_disk(tmp_path) == ()
