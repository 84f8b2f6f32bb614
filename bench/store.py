"""An S3 that costs next to nothing, so that what asks it is measured and not it.

    python -m bench.store FOLDER

One asyncio process, bytes in and bytes out: ListObjectsV2, GetObject, HeadObject, PutObject (with
If-None-Match), path-style, unsigned. Objects come from ``FOLDER`` (``index.json`` and ``bodies``, see
`write_objects`), which are mapped and not copied, and from PUTs. EC2's DescribeInstances and Scheduler's
ListSchedules are answered from ``ec2.json`` of the folder where it is there. ``/-/counts`` says how many
requests of each kind came, and the CPU seconds that they took; a POST to it sets them to nothing.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import hashlib
import json
import mmap
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from email.utils import formatdate
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "bench"
ROOT = Path(__file__).parents[1]
PAGE = 1000
PATIENCE_S = 60.0
XMLNS = "http://s3.amazonaws.com/doc/2006-03-01/"


def write_objects(folder: Path, objects: Iterable[tuple[str, bytes]]) -> int:
    """Make ``folder`` what a store is started with; how many objects."""
    folder.mkdir(parents=True, exist_ok=True)
    index: list[tuple[str, int, int, str]] = []
    with (folder / "bodies").open("wb") as file:
        for key, body in objects:
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            index.append((key, file.tell(), len(body), etag))
            file.write(body)
    (folder / "index.json").write_text(json.dumps(index))
    return len(index)


class Objects:
    """Keys in their order, bodies, and each key's part of a listing ready made."""

    def __init__(self, folder: Path) -> None:
        self.bodies: dict[str, memoryview] = {}
        self.rows: dict[str, bytes] = {}
        self.heads: dict[str, bytes] = {}
        index = json.loads((folder / "index.json").read_text()) if (folder / "index.json").exists() else []
        whole = memoryview(b"")
        if index and (folder / "bodies").stat().st_size:
            with (folder / "bodies").open("rb") as file:
                whole = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        now = time.time()
        for key, start, size, etag in index:
            self._keep(key, whole[start : start + size], etag, now)
        self.keys = sorted(self.bodies)

    def put(self, key: str, body: bytes) -> str:
        """Keep it; its ETag."""
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if key not in self.bodies:
            bisect.insort(self.keys, key)
        self._keep(key, memoryview(body), etag, time.time())
        return etag

    def _keep(self, key: str, body: memoryview, etag: str, at: float) -> None:
        self.bodies[key] = body
        written = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at))
        self.rows[key] = (
            f"<Contents><Key>{escape(key)}</Key><LastModified>{written}</LastModified>"
            f"<ETag>&quot;{etag}&quot;</ETag><Size>{len(body)}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
        ).encode()
        self.heads[key] = (
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f'ETag: "{etag}"\r\nLast-Modified: {formatdate(at, usegmt=True)}\r\n'
        ).encode()

    def listed(self, query: dict[str, list[str]]) -> bytes:
        """The answer to a ListObjectsV2."""
        prefix, delimiter = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        most = min(PAGE, int(query.get("max-keys", [str(PAGE)])[0]))
        start = bisect.bisect_left(self.keys, prefix)
        if after:
            start = max(start, bisect.bisect_right(self.keys, after))
        rows: list[bytes] = []
        last = token = ""
        folders: dict[str, None] = {}
        at = start
        while at < len(self.keys) and self.keys[at].startswith(prefix):
            key = self.keys[at]
            if len(rows) + len(folders) >= most:
                token = last
                break
            folder = key[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
            if folder[1]:
                name = prefix + folder[0] + delimiter
                folders[name] = None
                at = bisect.bisect_left(self.keys, name + "\U0010ffff")
                last = self.keys[at - 1]
                continue
            rows.append(self.rows[key])
            last, at = key, at + 1
        common = "".join(f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in folders)
        more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
        head = (
            f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="{XMLNS}"><Name>{BUCKET}</Name>'
            f"<Prefix>{escape(prefix)}</Prefix><KeyCount>{len(rows) + len(folders)}</KeyCount>"
            f"<MaxKeys>{most}</MaxKeys><IsTruncated>{'true' if token else 'false'}</IsTruncated>{more}"
        )
        return head.encode() + b"".join(rows) + common.encode() + b"</ListBucketResult>"


class Ec2:
    """Instances that do not change, as DescribeInstances shows them; pages ready made."""

    def __init__(self, folder: Path) -> None:
        path = folder / "ec2.json"
        rows = [self._row(each) for each in json.loads(path.read_text())] if path.exists() else []
        self.pages = [b"".join(rows[start : start + PAGE]) for start in range(0, len(rows), PAGE)] or [b""]

    @staticmethod
    def _row(tags: dict[str, Any]) -> bytes:
        told = "".join(f"<item><key>{k}</key><value>{v}</value></item>" for k, v in tags["tags"].items())
        return (
            f"<item><reservationId>r-1</reservationId><instancesSet><item><instanceId>{tags['id']}"
            f"</instanceId><imageId>ami-0123456789abcdef0</imageId><instanceState><code>16</code><name>"
            f"{tags['state']}</name></instanceState><instanceType>{tags['type']}</instanceType><launchTime>"
            f"{tags['launched_at']}</launchTime><placement><availabilityZone>{tags['zone']}"
            f"</availabilityZone></placement><tagSet>{told}</tagSet></item></instancesSet></item>"
        ).encode()

    def described(self, form: dict[str, list[str]]) -> bytes:
        """The answer to a DescribeInstances, whatever it filters by."""
        number = int(form.get("NextToken", ["0"])[0])
        more = f"<nextToken>{number + 1}</nextToken>" if number + 1 < len(self.pages) else ""
        return (
            b'<?xml version="1.0"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            b"<requestId>1</requestId><reservationSet>" + self.pages[number] + b"</reservationSet>"
            + more.encode() + b"</DescribeInstancesResponse>"
        )  # fmt: skip


class Connection(asyncio.Protocol):
    """One client: requests one after the other, in the order they come."""

    objects: Objects
    ec2: Ec2
    counts: Counter[str]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.received = transport, bytearray()

    def data_received(self, data: bytes) -> None:
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (h.partition(":") for h in head[1:])}
            size = int(headers.get("content-length", 0))
            if len(self.received) < end + 4 + size:
                if "expect" in headers and len(self.received) == end + 4:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = bytes(self.received[end + 4 : end + 4 + size])
            del self.received[: end + 4 + size]
            method, target, _ = head[0].split(" ", 2)
            self._answer(method, target, headers, body)

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> None:
        url = urlsplit(target)
        bucket, _, key = unquote(url.path).lstrip("/").partition("/")
        if bucket == "-":
            self._counts(method)
        elif bucket == "schedules":
            self._say("ListSchedules", b'{"Schedules":[]}')
        elif bucket == "":
            form = parse_qs(body.decode())
            name = form.get("Action", [""])[0]
            self._say(name, self.ec2.described(form) if name == "DescribeInstances" else _identity())
        elif not key:
            query = parse_qs(url.query)
            self._say("ListObjectsV2", self.objects.listed(query) if "list-type" in query else b"")
        elif method == "PUT":
            if headers.get("if-none-match") == "*" and key in self.objects.bodies:
                code = b"<Error><Code>PreconditionFailed</Code></Error>"
                self._say("PutObject", code, "412 Precondition Failed")
            else:
                etag = self.objects.put(key, body)
                self._say("PutObject", b"", more=f'ETag: "{etag}"\r\n'.encode())
        elif key not in self.objects.bodies:
            self._say(
                "HeadObject" if method == "HEAD" else "GetObject",
                b"" if method == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>",
                "404 Not Found",
            )
        else:
            name = "HeadObject" if method == "HEAD" else "GetObject"
            self.counts[name] += 1
            self.transport.write(b"HTTP/1.1 200 OK\r\n" + _date() + self.objects.heads[key] + b"\r\n")
            if method == "GET":
                self.transport.write(self.objects.bodies[key])

    def _counts(self, method: str) -> None:
        if method == "POST":
            self.counts.clear()
        said = {**self.counts, "cpu_s": time.process_time()}
        self._say("", json.dumps(said).encode())

    def _say(self, name: str, body: bytes, status: str = "200 OK", more: bytes = b"") -> None:
        if name:
            self.counts[name] += 1
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nContent-Type: text/xml\r\n".encode()
        self.transport.write(head + _date() + more + b"\r\n" + body)


