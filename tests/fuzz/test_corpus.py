"""Seeds and all that was ever found are read as the contract says; the fuzzer itself is `make proof-fuzz`."""

from __future__ import annotations

import json

import pytest

from tests.fuzz.mutation import mutated
from tests.fuzz.target import CORPUS, Target, name_of
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_is_read_or_refused_by_name(name: str) -> None:
    target = TARGETS[name]
    for content in (*target.seeds(), *target.found()):
        target.attempt(content)


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_begins_with_something_that_its_reader_accepts(name: str) -> None:
    target = TARGETS[name]
    assert any(target.attempt(seed) for seed in target.seeds())


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.tree])
def test_changed_trees_are_read_or_refused_by_name(name: str) -> None:
    target, seeds = TARGETS[name], TARGETS[name].seeds()
    accepted = 0
    for number in range(60):
        content = mutated(seeds[number % len(seeds)], number, 1 << 16)
        accepted += content is not None and target.attempt(content)
    assert accepted > 0, "the changes go too far"
    assert accepted < 60 or not target.refuses, "the changes go nowhere"


def test_the_corpus_holds_what_its_names_say() -> None:
    files = [path for path in CORPUS.glob("*/*") if path.is_file()]
    assert len(files) >= 10
    for path in files:
        assert path.parent.name in TARGETS
        assert path.name == name_of(path.read_bytes())


def test_changes_are_the_same_each_time_and_json_while_their_place_is() -> None:
    content = b'{"a": [1, {"b": "c"}], "d": null}'
    outs = [mutated(content, seed, 1000) for seed in range(200)]
    assert outs == [mutated(content, seed, 1000) for seed in range(200)]
    assert len(set(outs)) > 100
    for out in outs:
        if out is not None and not out.startswith(b"[[["):
            json.loads(out)
    assert mutated(b"no json", 3, 1000) is None


def test_a_refusal_that_names_nothing_is_a_finding() -> None:
    def refuse(_content: bytes) -> None:
        raise ValueError("not valid")

    with pytest.raises(AssertionError, match="does not name"):
        Target("x", refuse, list, (ValueError,), "the object").attempt(b"")
    with pytest.raises(ValueError, match="not valid"):
        Target("x", refuse, list).attempt(b"")
