"""Axes: which part of the numbers is shown, where the marks stand, and what they say."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchtui.report.chart_specs import Tick

LARGEST = sys.float_info.max
SMALLEST = math.ulp(0.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of numbers laid onto 0 … 1."""

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value stands; outside of 0 … 1 if it is not in the range."""
        low, high, value = (self._scaled(number) for number in (self.low, self.high, value))
        return (value - low) / (high - low)

    def _scaled(self, value: float) -> float:
        # A quarter of the largest float: differences of two of them do not overflow.
        return math.log10(value) if self.log else value / 4


def axis(values: Sequence[float], *, log: bool = False, from_zero: bool = False) -> Axis:
    """The range that shows all values with a little air; of one value, a range around it.

    Args:
        values: at least one, finite; positive if ``log``.
        log: logarithmic.
        from_zero: begin at zero where no value is below.
    """
    low, high = min(values), max(values)
    if log:
        bottom = max(low / 1.15, SMALLEST)
        return Axis(bottom, max(min(high * 1.15, LARGEST), bottom * 2), log=True)
    air = (high / 20 - low / 20) or abs(high) / 10 or 1.0
    top = min(high + air, LARGEST)
    if from_zero and low >= 0:
        return Axis(0.0, top)
    # Air around what is not negative does not reach below zero: no price is.
    return Axis(max(low - air, 0.0) if low >= 0 else max(low - air, -LARGEST), top)


def ticks(on: Axis, most: int) -> tuple[Tick, ...]:
    """About ``most`` marks at round numbers."""
    if most < 1:
        return ()
    places = _decades(on, most) if on.log else _steps(on, most)
    return tuple(Tick(place, short(place)) for place in places)


def _steps(on: Axis, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (on.high / 2 - on.low / 2) / most * 2
    if not math.isfinite(rough) or rough <= 0:
        return []
    power = 10.0 ** math.floor(math.log10(rough))
    if power == 0 or not math.isfinite(power * 10):
        return []
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = math.ceil(on.low / step - 1e-9)
    places = (count * step for count in range(first, first + most + 1))
    return [place for place in places if math.isfinite(place) and place / 2 <= on.high / 2 + step * 1e-9]


def _decades(on: Axis, most: int) -> list[float]:
    """1, 2 and 5 in each decade, or whole decades where those are too many."""
    first, last = math.floor(math.log10(on.low)), math.ceil(math.log10(on.high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [
            factor * 10.0**power
            for power in range(max(first, -300), min(last, 300) + 1)
            for factor in factors
            if on.low <= factor * 10.0**power <= on.high
        ]
        if len(found) <= most:
            return found
    return found[:: -(-len(found) // most)]


def short(value: float) -> str:
    """A number for an axis, in at most seven characters."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e5 or size < 1e-3:
        return f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value:.0f}" if size >= 1000 else f"{value:.4g}"


def size(count: float) -> str:
    """Bytes for an axis: ``32K``, ``1M``."""
    for power, letter in ((30, "G"), (20, "M"), (10, "K")):
        if count >= 2**power:
            return f"{count / 2**power:.3g}{letter}"
    return f"{count:.3g}"