def _date() -> bytes:
    return f"Date: {formatdate(usegmt=True)}\r\n".encode()


def _identity() -> bytes:
    return (
        b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/bench</Arn>"
        b"<UserId>U</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
        b"</GetCallerIdentityResponse>"
    )


async def serve(folder: Path) -> None:
    """Until SIGTERM; the port is the first line of standard output."""
    Connection.objects, Connection.ec2, Connection.counts = Objects(folder), Ec2(folder), Counter()
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await over.wait()


class Store:
    """A store in a process of its own.

    Args:
        folder: what it is started with.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.store", str(self.folder)],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE_S)

    def counts(self) -> Counter[str]:
        """Requests by operation since the last `reset`, without ``cpu_s``."""
        return Counter({name: n for name, n in self._ask("GET").items() if name != "cpu_s"})

    def cpu_s(self) -> float:
        """CPU seconds of the store so far."""
        return float(self._ask("GET")["cpu_s"])

    def reset(self) -> None:
        """Count from nothing."""
        self._ask("POST")

    def _ask(self, method: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/-/counts", method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def environment(self, home: Path) -> dict[str, str]:
        """For the SDK and for benchtui: this store, no credentials of anybody, a home of its own."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "BENCHTUI_", "XDG_"))}
        return kept | {
            "HOME": str(home),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIABENCH",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_REGION": "us-west-2",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "BENCHTUI_AWS_BUCKET": BUCKET,
            "BENCHTUI_AWS_REGIONS": "us-west-2",
            "BENCHTUI_SAFETY_SWEEP": "false",  # once a minute beside whatever command: not what is measured
        }


@contextlib.contextmanager
def environ(values: dict[str, str]) -> Iterator[None]:
    """The environment of this process, for as long as it takes."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
