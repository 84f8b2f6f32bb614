"""S3: strongly consistent, conditional writes, listings in the order of bytes, a clock of its own."""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from random import Random
from typing import Any, Self

from tests.simulation.network import Refused

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    body: bytes
    modified: datetime  # whole seconds, S3's clock
    etag: str


class Body:
    """A body to be read as the SDK's stream is."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    async def read(self, size: int = -1) -> bytes:
        part = self._body if size < 0 else self._body[:size]
        self._body = self._body[len(part) :]
        return part


class S3:
    """One bucket."""

    def __init__(
        self, now: Callable[[], datetime], rng: Random, race: float, written: Callable[[str], None]
    ) -> None:
        self.now, self.rng, self.race, self.written = now, rng, race, written
        self.objects: dict[str, Stored] = {}
        self._keys: list[str] = []

    def put_object(self, params: Answer) -> Answer:
        key, body = params["Key"], params["Body"]
        if "IfMatch" in params:
            there = self.objects.get(key)
            if there is None:
                raise Refused("NoSuchKey", "the specified key does not exist", 404)
            if there.etag != params["IfMatch"].strip('"'):
                raise Refused("PreconditionFailed", "at least one of the pre-conditions did not hold", 412)
        if params.get("IfNoneMatch") == "*":
            if key in self.objects:
                raise Refused("PreconditionFailed", "at least one of the pre-conditions did not hold", 412)
            if self.rng.random() < self.race:
                raise Refused("ConditionalRequestConflict", "a conflicting operation is in progress", 409)
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if key not in self.objects:
            insort(self._keys, key)
        self.objects[key] = Stored(bytes(body), self.now().replace(microsecond=0), etag)
        self.written(key)
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        return self._answer(ETag=f'"{etag}"', ChecksumSHA256=checksum)

    def get_object(self, params: Answer) -> Answer:
        stored = self._stored(params)
        return self._answer(
            Body=Body(stored.body),
            ContentLength=len(stored.body),
            ETag=f'"{stored.etag}"',
            LastModified=stored.modified,
        )

    def head_object(self, params: Answer) -> Answer:
        stored = self._stored(params)
        return self._answer(
            ContentLength=len(stored.body), ETag=f'"{stored.etag}"', LastModified=stored.modified
        )

    def delete_object(self, params: Answer) -> Answer:
        key = params["Key"]
        there = self.objects.get(key)
        if there is not None and "IfMatch" in params and there.etag != params["IfMatch"].strip('"'):
            raise Refused("PreconditionFailed", "at least one of the pre-conditions did not hold", 412)
        if there is not None:
            del self.objects[key]
            self._keys.remove(key)
        return self._answer()

    def list_objects_v2(self, params: Answer) -> Answer:
        prefix, most = params.get("Prefix", ""), min(1000, params.get("MaxKeys", 1000))
        delimiter = params.get("Delimiter")
        after = params.get("ContinuationToken") or params.get("StartAfter") or ""
        contents: list[Answer] = []
        prefixes: list[str] = []
        last = after
        truncated = False
        start = bisect_right(self._keys, max(after, prefix[:-1] if prefix else ""))
        for key in self._keys[start:]:
            if not key.startswith(prefix):
                if key > prefix:
                    break
                continue
            folder = None
            if delimiter and delimiter in key[len(prefix) :]:
                folder = prefix + key[len(prefix) :].split(delimiter)[0] + delimiter
                if folder in prefixes or after.startswith(folder):
                    last = key
                    continue
            if len(contents) + len(prefixes) >= most:
                truncated = True
                break
            last = key
            if folder is not None:
                prefixes.append(folder)
            else:
                stored = self.objects[key]
                contents.append(
                    {
                        "Key": key,
                        "Size": len(stored.body),
                        "LastModified": stored.modified,
                        "ETag": f'"{stored.etag}"',
                    }
                )
        answer = self._answer(
            Contents=contents,
            CommonPrefixes=[{"Prefix": each} for each in prefixes],
            KeyCount=len(contents) + len(prefixes),
            IsTruncated=truncated,
        )
        if truncated:
            answer["NextContinuationToken"] = last
        return answer

    def _stored(self, params: Answer) -> Stored:
        stored = self.objects.get(params["Key"])
        if stored is None:
            raise Refused("NoSuchKey", "the specified key does not exist", 404)
        return stored

    def _answer(self, **fields: Any) -> Answer:
        headers = {"date": format_datetime(self.now().replace(microsecond=0), usegmt=True)}
        return {**fields, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": headers}}
