"""Every key survives being built and parsed; nothing outside the grammar is taken for ours."""

from __future__ import annotations

import ast
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core import keys
from benchtui.core.keys import JobState, KeyNotOurs, Progress, Sentinel

RUN = "20261124-021533-k3f7"
AT = datetime(2026, 11, 24, 2, 15, 33, 123000, tzinfo=UTC)

types = st.from_regex(r"[a-z][a-z0-9-]{0,12}\.[a-z0-9][a-z0-9-]{0,12}", fullmatch=True)
jobs = st.builds(keys.job_id, types, st.integers(1, 9999))
suites = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
times = st.datetimes(
    min_value=datetime(2000, 1, 1),
    max_value=datetime(2999, 12, 31),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))]),
)
progress = st.integers(1, 999_999).flatmap(
    lambda total: st.builds(Progress, st.integers(0, total), st.just(total))
)


@st.composite
def sentinels(draw: st.DrawFn) -> Sentinel:
    suite = draw(st.none() | suites)
    return Sentinel(
        at=draw(times),
        job=draw(jobs),
        seq=draw(st.integers(0, 9999)),
        state=draw(st.sampled_from(sorted(keys.WRITTEN))),
        suite=suite,
        progress=draw(st.none() | progress) if suite else None,
    )


def test_the_layout_is_the_documented_one() -> None:
    sentinel = Sentinel(AT, "c7g.large-1", 4, JobState.RUNNING, "stream", Progress(3, 5))
    assert sentinel.key(RUN) == (
        f"benchmarks/{RUN}/events/20261124T021533123Z/c7g.large-1/0004-RUNNING/stream/3-of-5"
    )
    assert keys.run_json_key(RUN) == f"benchmarks/{RUN}/run.json"
    assert keys.heartbeat_key(RUN, "c7g.large-1") == f"benchmarks/{RUN}/heartbeats/c7g.large-1"
    assert keys.system_key(RUN, "c7g.large-1") == f"benchmarks/{RUN}/jobs/c7g.large-1/system.json"
    assert keys.result_key(RUN, "c7g.large-1", "hpl") == f"benchmarks/{RUN}/jobs/c7g.large-1/hpl/result.json"
    assert keys.raw_key(RUN, "c7g.large-1", "hpl") == f"benchmarks/{RUN}/jobs/c7g.large-1/hpl/raw.tar.gz"
    assert keys.log_key(RUN, "c7g.large-1", 7) == f"benchmarks/{RUN}/jobs/c7g.large-1/log/0007.txt"
    assert keys.reservation_key(RUN, 12) == f"benchmarks/{RUN}/reservations/000012"
    assert keys.kill_key(RUN) == f"benchmarks/{RUN}/control/kill"
    assert keys.payload_key("ab" * 32) == f"payloads/{'ab' * 32}.tar.gz"


