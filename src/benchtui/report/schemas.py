"""JSON Schema files of what benchtui writes, packaged in benchtui/schemas.

Those of documents and rows are made from their models: `python -m benchtui.report.schemas` writes them anew.
The others are written by hand. Tests hold every output against its schema.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from benchtui.core.documents import (
    CensusDocument,
    ResultDocument,
    RunDocument,
    SentinelBody,
    SystemDocument,
)
from benchtui.report.export.rows import MeasurementRow, SampleRow

FOLDER = Path(__file__).resolve().parents[1] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: Objects of the bucket, as their readers take them.
READ: dict[str, type[BaseModel]] = {
    "run": RunDocument,
    "sentinel": SentinelBody,
    "system": SystemDocument,
    "result": ResultDocument,
    "census": CensusDocument,
}
#: Lines of JSON Lines exports, as they are written.
WRITTEN: dict[str, type[BaseModel]] = {"measurement": MeasurementRow, "sample": SampleRow}


def made() -> Iterator[tuple[str, str]]:
    """Name and content of every file that is made from a model."""
    for name, model in READ.items():
        yield f"{name}.json", _text(model.model_json_schema(mode="validation"))
    for name, model in WRITTEN.items():
        yield f"{name}.json", _text(model.model_json_schema(mode="serialization"))


def names() -> tuple[str, ...]:
    """Every schema there is, without its ending."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load(name: str) -> dict[str, Any]:
    """A schema.

    Raises:
        KeyError: there is none of this name.
    """
    if name not in names():
        raise KeyError(name)
    found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def _text(schema: dict[str, Any]) -> str:
    return json.dumps({"$schema": DIALECT, **schema}, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the made ones."""
    for name, content in made():
        (FOLDER / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
