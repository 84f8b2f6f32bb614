import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.config.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("4h", 14400),
        ("30m", 1800),
        ("1h30m", 5400),
        ("90s", 90),
        ("90", 90),
        ("1d", 86400),
        (" 2m 5s ", 125),
        ("0", 0),
    ],
)
def test_reads_the_forms_people_write(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "4 parsecs", "-5m", "1.5h", "5m1h"])
def test_text_that_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(ValueError, match='"4h"'):
        parse_duration(text)


def test_true_is_not_one_second():
    with pytest.raises(ValueError, match="duration"):
        parse_duration(True)


@given(st.integers(min_value=0, max_value=10**7))
def test_the_shown_form_reads_back_as_the_same_time(seconds):
    assert parse_duration(format_duration(seconds)) == seconds
