"""Layers of values, one per source, laid over each other; who said what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchtui.config.lines import KeyPath
from benchtui.config.problems import Origin
from benchtui.config.settings import WHOLE_TABLES


@dataclass(frozen=True, slots=True)
class Layer:
    """Values of one source, as nested tables, and where in it a path stands."""

    values: dict[str, Any]
    origin: Callable[[KeyPath], Origin]


@dataclass(frozen=True, slots=True)
class Sources:
    """Which layer each value, and the first mention of each table, comes from."""

    values: dict[KeyPath, Layer]
    tables: dict[KeyPath, Layer]

    def of_value(self, path: KeyPath) -> Origin:
        """Origin of a value, or of the list or whole table it is part of; default if nobody set it."""
        return _innermost(path, self.values) or Origin("default")

    def of_problem(self, path: KeyPath) -> Origin:
        """The same, or else the origin of the table that is itself the problem."""
        return _innermost(path, self.values) or _innermost(path, self.tables) or Origin("default")


def _innermost(path: KeyPath, layers: dict[KeyPath, Layer]) -> Origin | None:
    prefixes = (path[:length] for length in range(len(path), 0, -1))
    return next((layers[prefix].origin(path) for prefix in prefixes if prefix in layers), None)


def merge(into: dict[str, Any], layer: Layer, sources: Sources) -> None:
    """Lay ``layer`` over ``into``: tables entry by entry, lists and everything else as a whole."""
    _merge_table(into, layer.values, (), layer, sources)


def _merge_table(
    into: dict[str, Any], values: dict[str, Any], path: KeyPath, layer: Layer, sources: Sources
) -> None:
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict) and here not in WHOLE_TABLES:
            existing = into.get(key)
            if not isinstance(existing, dict):
                existing = into[key] = {}
                sources.tables[here] = layer
            _merge_table(existing, value, here, layer, sources)
        else:
            into[key] = value
            sources.values[here] = layer
