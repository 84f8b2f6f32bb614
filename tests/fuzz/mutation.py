"""Changes of JSON by its tree: what changes of bytes alone hardly ever come to."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

#: What a value may be replaced by: limits of numbers, times and texts, and other kinds.
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**64), 10**30, 1e308, -1e-308, 0.1,
    float("nan"), float("inf"), "", " ", "\x00", "\x1b[2J", "\ud800", "\u202e", "é" * 50, "a" * 3000, "NaN",
    "1e999999", "1E-999999999", "0E+999999", "-0", "1_000", "9" * 50, "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2026-11-24T02:15:33", "2026-11-24", "P1D", "2026-13-01T00:00:00Z",
    1e11, -62135596800, 253402300800, "../../etc/passwd", "c7g.large-1", "20261124-021533-k3f7", "stream",
    [], {}, [[]], [None], {"": None}, {"schema": "benchtui.run/1"}, "benchtui.result/2", "0" * 64,
)  # fmt: skip
DEEP = 3000


def mutated(content: bytes, seed: int, most: int) -> bytes | None:
    """``content`` with one to four places of its tree changed; None: it is not JSON.

    Args:
        content: the bytes before.
        seed: of all chances.
        most: bytes that the answer may have.
    """
    rng = Random(seed)
    if rng.random() < 0.002:
        return (b"[" * DEEP)[:most]
    try:
        tree = json.loads(content)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            tree = _changed(tree, rng)
        out = json.dumps(tree).encode()
    except (ValueError, RecursionError):  # no JSON, or deeper than these functions go
        return None
    return out if len(out) <= most else None


def _changed(tree: Any, rng: Random) -> Any:
    """One place of ``tree`` replaced, removed, doubled or given another name; it is changed in place."""
    places = list(_places(tree))
    if not places:
        return deepcopy(rng.choice(HOSTILE))
    holder, at = rng.choice(places)
    act = rng.randrange(9)
    if act <= 3:
        # Mostly of the same kind, which readers take further.
        alike = [each for each in HOSTILE if type(each) is type(holder[at])]
        holder[at] = deepcopy(rng.choice(alike if alike and act else HOSTILE))
    elif act == 4:
        del holder[at]
    elif act == 5 and isinstance(holder, list):
        holder.insert(at, holder[at])
    elif act == 5:
        holder[str(rng.choice(HOSTILE))] = holder[at]
    elif act == 6:
        other, where = rng.choice(places)
        holder[at] = deepcopy(other[where])  # so that no tree comes to hold itself
    elif isinstance(holder[at], int | float) and not isinstance(holder[at], bool):
        holder[at] = holder[at] * rng.choice((-1, 0, 10, 1000, 0.5, 1e300))
    else:
        holder[at] = deepcopy(rng.choice(HOSTILE))
    return tree


def _places(tree: Any) -> Any:
    """Every holder with each place in it."""
    inside = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for at, value in list(inside):
        yield tree, at
        yield from _places(value)
