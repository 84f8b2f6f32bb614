"""Errors a user sees: what happened, with which key, region or instance, and what to do next."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command, see docs/FORMATS.md."""

    OK = 0
    BENCHMARK_FAILED = 1  # some benchmark failed or was declined
    USAGE = 2  # usage or configuration
    DENIED = 3  # credentials, permission or quota
    TIMEOUT = 4
    BUDGET = 5  # refused: the worst case exceeds the budget; or stopped: it is spent
    MAY_STILL_RUN = 6  # instances may still be running; outranks all others
    REGRESSION = 7  # confirmed regression
    INTERRUPTED = 130
    TERMINATED = 143


class BenchtuiError(Exception):
    """An error with a way out.

    Args:
        what: what happened, where; one line.
        fix: what to do next; one line, names the setting or command. None when there is nothing to do.
        exit_code: the process's exit code if nothing catches it.
    """

    exit_code: ExitCode = ExitCode.BENCHMARK_FAILED

    def __init__(self, what: str, fix: str | None = None, exit_code: ExitCode | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        if exit_code is not None:
            self.exit_code = exit_code

    def __str__(self) -> str:
        return self.what if self.fix is None else f"{self.what}\n  fix: {self.fix}"


class UsageError(BenchtuiError):
    """The command line or the configuration cannot be carried out as given."""

    exit_code = ExitCode.USAGE


class AccessError(BenchtuiError):
    """Credentials, permission or quota stand in the way."""

    exit_code = ExitCode.DENIED


class TimeLimitError(BenchtuiError):
    """Something did not happen in the time it was given."""

    exit_code = ExitCode.TIMEOUT


class BudgetError(BenchtuiError):
    """The budget refuses a launch."""

    exit_code = ExitCode.BUDGET


class InvalidDocumentError(BenchtuiError):
    """An object of the bucket does not hold what its key says: too large, not JSON, or not of its schema."""


def foremost(problem: Exception) -> Exception:
    """What to tell of errors of tasks that ran at the same time, which come as a group, or as groups in it.

    The first with a way out; a defect beside it is in the trace. If there is none the first of all.
    """
    found = _leaves(problem)
    return next((each for each in found if isinstance(each, BenchtuiError)), found[0])


def _leaves(problem: Exception) -> list[Exception]:
    if not isinstance(problem, ExceptionGroup):
        return [problem]
    return [leaf for inner in problem.exceptions for leaf in _leaves(inner)]


def as_error(problem: Exception, lead: str = "") -> BenchtuiError:
    """``problem`` as an error a user sees: itself, or of a defect its kind and words behind ``lead``."""
    problem = foremost(problem)
    if isinstance(problem, BenchtuiError):
        return problem
    return BenchtuiError(f"{lead}{type(problem).__name__}: {problem}")
