"""Runs as reports and exports take them: from a folder, and as they were collected just now."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from benchtui.core.errors import UsageError
from benchtui.core.run_records import all_rows
from benchtui.engine.collector import Collected
from benchtui.engine.packaged import suite_titles
from benchtui.engine.run_records import read_records, records_of
from tests import golden
from tests.comparing import census_of, document, run_of
from tests.engine import fleet


def test_a_folder_gives_every_cell_with_the_digest_of_its_file(tmp_path: Path):
    golden.lie(tmp_path)
    (record,) = read_records(tmp_path, (golden.RUN,))
    assert len(record.rows) == 53
    assert record.census is not None
    assert record.census.planned == 53
    path = tmp_path / golden.RUN / "jobs" / "c7g.large-1" / "stream" / "result.json"
    assert record.sha256["c7g.large-1", "stream"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record.systems["c7g.large-1"].kernel == "6.1.0-18-cloud-arm64"
    assert record.judgements["c7g.large-1", "stream"].ranked
    assert record.money is None  # nobody can say from a folder what it has cost
    reasons = {row.problem for row in record.rows if row.metrics is None}
    assert reasons == {golden.LOST, golden.NO_HPL, "budget: too little left"}
    assert record.document("c8g.large-3", "stream") is None
    assert record.job("c7g.large-1") is not None
    assert record.job("c7g.metal-1") is None


def test_a_folder_without_a_census_and_with_a_bad_result_says_what_it_can(tmp_path: Path):
    golden.lie(tmp_path)
    base = tmp_path / golden.RUN
    (base / "census.json").unlink()
    (base / "jobs" / "c7g.large-1" / "stream" / "result.json").write_text("{")
    (record,) = read_records(tmp_path, (golden.RUN,))
    assert record.census is None
    assert "result not valid" in str(record.documents["c7g.large-1", "stream"])
    assert ("c7g.large-1", "stream") not in record.sha256
    (row,) = [one for one in record.rows if (one.job, one.suite) == ("c7g.large-1", "stream")]
    assert row.metrics is None
    assert "not valid" in (row.problem or "")


def test_a_run_that_is_not_there_is_named_with_the_nearest(tmp_path: Path):
    golden.lie(tmp_path)
    with pytest.raises(UsageError, match="holds no run 20261124-021533-golf") as refused:
        read_records(tmp_path, ("20261124-021533-golf",))
    assert "did you mean 20261124-021533-gold?" in (refused.value.fix or "")


def collected(run: object, tmp_path: Path, **changes: object) -> Collected:
    results = {(job.job, "stream"): document(run, job.job, **changes) for job in run.jobs}  # type: ignore[attr-defined]
    return Collected(census_of(run), results, tmp_path, 0, 0)  # type: ignore[arg-type]


def test_what_was_collected_just_now_knows_its_cost(tmp_path: Path):
    rows = [fleet.row(fleet.running(f"c7g.large-{n}"), spent="0.0077", suites=("stream",)) for n in (1, 2)]
    snapshot = fleet.snapshot(rows)
    (record,) = records_of([(collected(snapshot.run, tmp_path), snapshot)])
    assert record.money is not None
    assert record.money.spent_usd == Decimal("0.0154")
    assert record.money.by_job == {"c7g.large-1": Decimal("0.0077"), "c7g.large-2": Decimal("0.0077")}
    assert record.money.armed["c7g.large-1"]["timer"] == "armed"
    assert record.sha256 == {}  # nothing lies in the folder


def test_results_of_several_runs_are_judged_beside_each_other(tmp_path: Path):
    """The same figures in two runs: one of them is a copy, and neither counts."""
    found = []
    for run_id in ("20261124-135100-aaaa", "20261124-145100-bbbb"):
        run = run_of("c7g.large-1", run=run_id)
        snapshot = fleet.snapshot([fleet.row(fleet.running("c7g.large-1"), suites=("stream",))])
        snapshot = replace(snapshot, run=run)
        found.append((collected(run, tmp_path, raw_sha256="0" * 63 + "1"), snapshot))
    alone = records_of(found[:1])
    assert "identical-raw-output" not in alone[0].judgements["c7g.large-1", "stream"].rules
    both = records_of(found)
    assert all("identical-raw-output" in one.judgements["c7g.large-1", "stream"].rules for one in both)
    assert [row.run for row in all_rows(both)] == ["20261124-135100-aaaa", "20261124-145100-bbbb"]


def test_packaged_suites_have_titles():
    assert suite_titles()["stream"] == "STREAM memory bandwidth"
    assert set(suite_titles()) >= {"hpl", "fftw", "cache", "vector_ops", "mixed_precision", "compilation"}
