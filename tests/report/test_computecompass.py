"""The files for ComputeCompass, rule by rule: what its page cannot bear is never written."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from statistics import median
from typing import Any

import pytest

from benchtui.core.errors import ExitCode, UsageError
from benchtui.core.run_records import RunRecord
from benchtui.core.stats import Interval
from benchtui.report.export.computecompass import CPU, FILES, MEMORY, PRICE, Compass, as_computecompass
from benchtui.report.export.computecompass_numbers import dollars, rounded
from tests import golden

VERSION = "0.1.0"
FLAGS = ("x_benchtui", "version", "lastUpdated")


@pytest.fixture(scope="module")
def compass(record: RunRecord) -> Compass:
    return as_computecompass([record], VERSION)


@pytest.fixture(scope="module")
def files(compass: Compass) -> dict[str, Any]:
    return {name: json.loads(body) for name, body in compass.files.items()}


def leaves(content: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything that is no object and no list, without our own additions."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key not in FLAGS:
                yield from leaves(value, f"{path}.{key}")
    elif isinstance(content, list):
        for value in content:
            yield from leaves(value, f"{path}[]")
    else:
        yield path, content


# Rules for all files, by their numbers.


def test_rule_1_strict_json_in_utf_8(compass: Compass):
    for body in compass.files.values():
        text = body.decode("utf-8")
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        assert "NaN" not in text
        assert "Infinity" not in text


def test_rule_2_every_measured_value_is_a_finite_number_above_0(files):
    for content in files.values():
        for path, value in leaves(content["instances"]):
            if path.endswith(".unit"):
                continue
            assert isinstance(value, int | float), path
            assert not isinstance(value, bool), path
            assert math.isfinite(value), path
            assert value > 0, path


def test_rule_3_what_was_not_measured_is_absent_never_null_never_0(files):
    for content in files.values():
        assert all(value is not None and value != 0 for _, value in leaves(content))
    assert files[MEMORY]["instances"]["c7g.large"]["numa"] == {}
    assert files[CPU]["instances"]["c7g.large"]["coremark"] == {}
    assert "smtEfficiency" not in files[CPU]["instances"]["c7g.large"]["scaling"]


def test_rule_3_a_metric_that_an_instance_lacks_leaves_a_hole_and_no_more(lying):
    def without_latency(document: Any) -> Any:
        kept = {
            name: one for name, one in document.metrics.items() if "dram" not in name and "copy" not in name
        }
        return document.model_copy(update={"metrics": kept})

    compass = as_computecompass([lying(without_latency)], VERSION)
    memory = json.loads(compass.files[MEMORY])
    entry = memory["instances"]["c7g.large"]
    assert entry["cache"]["memory"] == {}
    assert entry["stream"]["copy"] == {}
    assert memory["rankings"]["memory_latency"] == []
    assert "bestMemoryLatency" not in memory["summary"]
    assert memory["summary"]["bestMemoryBandwidth"]["instanceType"] == "c7g.large"


def test_rule_4_parents_always_exist(files):
    memory, cpu, price = files[MEMORY], files[CPU], files[PRICE]
    assert set(memory["rankings"]) == {"triad_bandwidth", "memory_latency"}
    assert {"totalInstances", "architectures"} <= set(memory["summary"])
    for entry in memory["instances"].values():
        assert {"stream", "cache", "numa"} <= set(entry)
        assert set(entry["stream"]) == {"copy", "scale", "add", "triad"}
        assert set(entry["cache"]) == {"l1", "l2", "l3", "memory"}
    assert set(cpu["rankings"]) == {"peak_gflops", "coremark_score"}
    for entry in cpu["instances"].values():
        assert {"linpack", "coremark", "vectorization", "scaling"} <= set(entry)
    for entry in price["instances"].values():
        assert {"onDemand", "spot", "reserved", "costEfficiency"} <= set(entry)


def test_rule_5_an_instance_without_its_required_leaf_is_not_in_the_file(lying):
    def without(document: Any) -> Any:
        drop = {"triad.all"} if document.job.startswith("c7g") else {"hpl.all"}
        kept = {name: one for name, one in document.metrics.items() if name not in drop}
        return document.model_copy(update={"metrics": kept})

    compass = as_computecompass([lying(without)], VERSION)
    found = {name: json.loads(body) for name, body in compass.files.items()}
    assert set(found[MEMORY]["instances"]) == {"c7i.large"}
    assert set(found[CPU]["instances"]) == {"c7g.large"}
    assert set(found[PRICE]["instances"]) == {"c7g.large"}
    assert "costPerGBs" not in found[PRICE]["instances"]["c7g.large"]["costEfficiency"]
    for entry in found[MEMORY]["instances"].values():
        assert entry["stream"]["triad"]["bandwidth"] > 0


def test_rule_6_rounded_to_what_the_interval_supports_two_decimals_at_most(files):
    for content in (files[MEMORY], files[CPU]):
        for path, value in leaves(content["instances"]):
            if isinstance(value, float):
                assert round(value, 2) == value, path
    assert rounded(48.6123456, Interval(48.4, 48.8)) == 48.6
    assert rounded(48.6123456, Interval(48.611, 48.613)) == 48.61
    assert rounded(118.31, Interval(110.0, 130.0)) == 118.0
    assert rounded(48.600000000000001, None) == 48.6
    assert dollars(0.0011673) == 0.00117


def test_rule_7_names_are_types_of_ec2_as_observed(files):
    for content in files.values():
        assert all("." in name and not name.startswith("local.") for name in content["instances"])


def test_rule_7_local_results_are_refused(record: RunRecord):
    local = replace(record, rows=tuple(replace(row, provider="local") for row in record.rows))
    for several in ([local], [record, local]):
        with pytest.raises(UsageError, match="results of this machine") as refused:
            as_computecompass(several, VERSION)
        assert refused.value.exit_code is ExitCode.USAGE
        assert golden.RUN in refused.value.what
        assert refused.value.fix == "name runs on EC2 only"


def test_rule_8_provenance_stands_at_the_top_and_beside_each_instance(files, record: RunRecord):
    for content in files.values():
        top = content["x_benchtui"]
        assert top["export_version"] == VERSION
        assert top["runs"] == [golden.RUN]
        path = f"{golden.RUN}/jobs/c7g.large-1/stream/result.json"
        assert top["inputs_sha256"][path] == record.sha256["c7g.large-1", "stream"]
        for name, entry in content["instances"].items():
            ours = entry["x_benchtui"]
            assert ours["verified"] is True
            assert ours["zones"]
            assert ours["kernels"] == [golden.SHAPES[name].kernel]
            assert set(ours["n_instances"]) == set(ours["n_repetitions"]) == set(ours["metric"])
            for path, (low, high) in ours["interval"].items():
                assert low < high, path
    ours = files[MEMORY]["instances"]["c7g.large"]["x_benchtui"]
    assert ours["n_instances"]["stream.triad.bandwidth"] == 4
    assert ours["n_repetitions"]["stream.triad.bandwidth"] == 20
    assert ours["metric"]["cache.memory.latency"] == "cache/latency.dram.2m.ns"


def test_rule_9_three_verified_replicates_and_the_median_over_instances(files, record: RunRecord):
    assert set(files[MEMORY]["instances"]) == {"c7g.large", "c7i.large"}  # c7a, c8g: two instances
    values = [
        row.metrics["hpl.all"].median
        for row in record.rows
        if row.job.startswith("c7i") and row.suite == "hpl" and row.verified and row.metrics
    ]
    assert len(values) == 3  # the fourth failed its check
    assert files[CPU]["instances"]["c7i.large"]["linpack"]["gflops"] == pytest.approx(median(values), abs=0.5)
    assert files[CPU]["instances"]["c7i.large"]["x_benchtui"]["n_instances"]["linpack.gflops"] == 3


def test_rule_9_what_is_left_out_is_told(compass: Compass):
    told = [str(one) for one in compass.left_out]
    assert f"c7a.large, {MEMORY}: 2 verified and plausible of 2 instances, 3 needed" in told
    assert f"c8g.large, {CPU}: {golden.NO_HPL}" in told
    assert "c7g.metal: budget: too little left" in told


def test_rule_9_implausible_results_do_not_count(lying):
    def without_digest(document: Any) -> Any:
        bad = document.suite == "stream" and document.job in ("c7g.large-1", "c7g.large-2")
        return document.model_copy(update={"raw_sha256": None}) if bad else document

    compass = as_computecompass([lying(without_digest)], VERSION)
    assert set(json.loads(compass.files[MEMORY])["instances"]) == {"c7i.large"}
    assert any("2 verified and plausible of 4" in str(one) for one in compass.left_out)


def test_rule_10_rankings_are_sorted_and_hold_what_stands_in_instances(files):
    memory, cpu = files[MEMORY], files[CPU]
    triads = memory["rankings"]["triad_bandwidth"]
    assert [one["bandwidth"] for one in triads] == sorted((one["bandwidth"] for one in triads), reverse=True)
    for one in triads:
        assert one["bandwidth"] == memory["instances"][one["instanceType"]]["stream"]["triad"]["bandwidth"]
    latencies = memory["rankings"]["memory_latency"]
    assert [one["latency"] for one in latencies] == sorted(one["latency"] for one in latencies)
    for one in latencies:
        assert one["latency"] == memory["instances"][one["instanceType"]]["cache"]["memory"]["latency"]
    peaks = cpu["rankings"]["peak_gflops"]
    assert [one["gflops"] for one in peaks] == sorted((one["gflops"] for one in peaks), reverse=True)
    for one in peaks:
        assert one["gflops"] == cpu["instances"][one["instanceType"]]["linpack"]["gflops"]
    assert cpu["rankings"]["coremark_score"] == []


# Each file.


def test_units_stand_beside_what_was_measured(files):
    entry = files[MEMORY]["instances"]["c7g.large"]
    assert entry["stream"]["triad"]["unit"] == "GB/s"
    assert entry["cache"]["memory"]["unit"] == "ns"
    assert entry["cache"]["l1"]["unit"] == "cycles|GB/s"
    assert entry["cache"]["l1"]["latency"] == pytest.approx(1.54 * 2.6, rel=0.01)
    assert entry["cache"]["memory"]["latency"] == pytest.approx(118, rel=0.01)


def test_version_and_time_are_those_of_the_newest_result(files):
    for content in files.values():
        assert content["version"] == "2026.11.24"
        assert content["lastUpdated"] == "2026-11-24T02:23:33.000Z"


def test_the_summary_counts_and_names_the_best(files):
    assert files[MEMORY]["summary"] == {
        "totalInstances": 2,
        "architectures": ["graviton", "intel"],
        "bestMemoryBandwidth": {"instanceType": "c7g.large", "bandwidth": 48.0, "unit": "GB/s"},
        "bestMemoryLatency": {"instanceType": "c7g.large", "latency": 117.8, "unit": "ns"},
    }


def test_the_architecture_is_that_of_the_observed_processor(files, record: RunRecord):
    found = {one["instanceType"]: one["architecture"] for one in files[CPU]["rankings"]["peak_gflops"]}
    assert found == {"c7g.large": "graviton", "c7i.large": "intel"}
    unnamed = {
        job: system.model_copy(update={"cpu_vendor": None, "cpu_model": None, "arch": None})
        if job.startswith("c7g")
        else system
        for job, system in record.systems.items()
    }
    compass = as_computecompass([replace(record, systems=unnamed)], VERSION)
    assert set(json.loads(compass.files[MEMORY])["instances"]) == {"c7i.large"}
    assert "c7g.large: its instances did not say whose processor they have" in map(str, compass.left_out)


def test_amd_is_told_by_its_vendor(record: RunRecord):
    amd = {
        job: system.model_copy(update={"cpu_vendor": "AuthenticAMD", "cpu_model": "AMD EPYC 9R14"})
        if job.startswith("c7i")
        else system
        for job, system in record.systems.items()
    }
    compass = as_computecompass([replace(record, systems=amd)], VERSION)
    assert json.loads(compass.files[MEMORY])["summary"]["architectures"] == ["amd", "graviton"]


def test_linpack_has_efficiency_and_order_where_they_are_sure(files, lying):
    linpack = files[CPU]["instances"]["c7g.large"]["linpack"]
    assert linpack == {"gflops": 62.0, "efficiency": 0.88, "problemSize": 8000}

    def other(document: Any) -> Any:
        if document.suite != "hpl" or "hpl.all" not in document.metrics:
            return document
        several = dict(document.metrics)
        odd = document.job == "c7g.large-1"
        sample = several["hpl.all"].samples[0].model_copy(update={"n": 8192 if odd else 8000})
        samples = (sample, *several["hpl.all"].samples[1:])
        several["hpl.all"] = several["hpl.all"].model_copy(update={"samples": samples})
        high = tuple(one.model_copy(update={"value": 1.02}) for one in several["efficiency.all"].samples)
        several["efficiency.all"] = several["efficiency.all"].model_copy(update={"samples": high})
        return document.model_copy(update={"metrics": several})

    cpu = json.loads(as_computecompass([lying(other)], VERSION).files[CPU])
    assert set(cpu["instances"]["c7g.large"]["linpack"]) == {"gflops"}


def test_smt_efficiency_only_where_smt_is_on_and_both_were_measured(files, record: RunRecord):
    assert files[CPU]["instances"]["c7i.large"]["scaling"]["smtEfficiency"] == pytest.approx(1.05, abs=0.02)
    off = {job: one.model_copy(update={"threads_per_core": 1}) for job, one in record.systems.items()}
    cpu = json.loads(as_computecompass([replace(record, systems=off)], VERSION).files[CPU])
    assert "smtEfficiency" not in cpu["instances"]["c7i.large"]["scaling"]


def test_scaling_is_the_same_work_with_one_thread_and_with_all(files):
    scaling = files[CPU]["instances"]["c7g.large"]["scaling"]
    assert scaling == {"singleThread": 34.1, "allCores": 65.9}


def test_costs_are_the_price_over_the_median(files):
    entry = files[PRICE]["instances"]["c7g.large"]
    assert entry["onDemand"] == 0.0725
    assert entry["costEfficiency"] == {"costPerGflop": 0.00117, "costPerGBs": 0.0015}
    assert entry["spot"] == entry["reserved"] == {}
    assert entry["x_benchtui"]["price_region"] == ["us-west-2"]
    assert entry["x_benchtui"]["price_basis"] == ["pricing-api"]


def test_without_hpl_there_is_no_cpu_file_and_no_price_file(lying):
    def no_hpl(document: Any) -> Any:
        bad = document.suite == "hpl"
        return document.model_copy(update={"verified": False}) if bad else document

    compass = as_computecompass([lying(no_hpl)], VERSION)
    assert set(compass.files) == {MEMORY}


def test_a_price_that_is_not_known_or_not_one_is_left_out(record: RunRecord):
    unknown = replace(record, rows=tuple(replace(row, price=None) for row in record.rows))
    assert set(as_computecompass([unknown], VERSION).files) == {MEMORY, CPU}
    two = tuple(
        replace(row, price=replace(row.price, usd_per_hour=Decimal("0.09")))
        if row.job == "c7g.large-1" and row.price
        else row
        for row in record.rows
    )
    compass = as_computecompass([replace(record, rows=two)], VERSION)
    assert set(json.loads(compass.files[PRICE])["instances"]) == {"c7i.large"}
    assert "c7g.large, price: its instances had different prices" in map(str, compass.left_out)


def test_with_cpu_results_alone_the_memory_file_is_there_and_empty(lying):
    def no_stream(document: Any) -> Any:
        return document.model_copy(update={"verified": False}) if document.suite == "stream" else document

    memory = json.loads(as_computecompass([lying(no_stream)], VERSION).files[MEMORY])
    assert memory["instances"] == {}
    assert memory["rankings"] == {"triad_bandwidth": [], "memory_latency": []}
    assert memory["summary"] == {"totalInstances": 0, "architectures": []}


def test_nothing_that_may_be_exported_is_an_error_that_says_why(lying):
    record = lying(lambda document: document.model_copy(update={"verified": None}))
    with pytest.raises(UsageError, match="nothing may be exported to ComputeCompass"):
        as_computecompass([record], VERSION)


def test_the_same_runs_give_the_same_files(compass: Compass, record: RunRecord):
    assert as_computecompass([record], VERSION).files == compass.files
    assert set(compass.files) == set(FILES)
