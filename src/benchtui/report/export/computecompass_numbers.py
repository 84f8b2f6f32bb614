"""How ComputeCompass is given numbers: it prints them as they are written."""

from __future__ import annotations

import math

from benchtui.core.stats import Interval

DECIMALS = 2


def rounded(value: float, interval: Interval | None) -> float:
    """The value to the decimals that its interval supports, two at most.

    The last decimal is that of the first digit of the interval's half width; without an interval it is two.
    """
    if interval is None or interval.high <= interval.low:
        return round(value, DECIMALS)
    half = (interval.high - interval.low) / 2
    return round(value, min(max(-math.floor(math.log10(half)), 0), DECIMALS))


def dollars(value: float) -> float:
    """A cost to three significant digits: 0.00117."""
    return float(f"{value:.3g}")
