"""The instance metadata service, version 2 only, for all instances of this host.

One server on the loopback interface tells instances apart by the first part of the path, because
`AWS_EC2_METADATA_SERVICE_ENDPOINT` may have one. Behaviour from "Use the Instance Metadata Service" of the
EC2 user guide: a token by PUT with a TTL of 1 to 21,600 s, 401 without a valid one, 403 for a request with
X-Forwarded-For.
"""

import base64
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchtui.local.host.routes import ApiRefused, ApiUnreachable

LONGEST_TOKEN_S = 21_600
_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105

Instance = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sources:
    """Where metadata comes from. `credentials` raises ApiRefused (404: no role) or ApiUnreachable."""

    instance: Callable[[str], Instance | None]
    credentials: Callable[[str], dict[str, str]]
    account_id: str


class Tokens:
    """Session tokens, each good for one instance until it expires. `clock` counts seconds, never
    backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def issue(self, instance_id: str, ttl_s: int) -> str:
        """A new token. Raises ValueError outside 1..21600 s."""
        if not 1 <= ttl_s <= LONGEST_TOKEN_S:
            raise ValueError(f"TTL of {ttl_s} s is not within 1..{LONGEST_TOKEN_S}")
        token = secrets.token_urlsafe(42)
        now = self._clock()
        with self._lock:
            self._known = {key: value for key, value in self._known.items() if value[1] > now}
            self._known[token] = (instance_id, now + ttl_s)
        return token

    def seconds_left(self, instance_id: str, token: str) -> int | None:
        """Whole seconds the token is still good for this instance, or None."""
        with self._lock:
            owner, expires = self._known.get(token, ("", 0.0))
        left = expires - self._clock()
        return int(left) if owner == instance_id and left > 0 else None


def identity_document(instance: Instance, account_id: str) -> dict[str, object]:
    """The instance identity document, plus `"provider": "local"`, which EC2's never has."""
    return {
        "accountId": account_id,
        "architecture": instance.get("architecture", "x86_64"),
        "availabilityZone": instance["az"],
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": instance["image_id"],
        "instanceId": instance["instance_id"],
        "instanceType": instance["instance_type"],
        "kernelId": None,
        "pendingTime": instance.get("launch_time"),
        "privateIp": instance["private_ip"],
        "provider": "local",
        "ramdiskId": None,
        "region": instance["region"],
        "version": "2017-09-30",
    }


def _tree(instance: Instance, account_id: str) -> dict[str, str]:
    """Metadata that is known without asking anyone: path under `latest/` -> text."""
    ip = str(instance["private_ip"])
    host = f"ip-{ip.replace('.', '-')}.{instance['region']}.compute.internal"
    mac = str(instance.get("mac") or "02:00:" + ":".join(f"{int(part):02x}" for part in ip.split(".")))
    document = json.dumps(identity_document(instance, account_id), indent=2)
    tree = {
        "meta-data/ami-id": instance["image_id"],
        "meta-data/hostname": host,
        "meta-data/instance-action": "none",
        "meta-data/instance-id": instance["instance_id"],
        "meta-data/instance-life-cycle": "spot" if instance.get("spot") else "on-demand",
        "meta-data/instance-type": instance["instance_type"],
        "meta-data/local-hostname": host,
        "meta-data/local-ipv4": ip,
        "meta-data/mac": mac,
        f"meta-data/network/interfaces/macs/{mac}/local-ipv4s": ip,
        "meta-data/placement/availability-zone": instance["az"],
        "meta-data/placement/region": instance["region"],
        "meta-data/reservation-id": instance.get("reservation_id") or "",
        "meta-data/services/domain": "amazonaws.com",
        "meta-data/services/partition": "aws",
        "dynamic/instance-identity/document": document,
    }
    if instance.get("reclaim_at"):
        action = {"action": "terminate", "time": instance["reclaim_at"]}
        tree["meta-data/spot/instance-action"] = json.dumps(action)
        tree["meta-data/spot/termination-time"] = instance["reclaim_at"]
    if instance.get("user_data"):
        tree["user-data"] = base64.b64decode(instance["user_data"]).decode("latin-1")
    return {path: str(text) for path, text in tree.items() if text != ""}


def _listing(paths: list[str], prefix: str) -> str | None:
    """What a directory holds, directories with a slash, or None if there is no such directory."""
    names = set()
    for path in paths:
        if path.startswith(prefix):
            rest = path[len(prefix) :]
            names.add(rest.split("/", 1)[0] + ("/" if "/" in rest else ""))
    return "\n".join(sorted(names)) or None


