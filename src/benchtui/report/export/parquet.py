"""Rows as Parquet, with pyarrow: an extra that only this format needs."""

from __future__ import annotations

import io
import types
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from benchtui.core.errors import UsageError

#: Digits and scale of money: a price an hour in millionths of a cent and more.
MONEY = (20, 10)


def as_parquet(rows: Iterable[BaseModel], model: type[BaseModel], version: str) -> bytes:
    """A Parquet file whose columns have the types of the rows' model; money is decimal, times are UTC.

    Args:
        rows: all of ``model``.
        model: what gives names, types and nullability.
        version: of benchtui, kept in the file's metadata.

    Raises:
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow, which is not installed", fix="pip install 'benchtui[parquet]'"
        ) from error
    fields = [
        pyarrow.field(name, _type(pyarrow, field.annotation), nullable=_optional(field.annotation))
        for name, field in model.model_fields.items()
    ]
    schema = pyarrow.schema(fields, metadata={"benchtui": version, "rows": model.__name__})
    columns: dict[str, list[Any]] = {name: [] for name in model.model_fields}
    for row in rows:
        for name, value in row:
            columns[name].append(str(value) if isinstance(value, str) else value)
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns, schema=schema), buffer, compression="zstd")
    return buffer.getvalue()


def _optional(annotation: Any) -> bool:
    return type(None) in get_args(annotation)


def _type(pyarrow: Any, annotation: Any) -> Any:
    """The column type of a Python type."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(one for one in get_args(annotation) if one is not type(None))
    found = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        bool: pyarrow.bool_(),
        datetime: pyarrow.timestamp("ms", tz="UTC"),
        Decimal: pyarrow.decimal128(*MONEY),
    }
    return found[annotation]
