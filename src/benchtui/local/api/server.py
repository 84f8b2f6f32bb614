"""The HTTP server of the local cloud: one WSGI application around moto."""

from __future__ import annotations

import io
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import BaseWSGIServer, make_server

from . import bucket_tags, s3_integrity, simulation
from .authorisation import Authorisation
from .calls import Call, parse_call
from .cloud import Cloud
from .errors import Reply, error_reply
from .faults import FaultRule
from .persistence import BucketStore
from .prices import pricing_reply
from .private_routes import PREFIX, QUIET, PrivateRoutes
from .quotas import servicequotas_reply
from .regions import enabled_regions
from .runbooks import Runbooks
from .schedule_firing import ScheduleFiring
from .schedules import ScheduleStore

LOG = logging.getLogger("benchtui.local.api")
SERVED = frozenset({"ec2", "s3", "sts", "iam", "ssm", "servicequotas", "pricing", "kms", "scheduler", "sns"})
STATUS_TEXT = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 503: "Service Unavailable"}
S3_LOCKS = 64
#: Where a fault rule leaves how far the Date of the answer is to be off, seconds.
DATE_OFFSET = "benchtui.date_offset_s"
StartResponse = Callable[..., Any]


class ConnectionCut(ConnectionResetError):
    """The reply is lost on purpose; the server drops the connection without a word."""


class Application:
    """WSGI: guard → private routes → fault rules → signature and policies → our services or moto → disk."""

    def __init__(
        self, cloud: Cloud, routes: PrivateRoutes, store: BucketStore, schedules: ScheduleStore
    ) -> None:
        self.cloud = cloud
        self.routes = routes
        self.store = store
        self.schedules = schedules
        self.firing = ScheduleFiring(schedules, cloud.clock, self.answer_inside)
        self.authorisation = Authorisation(cloud)
        routes.rights = self.authorisation.used
        self.runbooks = Runbooks(cloud, self.answer_inside, self.authorisation)
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.last_use = time.monotonic()
        self._s3_locks = [threading.RLock() for _ in range(S3_LOCKS)]

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        started = time.monotonic()
        body = _read_body(environ)
        path: str = environ.get("PATH_INFO", "/")
        if refusal := foreign_browser(environ):
            return _send(refusal, start_response)
        if path.startswith(PREFIX):
            if path.removeprefix(PREFIX).split("/")[0] not in QUIET:
                self.last_use = started
            token = environ.get("HTTP_X_BENCHTUI_TOKEN", "")
            return _send(self.routes.reply(environ["REQUEST_METHOD"], path, token, body), start_response)
        self.last_use = started
        reply = self._answer(parse_call(environ, body), environ)
        if environ["REQUEST_METHOD"] == "HEAD":
            reply = replace(reply, body=b"")  # an error's words would be taken for the next answer
        return _send(reply, start_response)

    def answer_inside(self, environ: dict[str, Any], body: bytes) -> Reply:
        """Answer what a schedule or a runbook asks, under the same rules as everybody's requests."""
        try:
            return self._answer(parse_call(environ, body), environ)
        except ConnectionCut:
            return Reply(504, (), b"the reply was lost")

    def _answer(self, call: Call, environ: dict[str, Any]) -> Reply:
        started = time.monotonic()
        rule = self.cloud.faults.strike(call)
        if rule is None:
            reply = self.carry_out(call, environ)
        else:
            reply = self._answer_with_fault(call, environ, rule)
            environ[DATE_OFFSET] = rule.date_offset_s
        took_ms = 1e3 * (time.monotonic() - started)
        LOG.info("%s.%s %s %d %.0f ms", call.service, call.action, call.path, reply.status, took_ms)
        return reply

    def _answer_with_fault(self, call: Call, environ: dict[str, Any], rule: FaultRule) -> Reply:
        if rule.latency_s:
            time.sleep(rule.latency_s)
        if rule.after_commit:
            done = self.carry_out(call, environ)
            LOG.info("fault rule %d after %s (%d)", rule.id, call.action, done.status)
        if rule.resets:
            cut(environ)
        if rule.status is None:
            return self.carry_out(call, environ)
        code, status = rule.error(call)
        return error_reply(call.service, code, rule.message, status)

    def carry_out(self, call: Call, environ: dict[str, Any]) -> Reply:
        """Do what the call asks, without faults."""
        if call.path.startswith(("/moto-api", "/latest/", "/favicon.ico")) and call.service == "s3":
            return error_reply("s3", "AccessDenied", "Access Denied", 403)
        if denied := self.authorisation.refusal(call, environ):
            return denied
        if call.service not in SERVED:
            return error_reply(
                call.service, "InvalidAction", f"The local cloud does not serve {call.service}", 400
            )
        if call.service == "ec2" and call.region not in enabled_regions():
            return error_reply(
                "ec2",
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
                401,
            )
        if call.service == "scheduler":
            return self.schedules.reply(call)
        if self.runbooks.serves(call):
            return self.runbooks.reply(call)
        if simulation.serves(call):
            return simulation.reply(call)
        if call.service == "servicequotas":
            return servicequotas_reply(call, self.cloud.quotas)
        if call.service == "pricing":
            listed = self.cloud.prices.all(self.cloud.types.values(), enabled_regions())
            return pricing_reply(call, listed, self.cloud.prices.sides())
        if call.service == "s3":
            return self._s3(call, environ)
        if call.service == "ec2":
            # One call at a time: moto's tables are plain dictionaries, and time passes before anyone looks.
            with self.cloud.lock:
                self.cloud.lifecycle.advance()
                return self._moto(call, environ)
        return self._moto(call, environ)

    def _s3(self, call: Call, environ: dict[str, Any]) -> Reply:
        if refusal := s3_integrity.refusal(call, environ):
            return refusal
        sent_type = s3_integrity.shield_body(call, environ)
        if call.method in ("GET", "HEAD"):
            reply = self._moto(call, environ)
            if reply.status == 404 and call.key and self.authorisation.hides_absence(call, environ):
                return error_reply("s3", "AccessDenied", "Access Denied", 403)
            return reply
        # A condition (If-None-Match) is checked and its object stored and written to disk under one lock.
        with self._s3_locks[hash((call.bucket, call.key)) % S3_LOCKS]:
            reply = self._moto(call, environ)
            if reply.status >= 300:
                return reply
            if s3_integrity.stored_wrongly(call, environ, list(reply.headers)):
                return error_reply("s3", "InternalError", "The object was not stored as it was sent", 500)
            if sent_type and call.action == "PutObject":
                self.store.backend.buckets[call.bucket].keys[call.key].set_metadata(
                    {"Content-Type": sent_type}
                )
            bucket_tags.keep(call)
            headers = {k: v for k, v in environ.items() if k.startswith("HTTP_X_AMZ_BUCKET_")}
            self.store.record(call, headers)
        return reply

    def _moto(self, call: Call, environ: dict[str, Any]) -> Reply:
        environ["wsgi.input"] = io.BytesIO(call.body)
        environ["CONTENT_LENGTH"] = str(len(call.body))
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        captured: list[Any] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[..., None]:
            captured[:] = [int(status.split(maxsplit=1)[0]), headers]
            return lambda chunk: None

        try:
            chunks = self.moto(environ, start_response)
            body = b"".join(chunks)
            if hasattr(chunks, "close"):
                chunks.close()
        except NotImplementedError as problem:
            # An answer no SDK retries, instead of an HTML page with status 500.
            return error_reply(
                call.service, "InvalidAction", f"not served by the local cloud: {problem}", 400
            )
        except Exception as problem:
            LOG.exception("%s.%s failed", call.service, call.action)
            return error_reply(call.service, "InternalError", f"{type(problem).__name__}: {problem}", 500)
        status, headers = captured
        return Reply(
            status, tuple((k, v) for k, v in headers if not k.lower().startswith("access-control-")), body
        )