def lookup(instance: Instance, path: str, sources: Sources) -> str | None:
    """The text at `path` (without `latest/`), a directory listing, or None for 404.

    Raises ApiUnreachable while role credentials cannot be had.
    """
    tree = _tree(instance, sources.account_id)
    if instance.get("profile") and path.startswith(("meta-data/iam", "meta-data")):
        try:
            credentials = (
                sources.credentials(instance["instance_id"]) if "iam" in path or path == "meta-data/" else {}
            )
        except ApiRefused:
            credentials = {}
        if credentials:
            role = credentials.get("RoleName") or str(instance["profile"]).rsplit("/", 1)[-1]
            shown = {"Code": "Success", "Type": "AWS-HMAC", **credentials}
            shown.pop("RoleName", None)
            information = {
                "Code": "Success",
                "LastUpdated": credentials.get("LastUpdated"),
                "InstanceProfileArn": instance["profile"],
            }
            tree[f"meta-data/iam/security-credentials/{role}"] = json.dumps(shown, indent=2)
            tree["meta-data/iam/info"] = json.dumps(information, indent=2)
    if path in tree:
        return tree[path]
    return _listing(list(tree), path.rstrip("/") + "/" if path else "")


class _Requests(BaseHTTPRequestHandler):
    server: "ImdsServer"
    protocol_version = "HTTP/1.1"
    server_version = "EC2ws"
    sys_version = ""
    timeout = 30

    def _send(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        body = text.encode("latin-1", "replace")
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _instance(self) -> tuple[Instance, str] | None:
        """The instance the path names and the rest of the path; answers the request itself if there is
        none."""
        if self.headers.get("X-Forwarded-For") is not None:
            self._send(403, "Forbidden")
            return None
        path = self.path.split("?", 1)[0]
        if self.server.only is not None:
            path = f"/{self.server.only}{path}"
        _, instance_id, *rest = path.split("/", 2)
        instance = self.server.sources.instance(instance_id)
        if instance is None or instance.get("metadata_enabled") is False:
            self._send(403, "Forbidden")  # what EC2 says when the service is switched off for the instance
            return None
        return instance, rest[0] if rest else ""

    def do_PUT(self) -> None:
        found = self._instance()
        if found is None:
            return
        instance, path = found
        if path != "latest/api/token":
            self._send(404, "Not Found")
            return
        try:
            ttl = int(self.headers.get(_TTL, ""))
            token = self.server.tokens.issue(instance["instance_id"], ttl)
        except ValueError:
            self._send(400, "Bad Request")
            return
        self._send(200, token, {_TTL: str(ttl)})

    def do_GET(self) -> None:
        found = self._instance()
        if found is None:
            return
        instance, path = found
        left = self.server.tokens.seconds_left(instance["instance_id"], self.headers.get(_TOKEN, ""))
        if left is None:
            self._send(401, "Unauthorized")
            return
        version, _, rest = path.partition("/")
        if version not in ("latest", "2021-07-15", "2023-10-01", "2024-07-11"):
            self._send(404 if version else 200, "latest" if not version else "Not Found")
            return
        try:
            text = lookup(instance, rest, self.server.sources)
        except ApiUnreachable as error:
            self._send(503, str(error))
            return
        self._send(404 if text is None else 200, "Not Found" if text is None else text, {_TTL: str(left)})

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


class ImdsServer(ThreadingHTTPServer):
    """Serves on 127.0.0.1 and a free port until `stop()`.

    Or on a given socket for one instance only, whose id is then not in the path.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        sources: Sources,
        tokens: Tokens | None = None,
        *,
        listener: socket.socket | None = None,
        only: str | None = None,
    ) -> None:
        self.sources = sources
        self.tokens = tokens or Tokens()
        self.only = only
        super().__init__(("127.0.0.1", 0), _Requests, bind_and_activate=listener is None)
        if listener is not None:
            self.socket.close()
            self.socket = listener
            self.server_address = listener.getsockname()
        self._thread = threading.Thread(target=self.serve_forever, name="imds", daemon=True, args=(0.1,))
        self._thread.start()

    def endpoint(self, instance_id: str) -> str:
        """Value of AWS_EC2_METADATA_SERVICE_ENDPOINT for this instance."""
        return f"http://127.0.0.1:{self.server_address[1]}/{instance_id}"

    def stop(self) -> None:
        """Stop serving and free the port."""
        self.shutdown()
        self.server_close()
        self._thread.join(5)
