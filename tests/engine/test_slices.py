"""Long work leaves others their turn, and short work is not held up."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from benchtui.engine.slices import SLICE, slices


async def gone_through(items: list[int]) -> list[list[int]]:
    return [list(part) async for part in slices(items)]


@settings(max_examples=20)
@given(st.integers(0, 3 * SLICE))
def test_everything_comes_once_in_order_and_never_more_than_a_slice(count):
    parts = asyncio.run(gone_through(list(range(count))))
    assert [item for part in parts for item in part] == list(range(count))
    assert all(0 < len(part) <= SLICE for part in parts)


async def test_another_task_has_a_turn_between_two_slices():
    turns: list[str] = []

    async def other() -> None:
        turns.append("other")

    waiting = asyncio.create_task(other())
    async for _ in slices(range(SLICE + 1)):
        turns.append("slice")
    await waiting
    assert turns == ["slice", "other", "slice"]


async def test_one_slice_is_gone_through_at_a_stretch():
    turns: list[str] = []
    waiting = asyncio.create_task(asyncio.sleep(0))
    async for _ in slices(range(SLICE)):
        turns.append("slice")
        assert not waiting.done()
    assert turns == ["slice"]
    await waiting
