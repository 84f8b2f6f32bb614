"""What drills and reapings have proven of this account, as the bucket keeps it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.document_fields import parse_document
from benchtui.core.drills import DrillDocument, ReapDocument, newest
from benchtui.core.errors import BenchtuiError, InvalidDocumentError

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket
    from benchtui.engine.clock import Clock

ASK_EVERY = timedelta(seconds=60)
#: Drills that are read, the newest: one per region and account tells all.
MOST = 20


@dataclass(frozen=True, slots=True)
class Proofs:
    """Drills and the last reaping; ``error`` where they could not be read, and are older."""

    asked_at: datetime
    drills: tuple[DrillDocument, ...] = ()
    reap: ReapDocument | None = None
    error: str | None = None

    def drill(self, region: str, layer: int, now: datetime) -> DrillDocument | None:
        """The newest drill that tried ``layer`` in ``region``."""
        return newest(self.drills, region, layer, now)


@dataclass(slots=True)
class ProofWatch:
    """Reads them again once a minute; a drill that was read is not read again."""

    bucket: Bucket
    clock: Clock
    seen: Proofs | None = None
    _drills: dict[str, DrillDocument | None] = field(default_factory=dict)  # by key; None: unreadable

    async def look(self) -> None:
        """Ask if it is due; never raises for an answer that did not come."""
        now = self.clock.now()
        if self.seen is not None and abs(now - self.seen.asked_at) < ASK_EVERY:
            return
        try:
            self.seen = Proofs(now, await self._read_drills(), await self._read_reap())
        except BenchtuiError as problem:
            self.seen = replace(self.seen or Proofs(now), asked_at=now, error=problem.what)

    async def _read_drills(self) -> tuple[DrillDocument, ...]:
        listed = sorted([item.key async for item in self.bucket.list_keys(keys.drills_prefix())])[-MOST:]
        missing = [key for key in listed if key not in self._drills]
        for key, drill in zip(missing, await asyncio.gather(*map(self._read_drill, missing)), strict=True):
            self._drills[key] = drill
        found = (self._drills.get(key) for key in listed)
        return tuple(drill for drill in found if drill is not None)

    async def _read_drill(self, key: str) -> DrillDocument | None:
        body = await self.bucket.get(key, DrillDocument.max_bytes)
        try:
            return parse_document(DrillDocument, body, key)
        except InvalidDocumentError:
            return None  # of a newer version, or nobody's: it proves nothing here

    async def _read_reap(self) -> ReapDocument | None:
        try:
            body = await self.bucket.get(keys.reap_key(), ReapDocument.max_bytes)
            return parse_document(ReapDocument, body, keys.reap_key())
        except InvalidDocumentError:
            return None
        except CloudError as error:
            if error.failure.kind is FailureKind.MISSING:
                return None
            raise
