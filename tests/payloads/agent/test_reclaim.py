"""EC2's notice on spot instances: looked for on those alone, and told once."""

from __future__ import annotations

import json
import time
from typing import Any

from imds import Imds
from reclaim import LIFE_CYCLE, NOTICE, ReclaimWatch, reason_of
from tests.payloads.agent.conftest import Metadata

WORDS = json.dumps({"action": "terminate", "time": "2026-11-28T08:22:00Z"})


def watch(metadata: type[Metadata], **options: Any) -> tuple[ReclaimWatch, list[str], list[str]]:
    told: list[str] = []
    said: list[str] = []
    imds = Imds(metadata.endpoint, timeout_s=1, attempts=1)  # type: ignore[attr-defined]
    return ReclaimWatch(told.append, said.append, imds, **options), told, said


def test_on_demand_is_asked_about_once(metadata: type[Metadata]) -> None:
    metadata.items[LIFE_CYCLE] = "on-demand"
    one, told, _ = watch(metadata, period_s=0.01)
    one.start()
    one._thread.join(5)
    assert not one._thread.is_alive()
    assert metadata.asked == [LIFE_CYCLE]
    assert told == []


def test_a_notice_is_told_with_its_time_and_nothing_is_asked_after_it(metadata: type[Metadata]) -> None:
    metadata.items[LIFE_CYCLE] = "spot"
    one, told, _ = watch(metadata, period_s=0.01)
    one.start()
    time.sleep(0.1)
    assert told == []
    metadata.items[NOTICE] = WORDS
    one._thread.join(5)
    assert told == ["reclaimed: EC2 takes this spot instance back at 2026-11-28T08:22:00Z"]


def test_metadata_that_does_not_answer_is_asked_again(metadata: type[Metadata]) -> None:
    metadata.items[LIFE_CYCLE] = "spot"
    metadata.items[NOTICE] = WORDS
    metadata.refuse_until[LIFE_CYCLE] = 1
    metadata.refuse_until[NOTICE] = 1
    one, told, _ = watch(metadata)
    assert [one.look(), one.look(), one.look()] == [False, False, True]
    assert len(told) == 1


def test_a_notice_that_is_not_as_documented_is_one_all_the_same() -> None:
    for text in ("", "{", "[]", '{"action": "stop"}'):
        assert reason_of(text) == "reclaimed: EC2 takes this spot instance back, and does not say when"
