"""How far listings of sentinels reach back, and that looking back stays a small part of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from benchtui.engine.cursor import FULL_LIST_EVERY, NARROW, PAGE, Cursor

T0 = datetime(2026, 11, 24, 2, 15, tzinfo=UTC)
OVERLAP, POLL = timedelta(seconds=120), timedelta(seconds=5)


def cursor(count: int = 0) -> Cursor:
    """One that has listed all, ``count`` keys in the overlap."""
    made = Cursor(OVERLAP, POLL)
    whole = made.reach(T0, look_back=False)
    assert whole.start is None
    made.seen(T0, missing=False)
    made.listed(whole, T0, count=count, new=count, window=count)
    return made


def test_while_the_overlap_fits_a_page_every_poll_lists_it() -> None:
    small = cursor(PAGE - 1)
    for n in range(1, 5):
        reach = small.reach(T0 + n * POLL, look_back=False)
        assert reach.start == T0 - OVERLAP
        small.listed(reach, T0 + n * POLL, count=PAGE - 1, new=0, window=PAGE - 1)


def test_beyond_that_polls_are_narrow_and_the_overlap_is_a_tenth_of_the_requests() -> None:
    large, pages, narrow = cursor(24_000), 0, 0
    polls = 1000
    for n in range(1, polls + 1):
        now = T0 + n * POLL
        reach = large.reach(now, look_back=False)
        if reach.start is None:
            pages += 40
            large.listed(reach, now, count=40_000, new=0, window=24_000)
        elif reach.wide:
            pages += 24
            large.listed(reach, now, count=24_000, new=0, window=24_000)
        else:
            assert reach.start == T0 - NARROW
            narrow += 1
            large.listed(reach, now, count=10, new=10, window=0)
    assert narrow > 0.9 * polls
    assert pages <= 0.25 * polls


def test_a_gap_or_an_instance_that_ended_makes_it_look_back_once() -> None:
    large = cursor(24_000)
    now = T0 + POLL
    assert not large.reach(now, look_back=False).wide
    assert large.reach(now, look_back=True).wide
    large.seen(T0 + POLL, missing=True)
    reach = large.reach(now, look_back=False)
    assert reach.wide
    large.listed(reach, now, count=24_000, new=1, window=24_000)
    assert not large.reach(now + POLL, look_back=False).wide


def test_an_overlap_that_has_outgrown_a_page_is_noticed() -> None:
    growing = cursor(PAGE - 10)
    reach = growing.reach(T0 + POLL, look_back=False)
    growing.listed(reach, T0 + POLL, count=PAGE + 500, new=510, window=PAGE + 500)
    assert not growing.reach(T0 + 2 * POLL, look_back=False).wide


def test_all_is_listed_again_at_its_time() -> None:
    assert cursor().reach(T0 + FULL_LIST_EVERY, look_back=False).start is None
