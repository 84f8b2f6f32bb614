"""The payload protocol, line by line."""

from __future__ import annotations

import json

import pytest

from records import Garbage, Output, Records


def records(*lines: str) -> Records:
    """Records of one run of these lines."""
    found = Records()
    found.start_run("main")
    for line in lines:
        found.take(line.encode())
    return found


def test_a_sample_keeps_its_extras_and_its_run() -> None:
    found = records('{"sample": "triad", "value": 33.1, "seconds": 0.01, "excluded": true, "bytes": 240}')
    assert found.samples == {
        "triad": [
            {
                "value": 33.1,
                "seconds": 0.01,
                "excluded": True,
                "bytes": 240,
                "run": "main",
                "repetition": 0,
            }
        ]
    }


def test_a_repetition_has_medians_of_what_counts_and_an_arm_its_own_names() -> None:
    found = Records()
    found.start_run("main", 1, ":clang")
    for line in (
        '{"sample": "triad", "value": 99, "excluded": true}',
        '{"sample": "triad", "value": 33}',
        '{"sample": "triad", "value": 31}',
        '{"check": "team", "ok": true}',
        '{"declined": "peak", "reason": "no flag"}',
    ):
        found.take(line.encode())
    assert found.medians() == {"triad:clang": 32}
    assert [(s["run"], s["repetition"]) for s in found.samples["triad:clang"]] == [("main:clang", 1)] * 3
    assert (found.checks[0]["name"], found.declined) == ("team:clang", {"peak:clang": "no flag"})
    found.label({("main:clang", 1): "a neighbour", ("main:clang", 0): ""})
    assert {s["disturbed"] for s in found.samples["triad:clang"]} == {"a neighbour"}
    found.start_run("main", 2, ":clang")
    assert found.medians() == {}


def test_a_check_is_kept_once_per_run_and_its_failure_before_its_passing() -> None:
    found = Records()
    for repetition, value in enumerate((0.1, 0.9, 0.2)):
        found.start_run("main", repetition)
        found.take(json.dumps({"check": "error", "ok": value < 0.5, "value": value}).encode())
    assert found.checks == [
        {"name": "error", "ok": False, "value": 0.9, "run": "main", "repetition": 1, "times": 3}
    ]


def test_it_says_when_another_repetition_might_not_fit() -> None:
    found = Records()
    line = json.dumps({"sample": "triad", "value": 1, "note": "x" * 50_000}).encode()
    lines = 0
    while not found.full:
        found.take(line)
        lines += 1
    assert 4 << 20 < lines * len(line) < (4 << 20) + 60_000


def test_checks_facts_and_declined_metrics_are_kept() -> None:
    found = records(
        '{"check": "residual", "ok": true, "value": 0.0, "limit": 1e-13}',
        '{"fact": "threads", "value": 2}',
        '{"fact": "binding", "value": {"cpus": [0, 1]}}',
        '{"declined": "peak.fp16", "reason": "no AVX512-FP16"}',
    )
    (check,) = found.checks
    assert check == {
        "name": "residual",
        "ok": True,
        "value": 0.0,
        "limit": 1e-13,
        "run": "main",
        "repetition": 0,
        "times": 1,
    }
    assert found.facts == {"threads": 2, "binding": {"cpus": [0, 1]}}
    assert found.declined == {"peak.fp16": "no AVX512-FP16"}


def test_progress_is_handed_on() -> None:
    seen = []
    found = Records(lambda done, total: seen.append((done, total)))
    found.take(b'{"progress": [3, 10]}')
    assert seen == [(3, 10)]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_a_problem_and_no_sample(text: str) -> None:
    found = records(f'{{"sample": "triad", "value": {text}}}')
    assert found.samples == {}
    assert len(found.problems) == 1
    assert found.problems[0].startswith("triad: a sample is ")


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "[1, 2]",
        "3",
        "{}",
        '{"sample": "triad"}',
        '{"sample": "triad", "value": "33"}',
        '{"sample": "triad", "value": true}',
        '{"sample": 7, "value": 1}',
        '{"sample": "", "value": 1}',
        '{"sample": "a\\u001b[31m", "value": 1}',
        '{"sample": "triad", "value": 1, "more": [1]}',
        '{"check": "residual"}',
        '{"check": "residual", "ok": "yes"}',
        '{"progress": [11, 10]}',
        '{"progress": "half"}',
        '{"progress": [true, 2]}',
        '{"declined": "peak"}',
        '{"sample": "triad", "value": 1',
        '{"fact": "x", "value": ' + "[" * 2000 + "]" * 2000 + "}",
        '{"fact": "x", "value": "' + "y" * 5000 + '"}',
        "{" * 50_000,
    ],
)
def test_anything_else_is_garbage_with_its_line(line: str) -> None:
    with pytest.raises(Garbage, match="line 2 of run main is not a record"):
        records('{"fact": "a", "value": 1}', line)


def test_bytes_that_are_no_text_are_garbage() -> None:
    with pytest.raises(Garbage, match="line 1"):
        Records().take(b"\xff\xfe\x00")


def test_an_empty_line_is_nothing_and_counts() -> None:
    found = records("", "  ")
    with pytest.raises(Garbage, match="line 3"):
        found.take(b"x")


def test_the_number_of_records_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.SAMPLE_LIMIT", 10)
    with pytest.raises(Garbage, match="more than 10 records"):
        records(*['{"sample": "a", "value": 1}'] * 11)


def test_lines_may_arrive_in_pieces_and_end_without_a_newline() -> None:
    kept = bytearray()
    found = Records()
    output = Output(found, kept.extend)
    for piece in (b'{"fact": "a"', b', "value": 1}\n{"fact"', b': "b", "value": 2}'):
        assert output.feed(piece) is None
    assert found.facts == {"a": 1}
    assert output.end() is None
    assert found.facts == {"a": 1, "b": 2}
    assert kept.count(b"\n") == 1


def test_a_line_without_end_is_garbage_before_memory_is_full() -> None:
    output = Output(Records(), lambda chunk: None)
    assert output.feed(b"x" * 40_000) is None
    assert "longer than" in (output.feed(b"x" * 40_000) or "")


def test_output_without_end_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("records.STDOUT_LIMIT", 100)
    assert "printed more than" in (Output(Records(), lambda chunk: None).feed(b"\n" * 101) or "")
