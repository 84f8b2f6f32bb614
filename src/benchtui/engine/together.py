"""Work of one kind at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from benchtui.core.errors import foremost

T = TypeVar("T")


async def together(*work: Coroutine[Any, Any, T]) -> list[T]:
    """What they return, in order; they run at the same time, and none goes on when another has failed.

    Raises:
        BenchtuiError: the first failure of one of them.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in work]
    except ExceptionGroup as failed:
        raise foremost(failed) from failed
    return [task.result() for task in tasks]
