"""Names of schedules go out and come back, and no schedule comes before the end it follows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.deadlines import (
    LATEST,
    LONGEST_NAME,
    MARGIN,
    PRECISION,
    ScheduleName,
    instance_deadline,
    prefix_of,
    run_deadline,
)
from benchtui.core.keys import KeyNotOurs

RUN = "20261124-021533-k3f7"
ends = st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


@pytest.mark.parametrize("instance_id", [None, "i-0ab12cd34ef567890", "i-0ab12cd3"])
def test_a_name_is_read_as_it_was_written(instance_id: str | None):
    name = ScheduleName(RUN, instance_id)
    assert ScheduleName.parse(str(name)) == name
    assert len(str(name)) <= LONGEST_NAME
    assert str(name).startswith(prefix_of(RUN)) and str(name).startswith(prefix_of(None))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "benchtui.",
        f"benchtui.{RUN}.",
        f"benchtui.{RUN}.i-0ab12cd3.x",
        f"benchtui.{RUN}.vol-0ab12cd3",
        f"other.{RUN}",
        f"benchtui.{RUN}x",
        f"benchtui.{RUN}.i-0AB12CD3",
        "benchtui.nightly",
    ],
)
def test_other_names_are_not_ours(text: str):
    with pytest.raises(KeyNotOurs):
        ScheduleName.parse(text)


def test_what_is_no_id_gets_no_name():
    for name in (ScheduleName("nonsense"), ScheduleName(RUN, "*"), ScheduleName(RUN, "i-0ab12cd3/..")):
        with pytest.raises(KeyNotOurs):
            str(name)


@given(ends)
def test_a_schedule_comes_after_the_end_in_a_whole_minute_and_soon_enough(expires_at: datetime):
    for due in (instance_deadline(expires_at), run_deadline(expires_at)):
        assert due.second == due.microsecond == 0
        assert expires_at + MARGIN <= due
        assert due + PRECISION <= expires_at + LATEST
    assert instance_deadline(expires_at) <= run_deadline(expires_at)
    assert timedelta(minutes=5) >= LATEST
