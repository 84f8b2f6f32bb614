"""How long a job is expected to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: From launch to the agent's first words on small instances; the worst case counts the allowance.
BOOT_S = 40


@dataclass(frozen=True, slots=True)
class Timing:
    """What a suite is expected to take in one mode, in seconds."""

    setup: float  # installing and building
    measuring: float
    share: float | None = None  # it repeats until measuring is this part of the instance's time


def expected_seconds(timings: Sequence[Timing]) -> int:
    """What a job is expected to take from boot on: all suites are prepared, then each measures.

    As the agent does it: measuring that shall be a share of the time grows with boot and set-up, by as much
    for each suite as its own measuring.

    Args:
        timings: of the job's suites.
    """
    setup = BOOT_S + sum(timing.setup for timing in timings)
    measuring = sum(timing.measuring for timing in timings)
    seconds = setup
    for timing in timings:
        wanted = 0.0 if timing.share is None else timing.share / (1 - timing.share) * setup
        seconds += timing.measuring * max(1.0, wanted / measuring)
    return math.ceil(round(seconds, 3))
