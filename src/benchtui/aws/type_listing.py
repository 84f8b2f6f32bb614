"""All types of a region with their zones, kept for a day: asking takes seconds and hardly ever says news."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchtui.aws.session import Cloud
from benchtui.aws.types import all_instance_types, all_offerings
from benchtui.core.catalogue import InstanceType

VALID_FOR = timedelta(hours=24)
MAX_CACHE_BYTES = 16 * 1024 * 1024
_SCHEMA = "benchtui.types/2"


@dataclass(frozen=True, slots=True)
class ListedType:
    """A type and the availability zones that sell it, sorted; none: described, but for sale nowhere."""

    type: InstanceType
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """All types of a region."""

    types: tuple[ListedType, ...]
    as_of: datetime  # UTC: when EC2 said so


async def type_listing(cloud: Cloud, region: str, now: datetime, cache_file: Path | None) -> Listing:
    """Every type of ``region`` that benchtui can run on.

    Args:
        cloud: whom to ask.
        region: where the instances would run.
        now: the time, UTC; answers older than 24 h are asked for again.
        cache_file: where answers are kept; None: nowhere.

    Raises:
        CloudError: EC2 could not be asked.
    """
    key = f"{await cloud.endpoint('ec2', region)} {region}"
    kept = await asyncio.to_thread(_read, cache_file, key, now)
    if kept is not None:
        return kept
    # One after the other: together they are some twenty requests, and a watcher asks EC2 beside them.
    types = await all_instance_types(cloud, region)
    zones = await all_offerings(cloud, region)
    listing = Listing(tuple(ListedType(found, zones.get(name, ())) for name, found in types.items()), now)
    await asyncio.to_thread(_keep, cache_file, key, listing)
    return listing


def _read(file: Path | None, key: str, now: datetime) -> Listing | None:
    """The listing kept under ``key``; None for an old one, and for a file that is not ours."""
    entry = _content(file).get(key)
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, OverflowError):
        as_of = datetime.fromisoformat(entry["as_of"]).astimezone(UTC)  # type: ignore[index]
        if now - VALID_FOR < as_of <= now:
            rows = entry["types"]  # type: ignore[index]
            return Listing(tuple(_listed(row) for row in rows), as_of)
    return None


def _listed(row: dict[str, Any]) -> ListedType:
    """Raises ValueError, KeyError or TypeError for what `_keep` has not written."""
    fields, zones = dict(row), row["zones"]
    del fields["zones"]
    found = InstanceType(**fields)
    numbers = (found.vcpus, found.cores, found.threads_per_core, found.memory_mib)
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        raise ValueError("counts are whole numbers")
    if not isinstance(found.name, str) or found.arch not in ("arm64", "x86_64"):
        raise ValueError("no type")
    if not all(said in (True, False, None) for said in (found.current_generation, found.burstable)):
        raise ValueError("yes, no or nothing")
    return ListedType(found, tuple(str(zone) for zone in zones))


def _content(file: Path | None) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, RecursionError):
        if file is not None and file.stat().st_size <= MAX_CACHE_BYTES:
            body = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(body, dict) and body.get("schema") == _SCHEMA:
                listings = body.get("listings")
                return listings if isinstance(listings, dict) else {}
    return {}


def _keep(file: Path | None, key: str, listing: Listing) -> None:
    """A disk that refuses costs no more than asking again."""
    if file is None:
        return
    rows = [{**asdict(listed.type), "zones": listed.zones} for listed in listing.types]
    # Endpoints of a local cloud change with every start: what is old goes.
    oldest = (listing.as_of - VALID_FOR).isoformat()
    others = {
        name: entry
        for name, entry in _content(file).items()
        if isinstance(entry, dict) and str(entry.get("as_of", "")) > oldest
    }
    listings = others | {key: {"as_of": listing.as_of.astimezone(UTC).isoformat(), "types": rows}}
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump({"schema": _SCHEMA, "listings": listings}, stream)
            Path(temporary).replace(file)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
