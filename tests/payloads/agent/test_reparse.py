"""A result made again from its raw output is the result, whatever became of the suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import reparse
from benchtui.core.suites import parse_payload
from job import Job
from process import Stop
from repetitions import Times
from result_document import document
from suites import SuiteRun
from system import Observed
from tests.payloads.agent.conftest import write_suite
from tests.payloads.agent.test_suite_runs import ARM, BUDGET, command

NUMBERS = """
import os
n = int(os.environ["BENCHTUI_REPETITION"])
print('{"sample": "speed", "value": 5.0, "excluded": true}')
for i in range(3):
    print('{"sample": "speed", "value": %r, "seconds": 0.1}' % (10 + n / 7 + i / 3))
print('{"check": "sound", "ok": true, "value": %r}' % (n / 3))
print('{"fact": "which", "value": %d}' % n)
"""
JOB = Job(
    "20261124-021533-k3f7", "c7g.large-1", "b", "us-east-1", "c7g.large", "ami-1", "quick", ("plain",),
    60, 30, 0.0,
)  # fmt: skip
OBSERVED = Observed("aws", "i-1", "c7g.large")
CHECKED = '[verification]\nchecks = ["sound"]\n'


@pytest.fixture(autouse=True)
def _calm_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCHTUI_CALM_S", "-1")


def both(
    folder: Path, script: str, *, mode: str = "", extra: str = "", lacking: dict[str, str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the agent writes of a suite, and what is made of its raw output."""
    made = write_suite(folder / "plain", script, extra=extra)
    text = (made / "payload.toml").read_text().replace("[[runs]]", mode + "[[runs]]", 1)
    declared = parse_payload(text, str(made)).for_agent("0" * 64)
    suite = SuiteRun("plain", declared, "quick", str(made), Stop(), lambda line: None)
    suite.prepare(lacking or {})
    if suite.failure is None:
        suite.measure(Times(2 if mode else None, 30))
    stored = json.loads(json.dumps(document(JOB, OBSERVED, suite).document))
    # As it comes out of the bucket: nothing is handed over in memory.
    again = reparse.reparse(reparse.unpack(suite.raw.tar_gz()), json.loads(json.dumps(declared)), "quick")
    return stored, json.loads(json.dumps(again))


def same(stored: dict[str, Any], again: dict[str, Any]) -> None:
    for name in (
        "outcome",
        "reason",
        "metrics",
        "declined_metrics",
        "checks",
        "facts",
        "problems",
        "verified",
    ):
        assert again[name] == stored[name], name
    assert again["unchecked"] == []


def test_of_repetitions_with_their_labels_and_facts(tmp_path: Path) -> None:
    stored, again = both(tmp_path, NUMBERS, mode=BUDGET, extra=CHECKED)
    assert stored["verified"] is True
    assert stored["facts"]["repetitions.main"]["count"] >= 3
    same(stored, again)


def test_of_arms_and_of_one_that_was_declined(tmp_path: Path) -> None:
    arms = ARM.format(command=command("pass")) + ARM.format(command=command("pass")).replace("other", "third")
    stored, again = both(
        tmp_path, NUMBERS, mode=BUDGET, extra=arms, lacking={"third": "package x: not found"}
    )
    assert "speed:other" in stored["metrics"]
    assert stored["declined_metrics"]
    same(stored, again)


@pytest.mark.parametrize(
    "script",
    [
        'print(\'{"sample": "speed", "value": 10.0}\')\nraise SystemExit(3)\n',  # fails after a sample
        'print(\'{"sample": "speed", "value": 10.0}\')\nprint(\'garbage\')\n',
        'print(\'{"declined": "speed", "reason": "no such unit"}\')\n',
        'print(\'{"sample": "speed", "value": 1000.0}\')\n',  # outside its bounds
        'print(\'{"sample": "speed", "value": NaN}\')\n',
        "pass\n",
    ],
)
def test_of_suites_that_fail(tmp_path: Path, script: str) -> None:
    same(*both(tmp_path, script))


def test_of_a_build_that_fails(tmp_path: Path) -> None:
    stored, again = both(tmp_path, NUMBERS, extra=f"[build]\ncommands = [{command('raise SystemExit(1)')}]\n")
    assert stored["outcome"] == "declined"
    same(stored, again)
    assert len(again["commands"]) == 1


def test_raw_output_without_the_agents_lines_gives_the_figures_alone(tmp_path: Path) -> None:
    made = write_suite(tmp_path / "plain", NUMBERS)
    declared = parse_payload((made / "payload.toml").read_text(), str(made)).for_agent("0" * 64)
    suite = SuiteRun("plain", declared, "quick", str(made), Stop(), lambda line: None)
    suite.prepare({})
    suite.measure(Times(None, 30))
    files = reparse.unpack(suite.raw.tar_gz())
    del files["observed.jsonl"]
    again = reparse.reparse(files, declared, "quick")
    assert again["alone"] is True
    assert [sample["value"] for sample in again["metrics"]["speed"]["samples"]] == [
        sample["value"] for sample in suite.records.samples["speed"]
    ]
    assert "observed.jsonl" in again["unchecked"][0]


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00" + b"\x00" * 20])
def test_what_is_no_archive_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(reparse.Unreadable):
        reparse.unpack(content)


def test_lines_that_are_none_of_the_agents_are_named(tmp_path: Path) -> None:
    with pytest.raises(reparse.Unreadable, match="line 1"):
        reparse.reparse({"observed.jsonl": b"[]\n"}, {"arms": {}, "runs": []}, "quick")
