from __future__ import annotations

import base64
import hashlib
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from benchtui.local import daemon
from benchtui.local.options import LocalOptions
from tests.local.api.conftest import error_code
from tests.local.conftest import LocalCloud


def signed_put(
    cloud: LocalCloud, key: str, body: bytes, headers: dict[str, str], sent_body: bytes | None = None
) -> int:
    """PUT by urllib alone, signed by botocore; headers are sent as given, none is added but by urllib."""
    url = f"{cloud.endpoint}/{cloud.bucket}/{key}"
    request = AWSRequest("PUT", url, data=body, headers=headers)
    keys = Credentials(cloud.state.access_key_id, cloud.state.secret_access_key)
    S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
    sent = urllib.request.Request(url, data=sent_body or body, method="PUT", headers=dict(request.headers))
    try:
        with urllib.request.urlopen(sent, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as refusal:
        return refusal.code


def test_the_default_bucket_is_private_and_encrypted(local_api: LocalCloud) -> None:
    s3 = local_api.boto3("s3")
    block = s3.get_public_access_block(Bucket=local_api.bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True} and len(block) == 4
    rules = s3.get_bucket_encryption(Bucket=local_api.bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_of_twenty_conditional_uploads_one_wins(local_api: LocalCloud) -> None:
    key = f"race/{uuid.uuid4()}"
    s3 = local_api.boto3("s3")

    def put(n: int) -> int:
        try:
            s3.put_object(Bucket=local_api.bucket, Key=key, Body=str(n).encode(), IfNoneMatch="*")
            return 200
        except ClientError as refusal:
            return int(refusal.response["ResponseMetadata"]["HTTPStatusCode"])

    with ThreadPoolExecutor(20) as pool:
        outcomes = sorted(pool.map(put, range(20)))
    assert outcomes == [200] + [412] * 19


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"body").digest()).decode()}, 200),
        ({"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"other").digest()).decode()}, 400),
        ({"x-amz-checksum-sha256": "nonsense"}, 400),
        ({"Content-MD5": base64.b64encode(hashlib.md5(b"body").digest()).decode()}, 200),
        ({"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}, 400),
        ({"Content-MD5": "nonsense"}, 400),
        ({"x-amz-checksum-crc32": "AAAAAA=="}, 400),
    ],
)
def test_digests_are_verified(local_api: LocalCloud, headers: dict[str, str], status: int) -> None:
    key = f"digest/{uuid.uuid4()}"
    sent = {"Content-Type": "application/octet-stream"} | headers
    assert signed_put(local_api, key, b"body", sent) == status
    listed = local_api.boto3("s3").list_objects_v2(Bucket=local_api.bucket, Prefix=key)
    assert listed["KeyCount"] == (1 if status == 200 else 0)


def test_a_body_other_than_the_signed_one_is_refused(local_api: LocalCloud) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    assert signed_put(local_api, "changed-on-the-way", b"signed", headers, b"forged") == 400


def test_a_wrong_checksum_is_a_bad_digest(local_api: LocalCloud) -> None:
    s3 = local_api.boto3("s3")
    put = {"Bucket": local_api.bucket, "Key": "bad-digest", "Body": b"body"}
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert error_code(lambda: s3.put_object(**put, ChecksumSHA256=other)) == "BadDigest"
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert error_code(lambda: s3.put_object(**put, ContentMD5=md5)) == "BadDigest"


def test_an_upload_that_looks_like_a_form_is_stored_whole(local_api: LocalCloud) -> None:
    key, body = f"form/{uuid.uuid4()}", b"a=1&b=\xff\x00binary"
    assert signed_put(local_api, key, body, {}) == 200  # urllib adds a form's content type
    stored = local_api.boto3("s3").get_object(Bucket=local_api.bucket, Key=key)
    assert stored["Body"].read() == body
    assert stored["ETag"].strip('"') == hashlib.md5(body).hexdigest()
    assert stored["ContentType"] == "application/x-www-form-urlencoded"


def test_a_streamed_upload_with_a_trailing_checksum_is_stored_whole(
    local_api: LocalCloud, tmp_path: Path
) -> None:
    source = tmp_path / "bundle"
    source.write_bytes(bytes(range(256)) * 40_000)
    s3 = local_api.boto3("s3")
    s3.upload_file(str(source), local_api.bucket, "streamed", ExtraArgs={"ChecksumAlgorithm": "SHA256"})
    assert s3.get_object(Bucket=local_api.bucket, Key="streamed")["Body"].read() == source.read_bytes()


def test_a_head_tells_the_size(local_api: LocalCloud) -> None:
    s3 = local_api.boto3("s3")
    s3.put_object(Bucket=local_api.bucket, Key="head", Body=b"12345")
    assert s3.head_object(Bucket=local_api.bucket, Key="head")["ContentLength"] == 5
    assert error_code(lambda: s3.head_object(Bucket=local_api.bucket, Key="no-such")) == "404"


@pytest.mark.parametrize("key", ["plain", "with space", "plus+and=equals", "é/ü", "a//b", "x" * 900, "%41"])
def test_odd_keys_survive(local_api: LocalCloud, key: str) -> None:
    s3 = local_api.boto3("s3")
    s3.put_object(Bucket=local_api.bucket, Key=f"odd/{key}", Body=key.encode())
    assert s3.get_object(Bucket=local_api.bucket, Key=f"odd/{key}")["Body"].read() == key.encode()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=local_api.bucket, Prefix="odd/")
    assert f"odd/{key}" in {o["Key"] for page in pages for o in page.get("Contents", [])}


def restarted(directory: Path) -> LocalCloud:
    daemon.down(directory)
    return LocalCloud(daemon.up(LocalOptions(state_dir=directory, host=False)), directory)


@pytest.fixture
def own_directory(tmp_path: Path) -> Any:
    yield tmp_path / "cloud"
    daemon.down(tmp_path / "cloud")


@pytest.mark.long
def test_bucket_contents_survive_a_restart(own_directory: Path) -> None:
    cloud = restarted(own_directory)
    s3 = cloud.boto3("s3")
    s3.put_object(
        Bucket=cloud.bucket, Key="kept é", Body=b"\x00\x01\n\n", ContentType="text/x", Metadata={"m": "1"}
    )
    s3.put_object(Bucket=cloud.bucket, Key="changed", Body=b"old")
    s3.put_object(Bucket=cloud.bucket, Key="changed", Body=b"new")
    for key in ("deleted", "deleted-2", "deleted-3"):
        s3.put_object(Bucket=cloud.bucket, Key=key, Body=b"")
    s3.delete_object(Bucket=cloud.bucket, Key="deleted")
    s3.delete_objects(
        Bucket=cloud.bucket, Delete={"Objects": [{"Key": k} for k in ("deleted-2", "deleted-3")]}
    )
    s3.copy_object(Bucket=cloud.bucket, Key="copied", CopySource={"Bucket": cloud.bucket, "Key": "kept é"})
    west = cloud.boto3("s3", "eu-west-1")
    west.create_bucket(Bucket="second", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    west.put_bucket_versioning(Bucket="second", VersioningConfiguration={"Status": "Enabled"})
    s3.create_bucket(Bucket="third")
    s3.delete_bucket(Bucket="third")
    before = {o["Key"]: o for o in s3.list_objects_v2(Bucket=cloud.bucket)["Contents"]}

    s3 = restarted(own_directory).boto3("s3")
    after = {o["Key"]: o for o in s3.list_objects_v2(Bucket=cloud.bucket)["Contents"]}
    for listing in (before, after):
        for entry in listing.values():
            entry.pop("Owner", None)
    assert after == before
    assert set(after) == {"kept é", "changed", "copied"}
    kept = s3.get_object(Bucket=cloud.bucket, Key="kept é")
    assert (kept["Body"].read(), kept["ContentType"], kept["Metadata"]) == (
        b"\x00\x01\n\n",
        "text/x",
        {"m": "1"},
    )
    assert s3.get_object(Bucket=cloud.bucket, Key="changed")["Body"].read() == b"new"
    assert {b["Name"] for b in s3.list_buckets()["Buckets"]} == {cloud.bucket, "second"}
    assert s3.get_bucket_location(Bucket="second")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_versioning(Bucket="second")["Status"] == "Enabled"
    assert s3.get_public_access_block(Bucket=cloud.bucket)
    assert error_code(
        lambda: s3.put_object(Bucket=cloud.bucket, Key="changed", Body=b"", IfNoneMatch="*")
    ) == ("PreconditionFailed")


@pytest.mark.long
def test_a_multipart_upload_survives_a_restart(own_directory: Path) -> None:
    cloud = restarted(own_directory)
    s3 = cloud.boto3("s3")
    target = {"Bucket": cloud.bucket, "Key": "parts"}
    upload = s3.create_multipart_upload(**target)["UploadId"]
    parts = []
    for number, body in ((1, b"a" * 5 * 2**20), (2, b"b")):
        etag = s3.upload_part(**target, UploadId=upload, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": etag})
    s3.complete_multipart_upload(**target, UploadId=upload, MultipartUpload={"Parts": parts})
    etag = s3.head_object(**target)["ETag"]
    after = restarted(own_directory).boto3("s3").get_object(**target)
    assert (len(after["Body"].read()), after["ETag"]) == (5 * 2**20 + 1, etag)


@pytest.mark.long
def test_a_listing_of_a_thousand_keys_takes_one_request(local_api: LocalCloud) -> None:
    s3 = local_api.boto3("s3")
    bucket = f"many-{uuid.uuid4()}"
    s3.create_bucket(Bucket=bucket)
    with ThreadPoolExecutor(8) as pool:
        put: Callable[[int], Any] = lambda n: s3.put_object(Bucket=bucket, Key=f"k/{n:05}", Body=b"")  # noqa: E731
        list(pool.map(put, range(1001)))
    started = time.monotonic()
    page = s3.list_objects_v2(Bucket=bucket)
    elapsed = time.monotonic() - started
    assert (page["KeyCount"], page["IsTruncated"]) == (1000, True)
    assert elapsed < 5
    tail = s3.list_objects_v2(Bucket=bucket, StartAfter="k/00999")
    assert [o["Key"] for o in tail["Contents"]] == ["k/01000"]
