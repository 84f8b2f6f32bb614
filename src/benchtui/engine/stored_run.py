"""A run as it is stored, in a bucket or in a folder: its objects by key, read within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.core import keys
from benchtui.core.documents import (
    CensusDocument,
    ResultDocument,
    RunDocument,
    SentinelBody,
    SystemDocument,
)
from benchtui.core.errors import BenchtuiError, InvalidDocumentError, UsageError
from benchtui.core.keys import KeyNotOurs
from benchtui.core.text import clean_line
from benchtui.engine.collector import MAX_BUNDLE_BYTES, MAX_LOG_BYTES, MAX_RAW_BYTES
from benchtui.engine.together import together

if TYPE_CHECKING:
    from benchtui.aws.objects import Bucket

MOST_OBJECTS = 2_000_000
READS_AT_ONCE = 16
CENSUS = "census.json"
_LIMITS: Mapping[str, int] = {
    "system": SystemDocument.max_bytes,
    "result": ResultDocument.max_bytes,
    "raw": MAX_RAW_BYTES,
    "log": MAX_LOG_BYTES,
}


class StoredRun(Protocol):
    """Where the objects of a run are read from.

    Attributes:
        run: its id.
        origin: for people: the bucket or the folder.
    """

    run: str
    origin: str

    async def names(self) -> tuple[str, ...]:
        """Keys of everything there is of the run, below its prefix, sorted."""
        ...

    async def read(self, name: str) -> bytes:
        """An object, by its key below the run's prefix.

        Raises:
            InvalidDocumentError: larger than anything of its kind.
            BenchtuiError: it cannot be read.
        """
        ...

    async def bundle(self, sha256: str) -> bytes | None:
        """The payload bundle; None if it is not here.

        Raises:
            BenchtuiError: it cannot be read.
        """
        ...


class BucketRun:
    """A run of a bucket."""

    def __init__(self, bucket: Bucket, run: str) -> None:
        self.run, self.origin = run, f"s3://{bucket.name}"
        self._bucket, self._prefix = bucket, keys.run_prefix(run)

    async def names(self) -> tuple[str, ...]:
        """See `StoredRun`."""
        found: list[str] = []
        async for item in self._bucket.list_keys(self._prefix):
            found.append(item.key.removeprefix(self._prefix))
            if len(found) > MOST_OBJECTS:
                raise BenchtuiError(f"{self._prefix} holds more than {MOST_OBJECTS} objects")
        if not found:
            raise UsageError(
                f"the bucket {self._bucket.name} holds no run {self.run}",
                fix="`benchtui runs` lists the runs of the bucket",
            )
        return tuple(found)

    async def read(self, name: str) -> bytes:
        """See `StoredRun`."""
        return await self._bucket.get(self._prefix + name, limit_of(self._prefix + name))

    async def bundle(self, sha256: str) -> bytes | None:
        """See `StoredRun`."""
        try:
            return await self._bucket.get(keys.payload_key(sha256), MAX_BUNDLE_BYTES)
        except CloudError as error:
            if error.failure.kind not in (FailureKind.MISSING, FailureKind.DENIED):
                raise
            return None


class FolderRun:
    """A run in a folder: what `benchtui collect` made, or a copy of the run's prefix in a bucket.

    Args:
        folder: holds run.json.
        run: the run's id.
    """

    def __init__(self, folder: Path, run: str) -> None:
        self.run, self.origin = run, str(folder)
        self._folder = folder

    async def names(self) -> tuple[str, ...]:
        """See `StoredRun`; the bundle and what tools leave behind are not of the run."""
        return await asyncio.to_thread(self._names)

    def _names(self) -> tuple[str, ...]:
        found: list[str] = []
        try:
            for path in sorted(self._folder.rglob("*")):
                name = path.relative_to(self._folder).as_posix()
                if path.is_symlink() or not path.is_file() or name.startswith("payloads/"):
                    continue
                if not path.name.startswith("."):
                    found.append(name)
        except OSError as error:
            raise UsageError(f"cannot read {self._folder}: {error.strerror}") from error
        if "run.json" not in found:
            raise UsageError(
                f"{self._folder} holds no run.json",
                fix=f"benchtui collect {self.run} --complete brings the run there",
            )
        return tuple(found)

    async def read(self, name: str) -> bytes:
        """See `StoredRun`."""
        limit = limit_of(keys.run_prefix(self.run) + name)
        return await asyncio.to_thread(_read, self._folder / name, limit, name)

    async def bundle(self, sha256: str) -> bytes | None:
        """See `StoredRun`; beside the run's own objects, or beside its folder as in a bucket."""
        for place in (self._folder, self._folder.parent, self._folder.parent.parent):
            path = place / keys.payload_key(sha256)
            if path.is_file():
                return await asyncio.to_thread(_read, path, MAX_BUNDLE_BYTES, str(path))
        return None


def _read(path: Path, limit: int, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            body = file.read(limit + 1)
    except OSError as error:
        raise BenchtuiError(f"cannot read {path}: {error.strerror}", fix="check its permissions") from error
    if len(body) > limit:
        raise InvalidDocumentError(f"{name}: is larger than {limit} bytes, which nothing of its kind is")
    return body


def limit_of(key: str) -> int:
    """Most bytes that an object under this key may have."""
    try:
        return _LIMITS[keys.parse_job_object(key).kind]
    except KeyNotOurs:
        large = {"run.json": RunDocument.max_bytes, CENSUS: CensusDocument.max_bytes}
        return large.get(key.rpartition("/")[2], SentinelBody.max_bytes)


async def read_all(stored: StoredRun, names: tuple[str, ...]) -> dict[str, bytes | str]:
    """Several objects at the same time; a text in place of one that is larger than its kind may be.

    Raises:
        BenchtuiError: one cannot be read.
    """
    limit = asyncio.Semaphore(READS_AT_ONCE)

    async def one(name: str) -> bytes | str:
        async with limit:
            try:
                return await stored.read(name)
            except InvalidDocumentError as error:
                return clean_line(error.what, 300)

    return dict(zip(names, await together(*map(one, names)), strict=True))


def folder_run(folder: Path, run: str | None) -> FolderRun:
    """The run of a folder: the folder itself, or one below it; its only one if none is named.

    Raises:
        UsageError: there is none, or several.
    """
    if run is None:
        if (folder / "run.json").is_file() and _is_run(folder.resolve().name):
            return FolderRun(folder, folder.resolve().name)
        try:
            found = sorted(path.name for path in folder.iterdir() if (path / "run.json").is_file())
        except OSError as error:
            raise UsageError(f"cannot read {folder}: {error.strerror}") from error
        found = [name for name in found if _is_run(name)]
        if len(found) != 1:
            count = "no run" if not found else f"{len(found)} runs"
            raise UsageError(f"{folder} holds {count}", fix=f"benchtui verify RUN --folder {folder}")
        run = found[0]
    for place in (folder / run, folder / "benchmarks" / run, folder):
        if (place / "run.json").is_file():
            return FolderRun(place, run)
    raise UsageError(
        f"{folder} holds no run {run}", fix=f"benchtui collect {run} --complete --results {folder}"
    )


def _is_run(name: str) -> bool:
    try:
        keys.check_run(name)
    except KeyNotOurs:
        return False
    return True