@pytest.mark.long
@given(sentinels())
def test_a_sentinel_survives_its_key_to_the_millisecond(sentinel: Sentinel) -> None:
    run, parsed = keys.parse_event(sentinel.key(RUN))
    assert run == RUN
    assert parsed.at == sentinel.at.replace(microsecond=sentinel.at.microsecond // 1000 * 1000)
    assert (parsed.job, parsed.seq, parsed.state) == (sentinel.job, sentinel.seq, sentinel.state)
    assert (parsed.suite, parsed.progress) == (sentinel.suite, sentinel.progress)


@given(times, times)
def test_stamps_sort_as_time(one: datetime, other: datetime) -> None:
    assert (keys.stamp(one) < keys.stamp(other)) == (
        keys.parse_stamp(keys.stamp(one)) < keys.parse_stamp(keys.stamp(other))
    )


@given(jobs)
def test_a_job_id_falls_into_type_and_replicate(job: str) -> None:
    instance_type, replicate = keys.job_parts(job)
    assert keys.job_id(instance_type, replicate) == job


def test_metal_sizes_with_dashes_keep_their_replicate() -> None:
    assert keys.job_parts("c7i.metal-48xl-12") == ("c7i.metal-48xl", 12)


@given(st.text(max_size=200))
def test_arbitrary_text_is_parsed_or_refused_never_more(text: str) -> None:
    for parse in (keys.parse_event, keys.parse_heartbeat, keys.parse_job_object):
        try:
            parse(text)
        except KeyNotOurs:
            continue
        assert text.startswith("benchmarks/")


@pytest.mark.parametrize(
    "key",
    [
        f"benchmarks/{RUN}/events/20261124T021533123Z/c7g.large-1/0004-RUNNING/stream/6-of-5",
        f"benchmarks/{RUN}/events/20261124T021533123Z/c7g.large-1/0004-LOST",
        f"benchmarks/{RUN}/events/20261124T021533123Z/c7g.large-1/0004-running",
        f"benchmarks/{RUN}/events/20261324T021533123Z/c7g.large-1/0004-BOOTED",
        f"benchmarks/{RUN}/events/20261124T021533123Z/c7g.large-0/0004-BOOTED",
        f"benchmarks/{RUN}/events/20261124T021533123Z/c7g.large-1/0004-BOOTED/../x",
        f"benchmarks/{RUN}/events/20261124T021533123Z/c7g.large-1/0004-BOOTED\n",
        "benchmarks/../events/20261124T021533123Z/c7g.large-1/0004-BOOTED",
        f"benchmarks/{RUN}/events/",
    ],
)
def test_what_is_not_in_the_grammar_is_refused(key: str) -> None:
    with pytest.raises(KeyNotOurs):
        keys.parse_event(key)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (keys.system_key(RUN, "c7g.large-1"), "system"),
        (keys.result_key(RUN, "c7g.large-1", "log"), "result"),
        (keys.raw_key(RUN, "c7g.large-1", "stream"), "raw"),
        (keys.log_key(RUN, "c7g.large-1", 12), "log"),
    ],
)
def test_objects_of_jobs_are_told_apart(key: str, kind: str) -> None:
    assert keys.parse_job_object(key).kind == kind


@pytest.mark.parametrize("name", ["../../etc/passwd", "result.json/..", "a/b/c", "run.json"])
def test_no_name_escapes_a_jobs_folder(name: str) -> None:
    with pytest.raises(KeyNotOurs):
        keys.parse_job_object(f"benchmarks/{RUN}/jobs/c7g.large-1/{name}")


def test_a_conclusion_of_a_reader_cannot_be_written() -> None:
    with pytest.raises(KeyNotOurs, match="never written"):
        Sentinel(AT, "c7g.large-1", 1, JobState.LOST).key(RUN)


def test_the_longest_key_fits_s3() -> None:
    longest = Sentinel(
        AT,
        f"{'a' * 31}.{'b' * 31}-9999",
        9999,
        JobState.EMERGENCY_STOP,
        "s" * 40,
        Progress(999_999, 999_999),
    )
    assert len(longest.key(RUN).encode()) < keys.MAX_KEY_BYTES


def test_the_module_runs_on_python_3_9_with_the_standard_library_alone() -> None:
    tree = ast.parse(Path(keys.__file__).read_text(), feature_version=(3, 9))
    imported = {
        (node.module or "").split(".")[0] if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported <= sys.stdlib_module_names


@given(st.integers(1, 999_999), st.integers(1, 999_999))
def test_entries_of_the_book_survive_being_keys_and_sort_in_their_order(one: int, other: int) -> None:
    first, second = keys.reservation_key(RUN, one), keys.reservation_key(RUN, other)
    assert keys.parse_reservation(first) == (RUN, one)
    assert (first < second) == (one < other)


@pytest.mark.parametrize("last", ["000000", "1", "0000001", "c7g.large-1", "00000a", "", "000001/x"])
def test_what_is_no_number_of_an_entry_is_not_ours(last: str) -> None:
    with pytest.raises(KeyNotOurs):
        keys.parse_reservation(f"benchmarks/{RUN}/reservations/{last}")


@pytest.mark.parametrize("number", [0, -1, 1_000_000])
def test_an_entry_beyond_the_numbers_has_no_key(number: int) -> None:
    with pytest.raises(KeyNotOurs):
        keys.reservation_key(RUN, number)
