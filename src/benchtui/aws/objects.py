"""The bucket: the only truth about a run. Lists, bounded reads, writes that happen once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from benchtui.aws.errors import CloudError, FailureKind, UnusableAnswer, classify, to_user_error
from benchtui.aws.session import MAX_PAGES, Answer, Cloud
from benchtui.core.errors import InvalidDocumentError
from benchtui.core.keys import runs_prefix
from benchtui.core.text import clean_line

PAGE = 1000  # most keys a LIST returns
_CHUNK = 256 * 1024
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object of a listing."""

    key: str
    size: int  # bytes
    last_modified: datetime  # UTC, S3's clock, whole seconds
    etag: str  # without quotes


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a LIST."""

    objects: tuple[ListedObject, ...]
    prefixes: tuple[str, ...]  # only with a delimiter
    next_token: str | None  # to go on; None at the end


class Bucket:
    """One S3 bucket.

    Attributes:
        name: of the bucket.
        server_time: what S3's clock said in its last answer; None before the first.
        requests: how many calls were made, failed ones included; a repeated request counts once.
    """

    def __init__(self, cloud: Cloud, name: str) -> None:
        self.name = name
        self.server_time: datetime | None = None
        self.requests = 0
        self._cloud = cloud
        self._offset = timedelta(0)  # S3's clock minus this machine's

    def server_now(self, now: datetime) -> datetime:
        """The time on S3's clock when this machine's says ``now``, ± 1 s; ``now`` before any answer."""
        return now + self._offset

    async def list_page(
        self,
        prefix: str,
        start_after: str | None = None,
        *,
        token: str | None = None,
        delimiter: str | None = None,
        max_keys: int = PAGE,
    ) -> Page:
        """One LIST: one request, up to 1000 keys in the order of their UTF-8 bytes.

        Raises:
            CloudError: S3 could not be asked.
        """
        params: Answer = {"Prefix": prefix, "MaxKeys": max_keys}
        if token is not None:
            params["ContinuationToken"] = token
        elif start_after:
            params["StartAfter"] = start_after
        if delimiter is not None:
            params["Delimiter"] = delimiter
        answer = await self._call("ListObjectsV2", params, expect=("KeyCount",))
        try:
            return _page(answer)
        except (KeyError, TypeError) as error:
            raise self._unusable(f"a listed object without a usable {error}", "ListObjectsV2") from error

    async def list_keys(self, prefix: str, start_after: str | None = None) -> AsyncIterator[ListedObject]:
        """Objects below ``prefix`` whose key is greater than ``start_after``, one LIST per 1000.

        Raises:
            CloudError: S3 could not be asked; what came before is not the whole then.
        """
        token: str | None = None
        for _ in range(MAX_PAGES):
            page = await self.list_page(prefix, start_after, token=token)
            for item in page.objects:
                yield item
            if page.next_token is None:
                return
            if page.next_token == token:
                break
            token = page.next_token
        raise self._unusable("the listing does not come to an end", "ListObjectsV2")

    async def list_runs(self) -> tuple[str, ...]:
        """Names of the folders below ``benchmarks/``: run ids, and whatever else someone put there.

        Raises:
            CloudError: S3 could not be asked.
        """
        found: list[str] = []
        token: str | None = None
        for _ in range(MAX_PAGES):
            page = await self.list_page(runs_prefix(), token=token, delimiter="/")
            found.extend(prefix.removeprefix(runs_prefix()).rstrip("/") for prefix in page.prefixes)
            if page.next_token is None:
                return tuple(found)
            if page.next_token == token:
                break
            token = page.next_token
        raise self._unusable("the listing does not come to an end", "ListObjectsV2")

    async def get(self, key: str, max_bytes: int) -> bytes:
        """The object's body.

        Raises:
            InvalidDocumentError: it is longer than ``max_bytes``; no more than that is read.
            CloudError: kind MISSING, there is no such object; any other: S3 could not be asked.
        """
        body = bytearray()

        async def read(answer: Answer) -> None:
            body.clear()
            length = answer.get("ContentLength")
            async with answer["Body"] as stream:
                if length is None or length <= max_bytes:
                    while chunk := await stream.read(_CHUNK):
                        body.extend(chunk)
                        if len(body) > max_bytes:
                            break
            if (length is not None and length > max_bytes) or len(body) > max_bytes:
                raise InvalidDocumentError(
                    f"{clean_line(key, 300)}: is larger than {max_bytes} bytes, which nothing of its kind is"
                )
            if length is not None and len(body) != length:
                raise UnusableAnswer(f"{len(body)} of {length} bytes came")

        try:
            await self._call("GetObject", {"Key": key}, expect=("Body",), read=read)
        except CloudError as error:
            if error.failure.kind is FailureKind.DENIED and await self._lacks(key):
                failure = replace(error.failure, kind=FailureKind.MISSING, code="NoSuchKey", status=404)
                raise to_user_error(failure) from error
            raise
        return bytes(body)

    async def put_once(self, key: str, body: bytes, content_type: str = _JSON) -> bool:
        """Write an object unless its key is taken.

        Returns:
            True if it was written, False if the key was there already. After a repeated request (an
            answer was lost) False can also mean that this very call wrote it.

        Raises:
            CloudError: it is not known to be there.
        """
        try:
            await self._put(key, body, content_type, {"IfNoneMatch": "*"})
        except CloudError as error:
            if error.failure.status == 412 or error.failure.code == "PreconditionFailed":
                return False
            raise
        return True

    async def put(self, key: str, body: bytes, content_type: str = _JSON) -> None:
        """Write an object over whatever is there.

        Raises:
            CloudError: it is not known to be there.
        """
        await self._put(key, body, content_type, {})

    async def exists(self, key: str) -> bool:
        """Whether there is an object ``key``.

        Asked by LIST: a HEAD answers 404 as well when the bucket is gone, and 403 without the right to list.

        Raises:
            CloudError: S3 could not be asked, or there is no bucket.
        """
        page = await self.list_page(key, max_keys=1)
        return any(item.key == key for item in page.objects)

    async def _lacks(self, key: str) -> bool:
        """Whether a listing shows that there is no object ``key``.

        A GET of none is refused where the right to list is given for some prefixes only: it names no prefix.
        """
        try:
            return not await self.exists(key)
        except CloudError:
            return False

    async def _put(self, key: str, body: bytes, content_type: str, more: Answer) -> None:
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        params = {"Key": key, "Body": body, "ContentType": content_type, "ChecksumSHA256": checksum, **more}
        answer = await self._call("PutObject", params)
        stored = answer.get("ChecksumSHA256")
        if stored is not None and stored != checksum:
            raise self._unusable(f"{key} was stored with another checksum", "PutObject")
        # The ETag is the MD5 of the body except under KMS encryption.
        etag = str(answer.get("ETag", "")).strip('"')
        if len(etag) == 32 and not str(answer.get("ServerSideEncryption", "")).startswith("aws:kms"):
            md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
            if etag != md5:
                raise self._unusable(f"{key} was stored with another content", "PutObject")

    async def _call(self, operation: str, params: Answer, **options: Any) -> Answer:
        self.requests += 1
        answer = await self._cloud.call(
            "s3",
            self._cloud.bucket_region,
            operation,
            {"Bucket": self.name, **params},
            subject=self._url(params.get("Key") or params.get("Prefix") or ""),
            **options,
        )
        self._note_time(answer)
        return answer

    def _note_time(self, answer: Answer) -> None:
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            at = parsedate_to_datetime(date)
        except ValueError:
            return
        if at.tzinfo is not None:
            self.server_time = at.astimezone(UTC)
            self._offset = self.server_time - self._cloud.now()

    def _url(self, key: str) -> str:
        return clean_line(f"s3://{self.name}/{key}", 300)

    def _unusable(self, message: str, operation: str) -> Exception:
        error = UnusableAnswer(message)
        return to_user_error(classify(error, region=self._cloud.bucket_region, operation=operation))


def _page(answer: Answer) -> Page:
    objects = tuple(
        ListedObject(
            row["Key"], row["Size"], row["LastModified"].astimezone(UTC), row.get("ETag", "").strip('"')
        )
        for row in answer.get("Contents", ())
    )
    prefixes = tuple(row["Prefix"] for row in answer.get("CommonPrefixes", ()))
    truncated = answer.get("IsTruncated", False)
    return Page(objects, prefixes, answer["NextContinuationToken"] if truncated else None)
