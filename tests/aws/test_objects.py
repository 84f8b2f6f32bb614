"""The bucket: against the local cloud's S3 and its faults, and over a wire that says what S3 never would."""

import asyncio
import base64
import functools
import hashlib
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import boto3
import pytest

from benchtui.aws.errors import CloudError, FailureKind
from benchtui.aws.objects import Bucket
from benchtui.aws.session import Cloud
from benchtui.core.errors import InvalidDocumentError

from .conftest import BUCKET, REGION, Private
from .wire import Server, Writer

SOMETHING_SHA256 = base64.b64encode(hashlib.sha256(b"something").digest()).decode().lower()
PNG = bytes(range(256)) * 40


@pytest.fixture
def bucket(cloud: Cloud) -> Bucket:
    return Bucket(cloud, BUCKET)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A prefix that no other test writes below."""
    return f"tests/{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}/"


def s3() -> Any:
    """An independent client."""
    return boto3.client("s3", region_name=REGION)


async def keys_below(bucket: Bucket, prefix: str, start_after: str | None = None) -> list[str]:
    return [item.key async for item in bucket.list_keys(prefix, start_after)]


async def test_what_is_written_is_read_back(bucket: Bucket, folder: str) -> None:
    key = folder + "a b+c=é/x.bin"
    assert await bucket.put_once(key, PNG, "application/octet-stream")
    assert await bucket.get(key, len(PNG)) == PNG
    stored = s3().get_object(Bucket=BUCKET, Key=key)
    assert stored["Body"].read() == PNG
    assert stored["ContentType"] == "application/octet-stream"


async def test_the_first_writer_wins(bucket: Bucket, folder: str) -> None:
    key = folder + "once"
    written = await asyncio.gather(*(bucket.put_once(key, b"%d" % n) for n in range(20)))
    assert sum(written) == 1
    winner = written.index(True)
    assert await bucket.get(key, 10) == b"%d" % winner
    assert await bucket.put_once(key, b"late") is False


async def test_a_heartbeat_is_overwritten(bucket: Bucket, folder: str) -> None:
    for body in (b"1", b"2"):
        await bucket.put(folder + "beat", body)
    assert await bucket.get(folder + "beat", 1) == b"2"


async def test_an_empty_object_is_an_object(bucket: Bucket, folder: str) -> None:
    assert await bucket.put_once(folder + "empty", b"")
    assert await bucket.get(folder + "empty", 0) == b""
    assert await bucket.exists(folder + "empty")


async def test_a_race_is_repeated_and_a_taken_key_is_not(
    bucket: Bucket, folder: str, fault: Private, private: Private
) -> None:
    fault(service="s3", action="PutObject", status=409, code="ConditionalRequestConflict", times=2)
    assert await bucket.put_once(folder + "race", b"x") is True
    assert private("GET", "faults")[0]["hits"] == 2


async def test_a_lost_answer_to_a_write_ends_with_the_object_there(
    bucket: Bucket, folder: str, fault: Private
) -> None:
    fault(service="s3", action="PutObject", after_commit=True, times=1)
    assert await bucket.put_once(folder + "lost", b"x") is False  # there already: this call wrote it
    assert await bucket.get(folder + "lost", 1) == b"x"


@pytest.mark.parametrize("rule", [{"status": 503}, {"status": 500}, {}])
async def test_slow_down_server_errors_and_resets_are_repeated(
    bucket: Bucket, folder: str, fault: Private, rule: dict[str, Any]
) -> None:
    fault(service="s3", times=2, **rule)
    assert await bucket.put_once(folder + "slow", b"x") is True
    fault(service="s3", times=2, **rule)
    assert await keys_below(bucket, folder) == [folder + "slow"]
    fault(service="s3", times=2, **rule)
    assert await bucket.get(folder + "slow", 1) == b"x"


async def test_a_refused_write_is_an_error(bucket: Bucket, folder: str, fault: Private) -> None:
    fault(service="s3", action="PutObject", status=403)
    with pytest.raises(CloudError) as raised:
        await bucket.put_once(folder + "refused", b"x")
    assert raised.value.failure.kind is FailureKind.DENIED
    assert f"s3://{BUCKET}/{folder}refused" in raised.value.what


async def test_more_than_is_allowed_is_not_read(bucket: Bucket, folder: str) -> None:
    await bucket.put(folder + "large", PNG)
    with pytest.raises(InvalidDocumentError, match="larger than 100 bytes"):
        await bucket.get(folder + "large", 100)
    assert await bucket.get(folder + "large", len(PNG)) == PNG


async def test_no_object_is_missing(bucket: Bucket, folder: str) -> None:
    with pytest.raises(CloudError) as raised:
        await bucket.get(folder + "nothing", 10)
    assert raised.value.failure.kind is FailureKind.MISSING
    assert await bucket.exists(folder + "nothing") is False


async def test_what_is_refused_and_not_there_is_missing_and_what_is_there_is_refused(
    bucket: Bucket, folder: str, fault: Private
) -> None:
    """S3 refuses to read what is not there where listing is allowed for some prefixes only."""
    await bucket.put(folder + "there", b"x")
    fault(service="s3", action="GetObject", status=403)
    for name, kind in (("none", FailureKind.MISSING), ("there", FailureKind.DENIED)):
        with pytest.raises(CloudError) as caught:
            await bucket.get(folder + name, 10)
        assert caught.value.failure.kind is kind
    fault(service="s3", action="ListObjectsV2", status=403)
    with pytest.raises(CloudError) as caught:
        await bucket.get(folder + "none", 10)
    assert caught.value.failure.kind is FailureKind.DENIED, "who may not list does not know"


async def test_a_longer_key_does_not_make_a_shorter_one_exist(bucket: Bucket, folder: str) -> None:
    await bucket.put(folder + "kill-2", b"x")
    assert await bucket.exists(folder + "kill") is False
    await bucket.put(folder + "kill", b"x")
    assert await bucket.exists(folder + "kill") is True


async def test_no_bucket_is_not_no_object(cloud: Cloud) -> None:
    gone = Bucket(cloud, "benchtui-that-is-not-there")
    for ask in (gone.exists("x"), gone.get("x", 1), gone.put_once("x", b""), gone.list_runs()):
        with pytest.raises(CloudError) as raised:
            await ask
        assert raised.value.failure.code == "NoSuchBucket"
        assert raised.value.fix is not None
        assert "[aws] bucket" in raised.value.fix


async def test_listing_goes_over_pages_in_order_and_starts_after_a_key(
    bucket: Bucket, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{folder}{number:04d}" for number in range(25)]
    await asyncio.gather(*(bucket.put(name, b"") for name in names))
    with monkeypatch.context() as patched:  # S3's own pages are of a thousand keys
        patched.setattr(bucket, "list_page", functools.partial(bucket.list_page, max_keys=10))
        before = bucket.requests
        assert await keys_below(bucket, folder) == names
        assert bucket.requests - before == 3
        assert await keys_below(bucket, folder, names[18]) == names[19:]
        assert bucket.requests - before == 4
    page = await bucket.list_page(folder, names[3], max_keys=2)
    assert [item.key for item in page.objects] == names[4:6]
    following = await bucket.list_page(folder, token=page.next_token, max_keys=1)
    assert [item.key for item in following.objects] == names[6:7]


async def test_a_listed_object_tells_size_hash_and_s3s_time(bucket: Bucket, folder: str) -> None:
    await bucket.put(folder + "one", PNG)
    (item,) = [item async for item in bucket.list_keys(folder)]
    assert (item.size, item.etag) == (len(PNG), hashlib.md5(PNG).hexdigest())
    assert item.last_modified.tzinfo is UTC
    assert bucket.server_time is not None
    assert abs(item.last_modified - bucket.server_time) < timedelta(seconds=60)


async def test_nothing_below_a_prefix_is_an_empty_list(bucket: Bucket, folder: str) -> None:
    assert await keys_below(bucket, folder) == []


@pytest.mark.parametrize("rule", [{"status": 403}, {"status": 503}, {"status": 500}, {}])
async def test_a_listing_that_fails_is_an_error_never_an_empty_list(
    bucket: Bucket, folder: str, fault: Private, rule: dict[str, Any]
) -> None:
    fault(service="s3", **rule)
    for ask in (keys_below(bucket, folder), bucket.exists(folder), bucket.list_runs()):
        with pytest.raises(CloudError):
            await ask


async def test_runs_are_the_folders_below_benchmarks(bucket: Bucket) -> None:
    for run in ("20261124-101500-abcd", "20261124-101501-abcd", "not a run"):
        await bucket.put_once(f"benchmarks/{run}/run.json", b"{}")
        await bucket.put_once(f"benchmarks/{run}/events/x", b"")
    assert set(await bucket.list_runs()) >= {"20261124-101500-abcd", "20261124-101501-abcd", "not a run"}


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", "Connection: close", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def wired(server: Server) -> Any:
    """A bucket whose server's raw answers a test appends to ``server.answers`` by ``raw``."""

    async def no_sleep(_seconds: float) -> None:
        pass

    async with Cloud(None, (REGION,), random=Random(1), sleep=no_sleep, tries=2) as cloud:
        yield Bucket(cloud, "bucket")


