"""The private routes of the local cloud's API, as the instance host calls them."""

import base64
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_S = 5.0


class ApiUnreachable(Exception):
    """No answer from the API process."""


class ApiRefused(Exception):
    """The API answered with an error; 404 and 409 mean that the instance is no longer what we think."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Api:
    """Where the API is and the token that opens its private routes. One connection per call: calls are
    few."""

    endpoint: str
    token: str

    def _call(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:
        parts = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=_TIMEOUT_S)
        headers = {"X-Benchtui-Token": self.token, "Content-Type": "application/json"}
        try:
            connection.request(
                method, f"/_benchtui/{path}", json.dumps(body) if body is not None else None, headers
            )
            response = connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ApiUnreachable(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if response.status >= 300:
            raise ApiRefused(response.status, text[:500].decode("utf-8", "replace"))
        return json.loads(text or b"null")

    def instances(self) -> list[dict[str, Any]]:
        """Instances that are pending, running or shutting down, in launch order."""
        found: list[dict[str, Any]] = self._call("GET", "instances")
        return found

    def started(self, instance_id: str, launch_time: str) -> None:
        """pending → running; `launch_time` ISO 8601 UTC."""
        self._call("POST", f"instances/{instance_id}/started", {"launch_time": launch_time})

    def console(self, instance_id: str, data: bytes) -> None:
        """Append console output."""
        self._call(
            "POST", f"instances/{instance_id}/console", {"append": base64.b64encode(data).decode("ascii")}
        )

    def ended(self, instance_id: str, cause: str) -> None:
        """The world is gone; `cause` is "guest-poweroff", "crash" or "terminated"."""
        self._call("POST", f"instances/{instance_id}/ended", {"cause": cause})

    def credentials(self, instance_id: str) -> dict[str, str]:
        """Temporary credentials of the instance's role. Raises ApiRefused 404 if it has none."""
        found: dict[str, str] = self._call("GET", f"credentials/{instance_id}")
        return found
