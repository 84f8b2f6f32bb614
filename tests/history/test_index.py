"""The index: written run by run, private, made new where it is damaged, shared by processes."""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from pathlib import Path

import pytest

from benchtui.core.errors import BenchtuiError
from benchtui.history import queries
from benchtui.history.index import HistoryIndex, IndexDamagedError
from benchtui.history.schema import VERSION

from .made_up import nightly, run_id

LEVELS = {"c7g.large": 100.0, "c7i.large": 80.0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "history.sqlite"


def test_only_its_owner_may_read_it(path: Path) -> None:
    with HistoryIndex(path) as index:
        index.bucket("b")
        assert index.made_new
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with HistoryIndex(path) as index:
        assert not index.made_new


def test_a_run_that_is_written_again_takes_the_place_of_the_first(path: Path) -> None:
    with HistoryIndex(path) as index:
        bucket = index.bucket("b")
        index.write(bucket, [nightly(0, LEVELS), nightly(1, LEVELS)])
        before = queries.totals(index)
        assert before == {"runs": 2, "measurements": 12, "samples": 60}
        index.write(bucket, [nightly(1, LEVELS)])
        assert queries.totals(index) == before
        index.write(bucket, [nightly(1, {"c7g.large": 90.0})])
        assert queries.totals(index) == {"runs": 2, "measurements": 9, "samples": 45}
        samples = queries.samples(index, run_id(1), queries.metric_named(index, None).key)
        assert {job: len(of_job) for job, of_job in samples.items()} == {
            f"c7g.large-{replicate}": 5 for replicate in (1, 2, 3)
        }


def test_buckets_stand_side_by_side(path: Path) -> None:
    with HistoryIndex(path) as index:
        one, other = index.bucket("one"), index.bucket("other")
        index.write(one, [nightly(0, LEVELS)])
        index.write(other, [nightly(0, {"c7g.large": 50.0})])
        assert [run.bucket for run in queries.runs(index)] in (["one", "other"], ["other", "one"])
        where = queries.Filter.parse("bucket=other", queries.FIELDS)
        assert [row.instances for row in queries.metrics(index, where=where)] == [3]
        index.forget(one)
        assert [run.bucket for run in queries.runs(index)] == ["other"]
        assert queries.totals(index) == {"runs": 1, "measurements": 3, "samples": 15}


@pytest.mark.parametrize("at", [0, 40, 3000])
def test_a_damaged_file_is_made_new(path: Path, at: int) -> None:
    with HistoryIndex(path) as index:
        index.write(index.bucket("b"), [nightly(day, LEVELS) for day in range(20)])
    content = bytearray(path.read_bytes())
    content[at : at + 2000] = b"\xff" * 2000
    path.write_bytes(content)
    try:
        with HistoryIndex(path) as index:
            for run in queries.runs(index):
                queries.trends(index, queries.metric_named(index, None))
                assert run.run
            index.write(index.bucket("b"), [nightly(0, LEVELS)])
    except IndexDamagedError as damage:
        assert "history --rebuild" in (damage.fix or "")
        with HistoryIndex(path) as index:
            index.replace()
            assert queries.totals(index)["runs"] == 0


def test_a_file_of_another_kind_is_made_new(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not an index " * 1000)
    with HistoryIndex(path) as index:
        assert index.made_new


def test_a_newer_index_is_left_alone(path: Path) -> None:
    with HistoryIndex(path):
        pass
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(BenchtuiError, match="newer benchtui"), HistoryIndex(path):
        pass


def test_an_older_index_is_brought_up_step_by_step(path: Path) -> None:
    with HistoryIndex(path) as index:
        index.write(index.bucket("b"), [nightly(0, LEVELS)])
    steps = {VERSION: "ALTER TABLE run ADD COLUMN a TEXT", VERSION + 1: "UPDATE run SET a = 'x'"}
    with HistoryIndex(path, steps, VERSION + 2) as index:
        assert index.db.execute("SELECT a FROM run").fetchall() == [("x",)]
        assert not index.made_new
    # Where a step is missing it is made from the bucket again.
    with HistoryIndex(path, {}, VERSION + 4) as index:
        assert index.made_new
        assert queries.totals(index)["runs"] == 0


def test_two_that_write_at_the_same_time_lose_nothing(path: Path) -> None:
    with HistoryIndex(path):
        pass
    problems: list[BaseException] = []

    def write(days: range) -> None:
        try:
            with HistoryIndex(path) as index:
                bucket = index.bucket("b")
                for day in days:
                    index.write(bucket, [nightly(day, LEVELS)])
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=write, args=(days,)) for days in (range(12), range(6, 18))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    with HistoryIndex(path) as index:
        assert queries.totals(index) == {"runs": 18, "measurements": 108, "samples": 540}


def test_open_runs_are_known_and_closed(path: Path) -> None:
    with HistoryIndex(path) as index:
        bucket = index.bucket("b")
        index.write(bucket, [nightly(0, LEVELS, closed=False), nightly(1, LEVELS)])
        assert index.known(bucket) == {run_id(0): (False, "0"), run_id(1): (True, "1")}
        assert "c7g.large-1" in index.planned(bucket, run_id(0))
        assert index.to_roll_up(bucket) == (run_id(1),)
        index.close(bucket, run_id(0))
        index.note_rollup(bucket, "history/2026-01/0001.jsonl.gz", [run_id(1)])
        assert index.to_roll_up(bucket) == (run_id(0),)
        assert index.rollups(bucket) == {"history/2026-01/0001.jsonl.gz"}


def test_a_write_that_fails_leaves_what_was_there(path: Path) -> None:
    broken = dataclasses.replace(nightly(1, LEVELS), version=None)  # type: ignore[arg-type]
    with HistoryIndex(path) as index:
        bucket = index.bucket("b")
        with pytest.raises(BenchtuiError):
            index.write(bucket, [nightly(0, LEVELS), broken])
        assert queries.totals(index)["runs"] == 0
        index.write(bucket, [nightly(0, LEVELS)])
        assert queries.totals(index)["runs"] == 1