def raw(server: Server, *answers: bytes) -> None:
    for data in answers:

        async def serve(_head: str, _body: bytes, writer: Writer, data: bytes = data) -> None:
            writer.write(data)

        server.answers.append(serve)


async def test_a_body_that_breaks_off_is_read_again(wired: Bucket, server: Server) -> None:
    raw(server, answer(b"ha", "Content-Length: 4"), answer(b"half", "Content-Length: 4"))
    assert await wired.get("key", 10) == b"half"
    assert len(server.requests) == 2


async def test_a_body_that_never_comes_whole_is_unknown(wired: Bucket, server: Server) -> None:
    raw(server, answer(b"ha", "Content-Length: 4"))
    with pytest.raises(CloudError) as raised:
        await wired.get("key", 10)
    assert raised.value.failure.kind is FailureKind.UNKNOWN


async def test_a_body_of_untold_length_is_read_no_further_than_allowed(wired: Bucket, server: Server) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    sent = 0

    async def endless(_head: str, _body: bytes, writer: Writer) -> None:
        nonlocal sent
        writer.write(answer(b"", "Transfer-Encoding: chunked"))
        for _ in range(4000):  # 256 MiB
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)

    server.answers.append(endless)
    with pytest.raises(InvalidDocumentError):
        await wired.get("key", 1000)
    assert len(server.requests) == 1
    assert sent < 64 * 1024 * 1024


