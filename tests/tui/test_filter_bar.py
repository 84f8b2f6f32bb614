"""A filter while it is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.tui.widgets.filter_bar import as_far_as_typed


@pytest.mark.parametrize(
    ("typed", "at_work", "wrong"),
    [
        ("", "", None),
        ("c7g", "c7g", None),
        ("c7g st", "c7g", None),  # may become state=…
        ("c7g state", "c7g", None),
        ("c7g state=", "c7g", "needs a value"),
        ("c7g state=lost", "c7g state=lost", None),
        ("c7g sta=lost x", "c7g", "did you mean state?"),
        ("c7g 'large", "c7g", "is not closed"),
        ("vcpus>", "", "needs a value"),
        ("vcpus>x", "", "must be a number"),
        ("arch=arm64 vcpus>2", "arch=arm64 vcpus>2", None),
    ],
)
def test_finished_words_are_at_work_and_the_one_that_is_wrong_is_said(
    typed: str, at_work: str, wrong: str | None
):
    wanted, error = as_far_as_typed(typed)
    assert wanted.text == at_work
    assert (error is None) == (wrong is None)
    assert wrong is None or wrong in f"{error}"


@given(st.text(max_size=40))
def test_whatever_is_typed_leaves_a_filter(typed: str):
    wanted, error = as_far_as_typed(typed)
    wanted.matches({})
    assert error is None or error.at <= len(typed)
