"""Where there was no capacity is remembered for a while, and orders zones; it never leaves one out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchtui.engine.availability import FIRST_BACK_OFF, LONGEST_BACK_OFF, Availability

NOW = datetime(2026, 11, 28, 20, 0, tzinfo=UTC)
PLACE = ("c7g.large", "us-east-1a", "on_demand")
ENDPOINT = "https://ec2.us-east-1.amazonaws.com"


async def refused(memory: Availability, now: datetime = NOW) -> None:
    await memory.refused(*PLACE, "InsufficientInstanceCapacity", now)


async def test_a_refusal_counts_for_a_while_and_for_one_type_zone_and_market(tmp_path: Path) -> None:
    memory = Availability(tmp_path / "cache" / "availability.json", ENDPOINT)
    await refused(memory)
    again = Availability(tmp_path / "cache" / "availability.json", ENDPOINT)
    assert await again.dry(*PLACE, NOW)
    assert not await again.dry(*PLACE, NOW + FIRST_BACK_OFF)
    assert not await again.dry("c7i.large", "us-east-1a", "on_demand", NOW)
    assert not await again.dry("c7g.large", "us-east-1b", "on_demand", NOW)
    assert not await again.dry("c7g.large", "us-east-1a", "spot", NOW)
    other = Availability(tmp_path / "cache" / "availability.json", "http://127.0.0.1:5000")
    assert not await other.dry(*PLACE, NOW), "zones of the same name elsewhere are others"


async def test_each_refusal_counts_twice_as_long_up_to_an_hour() -> None:
    memory, now = Availability(None, ENDPOINT), NOW
    for times in range(8):
        await refused(memory, now)
        wait = min(FIRST_BACK_OFF * 2**times, LONGEST_BACK_OFF)
        assert await memory.dry(*PLACE, now + wait - timedelta(seconds=1))
        assert not await memory.dry(*PLACE, now + wait)
        now += wait
    later = now + LONGEST_BACK_OFF
    await refused(memory, later)
    assert not await memory.dry(*PLACE, later + FIRST_BACK_OFF), "long ago, it begins anew"


async def test_an_instance_there_ends_it(tmp_path: Path) -> None:
    memory = Availability(tmp_path / "availability.json", ENDPOINT)
    await refused(memory)
    await memory.launched(*PLACE, NOW)
    assert not await memory.dry(*PLACE, NOW)
    assert json.loads((tmp_path / "availability.json").read_text()) == {"v": 1, "dry": {}}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"v": 2, "dry": {}}', '{"v": 1, "dry": {"x": {"until": 3}}}']
)
async def test_a_file_that_cannot_be_understood_is_no_memory(tmp_path: Path, text: str) -> None:
    file = tmp_path / "availability.json"
    file.write_text(text)
    memory = Availability(file, ENDPOINT)
    assert not await memory.dry(*PLACE, NOW)
    await refused(memory)
    assert await Availability(file, ENDPOINT).dry(*PLACE, NOW)


async def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    memory = Availability(tmp_path / "cache" / "availability.json", ENDPOINT)
    await refused(memory)
    assert await memory.dry(*PLACE, NOW)
