"""The list of settings, read from the schema: names, defaults, docstrings, and which forms they take."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from benchtui.config.durations import format_duration, parse_duration
from benchtui.config.lines import KeyPath
from benchtui.config.schema import Config, ImageIds, RegionSection, SuiteSection
from benchtui.config.sources import ENVIRONMENT_PREFIX

#: Tables with keys of the user's choice, and what their values are.
OPEN_TABLES: dict[KeyPath, type[BaseModel] | None] = {
    ("instance", "tags"): None,
    ("prices", "on_demand"): None,
    ("prices", "spot_max"): None,
    ("tui", "keys"): None,
    ("suites",): SuiteSection,
    ("regions",): RegionSection,
}
#: Tables that are one value: a later file replaces the whole of it.
WHOLE_TABLES: dict[KeyPath, type[BaseModel]] = {("instance", "image"): ImageIds}


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the schema."""

    path: KeyPath
    default: Any
    is_duration: bool
    is_list: bool  # of words; can be given as comma-separated text
    is_text_form: bool  # can be given as one piece of text, so in the environment or as a flag

    @property
    def variable(self) -> str:
        """Name of the environment variable: ``BENCHTUI_<SECTION>_<KEY>``."""
        return ENVIRONMENT_PREFIX + "_".join(str(part) for part in self.path).upper()


@cache
def settings() -> dict[KeyPath, Setting]:
    """Every setting by its path ``(section, key)``; an open table (``instance.tags``) is one setting."""
    found: dict[KeyPath, Setting] = {}
    for section, section_field in Config.model_fields.items():
        model = section_field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            for key, field in model.model_fields.items():
                found[section, key] = _setting((section, key), field)
    return found


def _setting(path: KeyPath, field: FieldInfo) -> Setting:
    default = field.get_default(call_default_factory=True)
    parts = list(_annotation_parts(field.annotation)) + list(field.metadata)
    has_table = any(isinstance(part, type) and issubclass(part, BaseModel) for part in parts)
    is_list = isinstance(default, tuple) and not has_table
    text_form = path in WHOLE_TABLES or not (has_table or isinstance(default, dict))
    is_duration = any(isinstance(part, BeforeValidator) and part.func is parse_duration for part in parts)
    return Setting(path, default, is_duration, is_list, text_form)


def _annotation_parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in typing.get_args(annotation):
        yield from _annotation_parts(part)


def keys_at(path: KeyPath) -> tuple[str, ...]:
    """Keys the schema knows in the table at ``path``; empty for tables with free keys."""
    model: Any = Config
    if path in WHOLE_TABLES:
        return tuple(WHOLE_TABLES[path].model_fields)
    for depth, part in enumerate(path):
        if path[: depth + 1] in OPEN_TABLES:
            model = OPEN_TABLES[path[: depth + 1]]
            return tuple(model.model_fields) if model is not None and len(path) == depth + 2 else ()
        if isinstance(part, int):
            continue
        model = _table_model(model, part)
        if model is None:
            return ()
    return tuple(model.model_fields)


def _table_model(model: Any, key: str) -> Any:
    field = model.model_fields.get(key)
    if field is None:
        return None
    return next(
        (
            part
            for part in _annotation_parts(field.annotation)
            if isinstance(part, type) and issubclass(part, BaseModel)
        ),
        None,
    )


def dotted(path: KeyPath) -> str:
    """``plan.include[0].type``; keys that hold dots are quoted, as TOML wants them."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.replace("_", "").replace("-", "").isalnum() and part.isascii()
            text += ("." if text else "") + (part if plain else f'"{part}"')
    return text


def shown(value: object, *, is_duration: bool = False) -> str:
    """A value as the configuration file would write it; ``–`` for one that is not set."""
    if value is None:
        return "–"
    if is_duration and isinstance(value, int):
        return f'"{format_duration(value)}"'
    if isinstance(value, str | Path):
        escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, BaseModel):
        given = {key: part for key, part in value if part not in (None, "")}
        return shown(given)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{dotted((key,))} = {shown(part)}" for key, part in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(shown(part) for part in value) + "]"
    return str(value)
