"""What a drill and a reaping leave in the bucket: the proof that a layer works in this account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from benchtui.core.document_fields import Document, JobId, Line, LongLine, RunId, TypeName, Usd

#: A drill proves nothing of an account that may have changed in so much time.
PROOF_HOLDS = timedelta(days=90)
#: Longest time between two reapings of a cron job that is still believed to be there.
REAPED_HOLDS = timedelta(hours=2)

Number = Annotated[int, Field(ge=1, le=5)]


class Loss(StrEnum):
    """A way in which a drill loses an instance."""

    LAUNCHER_GONE = "launcher gone"
    AGENT_KILLED = "agent killed"
    HUNG = "user data hung before the network"
    SCHEDULE_ONLY = "schedule only"

    @property
    def layers(self) -> frozenset[int]:
        """The layers that are to end it."""
        return frozenset({2}) if self is Loss.SCHEDULE_ONLY else frozenset({1})


class LossRecord(BaseModel):
    """What became of one instance that was lost on purpose."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    loss: Loss
    job: JobId
    instance_id: Line | None = None
    layer: Number | None = None  # that ended it; None: none did, the drill had to, or it was not tried
    by: LongLine  # in words
    seconds: float | None = Field(default=None, ge=0, le=1e6)  # from launch to its end as EC2 showed it
    due_seconds: float = Field(ge=0, le=1e6)  # from launch to the latest end that the layer promises
    tried: bool = True

    @property
    def proven(self) -> bool:
        """Whether a layer that was to end it did, in its time."""
        in_time = self.seconds is not None and self.seconds <= self.due_seconds
        return self.tried and self.layer in self.loss.layers and in_time


class DrillDocument(Document):
    """One drill in one region."""

    kind: ClassVar[str] = "benchtui.drill"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = 64 << 10

    schema_: Line = Field(alias="schema", default="benchtui.drill/1")
    run: RunId
    region: Line
    account: Line | None = None
    instance_type: TypeName
    begun_at: AwareDatetime
    ended_at: AwareDatetime
    worst_case_usd: Usd
    losses: tuple[LossRecord, ...] = Field(max_length=20)

    def proves(self, layer: int) -> bool:
        """Whether ``layer`` ended what it was to end, each time it was tried."""
        tried = [each for each in self.losses if layer in each.loss.layers and each.tried]
        return bool(tried) and all(each.proven for each in tried)


class ReapDocument(Document):
    """The last time that somebody, or cron, ended what had expired."""

    kind: ClassVar[str] = "benchtui.reap"
    version: ClassVar[int] = 1
    max_bytes: ClassVar[int] = 64 << 10

    schema_: Line = Field(alias="schema", default="benchtui.reap/1")
    at: AwareDatetime
    regions: tuple[Line, ...] = Field(default=(), max_length=200)  # proven free of expired instances
    ended: int = Field(default=0, ge=0)


def newest(drills: Iterable[DrillDocument], region: str, layer: int, now: datetime) -> DrillDocument | None:
    """The newest drill that says anything of ``layer`` in ``region`` now, for good or bad."""
    said = [
        drill
        for drill in drills
        if drill.region == region
        and timedelta(0) <= now - drill.ended_at < PROOF_HOLDS
        and any(layer in each.loss.layers and each.tried for each in drill.losses)
    ]
    return max(said, key=lambda drill: drill.ended_at, default=None)
