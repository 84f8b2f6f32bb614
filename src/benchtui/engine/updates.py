"""What the engine tells a client that stays, one record per thing that became known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from benchtui.core.errors import BenchtuiError
from benchtui.core.spending import Spending
from benchtui.engine.events import Event
from benchtui.engine.snapshot import Snapshot

if TYPE_CHECKING:
    from benchtui.engine.collector import Collected
    from benchtui.engine.kill_scope import KillProgress, KillSurvey
    from benchtui.engine.runs import RunListing
    from benchtui.engine.sweep import Sweep

__all__ = [
    "Account",
    "Event",
    "Following",
    "Gathered",
    "Launching",
    "Listed",
    "Snapshot",
    "Spent",
    "Swept",
    "Tell",
    "Trouble",
    "Update",
]


@dataclass(frozen=True, slots=True)
class Account:
    """Whose credentials are used."""

    account: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The runs of the bucket."""

    listings: tuple[RunListing, ...]


@dataclass(frozen=True, slots=True)
class Following:
    """Another run is followed from now on: snapshots of the one before are of the past."""

    run: str


@dataclass(frozen=True, slots=True)
class Swept:
    """Own instances of the account."""

    sweep: Sweep


@dataclass(frozen=True, slots=True)
class Launching:
    """Whether instances are being launched in this process."""

    run: str
    active: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """Money of a snapshot, computed here and not where keys are waited for."""

    snapshot: Snapshot
    spending: Spending


@dataclass(frozen=True, slots=True)
class Gathered:
    """Results of the run that is followed."""

    collected: Collected


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that was to be had in the background could not be had; None: it can again."""

    source: str
    problem: BenchtuiError | None


_OfRun: TypeAlias = "Event | Snapshot | Spent | Following | Launching | Gathered"
_OfAccount: TypeAlias = "Account | Listed | Swept | Trouble | KillProgress | KillSurvey"
Update: TypeAlias = "_OfRun | _OfAccount"
Tell = Callable[[Update], None]
