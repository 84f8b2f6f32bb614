"""TOML from outside, and the one error for everything that is none."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from decimal import Decimal
from typing import Any


class NotTomlError(ValueError):
    """Not TOML, or it holds what nobody can use; the message may end in ``(at line 3, column 5)``."""


def parse_toml(text: str, number: Callable[[str], Any] = Decimal) -> dict[str, Any]:
    """The values of a document.

    Args:
        text: of the document.
        number: makes what has a point or an exponent; decimal, for money must not pass through a float.

    Raises:
        NotTomlError: it is none, nested too deeply, or has a number beyond all bounds.
    """
    try:
        return tomllib.loads(text, parse_float=number)
    except tomllib.TOMLDecodeError as error:
        raise NotTomlError(str(error)) from error
    except RecursionError as error:
        raise NotTomlError("nested too deeply") from error
    except (ValueError, ArithmeticError) as error:  # thousands of digits, or an exponent of twenty
        raise NotTomlError("a number has too many digits") from error
