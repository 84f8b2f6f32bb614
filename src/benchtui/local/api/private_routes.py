"""The routes under /_benchtui/: for the instance host, the command line and tests, never for an instance."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .authorisation import RightsUsed
from .errors import Reply
from .faults import InvalidRule
from .identity import RoleSessions
from .lifecycle import LIVE, Life
from .prices import InvalidPrice

if TYPE_CHECKING:
    from .cloud import Cloud

PREFIX = "/_benchtui/"
# Watching is not using: these do not keep an idle cloud alive.
QUIET = frozenset({"health", "instances", "credentials"})


class NotFound(Exception):
    """No such route or instance."""


def answer(body: object, status: int = 200) -> Reply:
    return Reply(status, (("Content-Type", "application/json"),), json.dumps(body).encode())


class PrivateRoutes:
    """Dispatch of the private routes; every one demands the token of the state file."""

    def __init__(self, cloud: Cloud, token: str, sessions: RoleSessions) -> None:
        self.cloud = cloud
        self.token = token
        self.sessions = sessions
        self.rights = RightsUsed()
        self._routes: dict[tuple[str, str], Callable[[list[str], Any], object]] = {
            ("GET", "health"): self._health,
            ("POST", "use"): self._health,
            ("GET", "instances"): self._instances,
            ("POST", "instances"): self._instance_event,
            ("GET", "credentials"): self._credentials,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._drop_faults,
            ("POST", "quotas"): self._set_quotas,
            ("POST", "prices"): self._post_prices,
            ("DELETE", "prices"): self._clear_prices,
            ("POST", "clock"): self._advance_clock,
            ("POST", "loopback"): self._set_loopback,
            ("GET", "rights"): self._rights,
            ("DELETE", "rights"): self._forget_rights,
        }

    def reply(self, method: str, path: str, sent_token: str, body: bytes) -> Reply:
        """Answer one request; 403 without the token, 404 for what does not exist, 400 with the reason."""
        if not hmac.compare_digest(sent_token.encode(), self.token.encode()):
            return answer({"error": "this route demands the header X-Benchtui-Token"}, 403)
        name, *rest = path.removeprefix(PREFIX).strip("/").split("/")
        route = self._routes.get((method, name))
        if route is None:
            return answer({"error": f"no such route: {method} {path}"}, 404)
        try:
            content = json.loads(body) if body else {}
            with self.cloud.lock:
                self.cloud.lifecycle.advance()
                return answer(route(rest, content))
        except NotFound as problem:
            return answer({"error": str(problem)}, 404)
        except (ValueError, KeyError, TypeError, InvalidRule, InvalidPrice) as problem:
            return answer({"error": f"{type(problem).__name__}: {problem}"}, 400)

    def _life(self, rest: list[str]) -> Life:
        life = self.cloud.lifecycle.lives.get(rest[0] if rest else "")
        if life is None:
            raise NotFound("no such instance")
        return life

    def _health(self, rest: list[str], content: Any) -> object:
        return {"ready": True, "instances": self.cloud.lifecycle.live_count()}

    def _instances(self, rest: list[str], content: Any) -> object:
        lives = self.cloud.lifecycle.lives.values()
        return [self._shown(life) for life in lives if life.hosted and life.instance.state in LIVE]

    def _shown(self, life: Life) -> dict[str, Any]:
        instance = life.instance
        local = self.cloud.types[instance.instance_type]
        volumes = [life.backend.volumes[v.volume_id] for _, v in instance.get_block_device_mapping]
        return {
            "instance_id": instance.id,
            "region": life.backend.region_name,
            "state": instance.state,
            "instance_type": instance.instance_type,
            "image_id": instance.image_id,
            "image_name": life.backend.amis[instance.image_id].name,
            "architecture": instance.architecture,
            "user_data": str(instance.user_data) if instance.user_data is not None else "",
            "tags": dict(life.backend.tags.get(instance.id, {})),
            "az": instance.availability_zone,
            "subnet": instance.subnet_id,
            "profile": (instance.iam_instance_profile or {}).get("Arn"),
            "private_ip": instance.private_ip,
            "public_ip": instance.public_ip,
            "mac": instance.nics[0].mac_address if instance.nics else None,
            "reservation_id": life.reservation_id,
            "launch_time": f"{instance.launch_time:%Y-%m-%dT%H:%M:%SZ}",
            "shutdown_behavior": instance.instance_initiated_shutdown_behavior,
            "volume_gib": volumes[0].size if volumes else 0,
            "hop_limit": instance.metadata_options.http_put_response_hop_limit,
            "tokens_required": instance.metadata_options.http_tokens == "required",
            "metadata_enabled": instance.metadata_options.http_endpoint == "enabled",
            "spot": instance.lifecycle == "spot",
            "reclaim_at": self._reclaim_at(life),
            "cpus": local.vcpus,
            "memory_mib": local.memory_mib,
        }

    def _reclaim_at(self, life: Life) -> str | None:
        if life.reclaim_at is None:
            return None
        clock = self.cloud.clock
        at = clock.utc() + dt.timedelta(seconds=life.reclaim_at - clock.now())
        return f"{at:%Y-%m-%dT%H:%M:%SZ}"

    def _instance_event(self, rest: list[str], content: Any) -> object:
        life, event = self._life(rest), rest[1] if len(rest) > 1 else ""
        lifecycle, instance_id = self.cloud.lifecycle, life.instance.id
        if event == "started":
            launched = content.get("launch_time")
            moment = dt.datetime.fromisoformat(launched) if launched else None
            lifecycle.started(instance_id, moment and moment.astimezone(dt.UTC).replace(tzinfo=None))
        elif event == "ended":
            lifecycle.ended(instance_id, content["cause"])
        elif event == "console":
            try:
                lifecycle.append_console(instance_id, base64.b64decode(content["append"], validate=True))
            except binascii.Error as problem:
                raise ValueError(f"append is not base64: {problem}") from None
        elif event == "reclaim":
            lifecycle.reclaim(instance_id, float(content.get("in_s", 120)))
        else:
            raise NotFound(f"no such event: {event!r}")
        return {"state": life.instance.state}

    def _credentials(self, rest: list[str], content: Any) -> object:
        life = self._life(rest)
        shown = self.sessions.credentials(life.instance, life.backend.region_name)
        if shown is None:
            raise NotFound("the instance has no role")
        return shown

    def _faults(self, rest: list[str], content: Any) -> object:
        return self.cloud.faults.shown()

    def _add_fault(self, rest: list[str], content: Any) -> object:
        return self.cloud.faults.add(content).shown()

    def _drop_faults(self, rest: list[str], content: Any) -> object:
        return {"removed": self.cloud.faults.remove(int(rest[0]) if rest else None)}

    def _set_quotas(self, rest: list[str], content: Any) -> object:
        region = content.get("region", "*")
        for code, vcpus in content["values"].items():
            self.cloud.quotas.set(code, float(vcpus), region)
        return {"set": len(content["values"])}

    def _post_prices(self, rest: list[str], content: Any) -> object:
        return {"posted": self.cloud.prices.post(content["prices"])}

    def _clear_prices(self, rest: list[str], content: Any) -> object:
        self.cloud.prices.clear()
        return {}

    def _rights(self, rest: list[str], content: Any) -> object:
        return self.rights.shown()

    def _forget_rights(self, rest: list[str], content: Any) -> object:
        self.rights.clear()
        return {}

    def _set_loopback(self, rest: list[str], content: Any) -> object:
        self.cloud.loopback_is_tls = bool(content["is_tls"])
        return {"is_tls": self.cloud.loopback_is_tls}

    def _advance_clock(self, rest: list[str], content: Any) -> object:
        self.cloud.clock.advance(float(content["advance_s"]))
        for told in self.cloud.after_jump:
            told()
        self.cloud.lifecycle.advance()
        return {"offset_s": self.cloud.clock.offset_s}
