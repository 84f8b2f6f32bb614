"""Sentinels: numbers without gaps over processes and failures, order, and the last word."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import sentinels as module
from benchtui.core import keys, seals
from benchtui.core.keys import JobState, Progress
from objects import Refused, Unreachable
from sentinels import Sentinels, Spool

RUN, JOB = "20261124-021533-k3f7", "c7g.large-1"


class Bucket:
    """Keeps what is put; fails as told, once per entry."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.stored: dict[str, bytes] = {}
        self.fresh: dict[str, str] = {}
        self.gate = threading.Event()
        self.gate.set()

    def put(self, key: str, body: bytes, **_: Any) -> None:
        self.gate.wait(10)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.stored[key] = body

    def take_fresh(self, prefix: str, most: int) -> dict[str, str]:
        told, self.fresh = self.fresh, {}
        return told


def emitting(bucket: Any, folder: Path) -> Sentinels:
    return Sentinels(RUN, JOB, bucket, Spool(str(folder)), say=lambda text: None)


def parsed(bucket: Bucket) -> list[keys.Sentinel]:
    return [keys.parse_event(key)[1] for key in bucket.stored]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_PAUSE_S", 0.01)


def test_keys_are_numbered_from_one_in_order(tmp_path: Path) -> None:
    bucket = Bucket()
    mine = emitting(bucket, tmp_path)
    mine.emit(JobState.BOOTED, instance_id="i-1")
    mine.emit(JobState.RUNNING, "stream", Progress(1, 10))
    mine.emit(JobState.COMPLETED)
    assert mine.flush(5)
    told = [(s.seq, s.state, s.suite, s.progress) for s in parsed(bucket)]
    assert told == [
        (1, JobState.BOOTED, None, None),
        (2, JobState.RUNNING, "stream", Progress(1, 10)),
        (3, JobState.COMPLETED, None, None),
    ]


def test_bodies_carry_their_schema_and_leave_out_what_is_unknown(tmp_path: Path) -> None:
    bucket = Bucket()
    mine = emitting(bucket, tmp_path)
    mine.emit(JobState.BOOTED, instance_id="i-1", zone=None)
    mine.flush(5)
    [(key, body)] = bucket.stored.items()
    assert seals.seal_of(body) == seals.right_seal(key, body)
    assert json.loads(body).keys() == {"schema", "instance_id", "seal"}


def test_each_names_the_one_before_and_what_was_written_since(tmp_path: Path) -> None:
    bucket = Bucket()
    mine = emitting(bucket, tmp_path)
    mine.emit(JobState.BOOTED)
    bucket.fresh = {f"benchmarks/{RUN}/jobs/{JOB}/system.json": "a" * 64}
    mine.emit(JobState.PREPARING)
    mine.flush(5)
    stop = emitting(bucket, tmp_path)  # another process goes on
    stop.emit(JobState.EMERGENCY_STOP)
    stop.flush(5)
    first, second, third = bucket.stored.values()
    assert "previous" not in json.loads(first)
    assert json.loads(second)["previous"] == seals.seal_of(first)
    assert json.loads(second)["objects"] == {f"jobs/{JOB}/system.json": "a" * 64}
    assert json.loads(third)["previous"] == seals.seal_of(second)
    assert "objects" not in json.loads(third)


def test_an_outage_delays_and_loses_nothing(tmp_path: Path) -> None:
    bucket = Bucket(Unreachable("down"), Unreachable("down"))
    mine = emitting(bucket, tmp_path)
    for state in (JobState.BOOTED, JobState.PREPARING, JobState.COMPLETED):
        mine.emit(state)
    assert mine.flush(5)
    assert [s.seq for s in parsed(bucket)] == [1, 2, 3]


def test_a_refused_one_does_not_hold_up_the_next(tmp_path: Path) -> None:
    bucket = Bucket(Refused("k", 403, "AccessDenied"))
    mine = emitting(bucket, tmp_path)
    mine.emit(JobState.BOOTED)
    mine.emit(JobState.COMPLETED)
    assert mine.flush(5)
    assert [s.seq for s in parsed(bucket)] == [2]


