"""Launch order: random and interleaved, so that a drift of the cloud over time hits all types alike."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence


def interleaved(groups: Mapping[str, Sequence[str]], rng: random.Random) -> list[str]:
    """All members in random order, no two of one group side by side wherever that is possible.

    It is possible if and only if no group has more than half of all members, rounded up. Otherwise as few
    neighbours as possible are of one group: the others are spread over the gaps at random.
    """
    queues = {group: rng.sample(list(members), len(members)) for group, members in groups.items() if members}
    total = sum(map(len, queues.values()))
    if not total:
        return []
    largest = max(queues, key=lambda group: len(queues[group]))
    if len(queues[largest]) > (total + 1) // 2:
        return _spread(queues, largest, rng)
    order: list[str] = []
    last = ""
    while total:
        group = _draw(queues, last, total, rng)
        order.append(queues[group].pop())
        last, total = group, total - 1
    return order


def _draw(queues: Mapping[str, Sequence[str]], last: str, total: int, rng: random.Random) -> str:
    """A group other than the last one that leaves the rest interleavable, large groups more often."""
    # A group with more than half of what is left after this draw has to give now.
    most = total // 2
    pressing = [group for group, queue in queues.items() if len(queue) > most]
    candidates = [group for group in pressing or queues if queues[group] and group != last]
    return rng.choices(candidates, weights=[len(queues[group]) for group in candidates])[0]


def _spread(queues: Mapping[str, list[str]], largest: str, rng: random.Random) -> list[str]:
    others = [member for group, queue in queues.items() if group != largest for member in queue]
    rng.shuffle(others)
    members = queues[largest]
    gaps = set(rng.sample(range(len(members) - 1), len(others)))
    order: list[str] = []
    for position, member in enumerate(members):
        order.append(member)
        if position in gaps:
            order.append(others.pop())
    return order
