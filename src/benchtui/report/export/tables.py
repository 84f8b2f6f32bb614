"""Rows as CSV and as JSON Lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from benchtui.core.text import clean_line

LONGEST = 2_000
#: What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@")


def as_csv(rows: Iterable[BaseModel], model: type[BaseModel]) -> str:
    """CSV with a header (RFC 4180): times in ISO 8601 UTC, true and false in lower case, unknown empty.

    A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    names = list(model.model_fields)
    writer.writerow(names)
    for row in rows:
        writer.writerow([_field(getattr(row, name)) for name in names])
    return buffer.getvalue()


def as_json_lines(rows: Iterable[BaseModel]) -> str:
    """One JSON object a line, strict, money as strings, every column in every line."""
    return "".join(f"{json.dumps(plain_row(row), allow_nan=False)}\n" for row in rows)


def plain_row(row: BaseModel) -> dict[str, Any]:
    """A row as JSON has it."""
    return {name: _plain(value) for name, value in row}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean_line(value, LONGEST)
    if isinstance(value, datetime):
        return time_text(value)
    return str(value) if isinstance(value, Decimal) else value


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = clean_line(value, LONGEST)
        return f"'{text}" if text.startswith(_FORMULA) else text
    if isinstance(value, datetime):
        return time_text(value)
    return repr(value) if isinstance(value, float) else str(value)


def time_text(value: datetime) -> str:
    """``2026-11-24T02:31:09.000Z``."""
    return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
