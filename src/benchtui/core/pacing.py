"""How fast requests are sent to a server that takes them out of a bucket of tokens.

Nobody is told how many tokens a bucket holds: the published numbers are where to begin, an account may have
more, and others of the account take from the same bucket. A refusal tells that it is empty at that moment. So
what was accepted between two refusals is what came into it meanwhile, and their quotient is the rate; while
nothing is refused the rate may be higher, and is tried to be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

#: EC2's request bucket of RunInstances, for each account and region: 5 requests at once, then 2 a second (EC2
#: developer guide, "Request throttling for the Amazon EC2 API"). Its second bucket, of instances, holds 1,000
#: and gets 2 a second: with one instance to a request it is never the narrower one.
RUN_INSTANCES_BURST = 5.0
RUN_INSTANCES_PER_S = 2.0
#: No refusal makes it slower than that: many refusals at once may have other reasons than the rate.
SLOWEST_PER_S = 0.5
FASTEST_PER_S = 50.0
#: Shorter windows between two refusals say more of chance than of the rate.
LEAST_WINDOW_S = 5.0
#: After so long without a refusal the rate is raised by this factor: more while there never was one, for
#: nothing is known of the account then.
QUIET_S, RAISE = 10.0, 1.1
QUIET_UNKNOWN_S, RAISE_UNKNOWN = 5.0, 1.5


@dataclass(frozen=True, slots=True)
class Pace:
    """What is believed of one bucket at one moment; times are seconds of any clock that does not go back."""

    at_s: float
    changed_s: float  # of the rate, or of the last refusal; at first the beginning
    tokens: float = RUN_INSTANCES_BURST
    per_s: float = RUN_INSTANCES_PER_S
    burst: float = RUN_INSTANCES_BURST
    #: Accepted since the window began, which is when the bucket was last seen empty.
    accepted: int = 0
    window_s: float | None = None

    @classmethod
    def begun(cls, now_s: float) -> Pace:
        """Of a full bucket of the published size."""
        return cls(now_s, now_s)

    def wait_s(self, now_s: float) -> float:
        """Seconds from ``now_s`` until a request may be sent; 0: at once."""
        return max(0.0, (1.0 - self._filled(now_s)) / self.per_s)

    def sent(self, now_s: float) -> Pace:
        """One request is on its way."""
        return replace(self, at_s=now_s, tokens=self._filled(now_s) - 1.0)

    def taken(self, now_s: float) -> Pace:
        """A request was not refused for the rate."""
        accepted = replace(self, accepted=self.accepted + 1)
        known = self.window_s is not None
        if now_s - self.changed_s < (QUIET_S if known else QUIET_UNKNOWN_S):
            return accepted
        faster = min(FASTEST_PER_S, self.per_s * (RAISE if known else RAISE_UNKNOWN))
        return replace(accepted, at_s=now_s, tokens=self._filled(now_s), per_s=faster, changed_s=now_s)

    def refused(self, now_s: float) -> Pace:
        """A request was refused for the rate: the bucket is empty."""
        empty = replace(self, at_s=now_s, tokens=min(0.0, self._filled(now_s)), changed_s=now_s)
        if self.window_s is None:
            return replace(empty, window_s=now_s, accepted=0)
        lasted = now_s - self.window_s
        if lasted < LEAST_WINDOW_S:
            return empty
        measured = min(FASTEST_PER_S, max(SLOWEST_PER_S, self.accepted / lasted))
        return replace(empty, per_s=measured, window_s=now_s, accepted=0)

    def _filled(self, now_s: float) -> float:
        return min(self.burst, self.tokens + max(0.0, now_s - self.at_s) * self.per_s)
