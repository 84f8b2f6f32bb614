"""S3 objects: against the local cloud, and against a server that answers as scripted."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

import objects
from imds import Imds
from objects import Altered, Objects, Refused, Unreachable
from tests.local.conftest import LocalCloud
from tests.payloads.agent.conftest import credentials_text


@pytest.fixture
def bucket(local_api: LocalCloud, metadata: Any, bucket_keys: dict[str, str]) -> Objects:
    served = "meta-data/iam/security-credentials/benchtui-instance"
    metadata.items[served] = credentials_text(keys=bucket_keys)
    return Objects(local_api.bucket, "us-east-1", Imds(metadata.endpoint), endpoint=local_api.endpoint)


class Scripted(BaseHTTPRequestHandler):
    """Answers the next of its script, then 200 with the right ETag; keeps what it was sent."""

    script: ClassVar[list[tuple[int, str, dict[str, str]]]] = []
    got: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def log_message(self, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.got.append((self.command, {k.lower(): v for k, v in self.headers.items()}, body))
        etag = hashlib.md5(body).hexdigest()
        status, code, headers = self.script.pop(0) if self.script else (200, "", {"ETag": f'"{etag}"'})
        text = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_PUT = do_GET = _serve


@pytest.fixture
def scripted(metadata: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Objects]]:
    own: Any = type("OwnScript", (Scripted,), {"script": [], "got": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(objects, "FIRST_WAIT_S", 0.01)
    imds = Imds(metadata.endpoint)
    yield own, Objects("b", "us-east-1", imds, endpoint=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_what_is_written_is_there_with_its_type(bucket: Objects, local_api: LocalCloud) -> None:
    bucket.put("tests/written", b'{"a": 1}')
    answer = local_api.boto3("s3").get_object(Bucket=local_api.bucket, Key="tests/written")
    assert (answer["Body"].read(), answer["ContentType"]) == (b'{"a": 1}', "application/json")


def test_a_second_write_leaves_the_first_alone_and_counts_as_done(bucket: Objects) -> None:
    bucket.put("tests/once", b"first")
    bucket.put("tests/once", b"second")
    assert bucket.get("tests/once", 100) == b"first"


def test_a_heartbeat_is_overwritten(bucket: Objects) -> None:
    bucket.put("tests/beat", b"1", once=False)
    bucket.put("tests/beat", b"2", once=False)
    assert bucket.get("tests/beat", 100) == b"2"


def test_an_object_that_is_not_there_is_none(bucket: Objects) -> None:
    assert bucket.get("tests/absent", 100) is None


def test_an_empty_body_is_written(bucket: Objects) -> None:
    bucket.put("tests/empty", b"")
    assert bucket.get("tests/empty", 100) == b""


def test_a_put_carries_type_condition_and_checksum(scripted: tuple[Any, Objects]) -> None:
    server, store = scripted
    store.put("k", b"body")
    _, headers, body = server.got[0]
    assert body == b"body"
    assert headers["content-type"] == "application/json"
    assert headers["if-none-match"] == "*"
    assert headers["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(b"body").digest()).decode()
    assert headers["x-amz-content-sha256"] == hashlib.sha256(b"body").hexdigest()
    assert headers["x-amz-security-token"]


@pytest.mark.long
@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_a_race_a_throttle_and_the_servers_trouble_are_tried_again(
    scripted: tuple[Any, Objects], status: int
) -> None:
    server, store = scripted
    server.script[:] = [(status, "Whatever", {}), (status, "Whatever", {})]
    store.put("k", b"body")
    assert len(server.got) == 3


def test_a_write_whose_answer_was_lost_is_done_when_it_is_found_there(scripted: tuple[Any, Objects]) -> None:
    server, store = scripted
    server.script[:] = [(500, "InternalError", {}), (412, "PreconditionFailed", {})]
    store.put("k", b"body")
    assert len(server.got) == 2


def test_a_refusal_is_final_and_carries_its_code(scripted: tuple[Any, Objects]) -> None:
    server, store = scripted
    server.script[:] = [(403, "AccessDenied", {})]
    with pytest.raises(Refused, match="k: refused with 403 AccessDenied"):
        store.put("k", b"body")
    assert len(server.got) == 1


def test_expired_credentials_are_renewed_once(scripted: tuple[Any, Objects], metadata: Any) -> None:
    server, store = scripted
    server.script[:] = [(400, "ExpiredToken", {})]
    store.put("k", b"body")
    server.script[:] = [(400, "ExpiredToken", {}), (400, "ExpiredToken", {})]
    with pytest.raises(Refused, match="ExpiredToken"):
        store.put("k", b"body")


def test_a_wrong_clock_is_set_right_by_the_servers(scripted: tuple[Any, Objects]) -> None:
    server, store = scripted
    server_time = time.time() + 86_400
    server.script[:] = [(403, "RequestTimeTooSkewed", {"Date": formatdate(server_time, usegmt=True)})]
    store.put("k", b"body")
    sent = [headers["x-amz-date"] for _, headers, _ in server.got]
    tomorrow = time.strftime("%Y%m%dT%H%M", time.gmtime(server_time))
    assert sent[0][:8] != sent[1][:8]
    assert sent[1].startswith(tomorrow)


def test_another_etag_than_the_bodys_is_no_success(scripted: tuple[Any, Objects]) -> None:
    server, store = scripted
    server.script[:] = [(200, "", {"ETag": f'"{hashlib.md5(b"").hexdigest()}"'})]
    with pytest.raises(Altered, match="stored with ETag"):
        store.put("k", b"body")


def test_the_etag_of_a_bucket_with_a_key_of_its_own_is_no_md5(scripted: tuple[Any, Objects]) -> None:
    server, store = scripted
    server.script[:] = [(200, "", {"ETag": '"' + "0" * 32 + '"', "x-amz-server-side-encryption": "aws:kms"})]
    store.put("k", b"body")


def test_gives_up_within_its_budget(metadata: Any) -> None:
    store = Objects("b", "us-east-1", Imds(metadata.endpoint), endpoint="http://127.0.0.1:9")
    began = time.monotonic()
    with pytest.raises(Unreachable, match="no success within 1 s"):
        store.put("k", b"body", budget_s=1)
    assert time.monotonic() - began < 5


def test_more_than_asked_for_is_refused(bucket: Objects) -> None:
    bucket.put("tests/long", b"x" * 100)
    with pytest.raises(Altered, match="longer than 10 bytes"):
        bucket.get("tests/long", 10)