@pytest.mark.parametrize(
    "body",
    [
        b"<html>welcome to the hotel</html>",
        b"",
        b"<ListBucketResult><KeyCount>1</KeyCount><Contents><Size>3</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><KeyCount>1000</KeyCount><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><KeyCount>1</KeyCount><Cont",
    ],
)
async def test_a_listing_that_cannot_be_read_is_unknown(wired: Bucket, server: Server, body: bytes) -> None:
    raw(server, answer(body, f"Content-Length: {len(body)}"))
    with pytest.raises(CloudError) as raised:
        await keys_below(wired, "x/")
    assert raised.value.failure.kind is FailureKind.UNKNOWN


async def test_an_object_stored_with_another_content_is_not_written(wired: Bucket, server: Server) -> None:
    raw(server, answer(b"", "Content-Length: 0", 'ETag: "d41d8cd98f00b204e9800998ecf8427e"'))
    with pytest.raises(CloudError) as raised:
        await wired.put_once("key", b"something")
    assert raised.value.failure.kind is FailureKind.UNKNOWN
    assert "another content" in raised.value.what


async def test_under_kms_encryption_the_etag_is_no_hash(wired: Bucket, server: Server) -> None:
    encrypted = ("x-amz-server-side-encryption: aws:kms", 'ETag: "d41d8cd98f00b204e9800998ecf8427e"')
    raw(server, answer(b"", "Content-Length: 0", *encrypted))
    assert await wired.put_once("key", b"something") is True


async def test_a_write_waits_for_no_permission_to_send(wired: Bucket, server: Server) -> None:
    raw(server, answer(b"", "Content-Length: 0"))
    await wired.put("key", b"something")
    head, body = server.requests[0]
    assert "expect:" not in head.lower()
    assert body == b"something"
    assert f"x-amz-checksum-sha256: {SOMETHING_SHA256}" in head.lower()


async def test_time_is_told_by_s3s_clock(wired: Bucket, server: Server) -> None:
    now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
    assert wired.server_now(now) == now
    body = b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
    ahead = datetime.now(UTC) + timedelta(hours=2)
    date = ahead.strftime("Date: %a, %d %b %Y %H:%M:%S GMT")
    raw(server, answer(body, date, f"Content-Length: {len(body)}"))
    assert await wired.exists("key") is False
    assert wired.server_time == ahead.replace(microsecond=0)
    assert abs(wired.server_now(now) - now - timedelta(hours=2)) < timedelta(seconds=30)


@pytest.mark.parametrize("date", ["Date: yesterday", "Date: Tue, 24 Nov 2026 08:00:00 -0000", "X-None: 1"])
async def test_a_server_without_a_usable_clock_changes_nothing(
    wired: Bucket, server: Server, date: str
) -> None:
    body = b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
    raw(server, answer(body, date, f"Content-Length: {len(body)}"))
    await wired.exists("key")
    assert wired.server_time is None
