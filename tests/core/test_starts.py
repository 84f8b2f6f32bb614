"""Runs that are started by the account: names of their schedules, and their times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from benchtui.core import deadlines
from benchtui.core.errors import UsageError
from benchtui.core.keys import KeyNotOurs
from benchtui.core.starts import StartName, missed, occurrences, prefix_of

NOW = datetime(2026, 11, 24, 2, 0, 30, tzinfo=UTC)
RUN = "20261129-020000-k3f7"


def test_a_name_says_which_job_and_is_no_deadline() -> None:
    name = str(StartName(RUN, 12))
    assert name == f"benchtui.start.{RUN}.12"
    assert StartName.parse(name) == StartName(RUN, 12)
    assert name.startswith(prefix_of(RUN))
    assert name.startswith(prefix_of(None))
    with pytest.raises(KeyNotOurs):
        deadlines.ScheduleName.parse(name)
    with pytest.raises(KeyNotOurs):
        StartName.parse(str(deadlines.ScheduleName(RUN)))


@pytest.mark.parametrize(
    "text", [f"benchtui.start.{RUN}", f"benchtui.start.{RUN}.0", "benchtui.start.x.1", "x"]
)
def test_what_is_no_start_is_told(text: str) -> None:
    with pytest.raises(KeyNotOurs):
        StartName.parse(text)


def test_the_longest_name_fits_what_scheduler_takes() -> None:
    assert len(str(StartName(RUN, 9999))) <= deadlines.LONGEST_NAME


def test_times_are_whole_minutes_in_utc() -> None:
    first = datetime(2026, 11, 29, 3, 0, 59, tzinfo=timezone(timedelta(hours=1)))
    assert occurrences(first, None, 1, NOW) == (datetime(2026, 11, 29, 2, 0, tzinfo=UTC),)
    days = occurrences(first, "1d", 3, NOW)
    assert [each.day for each in days] == [29, 30, 1]
    assert occurrences(first, "12h", 2, NOW)[1].hour == 14
    assert occurrences(first, "1w", 2, NOW)[1].day == 6


@pytest.mark.parametrize(
    ("first", "every", "count"),
    [
        (NOW + timedelta(minutes=1), None, 1),
        (NOW + timedelta(days=1), "1d", 1),
        (NOW + timedelta(days=1), None, 2),
        (NOW + timedelta(days=1), "1d", 63),
        (NOW + timedelta(days=1), "2w", 6),
        (NOW + timedelta(days=1), "0d", 2),
        (NOW + timedelta(days=1), "1y", 2),
        ((NOW + timedelta(days=1)).replace(tzinfo=None), None, 1),
    ],
)
def test_what_cannot_be_kept_is_refused(first: datetime, every: str | None, count: int) -> None:
    with pytest.raises(UsageError):
        occurrences(first, every, count, NOW)


def test_a_run_is_missed_when_its_window_and_a_boot_have_passed() -> None:
    at = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
    late = at + timedelta(minutes=15, seconds=1)
    assert missed(at, False, 600, late)
    assert not missed(at, True, 600, late)
    assert not missed(at, False, 600, at + timedelta(minutes=15))
