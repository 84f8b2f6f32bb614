"""Times in answers: the two usual forms quickly, everything else as the SDK reads it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.utils import parse_timestamp

from benchtui.aws.descriptions import read_time


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-24T14:15:33.000Z",
        "2026-11-24T14:15:33Z",
        "2026-11-24T14:15:33.123456Z",
        "2026-11-24T14:15:33+02:00",
        "Tue, 24 Nov 2026 14:15:33 GMT",
        "Tue, 24 Nov 2026 14:15:33 +0000",
        "20261124T141533Z",
        "2026-11-24",
        1795529733,
        1795529733.5,
        "1795529733",
    ],
)
def test_a_time_is_what_the_sdk_makes_of_it(value: object) -> None:
    assert read_time(value) == parse_timestamp(value)


def test_a_listing_s_time_is_in_utc() -> None:
    assert read_time("2026-11-24T14:15:33.000Z") == datetime(2026, 11, 24, 14, 15, 33, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", "yesterday", "2026-13-45T00:00:00Z", None])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_time(value)
