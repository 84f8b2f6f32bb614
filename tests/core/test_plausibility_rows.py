"""Stored rows of other origin: the labels, and that the rules are about sense and not about these values."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.core.plausibility import Plausibility
from tests.core.plausibility_rows import judged, rows, table

SEED = rows("seed-results.jsonl")
OTHERS = rows("other-results.jsonl")
FAKE = [row for row in SEED if row["label"] == "fake"]
GENUINE = [row for row in SEED + OTHERS if row["label"] == "genuine"]
EXPECTED = {
    "fake": Plausibility.IMPLAUSIBLE,
    "unclear": Plausibility.IMPLAUSIBLE,
    "genuine": Plausibility.PLAUSIBLE,
}


def test_every_fake_is_refused_and_every_genuine_number_accepted_in_a_record_that_is_not_ranked():
    verdicts = judged(SEED)
    print(*table(SEED, verdicts), sep="\n")
    assert [one.numbers for one in verdicts] == [EXPECTED[row["label"]] for row in SEED]
    assert not any(one.ranked for one in verdicts)
    assert all(one.refusal() for one in verdicts)


def test_the_broken_rules_are_those_the_rows_are_labelled_with():
    assert {row["source"]: set(one.rules) for row, one in zip(SEED, judged(SEED), strict=True)} == {
        row["source"]: set(row["rules"]) for row in SEED
    }


@pytest.mark.parametrize("beside", [OTHERS, SEED + OTHERS], ids=["each other", "the labelled ones"])
def test_rows_beyond_the_labelled_file_are_judged_as_a_reader_does(beside: list[dict[str, Any]]):
    verdicts = dict(zip((row["source"] for row in beside), judged(beside), strict=True))
    assert {row["source"]: verdicts[row["source"]].numbers for row in OTHERS} == {
        row["source"]: EXPECTED[row["label"]] for row in OTHERS
    }


@pytest.mark.parametrize("row", SEED + OTHERS, ids=lambda row: row["source"].rpartition("/")[2])
def test_a_row_alone_is_judged_alike_and_says_what_that_leaves_open(row: dict[str, Any]):
    (one,) = judged([row])
    assert one.numbers is EXPECTED[row["label"]]
    assert "identical-vector" in {untested.rule for untested in one.untested}


@pytest.mark.long
def test_each_row_left_out_of_the_file_is_judged_as_within_it():
    together = judged(SEED)
    for at in range(0, len(SEED), 7):
        rest = SEED[:at] + SEED[at + 1 :]
        for left, one in zip(judged(rest), together[:at] + together[at + 1 :], strict=True):
            assert left.numbers is one.numbers
    by_type = {row["source"] for row in SEED if "identical-vector" in row["rules"]}
    # Two of them are enough to know both, if their types differ.
    pair = [
        row for row in SEED if row["source"] in by_type and row["instance_type"] in ("c7g.large", "r6a.large")
    ]
    assert all("identical-vector" in one.rules for one in judged(pair))


def stream(row: dict[str, Any], values: dict[str, float], **changes: Any) -> dict[str, Any]:
    """The row with other figures, keeping the spread it states."""
    made = copy.deepcopy(row) | changes
    for kernel, part in made["performance"]["stream"].items():
        if "std_dev" in part:
            part["std_dev"] *= values[kernel] / part["bandwidth"]
        part["bandwidth"] = values[kernel]
    return made


def figures(row: dict[str, Any]) -> dict[str, float]:
    return {kernel: part["bandwidth"] for kernel, part in row["performance"]["stream"].items()}


@settings(deadline=None)
@given(
    row=st.sampled_from(GENUINE),
    factor=st.floats(min_value=0.2, max_value=4).filter(lambda one: abs(one - 1) > 1e-3),
    onto=st.sampled_from(("c6i.large", "m7a.large", "r7g.xlarge", "c7g.large", "z1d.large")),
)
def test_a_genuine_row_times_a_constant_is_a_copy(row: dict[str, Any], factor: float, onto: str):
    values = {kernel: value * factor for kernel, value in figures(row).items()}
    copied = stream(row, values, instance_type=onto, source="copy")
    for one in judged([row, copied]):
        assert "constant-multiple-vector" in one.rules
        assert one.numbers is Plausibility.IMPLAUSIBLE


@settings(deadline=None)
@given(
    row=st.sampled_from(GENUINE), onto=st.sampled_from(("c6i.large", "m7a.large", "r7g.xlarge", "z1d.large"))
)
def test_a_genuine_row_under_another_types_name_is_a_copy(row: dict[str, Any], onto: str):
    copied = stream(row, figures(row), instance_type=onto, source="copy")
    assert all("identical-vector" in one.rules for one in judged([row, copied]))


@settings(deadline=None)
@given(
    row=st.sampled_from([row for row in FAKE if "duration_seconds" in row]),
    noise=st.floats(min_value=1e-3, max_value=0.05),
    seed=st.integers(0, 999),
    onto=st.sampled_from(
        ("m8g.large", "c5n.xlarge", "r7iz.large", "t4g.medium", "x2gd.large", "hpc7a.96xlarge")
    ),
)
def test_a_fake_with_noise_under_another_name_still_took_no_time_to_boot(
    row: dict[str, Any], noise: float, seed: int, onto: str
):
    drawn = random.Random(seed)
    values = {kernel: value * drawn.gauss(1, noise) for kernel, value in figures(row).items()}
    (one,) = judged([stream(row, values, instance_type=onto)])
    assert one.numbers is Plausibility.IMPLAUSIBLE
    assert one.refusal().startswith("implausible: too-short-for-boot-and-run")


@settings(deadline=None)
@given(
    row=st.sampled_from(GENUINE), noise=st.floats(min_value=2e-3, max_value=0.05), seed=st.integers(0, 999)
)
def test_another_instance_of_a_type_is_no_copy_of_the_first(row: dict[str, Any], noise: float, seed: int):
    drawn = random.Random(seed)
    values = {kernel: round(value * drawn.gauss(1, noise), 6) for kernel, value in figures(row).items()}
    for one in judged([row, stream(row, values, source="replicate")]):
        assert one.numbers is Plausibility.PLAUSIBLE


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (
            lambda row: row.update(duration_seconds=47.5, finished=row["started"]),
            "too-short-for-boot-and-run",
        ),
        (lambda row: row.update(benchmark="hpl"), "suite-mismatch"),
        (lambda row: row.update(started="2025-06-25T00:00:00Z"), "predates-repository"),
        (lambda row: row["performance"]["stream"]["triad"].update(bandwidth=1e4), "above-memory-bandwidth"),
        (lambda row: row["performance"]["stream"]["triad"].update(bandwidth=-1.0), "not-positive"),
        (
            lambda row: [part.update(std_dev=0) for part in row["performance"]["stream"].values()],
            "deviation-zero",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_genuine_row_made_impossible_is_refused(change: Any, rule: str):
    for row in GENUINE:
        changed = copy.deepcopy(row)
        change(changed)
        (one,) = judged([changed])
        assert rule in one.rules
        assert one.numbers is Plausibility.IMPLAUSIBLE


@pytest.mark.long
@pytest.mark.parametrize(
    "missing", ["performance", "checksums", "reproducibility", "started", "benchmark", "flags_claimed"]
)
def test_a_row_that_lacks_a_part_is_judged_all_the_same(missing: str):
    stripped = [{name: value for name, value in row.items() if name != missing} for row in SEED]
    verdicts = judged(stripped)
    assert not any(one.ranked for one in verdicts)


@pytest.mark.parametrize(
    "odd", [float("nan"), float("inf"), -float("inf"), 0, -1, 1e308, "x", None, True, [], {}]
)
def test_whatever_stands_in_a_row_it_is_judged_and_not_ranked(odd: Any):
    row = {
        "source": "one",
        "instance_type": "c7g.large",
        "benchmark": "stream",
        "performance": {
            "stream": {"triad": {"bandwidth": odd, "unit": "GB/s", "std_dev": odd}},
            "coremark": {"score": odd, "iterations": odd, "execution_time": odd, "unit": "operations/sec"},
            "hpl": {"gflops": odd, "matrix_size": odd, "execution_time": odd, "unit": "GFLOPS"},
            "cache": {name: {"access_time": odd, "unit": "ns"} for name in ("l1", "l2", "memory")},
        },
        "duration_seconds": odd,
        "iterations": odd,
        "started": odd,
        "reproducibility": odd,
        "checksums": odd,
    }
    for one in judged([row, row | {"source": "two", "instance_type": "c7i.large"}]):
        assert not one.ranked


def test_a_row_without_any_time_and_date_is_unknown():
    row = {
        key: value
        for key, value in GENUINE[0].items()
        if key not in ("started", "finished", "duration_seconds")
    }
    (one,) = judged([row])
    assert one.numbers is Plausibility.UNKNOWN
