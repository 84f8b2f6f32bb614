"""Who calls: the account's administrator, and the roles that instances carry."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import string
from dataclasses import dataclass
from typing import Any

from moto.iam.models import AccessKey, iam_backends
from moto.sts.models import sts_backends

from ..state import ACCOUNT_ID
from .clock import Clock

ROLE_SESSION_S = 6 * 3600
RENEW_BEFORE_S = 15 * 60
ADMINISTRATOR = "benchtui-local"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True, slots=True)
class Keys:
    """A long-lived access key."""

    access_key_id: str
    secret_access_key: str


def new_keys() -> Keys:
    """A fresh random key; it opens nothing but this local cloud."""
    alphabet = string.ascii_letters + string.digits
    upper = string.ascii_uppercase + "234567"
    return Keys(
        "AKIA" + "".join(secrets.choice(upper) for _ in range(16)),
        "".join(secrets.choice(alphabet) for _ in range(40)),
    )


def install_administrator(keys: Keys) -> None:
    """Make the key that of the IAM user `benchtui-local`, who may do everything (AdministratorAccess)."""
    backend = iam_backends[ACCOUNT_ID]["aws"]
    backend.create_user("us-east-1", ADMINISTRATOR)
    key = AccessKey(user_name=ADMINISTRATOR, prefix="AKIA", account_id=ACCOUNT_ID)  # type: ignore[abstract, unused-ignore]
    key.access_key_id, key.secret_access_key = keys.access_key_id, keys.secret_access_key
    backend.users[ADMINISTRATOR].access_keys.append(key)
    backend.access_keys[keys.access_key_id] = key
    backend.put_user_policy(ADMINISTRATOR, "administrator", json.dumps(EVERYTHING))


class RoleSessions:
    """Temporary credentials per instance, renewed a quarter of an hour before they expire."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._sessions: dict[str, tuple[float, dict[str, str]]] = {}

    def credentials(self, instance: Any, region: str) -> dict[str, str] | None:
        """What IMDS serves for the instance's role; None when it has no profile or the profile no role."""
        arn = (instance.iam_instance_profile or {}).get("Arn")
        profiles = iam_backends[ACCOUNT_ID]["aws"].instance_profiles.values()
        profile = next((p for p in profiles if p.arn == arn), None)
        if profile is None or not profile.roles:
            return None
        role = profile.roles[0]
        now = self.clock.now()
        expires, shown = self._sessions.get(instance.id, (0.0, {}))
        if expires - now > RENEW_BEFORE_S:
            return shown
        assumed = sts_backends[ACCOUNT_ID]["aws"].assume_role(
            region_name=region,
            role_session_name=instance.id,
            role_arn=role.arn,
            policy="",
            duration=ROLE_SESSION_S,
            external_id="",
        )
        expires = now + ROLE_SESSION_S
        shown = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "RoleName": role.name,
            "AccessKeyId": assumed.access_key_id,
            "SecretAccessKey": assumed.secret_access_key,
            "Token": assumed.session_token,
            "LastUpdated": _iso(now),
            "Expiration": _iso(expires),
        }
        self._sessions[instance.id] = (expires, shown)
        return shown

    def forget(self, instance_id: str) -> None:
        self._sessions.pop(instance_id, None)


def _iso(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, tz=dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
