"""The layers that end a run's instances, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchtui.cli.tables import BAD, FAINT, GOOD, WARN, Text, add, new_table
from benchtui.engine.layers import Layer, LayerState

if TYPE_CHECKING:
    from rich.table import Table

_STYLE = {
    LayerState.ARMED: GOOD,
    LayerState.PARTLY: WARN,
    LayerState.UNPROVEN: WARN,
    LayerState.NOT_ARMED: BAD,
    LayerState.IDLE: FAINT,
}


def layer_fields(found: Sequence[Layer]) -> list[dict[str, Any]]:
    """Layers for ``--json``."""
    return [
        {
            "region": layer.region,
            "number": layer.number,
            "name": layer.name,
            "state": layer.state.value,
            "why": layer.why,
        }
        for layer in found
    ]


def layer_table(found: Sequence[Layer]) -> Table:
    """One line each, region by region, with what makes it so."""
    table = new_table("region", "layer", "state", "")
    for layer in found:
        state = Text(layer.state.value, style=_STYLE[layer.state])
        add(table, layer.region, f"{layer.number} {layer.name}", state, layer.why)
    return table
