"""What is wrong with a configuration, in plain words: source, line, key, reason, nearest valid key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from benchtui.config.lines import Key, KeyPath
from benchtui.config.schema import IMAGE_TAGS
from benchtui.config.settings import dotted, keys_at, settings
from benchtui.core.errors import UsageError

OriginKind = Literal["default", "sdk", "file", "environment", "flag", "form"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from."""

    kind: OriginKind
    where: str = ""  # file, environment variable or flag
    line: int | None = None

    def __str__(self) -> str:
        if self.kind in ("default", "form"):
            return self.kind
        return self.where if self.line is None else f"{self.where}:{self.line}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    origin: Origin
    key: str  # "section.key"; empty when it concerns the whole source
    reason: str
    nearest: str | None = None  # valid key or value close to what was written

    def place(self) -> tuple[str, str, int]:
        """Sort key: by source, then in the order of the file's lines."""
        return self.origin.kind, self.origin.where, self.origin.line or 0

    def __str__(self) -> str:
        parts = [str(self.origin), self.key, self.reason]
        text = ": ".join(part for part in parts if part)
        return text if self.nearest is None else f"{text} (did you mean {self.nearest}?)"


class ConfigError(UsageError):
    """The configuration cannot be used; carries every problem found."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(
            "\n  ".join([f"configuration: {count}", *(str(problem) for problem in problems)]),
            fix="every setting with its meaning, unit and default stands in config.example.toml",
        )


def syntax_problem(file: str, message: str) -> Problem:
    """A problem from tomllib's message, which ends in ``(at line 3, column 5)``."""
    found = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if found is None:
        return Problem(Origin("file", file), "", f"not valid TOML: {message}")
    reason = f"not valid TOML: {message[: found.start()]} (column {found.group(2)})"
    return Problem(Origin("file", file, int(found.group(1))), "", reason)


def validation_problems(error: ValidationError, origin_of: Callable[[KeyPath], Origin]) -> list[Problem]:
    """pydantic's errors in plain words, each with the origin of the value it is about."""
    problems = []
    for detail in error.errors(include_url=False):
        path = tuple(part for part in detail["loc"] if part not in IMAGE_TAGS and part != "[key]")
        reason, nearest = _reason(detail["type"], path, detail)
        problems.append(Problem(origin_of(path), dotted(path), reason, nearest))
    return problems


def _reason(kind: str, path: KeyPath, detail: Mapping[str, Any]) -> tuple[str, str | None]:
    context = detail.get("ctx", {})
    given = detail.get("input")
    if kind == "extra_forbidden":
        return ("unknown section" if len(path) == 1 else "unknown key"), nearest_key(path)
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        close = difflib.get_close_matches(str(given), allowed, n=1)
        return f"must be one of {', '.join(allowed)}, not {given!r}", close[0] if close else None
    if kind == "value_error":
        return str(context["error"]), None
    if kind == "missing":
        return "is missing", None
    for prefix, words in _WORDS:
        if kind.startswith(prefix):
            limit = context.get("ge", context.get("le", context.get("gt", context.get("lt"))))
            length = context.get("max_length", context.get("min_length"))
            return words.format(limit=limit, length=length, given=_brief(given)), None
    return str(detail["msg"]), None


_WORDS = (
    ("int", "must be a whole number, not {given}"),
    ("float", "must be a number, not {given}"),
    ("decimal", "must be an amount of money such as 5.00, not {given}"),
    ("finite", "must be a finite number"),
    ("string_type", "must be text in quotes, not {given}"),
    ("string_too_long", "is longer than {length} characters"),
    ("string_pattern", "has characters that cannot be shown"),
    ("path", "must be a path in quotes, not {given}"),
    ("tuple", 'must be a list such as ["…", "…"], not {given}'),
    ("too_long", "has more than {length} entries"),
    ("too_short", "needs at least {length} entry"),
    ("model", "must be a table, not {given}"),
    ("dict", "must be a table, not {given}"),
    ("greater_than_equal", "must be at least {limit}, not {given}"),
    ("greater_than", "must be more than {limit}, not {given}"),
    ("less_than_equal", "must be at most {limit}, not {given}"),
    ("less_than", "must be less than {limit}, not {given}"),
)


def _brief(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def nearest_key(path: KeyPath) -> str | None:
    """A valid key close to an unknown one: in the same table, else the same name in another section."""
    *table, name = path
    siblings = keys_at(tuple(table))
    close = difflib.get_close_matches(str(name), siblings, n=1)
    if close:
        return dotted((*table, close[0]))
    elsewhere: list[Key] = [setting[-1] for setting in settings()]
    close = difflib.get_close_matches(str(name), [str(key) for key in elsewhere], n=1, cutoff=0.8)
    return next((dotted(setting) for setting in settings() if close and setting[-1] == close[0]), None)
