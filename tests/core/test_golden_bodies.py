"""Bodies as older versions wrote them: each can be read, by the steps from its version to this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest

from benchtui.core.document_fields import Document, Line, parse_document
from benchtui.core.documents import (
    CensusDocument,
    Outcome,
    ResultDocument,
    RunDocument,
    SentinelBody,
    SystemDocument,
)
from benchtui.core.errors import InvalidDocumentError

BODIES = Path(__file__).parents[1] / "fixtures" / "bodies"


def golden(name: str) -> bytes:
    return (BODIES / name).read_bytes()


def test_run_1() -> None:
    run = parse_document(RunDocument, golden("run-1.json"), "run.json")
    assert (run.run, len(run.jobs), run.mode) == ("20261128-184007-legq", 3, "quick")
    assert run.jobs[0].suites[0] == "stream"
    assert (run.seal, run.confirms) == (None, None)


def test_system_1() -> None:
    system = parse_document(SystemDocument, golden("system-1.json"), "system.json")
    assert (system.provider, system.instance_type, system.job) == ("local", "local.2cpu", "local.2cpu-1")


def test_result_1() -> None:
    result = parse_document(ResultDocument, golden("result-1.json"), "result.json")
    assert (result.suite, result.outcome, result.verified) == ("hpl", Outcome.MEASURED, True)
    assert all(metric.counted for metric in result.metrics.values())


def test_census_1() -> None:
    census = parse_document(CensusDocument, golden("census-1.json"), "census.json")
    assert census.planned == census.measured + census.declined == len(census.rows)


def test_sentinel_1() -> None:
    body = b'{"schema":"benchtui.sentinel/1","instance_id":"i-0abc","layers":{"timer":"armed"}}'
    said = parse_document(SentinelBody, body, "s")
    assert (said.instance_id, said.run_seal, said.previous, said.objects) == ("i-0abc", None, None, {})


class Third(Document):
    """A kind whose third version has the field ``words`` where the first had ``text``."""

    kind: ClassVar[str] = "benchtui.test"
    version: ClassVar[int] = 3
    max_bytes: ClassVar[int] = 1_000
    words: tuple[Line, ...]
    count: int

    @staticmethod
    def _split(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, "words": content["text"].split()}

    @staticmethod
    def _counted(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, "count": len(content["words"])}

    upcasters: ClassVar[Any] = {}


Third.upcasters = {1: Third._split, 2: Third._counted}


@pytest.mark.parametrize(
    "body",
    [
        {"schema": "benchtui.test/1", "text": "one two"},
        {"schema": "benchtui.test/2", "words": ["one", "two"]},
        {"schema": "benchtui.test/3", "words": ["one", "two"], "count": 2},
    ],
)
def test_older_versions_are_brought_up_step_by_step(body: dict[str, Any]) -> None:
    read = parse_document(Third, json.dumps(body).encode(), "x")
    assert (read.words, read.count) == (("one", "two"), 2)


def test_what_a_step_cannot_bring_up_is_named() -> None:
    with pytest.raises(InvalidDocumentError, match=r"not what benchtui\.test/1 is"):
        parse_document(Third, b'{"schema": "benchtui.test/1", "text": 1}', "x")
    with pytest.raises(InvalidDocumentError, match="newer benchtui"):
        parse_document(Third, b'{"schema": "benchtui.test/4"}', "x")
