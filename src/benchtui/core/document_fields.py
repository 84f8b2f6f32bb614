"""What the JSON documents are made of: types of fields, schema and version, reading and writing.

All of them come from outside, an instance or a bucket, and are untrusted: sizes are bounded, numbers
finite, text printable. A body says its schema and version; a newer one than known is reported as
such, never dropped or guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
)

from benchtui.core.errors import InvalidDocumentError
from benchtui.core.keys import check_instance_type, check_job, check_run, check_suite
from benchtui.core.money import writable
from benchtui.core.text import clean_line

#: At the ends of the calendar another time zone or a minute more is an overflow.
FIRST_YEAR, LAST_YEAR = 1970, 2999


def _line(limit: int) -> BeforeValidator:
    return BeforeValidator(lambda value: clean_line(value, limit) if isinstance(value, str) else value)


def _moment(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"a time between the years {FIRST_YEAR} and {LAST_YEAR} is wanted")
    return value if value.tzinfo else value.replace(tzinfo=UTC)


#: What a database, a column of a table or another program's integer can hold.
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Seconds = Annotated[int, Field(le=100_000_000)]  # three years
Line = Annotated[str, _line(200)]
LongLine = Annotated[str, _line(2_000)]
Scalar = bool | int | FiniteFloat | LongLine | None
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RunId = Annotated[str, AfterValidator(check_run)]
JobId = Annotated[str, AfterValidator(check_job)]
SuiteName = Annotated[str, AfterValidator(check_suite)]
TypeName = Annotated[str, AfterValidator(check_instance_type)]
Usd = Annotated[Decimal, Field(ge=0, le=Decimal("1e9"), allow_inf_nan=False), AfterValidator(writable)]
#: A time with room before and behind it; UTC where nothing else is said.
Moment = Annotated[datetime, AfterValidator(_moment)]


class Document(BaseModel):
    """A versioned body. Fields that a later writer of the same version added are ignored."""

    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="ignore", populate_by_name=True, ser_json_inf_nan="constants"
    )

    kind: ClassVar[str]
    version: ClassVar[int]
    max_bytes: ClassVar[int]
    #: By version: makes the content of version n + 1 of that of version n. What is stored is never rewritten.
    upcasters: ClassVar[Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]] = {}


D = TypeVar("D", bound=Document)
#: One of these is in every body whose texts hold a surrogate without its other half, and in few others.
_MAY_BE_HALVES = (b"\\ud", b"\\uD", b"\xed", b"\x00")


def parse_document(model: type[D], body: bytes, name: str) -> D:
    """Validate an object of the bucket.

    Args:
        model: what it has to be.
        body: its bytes.
        name: its key or path, for the error.

    Raises:
        InvalidDocumentError: too large, not JSON, of a newer schema, or not valid; names the object.
    """
    if len(body) > model.max_bytes:
        raise InvalidDocumentError(f"{name}: {len(body)} bytes, more than the {model.max_bytes} allowed")
    usual = _usual(model, body)
    if usual is not None:
        return usual
    try:
        content = json.loads(body)
        if any(mark in body for mark in _MAY_BE_HALVES):
            json.dumps(
                content, ensure_ascii=False
            ).encode()  # half a character is no text, and nothing stores it
    except (ValueError, RecursionError) as error:
        raise InvalidDocumentError(f"{name}: not JSON: {clean_line(str(error))}") from error
    found = _check_schema(model, content, name)
    try:
        for step in range(found, model.version):
            content = model.upcasters[step](content)
        return model.model_validate(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidDocumentError(f"{name}: not what {model.kind}/{found} is: {error!r}") from error
    except (ValidationError, RecursionError) as error:
        raise InvalidDocumentError(f"{name}: {_first_reasons(error)}") from error


def _usual(model: type[D], body: bytes) -> D | None:
    """A valid body of the newest version, in two thirds of the time; None: it has to be looked at closely."""
    try:
        found = model.model_validate_json(body)
    except (ValidationError, RecursionError):
        return None
    said = getattr(found, "schema_", None) if "schema_" in found.model_fields_set else None
    return found if said == f"{model.kind}/{model.version}" else None


def _check_schema(model: type[Document], content: object, name: str) -> int:
    """The version of a body that this benchtui can read."""
    schema = content.get("schema") if isinstance(content, dict) else None
    kind, _, version = str(schema).partition("/")
    if kind != model.kind or not (version.isdecimal() and len(version) < 6):
        said = clean_line(str(schema), 60)
        raise InvalidDocumentError(f"{name}: schema is {said!r}, not {model.kind}/{model.version}")
    if int(version) > model.version:
        raise InvalidDocumentError(
            f"{name}: {kind}/{int(version)} is of a newer benchtui; this one reads up to {model.version}",
            fix="update benchtui",
        )
    return int(version)


def _first_reasons(error: ValidationError | RecursionError) -> str:
    """The first three problems, in one line."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(str(part) for part in p['loc'])}: {p['msg']}" for p in problems[:3]]
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return clean_line("; ".join(shown) + more, 400)


def to_json(document: Document) -> bytes:
    """The bytes to store: strict JSON, money as strings, keys as their readers expect them."""
    return document.model_dump_json(by_alias=True, indent=1).encode()
