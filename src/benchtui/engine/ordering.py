"""What a table is sorted by, as it is typed: a name, with a minus for the other way round."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import ClassVar, Self

from benchtui.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Ordering:
    """One of ``sorts``; a subclass names them, and its default."""

    sorts: ClassVar[tuple[str, ...]]

    name: str
    reverse: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """``spent``, or ``-spent`` for the other way round.

        Raises:
            UsageError: there is no such order.
        """
        name = text.removeprefix("-").casefold()
        if name not in cls.sorts:
            near = get_close_matches(name, cls.sorts, 1, 0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"sort: there is no order {name!r}", fix=f"{hint}orders: {', '.join(cls.sorts)}")
        return cls(name, text.startswith("-"))

    def next(self) -> Self:
        """The next one in turn."""
        following = self.sorts[(self.sorts.index(self.name) + 1) % len(self.sorts)]
        return replace(self, name=following, reverse=False)

    def reversed(self) -> Self:
        """The other way round."""
        return replace(self, reverse=not self.reverse)

    def __str__(self) -> str:
        """As it is typed."""
        return f"{'-' if self.reverse else ''}{self.name}"
