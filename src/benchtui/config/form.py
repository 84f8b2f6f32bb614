"""The settings of a plan as texts in a form: validated while one types, without any file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from benchtui.config.durations import format_duration
from benchtui.config.lines import KeyPath
from benchtui.config.problems import Origin, Problem, validation_problems
from benchtui.config.schema import Config
from benchtui.config.settings import Setting, dotted, settings

#: What a form of the plan may change, and `save` may write. Every other setting is the file's.
KEYS = (
    "plan.name",
    "plan.types",
    "plan.suites",
    "plan.replicates",
    "plan.mode",
    "plan.seed",
    "plan.regions",
    "aws.regions",
    "safety.budget_usd",
    "safety.max_runtime",
)
_SEPARATORS = re.compile(r"[,\s]+")


def edited(config: Config, changes: Mapping[str, str]) -> Config | tuple[Problem, ...]:
    """The configuration with texts in place of some settings, or what is wrong with it.

    Args:
        config: valid.
        changes: text by ``"section.key"``; lists are separated by commas or blanks, and an empty text
            unsets a setting whose default is "not set".

    Raises:
        KeyError: a key that names no setting, or one that has no text form.
    """
    values: dict[str, Any] = config.model_dump()
    for key, text in changes.items():
        setting = _setting(key)
        section, name = setting.path
        values[str(section)][str(name)] = _value(text, setting)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        return tuple(validation_problems(error, lambda _path: Origin("form")))


def problems_by_key(problems: tuple[Problem, ...]) -> dict[str, str]:
    """What to say at each field: by ``"section.key"``, also where an entry of a list is meant."""
    said: dict[str, list[str]] = {}
    for problem in problems:
        key = re.sub(r"\[\d+\].*$", "", problem.key)
        near = "" if problem.nearest is None else f" (did you mean {problem.nearest}?)"
        said.setdefault(key, []).append(problem.reason + near)
    return {key: "; ".join(dict.fromkeys(reasons)) for key, reasons in said.items()}


def field_text(config: Config, key: str) -> str:
    """A setting as the text that `edited` reads back as the same value.

    Raises:
        KeyError: a key that names no setting, or one that has no text form.
    """
    setting = _setting(key)
    value = setting_value(config, setting.path)
    if value is None:
        return ""
    if setting.is_list:
        return ", ".join(str(part) for part in value)
    if setting.is_duration:
        return format_duration(value)
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def setting_value(config: Config, path: KeyPath) -> Any:
    """The value at ``(section, key)``."""
    return getattr(getattr(config, str(path[0])), str(path[1]))


def _setting(key: str) -> Setting:
    setting = next((found for path, found in settings().items() if dotted(path) == key), None)
    if setting is None or not setting.is_text_form:
        raise KeyError(key)
    return setting


def _value(text: str, setting: Setting) -> object:
    if setting.is_list:
        return [part for part in _SEPARATORS.split(text) if part]
    return None if not text.strip() and setting.default is None else text
