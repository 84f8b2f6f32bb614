"""What kinds of values settings have, and what is said of one that is of another kind."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from benchtui.config.access import REGION_PATTERN
from benchtui.config.durations import parse_duration
from benchtui.core.keys import KeyNotOurs, check_instance_type, check_suite
from benchtui.core.money import writable


def _money(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError('must be an amount of money such as 5.00 or "5.00"')
    if isinstance(value, str):
        try:
            return Decimal(value.strip().removeprefix("$"))
        except InvalidOperation:
            raise ValueError(f"must be an amount of money such as 5.00, not {value!r}") from None
    return value


def whole_number(value: object) -> object:
    """No ``true`` in the place of 1.

    Raises:
        ValueError: true or false.
    """
    if isinstance(value, bool):
        raise ValueError("must be a whole number")
    return value


def type_name(value: str) -> str:
    """An instance type.

    Raises:
        ValueError: it has not the form of one.
    """
    try:
        return check_instance_type(value)
    except KeyNotOurs:
        raise ValueError(f"{value!r} is not an instance type: expected a name like c7g.large") from None


def _suite(value: str) -> str:
    try:
        return check_suite(value)
    except KeyNotOurs:
        raise ValueError(f"{value!r} is not a suite name: lower-case letters, digits and _") from None


def region_name(value: str) -> str:
    """A region.

    Raises:
        ValueError: it has not the form of one.
    """
    if not REGION_PATTERN.fullmatch(value):
        raise ValueError(f"{value!r} is not a region: expected a name like us-east-1")
    return value


def distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    """Words that are all different.

    Raises:
        ValueError: one is there twice.
    """
    twice = sorted({value for value in values if values.count(value) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} more than once")
    return values


Usd = Annotated[
    Decimal,
    BeforeValidator(_money),
    Field(ge=0, le=1_000_000, allow_inf_nan=False),
    AfterValidator(writable),
]
Seconds = Annotated[int, BeforeValidator(parse_duration)]
Whole = Annotated[int, BeforeValidator(whole_number)]
InstanceTypeName = Annotated[str, AfterValidator(type_name)]
SuiteName = Annotated[str, AfterValidator(_suite)]
RegionName = Annotated[str, AfterValidator(region_name)]
