"""What setup makes: each part can be looked at, made, and removed, and each of that may be repeated."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from benchtui.core.policies.scope import SETUP_TAG

TAGS: Mapping[str, str] = {SETUP_TAG[0]: SETUP_TAG[1]}


class State(StrEnum):
    """How a part stands."""

    THERE = "there"  # as setup makes it
    MAKE = "make"  # not there: setup makes it
    CHANGE = "change"  # made by setup, and not as setup makes it: it is brought to that
    KEPT = "kept"  # not made by setup: it is used as it is
    BLOCKED = "blocked"  # setup can neither use nor make it


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at a part told."""

    state: State
    does: tuple[str, ...] = ()  # what setup would do, or did
    why: str = ""  # of what is kept or blocked: what is not as it should be
    fix: str | None = None


@dataclass(frozen=True, slots=True)
class Removal:
    """What teardown would do with a part."""

    there: bool
    ours: bool = False
    note: str = ""  # what it holds, or why it stays
    keeps: bool = False  # it is ours and stays all the same


class Part(Protocol):
    """One thing in the account."""

    @property
    def kind(self) -> str:
        """``bucket``, ``role``, ``instance profile``, ``security group`` or ``gateway to S3``."""
        ...

    @property
    def name(self) -> str:
        """Its name, or what it belongs to."""
        ...

    @property
    def region(self) -> str | None:
        """Where; None: everywhere."""
        ...

    def look(self) -> Coroutine[Any, Any, Finding]:
        """How it stands.

        Raises:
            CloudError: AWS did not say.
        """
        ...

    async def make(self) -> None:
        """Bring it to what setup wants, whatever is there; safe to repeat after any failure.

        Raises:
            CloudError: it is not known to be so.
        """
        ...


def made_by_setup(tags: Mapping[str, str]) -> bool:
    """Whether a thing carries setup's tag."""
    return tags.get(SETUP_TAG[0]) == SETUP_TAG[1]


def hand_over(kind: str) -> str:
    """What to do about a thing that setup did not make."""
    return (
        f"give it the tag {SETUP_TAG[0]}={SETUP_TAG[1]} to have setup keep it right, or name another {kind}"
    )
