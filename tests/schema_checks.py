"""Output held against the schema files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchtui.cli import output
from benchtui.report import schemas


def holds(name: str, content: Any) -> None:
    """Fails with the first place where ``content`` breaks the schema."""
    _check(name, content, {one: schemas.load(one) for one in schemas.names()})


def exactly(name: str, content: Any) -> None:
    """The same, and there is nothing in ``content`` that the schema does not describe."""
    _check(name, content, {one: _closed(schemas.load(one)) for one in schemas.names()})


def breaks(name: str, content: Any) -> None:
    """``content`` is not what the schema says."""
    with pytest.raises(AssertionError):
        holds(name, content)


def printed(fields: Any) -> Any:
    """As a program reads it from stdout."""
    return json.loads(output.as_json(fields))


def _check(name: str, content: Any, every: dict[str, dict[str, Any]]) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: pip install '.[dev]'")
    import referencing

    known = [(f"{one}.json", referencing.Resource.from_contents(schema)) for one, schema in every.items()]
    registry = referencing.Registry().with_resources(known)
    validator = jsonschema.Draft202012Validator(every[name], registry=registry)
    errors = [f"{error.json_path}: {error.message}"[:300] for error in validator.iter_errors(content)]
    assert not errors, errors[:3]


def _closed(schema: Any) -> Any:
    """Every object that names its properties may have no others."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: _closed(value) for key, value in schema.items()}
    if isinstance(inner.get("properties"), dict) and "additionalProperties" not in inner:
        inner["additionalProperties"] = False
    return inner
