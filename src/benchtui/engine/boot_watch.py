"""Which mechanisms an instance says it has armed: the body of its BOOTED, read once per job."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from benchtui.core.document_fields import parse_document
from benchtui.core.documents import SentinelBody
from benchtui.core.errors import BenchtuiError
from benchtui.core.keys import Sentinel

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket

READS_AT_ONCE = 8
#: Of one look: a large run's are read in several, so that none is held up by it.
READS_PER_LOOK = 64


class BootWatch:
    """What was read so far, by job: each mechanism with ``armed`` or why not."""

    def __init__(self, bucket: Bucket, run: str) -> None:
        self.bucket, self.run = bucket, run
        self.armed: dict[str, Mapping[str, str]] = {}

    async def look(self, booted: Iterable[Sentinel]) -> None:
        """Read what is not read yet; what does not come now is asked for at the next look."""
        missing = [each for each in booted if each.job not in self.armed][:READS_PER_LOOK]
        slots = asyncio.Semaphore(READS_AT_ONCE)

        async def read(sentinel: Sentinel) -> None:
            key = sentinel.key(self.run)
            async with slots:
                try:
                    body = await self.bucket.get(key, SentinelBody.max_bytes)
                    self.armed[sentinel.job] = dict(parse_document(SentinelBody, body, key).layers)
                except BenchtuiError:
                    return

        await asyncio.gather(*map(read, missing))
