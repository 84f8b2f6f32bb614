"""The invented run of tests/golden.py, read once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchtui.core.run_records import RunRecord
from benchtui.report.subject import Subject, subject_of
from tests import golden

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    return golden.record(tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="session")
def subject(record: RunRecord) -> Subject:
    return subject_of([record], at=AT, version="0.1.0", titles={"stream": "STREAM memory bandwidth"})


@pytest.fixture
def lying(tmp_path: Path) -> Callable[..., RunRecord]:
    """The golden run with other results: ``change`` gets each result's document and returns another."""

    def made(change: Callable[[Any], Any]) -> RunRecord:
        from benchtui.core.document_fields import parse_document, to_json
        from benchtui.core.documents import ResultDocument
        from benchtui.engine.run_records import read_records

        golden.lie(tmp_path / "results")
        for path in (tmp_path / "results").rglob("result.json"):
            document = parse_document(ResultDocument, path.read_bytes(), str(path))
            path.write_bytes(to_json(change(document)))
        (found,) = read_records(tmp_path / "results", (golden.RUN,))
        return found

    return made
