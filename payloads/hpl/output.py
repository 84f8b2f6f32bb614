"""Read what HPL wrote. A line that is not exactly as HPL prints it is an error, not a guess."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

#: T/V, N, NB, P, Q, seconds, GFLOP/s: `WR11C2R4        8000   192     1     2     3.66     9.341e+01`
DATA = re.compile(
    r"W[RC]\d\d[LCR]\d[LCR]\d +(\d+) +(\d+) +(\d+) +(\d+) +(\d+\.\d\d|nan|inf) +(\d\.\d{3}e[+-]\d\d|nan|inf)"
)
#: Only this one: hpcc's other tests print PASSED, too.
RESIDUAL = re.compile(
    r"\|\|Ax-b\|\|_oo/\(eps\*\(\|\|A\|\|_oo\*\|\|x\|\|_oo\+\|\|b\|\|_oo\)\*N\)= +"
    r"(-?(?:\d+\.\d+|nan|inf)) \.{6} (PASSED|FAILED)"
)


class Unreadable(Exception):
    """The output is not that of one solved problem."""


@dataclass(frozen=True)
class Solved:
    """One problem that HPL solved, in its own words."""

    n: int
    nb: int
    p: int
    q: int
    seconds: float  # two decimals, as HPL prints
    gflops: float  # four digits
    residual: float
    passed: bool


def read(text: str) -> Solved:
    """The one problem in HPL's output.

    Raises:
        Unreadable: none, several, or lines of another form.
    """
    lines = [line.strip() for line in text.splitlines()]
    data = [line for line in lines if re.match(r"W[RC]\d", line)]
    # After a residual that failed HPL prints the norms it is made of: `||Ax-b||_oo . . . = ` is one of them.
    residual = [line for line in lines if line.startswith("||Ax-b||") and "=" in line and " . . " not in line]
    if len(data) != 1 or len(residual) != 1:
        raise Unreadable("{} result lines and {} residuals, not 1".format(len(data), len(residual)))
    found, checked = DATA.fullmatch(data[0]), RESIDUAL.fullmatch(residual[0])
    if found is None or checked is None:
        raise Unreadable("not a line of HPL: {!r}".format((data if found is None else residual)[0]))
    n, nb, p, q = (int(found.group(index)) for index in range(1, 5))
    seconds, gflops = float(found.group(5)), float(found.group(6))
    return Solved(n, nb, p, q, seconds, gflops, float(checked.group(1)), checked.group(2) == "PASSED")


def rate_error(solved: Solved, flops: float) -> float:
    """How far the printed rate is from `flops` in the printed time, relative to what rounding both explains.

    Up to 1 it is rounding: half of 0.01 s, and half of the rate's fourth digit.
    """
    if not solved.seconds > 0.005:
        return math.inf
    recomputed = flops / solved.seconds / 1e9
    rounding = 0.005 / (solved.seconds - 0.005) + 5e-4
    return abs(solved.gflops / recomputed - 1) / rounding