def test_emitting_does_not_wait_for_the_bucket(tmp_path: Path) -> None:
    bucket = Bucket()
    bucket.gate.clear()
    mine = emitting(bucket, tmp_path)
    mine.emit(JobState.BOOTED)
    assert not mine.flush(0.05)
    bucket.gate.set()
    assert mine.flush(5)


def test_nothing_is_said_after_the_last_word(tmp_path: Path) -> None:
    bucket = Bucket()
    mine = emitting(bucket, tmp_path)
    assert mine.emit(JobState.TIMED_OUT)
    assert not mine.emit(JobState.COMPLETED)
    mine.flush(5)
    assert [s.state for s in parsed(bucket)] == [JobState.TIMED_OUT]


def test_progress_is_dropped_before_it_takes_a_number(tmp_path: Path) -> None:
    bucket = Bucket()
    mine = emitting(bucket, tmp_path)
    told = [mine.emit(JobState.RUNNING, "stream", Progress(i, 10)) for i in range(10)]
    assert told == [True] + [False] * 9
    mine.emit(JobState.COMPLETED)
    mine.flush(5)
    assert [s.seq for s in parsed(bucket)] == [1, 2]


def test_progress_leaves_the_last_numbers_to_states(tmp_path: Path) -> None:
    (tmp_path / "9000.json").write_text("{}")
    mine = emitting(Bucket(), tmp_path)
    mine.emit(JobState.BOOTED)
    assert not mine.emit(JobState.RUNNING, "stream", Progress(1, 2))
    assert mine.emit(JobState.COMPLETED)


def test_another_process_goes_on_with_the_numbers(tmp_path: Path) -> None:
    first = emitting(Bucket(), tmp_path)
    first.emit(JobState.BOOTED)
    first.flush(5)
    other = Bucket()
    second = emitting(other, tmp_path)
    second.emit(JobState.EMERGENCY_STOP)
    second.flush(5)
    assert [s.seq for s in parsed(other)] == [2]


def test_two_at_once_never_use_a_number_twice(tmp_path: Path) -> None:
    spools = [Spool(str(tmp_path)) for _ in range(4)]
    claimed: list[int] = []

    def claim(spool: Spool) -> None:
        for _ in range(25):
            claimed.append(spool.claim(lambda seq: (f"k{seq}", b"{}"))[0])

    threads = [threading.Thread(target=claim, args=(spool,)) for spool in spools]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(1, 101))


def test_a_folder_that_cannot_be_written_still_counts() -> None:
    spool = Spool("/proc/none")
    assert [spool.claim(lambda seq: (f"k{seq}", b"{}"))[0] for _ in range(3)] == [1, 2, 3]
    spool.mark_sent(1)
    assert (spool.unsent(), spool.has_final()) == ([], False)


def test_what_was_not_sent_is_known_to_the_next_process(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    spool.claim(lambda seq: ("a-BOOTED", b"{}"))
    spool.claim(lambda seq: ("b-TIMED_OUT", b"{}"))
    spool.mark_sent(1)
    assert Spool(str(tmp_path)).unsent() == [(2, "b-TIMED_OUT", b"{}")]
    assert Spool(str(tmp_path)).has_final()


def test_an_agent_that_was_spoken_for_says_nothing_more(tmp_path: Path) -> None:
    bucket = Bucket()
    frozen = emitting(bucket, tmp_path)
    frozen.emit(JobState.BOOTED)
    frozen.flush(5)
    emergency = emitting(Bucket(), tmp_path)
    emergency.emit(JobState.EMERGENCY_STOP)
    emergency.flush(5)
    assert not frozen.emit(JobState.TIMED_OUT)
    assert frozen.flush(5)
    assert [s.seq for s in parsed(bucket)] == [1]


def test_and_uploads_what_was_said_for_it_if_that_is_still_to_do(tmp_path: Path) -> None:
    bucket = Bucket()
    frozen = emitting(bucket, tmp_path)
    frozen.emit(JobState.BOOTED)
    frozen.flush(5)
    emergency = emitting(Bucket(*[Unreachable("down")] * 100), tmp_path)
    emergency.emit(JobState.EMERGENCY_STOP)
    assert not frozen.emit(JobState.TIMED_OUT)
    assert frozen.flush(5)
    assert [(s.seq, s.state) for s in parsed(bucket)] == [(1, JobState.BOOTED), (2, JobState.EMERGENCY_STOP)]
