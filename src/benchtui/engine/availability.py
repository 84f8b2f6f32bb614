"""Where EC2 had none of a type lately: kept in the cache folder, for the next launch to ask elsewhere first.

It only orders zones. A zone that had none is asked last, never left out: what this remembers may be over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

AVAILABILITY_FILE = "availability.json"
#: After the first refusal, doubled by each that follows, up to the longest.
FIRST_BACK_OFF = timedelta(minutes=5)
LONGEST_BACK_OFF = timedelta(hours=1)
MAX_FILE_BYTES = 1 << 20
MAX_PLACES = 2_000


@dataclass(frozen=True, slots=True)
class Dry:
    """A zone without capacity for a type."""

    until: datetime  # UTC: from then on it is as good as any other
    times: int  # refusals in a row
    code: str


class Availability:
    """What is remembered of one account's zones.

    Args:
        file: where it is kept; None: nowhere.
        endpoint: of EC2, for zones of the same name elsewhere are others.
    """

    def __init__(self, file: Path | None, endpoint: str) -> None:
        self.file, self.endpoint = file, endpoint
        self._dry: dict[str, Dry] | None = None  # None: not read yet

    async def dry(self, instance_type: str, zone: str, market: str, now: datetime) -> bool:
        """Whether the zone had none of the type so lately that others are asked first."""
        found = (await self._known()).get(self._key(instance_type, zone, market))
        return found is not None and found.until > now

    async def refused(self, instance_type: str, zone: str, market: str, code: str, now: datetime) -> None:
        """EC2 had none there; each refusal that follows another counts twice as long."""
        known, key = await self._known(), self._key(instance_type, zone, market)
        before = known.get(key)
        times = before.times + 1 if before is not None and now < before.until + LONGEST_BACK_OFF else 1
        wait = min(FIRST_BACK_OFF * 2 ** min(times - 1, 10), LONGEST_BACK_OFF)
        known[key] = Dry(now + wait, times, code)
        await self._write(now)

    async def launched(self, instance_type: str, zone: str, market: str, now: datetime) -> None:
        """There was one: what is remembered against the zone is over."""
        if (await self._known()).pop(self._key(instance_type, zone, market), None) is not None:
            await self._write(now)

    def _key(self, instance_type: str, zone: str, market: str) -> str:
        return f"{self.endpoint} {zone} {instance_type} {market}"

    async def _known(self) -> dict[str, Dry]:
        if self._dry is None:
            found = {} if self.file is None else await asyncio.to_thread(_read, self.file)
            self._dry = found if self._dry is None else self._dry
        return self._dry

    async def _write(self, now: datetime) -> None:
        """A memory that cannot be kept is none; that stops no launch."""
        assert self._dry is not None
        kept = {key: dry for key, dry in self._dry.items() if now < dry.until + LONGEST_BACK_OFF}
        newest = sorted(kept, key=lambda key: kept[key].until)[-MAX_PLACES:]
        self._dry.clear()
        self._dry.update({key: kept[key] for key in newest})
        if self.file is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(_store, self.file, dict(self._dry))


def _read(file: Path) -> dict[str, Dry]:
    """What the file holds; what cannot be understood is not remembered."""
    try:
        with file.open("rb") as stream:
            content = json.loads(stream.read(MAX_FILE_BYTES))
        rows: dict[str, Any] = content["dry"] if content["v"] == 1 else {}
        return {key: dry for key, row in rows.items() if (dry := _understood(row)) is not None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _understood(row: Any) -> Dry | None:
    try:
        until = datetime.fromisoformat(row["until"]).astimezone(UTC)
        return Dry(until, max(1, min(int(row["times"]), 100)), str(row["code"])[:80])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _store(file: Path, dry: dict[str, Dry]) -> None:
    rows = {
        key: {"until": one.until.isoformat(), "times": one.times, "code": one.code}
        for key, one in dry.items()
    }
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(json.dumps({"v": 1, "dry": rows}, indent=1), encoding="utf-8")
    temporary.replace(file)
