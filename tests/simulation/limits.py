"""EC2's token buckets: requests and instances, for each region, with the published numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.network import Refused


@dataclass(frozen=True, slots=True)
class Size:
    """One bucket as it is published."""

    most: float  # tokens
    per_s: float

    def earliest_s(self, tokens: int) -> float:
        """No earlier after the first of them, from a full bucket, can ``tokens`` have been taken."""
        return max(0.0, (tokens - self.most) / self.per_s)


#: EC2 developer guide, "Request throttling for the Amazon EC2 API": the buckets of RunInstances.
REQUESTS = Size(5, 2)
INSTANCES = Size(1000, 2)


@dataclass
class Bucket:
    """A bucket that is full at first."""

    size: Size
    ticks: bool  # refilled at whole seconds, else all the time
    tokens: float = field(init=False)
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.size.most

    def take(self, now_s: float) -> bool:
        """Whether there was a token; then it is gone."""
        passed = math.floor(now_s) - math.floor(self.at_s) if self.ticks else now_s - self.at_s
        self.tokens = min(self.size.most, self.tokens + passed * self.size.per_s)
        self.at_s = now_s
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


@dataclass
class Limits:
    """Of RunInstances with one instance to a request, each region by itself.

    Args:
        time: seconds of the world.
        ticks: whether tokens come at whole seconds, as the guide's words can be read, or all the time.
        requests, instances: sizes; an account may have been given others.
    """

    time: Callable[[], float]
    ticks: bool = False
    requests: Size = REQUESTS
    instances: Size = INSTANCES
    refused: int = 0
    _buckets: dict[str, tuple[Bucket, Bucket]] = field(default_factory=dict)

    def take(self, region: str) -> None:
        """Raises Refused where a bucket is empty."""
        buckets = self._buckets.get(region)
        if buckets is None:
            buckets = self._buckets[region] = (
                Bucket(self.requests, self.ticks),
                Bucket(self.instances, self.ticks),
            )
        if not all(bucket.take(self.time()) for bucket in buckets):
            self.refused += 1
            raise Refused("RequestLimitExceeded", "Request limit exceeded.", 503)