def _read_body(environ: dict[str, Any]) -> bytes:
    if environ.get("wsgi.input_terminated"):
        body: bytes = environ["wsgi.input"].read()
    else:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
    return body


def _send(reply: Reply, start_response: StartResponse) -> list[bytes]:
    headers = [(k, v) for k, v in reply.headers if k.lower() != "content-length"]
    # A HEAD reply of moto keeps the length of the object it describes.
    length = next((v for k, v in reply.headers if k.lower() == "content-length"), None)
    headers.append(("Content-Length", str(len(reply.body)) if reply.body or length is None else length))
    start_response(f"{reply.status} {STATUS_TEXT.get(reply.status, 'Status')}", headers)
    return [reply.body] if reply.body else []


def foreign_browser(environ: dict[str, Any]) -> Reply | None:
    """Refuse what only a web page sends: an Origin, or a Host name that some DNS server made up."""
    host = environ.get("HTTP_HOST", "").rsplit(":", 1)[0].strip("[]").lower()
    literal = host == "" or ":" in host or all(part.isdigit() for part in host.split("."))
    ours = literal or host == "localhost" or host.endswith((".localhost", ".amazonaws.com"))
    if "HTTP_ORIGIN" in environ or not ours:
        return error_reply("s3", "AccessDenied", "The local cloud does not talk to web pages", 403)
    return None


def cut(environ: dict[str, Any]) -> None:
    """Reset the connection: the peer sees ECONNRESET. Always raises ConnectionCut."""
    connection: socket.socket | None = environ.get("werkzeug.socket")
    if connection is None:  # asked from inside
        raise ConnectionCut
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(connection.detach())  # close() alone would wait for the handler's files on it
    raise ConnectionCut


class RequestHandler(MotoRequestHandler):  # type: ignore[misc, unused-ignore]
    """Logs nothing itself: the application writes one line per call."""

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: dict[str, Any] | None = None) -> None:
        self.close_connection = True  # a connection that was cut has no next request

    def date_time_string(self, timestamp: float | None = None) -> str:
        offset = getattr(self, "environ", {}).get(DATE_OFFSET, 0)
        return super().date_time_string((time.time() if timestamp is None else timestamp) + offset)  # type: ignore[no-any-return, unused-ignore]

    def log(self, type: str, message: str, *args: Any) -> None:
        LOG.log(logging.ERROR if type == "error" else logging.DEBUG, message, *args)


def listen(application: Application, port: int | None) -> BaseWSGIServer:
    """A threaded server on 127.0.0.1. OSError when the port is taken."""
    return make_server("127.0.0.1", port or 0, application, threaded=True, request_handler=RequestHandler)
