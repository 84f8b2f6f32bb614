"""An implausible result is collected, counted as bad, and shown with its reason wherever it is shown."""

from __future__ import annotations

import hashlib
import io
import json
import random
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from benchtui.cli.job_detail import _parts
from benchtui.cli.job_table import results_table
from benchtui.cli.tables import Glyphs
from benchtui.core import keys
from benchtui.core.compare import compare
from benchtui.core.instance_results import MetricKey
from benchtui.core.quoting import remarks
from benchtui.engine.collector import Collected
from benchtui.engine.comparing import collected_before, read_results, results_of
from benchtui.engine.detail import read_detail
from benchtui.engine.headline import headline
from benchtui.engine.job_records import detail_fields
from benchtui.engine.verdict import counted
from benchtui.report.comparison_record import comparison_fields
from benchtui.tui import glyphs as tui_glyphs
from benchtui.tui.job_facts import full

from .conftest import Bench

REPLAYED, HONEST = ("c7g.large-1", "c7i.large-1"), "c7g.large-2"
TRIAD = MetricKey("stream", "triad.all")


def put_result(bench: Bench, job: str, seed: int) -> None:
    """A result and its raw output, as an instance would write them."""
    run, drawn = bench.run, random.Random(seed)
    assert run is not None
    raw = f"raw output of {job}".encode()
    samples = [{"value": 46 * drawn.gauss(1, 0.02), "run": "all", "repetition": n} for n in range(5)]
    body: dict[str, Any] = {
        "schema": "benchtui.result/1",
        "run": run.run,
        "job": job,
        "suite": "stream",
        "mode": "quick",
        "outcome": "measured",
        "provider": "aws",
        "instance_id": f"i-{job}",
        "instance_type": job.rpartition("-")[0],
        "started_at": (run.created_at + timedelta(seconds=1)).isoformat(),
        "finished_at": (run.created_at + timedelta(seconds=20)).isoformat(),
        "metrics": {"triad.all": {"unit": "GB/s", "higher_is_better": True, "samples": samples}},
        "verified": True,
        "raw_sha256": hashlib.sha256(raw).hexdigest(),
    }
    bench.put(keys.result_key(run.run, job, "stream"), json.dumps(body).encode())
    bench.put(keys.raw_key(run.run, job, "stream"), raw)


async def collected(bench: Bench) -> Collected:
    """Three results, two of them with the same samples."""
    run = await bench.start()
    for job in REPLAYED:
        put_result(bench, job, seed=1)
    put_result(bench, HONEST, seed=2)
    watcher = await bench.workspace.watcher(run)
    return await bench.workspace.collect(watcher, await watcher.poll())


def printed(*parts: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=200, color_system=None)
    for part in parts:
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def settings() -> dict[str, object]:
    return {"plan.suites": ["stream"]}


async def test_a_replay_is_in_the_census_with_its_reason_and_counts_as_bad(bench: Bench):
    got = await collected(bench)
    rows = {row.job: row for row in got.census.rows}
    assert rows[HONEST].plausibility == "plausible"
    assert rows[HONEST].findings == ()
    for job, source in (REPLAYED, reversed(REPLAYED)):
        assert rows[job].plausibility == "implausible"
        assert any(
            f"replayed-samples: its samples are those of {source}" in one for one in rows[job].findings
        )
    assert counted(got.census)[1] == 1
    watcher = await bench.workspace.watcher(got.evidence.run)
    text = printed(results_table(got, await watcher.poll(), Glyphs(True), all_metrics=False))
    assert "3 measured (3 verified, 2 not plausible)" in text
    assert (
        f"implausible: {REPLAYED[0]} stream: replayed-samples: its samples are those of {REPLAYED[1]}" in text
    )
    assert text.count("✓ yes, implausible") == 2
    assert text.count("✓ yes") == 3  # none of them is dropped


async def test_a_replay_is_not_counted_in_a_comparison_and_both_are_named(bench: Bench):
    got = await collected(bench)
    run = got.evidence.run
    for rows in (results_of(run, got), read_results(bench.folders.results, [run.run])):
        comparison = compare(rows, keys=[TRIAD])
        cell = comparison.row("c7g.large").cells[0]
        assert [member.job for member in cell.members] == [HONEST]
        assert any(
            REPLAYED[0] in line and "implausible: identical-vector" in line for line in remarks(comparison, 0)
        )
        assert comparison.row("c7i.large").cells[0].not_ranked.startswith("implausible: ")
        told = {row["type"]: row["cells"][0] for row in comparison_fields(comparison)["types"]}
        assert f"those of {REPLAYED[0]}" in told["c7i.large"]["implausible"][0]
        assert told["c7i.large"]["instances"][0]["plausible"] is False


@pytest.mark.long
async def test_a_job_shows_it_beside_its_result_in_every_form(bench: Bench):
    got = await collected(bench)
    run = got.evidence.run
    watcher = await bench.workspace.watcher(run)
    await watcher.poll()
    bucket = await bench.workspace.bucket()
    beside = collected_before(bench.folders.results / run.run)
    detail = await read_detail(bucket, watcher, REPLAYED[0], beside=beside)
    record = detail_fields(detail)["results"]["stream"]
    assert record["plausibility"] == "implausible"
    assert record["findings"][0]["rule"] in ("replayed-samples", "identical-vector")
    reason = f"replayed-samples: its samples are those of {REPLAYED[1]}"
    assert f"stream is implausible: {reason}" in printed(*_parts(detail, Glyphs(True)))
    facts = printed(*full(detail.row, detail, run, detail.taken_at, tui_glyphs.Glyphs()))
    assert reason in facts
    assert "IMPLAUSIBLE" in facts
    measured = headline(run, got.results, got.judgements).by_job
    assert measured[HONEST].doubt is None
    assert measured[REPLAYED[0]].doubt.startswith("implausible: ")


@pytest.mark.long
async def test_a_job_alone_says_what_was_not_tested(bench: Bench):
    got = await collected(bench)
    watcher = await bench.workspace.watcher(got.evidence.run)
    await watcher.poll()
    detail = await read_detail(await bench.workspace.bucket(), watcher, REPLAYED[0])
    assert detail.judgements["stream"].ranked
    assert "not tested: identical-vector needs rows of stream on other instances" in printed(
        *_parts(detail, Glyphs(True))
    )
