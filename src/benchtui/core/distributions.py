"""Student's t and chi-square by the standard library: what intervals, corrections and plans are made of.

Sources: NIST Digital Library of Mathematical Functions (DLMF) 8.17 for the incomplete beta function, 8.7 and
8.9 for the incomplete gamma function; M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions",
26.7.1 for the tails of t.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

_STEPS = 200


@lru_cache(maxsize=16384)
def t_quantile(probability: float, degrees: float) -> float:
    """The value below which Student's t with ``degrees`` of freedom lies with this probability.

    Raises:
        ValueError: the probability is not between 0 and 1, or degrees are not positive.
    """
    if not 0 < probability < 1 or not degrees > 0:
        raise ValueError(f"no quantile: probability {probability}, degrees {degrees}")
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    tails = 2 * (1 - probability)
    if tails >= 1:
        return 0.0
    low, high = 0.0, 1.0
    while t_tails(high, degrees) > tails:
        low, high = high, high * 2
    return _falling_root(
        lambda t: t_tails(t, degrees), lambda t: 2 * _t_density(t, degrees), tails, low, high
    )


def _falling_root(
    function: Callable[[float], float],
    slope: Callable[[float], float],
    wanted: float,
    low: float,
    high: float,
) -> float:
    """Where a falling function is ``wanted``: Newton's steps of its logarithm, kept between the bounds.

    Args:
        function: falls from above ``wanted`` at ``low`` to at most that at ``high``.
        slope: how fast it falls, positive.
    """
    at = (low + high) / 2
    for _ in range(_STEPS):
        value = function(at)
        if value > wanted:
            low = at
        else:
            high = at
        falls = slope(at)
        # A tail is a power of t far out and an exponential in between: its logarithm is nearly straight.
        step = value * math.log(value / wanted) / falls if value > 0 and falls > 0 else math.inf
        following = at + step
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - at) <= 1e-14 * at or following in (low, high):
            return following
        at = following
    return at


def _t_density(t: float, degrees: float) -> float:
    """Density of Student's t."""
    scale = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    return math.exp(scale - (degrees + 1) / 2 * math.log1p(t * t / degrees))


def t_tails(t: float, degrees: float) -> float:
    """Probability that Student's t lies outside ±``t`` (Abramowitz and Stegun 26.7.1)."""
    if t * t < min(degrees, 1.0):  # near the middle the other tail keeps the digits that 1 - x would lose
        return 1 - incomplete_beta(0.5, degrees / 2, t * t / (degrees + t * t))
    return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t))


def t_below(t: float, degrees: float) -> float:
    """Probability that Student's t lies below ``t``."""
    half = t_tails(abs(t), degrees) / 2
    return 1 - half if t > 0 else half


def chi_square_quantile(probability: float, degrees: float) -> float:
    """The value below which chi-square with ``degrees`` of freedom lies with this probability.

    Raises:
        ValueError: the probability is not between 0 and 1, or degrees are not positive.
    """
    if not 0 < probability < 1 or not degrees > 0:
        raise ValueError(f"no quantile: probability {probability}, degrees {degrees}")
    low, high = 0.0, max(1.0, degrees)
    while incomplete_gamma(degrees / 2, high / 2) < probability:
        low, high = high, high * 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if incomplete_gamma(degrees / 2, middle / 2) < probability:
            low = middle
        else:
            high = middle
    return high


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b): DLMF 8.17.22, and 8.17.4 beyond the mean."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - beta) / a
    return front / _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """1 + d1/(1 + d2/(1 + …)) of DLMF 8.17.22, evaluated from the front (Lentz's method)."""
    tiny = 1e-300
    value = numerator = 1.0
    denominator = 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        denominator = 1 / ((1 + d * denominator) or tiny)
        numerator = (1 + d / numerator) or tiny
        value *= numerator * denominator
        if abs(numerator * denominator - 1) < 1e-15:
            break
    return value


def incomplete_gamma(a: float, x: float) -> float:
    """The regularised lower incomplete gamma function P(a, x): DLMF 8.7.1, and 8.9.2 beyond the mean."""
    if x <= 0:
        return 0.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        count = a
        while term > total * 1e-16:
            count += 1
            term *= x / count
            total += term
        return min(1.0, front * total)
    return 1 - front * _gamma_fraction(a, x)


def _gamma_fraction(a: float, x: float) -> float:
    """1/(x + 1 - a - 1(1 - a)/(x + 3 - a - …)), the even part of DLMF 8.9.2 (Lentz's method)."""
    tiny = 1e-300
    below = x + 1 - a
    numerator = 1 / tiny
    denominator = 1 / (below or tiny)
    value = denominator
    for step in range(1, 10_000):
        factor = -step * (step - a)
        below += 2
        denominator = 1 / ((factor * denominator + below) or tiny)
        numerator = (below + factor / numerator) or tiny
        value *= numerator * denominator
        if abs(numerator * denominator - 1) < 1e-15:
            break
    return value
