"""Errors on their way to the user."""

from __future__ import annotations

from typing import Any

from benchtui.core.errors import BenchtuiError


def foreseen(problem: BaseException) -> BenchtuiError | None:
    """The error with a way out in ``problem``, which may be a group of tasks' errors; None if there is none.

    Of several the one with the highest exit code is returned: 6 outranks all.
    """
    if isinstance(problem, BenchtuiError):
        return problem
    if isinstance(problem, BaseExceptionGroup):
        found = [foreseen(part) for part in problem.exceptions]
        if all(part is not None for part in found):
            return max((part for part in found if part is not None), key=lambda part: part.exit_code)
    return None


def error_fields(problem: BaseException) -> dict[str, Any]:
    """What ``--json`` says of an error."""
    known = foreseen(problem)
    if known is None:
        return {"what": f"{type(problem).__name__}: {problem}", "fix": None}
    return {"what": known.what, "fix": known.fix}
