"""What a guest reaches at 169.254.169.254: instance metadata (the local cloud's), and objects.

Objects are kept as S3 keeps them as far as the agent relies on it: written once under If-None-Match, the ETag
is the MD5 of the body. Signatures are not looked at; that they are right is shown on the local cloud.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchtui.core import keys
from benchtui.local.host.imds import Sources, Tokens, lookup

ACCOUNT = "123456789012"
BUNDLE = "bundle"
INSTANCE = {
    "instance_id": "i-0123456789abcdef0",
    "instance_type": "c7g.large",
    "image_id": "ami-0123456789abcdef0",
    "az": "us-east-1a",
    "region": "us-east-1",
    "private_ip": "169.254.169.15",
    "mac": "52:54:00:12:34:56",  # the first that qemu gives
    "profile": f"arn:aws:iam::{ACCOUNT}:instance-profile/benchtui-instance",
}
CREDENTIALS = {
    "RoleName": "benchtui-instance",
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "none",
    "Token": "none",
    "Expiration": "2099-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Word:
    """A sentinel, and when it came (time.monotonic())."""

    at: float
    sentinel: keys.Sentinel
    body: bytes


@dataclass
class Store:
    """Serves one guest, on a port of its own, until it is closed."""

    user_data: str = ""
    bundle: bytes = b""
    #: Texts below /proof/: the script that starts a cell, and its fault.
    proof: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.words: list[Word] = []
        self.asked: dict[str, float] = {}  # of /proof/, when first
        self.unsigned_metadata = 0  # requests without a token, all refused
        self.changed = threading.Condition()
        self.tokens = Tokens()
        self.sources = Sources(self._instance, lambda _: CREDENTIALS, ACCOUNT)
        self._server = _Server(self)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def _instance(self, _: str) -> dict[str, Any]:
        user_data = base64.b64encode(self.user_data.encode()).decode()
        return {**INSTANCE, "user_data": user_data} if user_data else INSTANCE

    def put(self, key: str, body: bytes) -> None:
        """Keep an object, and note it if it is a sentinel."""
        with self.changed:
            self.objects[key] = body
            with contextlib.suppress(keys.KeyNotOurs):
                self.words.append(Word(time.monotonic(), keys.parse_event(key)[1], body))
            self.changed.notify_all()

    def ask(self, name: str) -> str | None:
        """A text of the proof's own."""
        with self.changed:
            self.asked.setdefault(name, time.monotonic())
            self.changed.notify_all()
        return self.proof.get(name)

    def wait_asked(self, name: str, seconds: float) -> float | None:
        """When a text was first asked for, or BUNDLE fetched (time.monotonic()); None if not in time."""
        with self.changed:
            self.changed.wait_for(lambda: name in self.asked, seconds)
            return self.asked.get(name)

    def said(self) -> list[str]:
        """The states that were told, in the order of their numbers."""
        with self.changed:
            return [str(w.sentinel.state) for w in sorted(self.words, key=lambda w: w.sentinel.seq)]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, store: Store) -> None:
        self.store = store
        super().__init__(("127.0.0.1", 0), _Requests)

    def handle_error(self, request: object, client_address: object) -> None:
        """A guest that is switched off in the middle of a request is what this is all about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Requests(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 60

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        store = self.server.store
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/latest/api/token":
            seconds = self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
            self._send(200, store.tokens.issue(str(INSTANCE["instance_id"]), int(seconds)).encode())
            return
        key = self.path.split("/", 2)[2]
        if self.headers.get("If-None-Match") == "*" and key in store.objects:
            self._send(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            return
        store.put(key, body)
        self._send(200, ETag=f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"')

    def do_GET(self) -> None:
        store = self.server.store
        _, first, rest = (*self.path.split("?", 1)[0].split("/", 2), "")[:3]
        if first == "latest" or first[:2] == "20":
            self._metadata(rest)
        elif first == "proof":
            text = store.ask(rest)
            self._send(404 if text is None else 200, (text or "").encode())
        elif rest.startswith("payloads/"):
            store.ask(BUNDLE)
            self._send(200, store.bundle)
        elif rest in store.objects:
            self._send(200, store.objects[rest])
        else:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def _metadata(self, path: str) -> None:
        store = self.server.store
        token = self.headers.get("X-aws-ec2-metadata-token", "")
        if store.tokens.seconds_left(str(INSTANCE["instance_id"]), token) is None:
            store.unsigned_metadata += 1
            self._send(401)
            return
        text = lookup(store._instance(""), path, store.sources)
        self._send(404 if text is None else 200, (text or "").encode())

    def log_message(self, format: str, *args: object) -> None:
        pass
