"""All that is known of one job, and its log, read from a real bucket."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from benchtui.core import keys
from benchtui.core.documents import ResultDocument
from benchtui.core.errors import UsageError
from benchtui.core.keys import JobState, Progress, Sentinel
from benchtui.engine.detail import JobDetail, read_detail
from benchtui.engine.job_log import MAX_CHUNKS, MAX_LINE, LogLine, as_text, parse_lines, read_log
from benchtui.engine.job_records import detail_fields
from benchtui.engine.watcher import Watcher

from .conftest import Bench

S = JobState
JOB = "c7g.large-1"
RESULT = {
    "schema": "benchtui.result/1",
    "mode": "quick",
    "outcome": "measured",
    "provider": "ec2",
    "instance_id": "i-1",
    "instance_type": "c7g.large",
    "started_at": "2026-11-24T14:00:00Z",
    "finished_at": "2026-11-24T14:01:00Z",
    "metrics": {
        "triad.all": {
            "unit": "GB/s",
            "higher_is_better": True,
            "samples": [{"value": 46.1}],
            "median": 46.1,
            "best": 46.1,
        }
    },
    "verified": True,
}
SYSTEM = {
    "schema": "benchtui.system/1",
    "provider": "ec2",
    "instance_id": "i-1",
    "instance_type": "c7g.large",
}


def say(bench: Bench, seq: int, state: JobState, *, done: int | None = None, **body: object) -> None:
    """A sentinel, as the instance would write it."""
    assert bench.run is not None
    suite = "stream" if state in (S.RUNNING, S.COLLECTED) else None
    progress = None if done is None else Progress(done, 5)
    at = datetime.now(UTC) + timedelta(milliseconds=seq)
    key = Sentinel(at, JOB, seq, state, suite, progress).key(bench.run.run)
    bench.put(key, json.dumps({"schema": "benchtui.sentinel/1", **body}).encode())


async def look(bench: Bench, before: JobDetail | None = None, watcher: Watcher | None = None) -> JobDetail:
    assert bench.run is not None
    watcher = watcher or await bench.workspace.watcher(bench.run)
    await watcher.poll()
    return await read_detail(await bench.workspace.bucket(), watcher, JOB, before)


@pytest.mark.long
async def test_a_job_that_is_only_planned_has_nothing_but_its_plan(bench: Bench):
    await bench.start()
    detail = await look(bench)
    assert detail.row.status.state is S.PLANNED
    assert (detail.said, detail.system, detail.results, detail.cost, detail.ends_by) == (
        (),
        None,
        {},
        None,
        None,
    )
    assert detail_fields(detail)["layers"] is None


@pytest.mark.long
async def test_what_a_job_said_observed_measured_and_cost(bench: Bench):
    await bench.launch()
    run = bench.run
    assert run is not None
    layers = {"timer": "armed", "softdog": "not armed"}
    say(bench, 1, S.BOOTED, instance_id="i-1", layers=layers)
    say(bench, 2, S.RUNNING, done=3)
    say(bench, 3, S.COLLECTED, reason="all good")
    identity = {"run": run.run, "job": JOB}
    bench.put(keys.system_key(run.run, JOB), json.dumps(SYSTEM | identity).encode())
    bench.put(
        keys.result_key(run.run, JOB, "stream"), json.dumps(RESULT | identity | {"suite": "stream"}).encode()
    )
    bench.put(keys.log_key(run.run, JOB, 1), b"14:00:00.000Z hello\n")

    detail = await look(bench)
    assert [each.sentinel.state for each in detail.said] == [S.LAUNCHED, S.BOOTED, S.RUNNING, S.COLLECTED]
    assert [each.body is not None for each in detail.said] == [True, True, False, True]
    assert detail.layers == layers | {"schedule": "armed"}  # the last as the launcher found it
    assert detail.reason == "all good"
    assert detail.system is not None
    result = detail.results["stream"]
    assert isinstance(result, ResultDocument)
    assert result.metrics["triad.all"].median == 46.1
    assert detail.cost is not None
    assert {item.name for item in detail.cost.items} == {"instance", "ebs", "ipv4", "s3 writes"}
    assert detail.launched_at is not None
    assert detail.ends_by is not None
    assert detail.hard_end is not None
    assert detail.launched_at < detail.ends_by < detail.hard_end
    assert detail.log_chunks == 1
    record = detail_fields(detail)
    assert record["results"]["stream"]["metrics"]["triad.all"]["n"] == 1
    assert record["sentinels"][2]["progress"] == [3, 5]


@pytest.mark.long
async def test_what_was_read_once_is_not_read_again(bench: Bench):
    await bench.launch()
    run = bench.run
    assert run is not None
    say(bench, 1, S.BOOTED)
    identity = {"run": run.run, "job": JOB, "suite": "stream"}
    bench.put(keys.result_key(run.run, JOB, "stream"), json.dumps(RESULT | identity).encode())
    watcher = await bench.workspace.watcher(run)
    first = await look(bench, watcher=watcher)
    say(bench, 2, S.COLLECTED, reason="late")
    await watcher.poll()
    bucket = await bench.workspace.bucket()
    before = bucket.requests
    second = await read_detail(bucket, watcher, JOB, first)
    assert bucket.requests - before == 2  # the listing and the one new body
    assert second.reason == "late"
    assert second.said[1] is first.said[1]
    assert second.results == first.results


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "not JSON"),
        (b'{"schema": "benchtui.result/9"}', "newer benchtui"),
        (
            json.dumps(RESULT | {"run": "20260101-000000-aaaa", "job": JOB, "suite": "stream"}).encode(),
            "says it is of",
        ),
    ],
    ids=["broken", "newer", "foreign"],
)
async def test_a_result_that_is_none_says_why(bench: Bench, body: bytes, problem: str):
    run = await bench.start()
    bench.put(keys.result_key(run.run, JOB, "stream"), body)
    detail = await look(bench)
    assert problem in str(detail.results["stream"])


async def test_a_system_document_of_another_job_is_refused(bench: Bench):
    run = await bench.start()
    bench.put(
        keys.system_key(run.run, JOB), json.dumps(SYSTEM | {"run": run.run, "job": "c7i.large-1"}).encode()
    )
    detail = await look(bench)
    assert detail.system is None
    assert "is of another job" in (detail.system_problem or "")


async def test_a_sentinel_whose_body_is_broken_still_counts(bench: Bench):
    run = await bench.start()
    bench.put(Sentinel(datetime.now(UTC), JOB, 1, S.BOOTED).key(run.run), b"\x1b[31m")
    detail = await look(bench)
    assert [each.sentinel.state for each in detail.said] == [S.BOOTED]
    assert "not JSON" in (detail.said[0].problem or "")


async def test_a_job_the_run_does_not_have_is_refused(bench: Bench):
    run = await bench.start()
    watcher = await bench.workspace.watcher(run)
    with pytest.raises(UsageError, match="has no job"):
        await read_detail(await bench.workspace.bucket(), watcher, "c7g.large-9")


async def test_a_log_goes_on_where_it_was_left(bench: Bench):
    run = await bench.start()
    bucket = await bench.workspace.bucket()
    assert (await read_log(bucket, run.run, JOB)).lines == ()
    bench.put(keys.log_key(run.run, JOB, 1), b"14:00:00.123Z one\n14:00:01Z two\n")
    first = await read_log(bucket, run.run, JOB)
    assert first.lines == (LogLine("14:00:00Z", "one"), LogLine("14:00:01Z", "two"))
    assert first.next == 1
    bench.put(keys.log_key(run.run, JOB, 2), b"no time\n")
    bench.put(keys.log_prefix(run.run, JOB) + "9999999.txt.bak", b"foreign")
    second = await read_log(bucket, run.run, JOB, first.next)
    assert second.lines == (LogLine(None, "no time"),)
    assert second.next == 2
    assert (await read_log(bucket, run.run, JOB, 2)).next == 2


@pytest.mark.long
async def test_of_a_long_log_the_end_is_read(bench: Bench):
    run = await bench.start()
    for number in range(1, MAX_CHUNKS + 4):
        bench.put(keys.log_key(run.run, JOB, number), f"chunk {number}\n".encode())
    tail = await read_log(await bench.workspace.bucket(), run.run, JOB)
    assert tail.skipped == 3
    assert tail.lines[0].text == "chunk 4"
    assert tail.next == MAX_CHUNKS + 3


async def test_a_chunk_that_is_too_large_is_one_line_that_says_so(bench: Bench):
    run = await bench.start()
    bench.put(keys.log_key(run.run, JOB, 1), b"x" * (2 << 20))
    tail = await read_log(await bench.workspace.bucket(), run.run, JOB)
    assert len(tail.lines) == 1
    assert "is larger than" in tail.lines[0].text


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", []),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\nb\n", ["a", "", "b"]),
        (b"14:00:00Z \x1b]0;owned\x07\x1b[2Jx\n", ["14:00:00Z \ufffd]0;owned\ufffd\ufffd[2Jx"]),
        ("\u202egnp.exe\u200b".encode(), ["\ufffdgnp.exe\ufffd"]),
        (b"\xff\xfe\x00", ["\ufffd\ufffd\ufffd"]),
        (b"50%\r100%\n", ["50% 100%"]),
        (b"99:99:99Z no time", ["99:99:99Z no time"]),
        (b"[/x] [bold]", ["[/x] [bold]"]),
    ],
)
def test_lines_are_printable(body: bytes, lines: list[str]):
    assert as_text(parse_lines(body)).split("\n") == (lines or [""])


def test_a_line_of_a_megabyte_is_cut():
    (line,) = parse_lines(b"14:00:00Z " + b"x" * (1 << 20))
    assert line.time == "14:00:00Z"
    assert len(line.text) == MAX_LINE
    assert line.text.endswith("…")
