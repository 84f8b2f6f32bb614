"""Instances that never were: what differs from host to host, and what repetitions on one host add."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

#: Draws how far one instance's logarithm lies from its type's mean; the mean of all draws is 0.
Host = Callable[[random.Random], float]

REPETITIONS = 20
REPETITION_SD = 0.01


def normal(sd: float) -> Host:
    """Hosts scatter evenly about their mean."""
    return lambda rng: rng.gauss(0, sd)


def skewed(sd: float) -> Host:
    """No host is much faster than most, some are much slower: an exponential tail downwards, skewness -2."""
    return lambda rng: sd * (1 - rng.expovariate(1))


def with_outliers(sd: float, share: float, slower: float) -> Host:
    """``share`` of all hosts have a neighbour or a fault and are slower by so much."""
    fall = math.log(1 - slower)
    return lambda rng: rng.gauss(0, sd) + (fall if rng.random() < share else 0.0) - share * fall


def bimodal(apart: float, sd: float) -> Host:
    """Two kinds of host under one name, half of each."""
    return lambda rng: rng.gauss(0, sd) + (apart / 2 if rng.random() < 0.5 else -apart / 2)


@dataclass(frozen=True)
class Side:
    """One type of a design."""

    n: int
    host: Host

    def draw(self, rng: random.Random, level: float) -> list[list[float]]:
        """Repetitions of each instance."""
        return [repetitions(rng, level * math.exp(self.host(rng))) for _ in range(self.n)]


def repetitions(rng: random.Random, level: float, count: int = REPETITIONS) -> list[float]:
    """What one instance measures."""
    return [level * math.exp(rng.gauss(0, REPETITION_SD)) for _ in range(count)]


@dataclass(frozen=True)
class Design:
    """Two types that are compared, and the ratio between them."""

    name: str
    ours: Side
    theirs: Side
    ratio: float = 1.05
    #: Why its interval cannot hold what it claims; empty where it has to.
    limit: str = ""


def _even(n: int, host: Host) -> tuple[Side, Side]:
    return Side(n, host), Side(n, host)


DESIGNS = (
    Design("normal, n = 3 and 3", *_even(3, normal(0.03))),
    Design("normal, n = 5 and 5", *_even(5, normal(0.03))),
    Design("normal, n = 10 and 10", *_even(10, normal(0.03))),
    Design("nothing planted, n = 5 and 5", *_even(5, normal(0.03)), ratio=1.0),
    Design("planted 3 %, n = 5 and 5", *_even(5, normal(0.03)), ratio=1.03),
    Design("planted 10 %, n = 5 and 5", *_even(5, normal(0.03)), ratio=1.10),
    Design("unequal n: 5 and 10", Side(5, normal(0.03)), Side(10, normal(0.03))),
    Design("unequal spread 1 % and 5 %, n = 5 and 5", Side(5, normal(0.01)), Side(5, normal(0.05))),
    Design("unequal both: n = 4, 5 % and n = 10, 1 %", Side(4, normal(0.05)), Side(10, normal(0.01))),
    Design("skewed both, n = 5 and 5", *_even(5, skewed(0.03))),
    Design("skewed both, n = 10 and 10", *_even(10, skewed(0.03))),
    Design("skewed both, unequal n: 4 and 8", Side(4, skewed(0.03)), Side(8, skewed(0.03))),
    Design("outliers both: 10 % of hosts 10 % slower, n = 5", *_even(5, with_outliers(0.03, 0.1, 0.1))),
    Design("two kinds of host 6 % apart, n = 5 and 5", *_even(5, bimodal(0.06, 0.01))),
    Design(
        "unequal n: 3 and 10",
        Side(3, normal(0.03)),
        Side(10, normal(0.03)),
        limit="three that lie close by chance give Satterthwaite too many degrees of freedom",
    ),
    Design(
        "one type alone skewed, n = 5 and 5",
        Side(5, skewed(0.03)),
        Side(5, normal(0.01)),
        limit="rare slow hosts are missing from most samples of five",
    ),
    Design(
        "one type alone with outliers: 10 % of hosts 20 % slower, n = 5",
        Side(5, with_outliers(0.01, 0.1, 0.2)),
        Side(5, normal(0.01)),
        limit="six samples of ten have no slow host and show neither level nor spread of the type",
    ),
    Design(
        "the same, n = 30 and 30",
        Side(30, with_outliers(0.01, 0.1, 0.2)),
        Side(30, normal(0.01)),
        limit="four samples of a hundred have no slow host",
    ),
)
