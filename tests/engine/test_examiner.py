"""Results are examined in another process or in this one, with the same outcome."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchtui.core.documents import RunDocument
from benchtui.core.plausibility import judge_traces
from benchtui.core.plausibility.own import Evidence, judge_runs
from benchtui.engine.byte_room import ByteRoom
from benchtui.engine.examiner import WORTH_A_PROCESS, Examiner
from benchtui.engine.examining import Case, Examined, examine
from benchtui.engine.stored_results import HELD_BYTES, StoredResults, StoredSystems
from tests.engine import fleet

STORED = next((Path(__file__).parents[1] / "fixtures/stored-run").iterdir())
RUN: RunDocument = RunDocument.model_validate_json((STORED / "run.json").read_bytes())
(JOB,) = RUN.jobs
FOLDER = STORED / "jobs" / JOB.job
RAW = hashlib.sha256((FOLDER / "stream/raw.tar.gz").read_bytes()).hexdigest()
READ_AT = datetime(2026, 12, 1, tzinfo=UTC)


def case(**changes: Any) -> Case:
    fields: dict[str, Any] = {
        "job": JOB,
        "folder": FOLDER,
        "suites": ("stream",),
        "system": True,
        "raw_sha256": {"stream": RAW},
        "read_at": READ_AT,
    }
    return Case(**(fields | changes))


@pytest.fixture
def several_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)


@pytest.mark.usefixtures("several_cpus")
async def test_another_process_says_what_this_one_would() -> None:
    async with Examiner(RUN, WORTH_A_PROCESS) as examiner:
        assert examiner._process is not None
        told = [await examiner.examine(case()) for _ in range(3)]
    assert told == [examine(case(), RUN)] * 3
    assert told[0].system
    assert told[0].results["stream"].metrics["triad.all"].unit == "GB/s"  # type: ignore[union-attr]


@pytest.mark.usefixtures("several_cpus")
async def test_a_process_that_ends_is_replaced_by_this_one() -> None:
    async with Examiner(RUN, WORTH_A_PROCESS) as examiner:
        assert examiner._process is not None
        examiner._process.kill()
        told = [await examiner.examine(case()) for _ in range(2)]
    assert told == [examine(case(), RUN)] * 2


@pytest.mark.usefixtures("several_cpus")
async def test_a_file_that_cannot_be_read_is_said_by_either(tmp_path: Path) -> None:
    for results in (1, WORTH_A_PROCESS):
        async with Examiner(RUN, results) as examiner:
            with pytest.raises(FileNotFoundError):
                await examiner.examine(case(folder=tmp_path))


async def test_few_results_are_not_worth_a_process() -> None:
    async with Examiner(RUN, 1) as examiner:
        assert examiner._process is None
        assert (await examiner.examine(case())).system


def test_a_trace_is_judged_as_its_result_is() -> None:
    told = examine(case(), RUN)
    stored = StoredResults(RUN.run, STORED)
    stored.summaries[JOB.job, "stream"] = told.results["stream"]
    systems = StoredSystems(RUN.run, STORED)
    systems.jobs[JOB.job] = None
    cell = (JOB.job, "stream")
    evidence = Evidence(RUN, stored, systems, {cell: RAW}, READ_AT)
    (whole,) = judge_runs((evidence,))
    assert told.traces["stream"] is not None
    assert (whole[cell],) == judge_traces([told.traces["stream"]])


def test_what_is_wrong_is_said_and_nothing_is_kept_of_it(tmp_path: Path) -> None:
    body = json.loads((FOLDER / "stream/result.json").read_bytes())
    (tmp_path / "stream").mkdir()
    for content, said in ((body | {"job": "c7g.large-9"}, "says it is of"), ({}, "schema is 'None'")):
        (tmp_path / "stream/result.json").write_text(json.dumps(content))
        told = examine(case(folder=tmp_path, system=False), RUN)
        assert said in str(told.results["stream"])
        assert told.traces == {}
    (tmp_path / "system.json").write_text("{}")
    told = examine(case(folder=tmp_path, suites=()), RUN)
    assert told == Examined(bad_system=told.bad_system)
    assert "schema" in str(told.bad_system)


def test_results_are_read_when_asked_for_and_few_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = StoredResults(RUN.run, STORED)
    stored.summaries[JOB.job, "stream"] = examine(case(), RUN).results["stream"]
    stored.summaries["c7g.large-1", "stream"] = "result not valid: not JSON"
    assert stored["c7g.large-1", "stream"] == "result not valid: not JSON"
    first = stored[JOB.job, "stream"]
    assert not isinstance(first, str)
    assert stored[JOB.job, "stream"] is first
    monkeypatch.setattr("benchtui.engine.stored_results.HELD_BYTES", 1)
    stored._hold(("another", "stream"), first, HELD_BYTES)
    assert stored[JOB.job, "stream"] is not first, "what is not held is read again"
    assert len(stored) == 2


async def test_room_for_bytes_is_bounded_and_a_larger_one_waits_for_all() -> None:
    room, most = ByteRoom(100), 0
    import asyncio

    async def one(size: int) -> None:
        nonlocal most
        async with room.of(size):
            most = max(most, room._taken)
            await asyncio.sleep(0)

    await asyncio.gather(*(one(size) for size in (60, 60, 40, 250, 30, 100, 5)))
    assert most == 250, "alone"
    assert room._taken == 0


def test_a_run_of_the_fleet_has_no_results_yet() -> None:
    stored = StoredResults(fleet.RUN, STORED)
    assert dict(stored) == {}
