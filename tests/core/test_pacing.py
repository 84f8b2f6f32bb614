"""The rate of a bucket that nobody tells: found by what is accepted between two refusals."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.pacing import FASTEST_PER_S, SLOWEST_PER_S, Pace


@dataclass
class Server:
    """A bucket, as EC2 keeps it; a request takes no time."""

    most: float
    per_s: float
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.most

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.tokens = min(self.most, self.tokens + seconds * self.per_s)

    def accepts(self) -> bool:
        if self.tokens < 1 - 1e-9:
            return False
        self.tokens -= 1
        return True


def send(server: Server, accepted: int) -> tuple[float, int, Pace]:
    """Seconds until so many were accepted, how many were refused, and what is believed then."""
    pace, refused = Pace.begun(server.now_s), 0
    while accepted:
        server.wait(pace.wait_s(server.now_s))
        pace = pace.sent(server.now_s)
        if server.accepts():
            pace, accepted = pace.taken(server.now_s), accepted - 1
        else:
            pace, refused = pace.refused(server.now_s), refused + 1
    return server.now_s, refused, pace


def test_a_full_bucket_of_the_published_size_is_emptied_at_once() -> None:
    took, refused, _ = send(Server(5, 2), 5)
    assert took == 0
    assert refused == 0


def test_the_published_bucket_is_used_up_with_few_refusals() -> None:
    took, refused, pace = send(Server(5, 2), 250)
    assert took <= 1.02 * (250 - 5) / 2
    assert refused < 25
    assert 1.8 < pace.per_s < 2.5


@pytest.mark.parametrize(("most", "per_s"), [(3, 0.7), (5, 1), (20, 10), (100, 30)])
def test_another_bucket_is_found_out(most: float, per_s: float) -> None:
    took, _, pace = send(Server(most, per_s), 3000)
    assert took <= 1.1 * (3000 - most) / per_s + 30  # to learn it
    assert 0.8 * per_s < pace.per_s < 1.6 * per_s


@pytest.mark.long
@given(st.floats(0.5, 40.0), st.floats(1.0, 100.0))
def test_refusals_are_few_whatever_the_bucket(per_s: float, most: float) -> None:
    _, refused, pace = send(Server(most, per_s), 500)
    assert refused <= 250
    assert SLOWEST_PER_S <= pace.per_s <= FASTEST_PER_S


def test_many_refusals_at_once_are_one() -> None:
    """Requests that were under way together tell the same thing once."""
    pace = Pace.begun(0.0).refused(10.0)
    burst = pace.refused(10.1).refused(10.2).refused(10.3)
    assert burst.per_s == pace.per_s
    assert burst.window_s == 10.0


def test_an_account_that_accepts_nothing_is_still_asked_now_and_then() -> None:
    pace = Pace.begun(0.0)
    for second in range(0, 600, 10):
        pace = pace.refused(float(second))
    assert pace.per_s == SLOWEST_PER_S
    assert pace.wait_s(600.0) <= 1 / SLOWEST_PER_S
