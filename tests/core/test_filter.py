"""The filter language: what an expression lets pass, and what is wrong with one that is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.core.errors import ExitCode, UsageError
from benchtui.core.filter import Cell, Field, Filter, FilterError, number

FIELDS = (
    Field("job", "id", bare=True),
    Field("state", "state", bare=True),
    Field("arch", "architecture"),
    Field("zone", "zone", bare=True, aliases=("az",)),
    Field("suite", "suites", bare=True),
    Field("vcpus", "vCPUs", number),
    Field("spent", "USD", number),
    Field("left", "seconds", lambda text: int(text.removesuffix("s"))),
)
ROW: dict[str, Cell] = {
    "job": "c7g.large-1",
    "state": ("running", "live"),
    "arch": "arm64",
    "zone": None,
    "suite": ("stream", "hpl"),
    "vcpus": 2,
    "spent": Decimal("0.0077"),
    "left": 90,
}


def passes(expression: str, **changes: Cell) -> bool:
    return Filter.parse(expression, FIELDS).matches(ROW | changes)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "   ",
        "c7g",
        "C7G.Large",
        "hpl stream running",
        "arch=arm64 state!=completed c7g",
        "ARCH=ARM64",
        "arch=x86_64,arm64",
        "arch!=x86_64",
        "job~large-1",
        "job~nowhere,7g",
        "suite=hpl",
        "suite!=fftw",
        "state=live",
        "spent<0.01",
        "spent<=$0.0077 spent>=0.0077",
        "spent=0.00770",
        "vcpus>1 vcpus<4",
        "vcpus=4,2",
        "left>60s",
        "zone=-",
        "zone=–,us-west-2a",
        "az=-",
        "zone!=us-west-2a",
        '"c7g.large-1"',
        "job='c7g.large-1'",
        "lar'ge-'1",
    ],
)
def test_the_row_passes(expression: str):
    assert passes(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "c7i",
        "c7g c7i",
        "arm64",  # a bare word is not looked for in every field
        "arch=x86_64",
        "arch=arm",
        "arch!=arm64",
        "arch!=x86_64,arm64",
        "state!=live",
        "suite!=hpl",
        "job~fftw",
        "spent>0.01",
        "vcpus!=2",
        "zone!=-",
        "zone=us-west-2a",
        "'c7g.large 1'",
    ],
)
def test_the_row_does_not_pass(expression: str):
    assert not passes(expression)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_what_is_not_known_is_neither_smaller_nor_larger(operator: str):
    assert not passes(f"spent{operator}0", spent=None)
    assert passes("spent!=0", spent=None)
    assert passes("spent=-", spent=None)


def test_a_quoted_dash_is_a_dash():
    assert passes('zone="-"', zone="-")
    assert not passes('zone="-"')


def test_quotes_hide_operators_commas_and_blanks():
    assert passes('job="a,b = c"', job="a,b = c")
    assert passes('"x=1"', job="x=1")
    assert passes('job="it\'s"', job="it's")


@pytest.mark.parametrize(
    ("expression", "what", "fix", "at"),
    [
        ("c7g zon=a", "there is no field 'zon'", "did you mean zone?", 4),
        ("qqqq=a", "there is no field 'qqqq'", "fields: job, state, arch", 0),
        ("=a", "no field before =", "fields: job", 0),
        ("arch=", "arch= needs a value", "not known", 5),
        ("arch=a,,b", "arch= needs a value", "not known", 5),
        ("c7g arch=''", "arch= needs a value", "not known", 9),
        ("arch>a", "arch is a text", "use arch=", 5),
        ("vcpus~2", "vcpus is a number", "use vcpus=", 6),
        ("vcpus=two", "vcpus must be a number, not 'two'", "such as vcpus=1", 6),
        ("spent<nan", "finite", None, 6),
        ("spent<1e999999999999999999999", "", None, 6),
        ('job="a', 'the quote " is not closed', 'add "', 4),
    ],
)
def test_what_is_wrong_and_where_is_said(expression: str, what: str, fix: str | None, at: int):
    with pytest.raises(FilterError) as caught:
        Filter.parse(expression, FIELDS)
    error = caught.value
    assert what in error.what
    assert fix is None or fix in (error.fix or "")
    assert error.at == at
    assert isinstance(error, UsageError)
    assert error.exit_code is ExitCode.USAGE


def test_an_empty_filter_leaves_nothing_out_and_says_so():
    assert not Filter.parse("  ", FIELDS)
    assert Filter.parse("a", FIELDS)
    assert Filter.parse("  a   arch=b ", FIELDS).text == "a arch=b"


def test_a_row_that_lacks_a_field_is_one_of_which_it_is_not_known():
    assert Filter.parse("arch=-", FIELDS).matches({})
    assert not Filter.parse("c7g", FIELDS).matches({})


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_is_refused_with_a_place_in_it(expression: str):
    try:
        wanted = Filter.parse(expression, FIELDS)
    except FilterError as error:
        assert 0 <= error.at <= len(expression)
    else:
        wanted.matches(ROW)


@given(st.text(st.characters(exclude_characters='"'), min_size=1, max_size=30))
def test_a_quoted_value_means_exactly_itself(value: str):
    wanted = Filter.parse(f'job="{value}"', FIELDS)
    assert wanted.matches(ROW | {"job": value})
    assert not wanted.matches(ROW | {"job": value + "x"})
    assert not Filter.parse(f'job!="{value}"', FIELDS).matches(ROW | {"job": value})


@given(st.decimals(-1000, 1000, places=3), st.decimals(-1000, 1000, places=3))
def test_numbers_are_ordered_as_numbers(value: Decimal, limit: Decimal):
    held = {sign: passes(f"spent{sign}{limit}", spent=value) for sign in ("<", "<=", "=", "!=", ">=", ">")}
    assert held == {
        "<": value < limit,
        "<=": value <= limit,
        "=": value == limit,
        "!=": value != limit,
        ">=": value >= limit,
        ">": value > limit,
    }


@given(st.lists(st.sampled_from(["c7g", "arch=arm64", "vcpus>3", "state!=live", "zone=-", "x"])))
def test_all_words_have_to_hold_in_whatever_order(words: list[str]):
    together = passes(" ".join(words))
    assert together == all(passes(word) for word in words)
    assert together == passes(" ".join(reversed(words)))
